"""A limit to the time that something may take which waits for others."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN_S = 5.0


class LateError(BaseException):
    """The time is over. It is no `Exception`, so that nobody takes it for the failure of one call, and goes on."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `LateError` in what is done here if it takes longer, even while it waits for a reply. For the main thread."""

    def end(*_: object) -> None:
        raise LateError

    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
