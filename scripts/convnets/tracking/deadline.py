"""A time limit for code that waits for other systems."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN_S = 5.0


class LateError(BaseException):
    """The time is over. Not an `Exception`, so that no handler takes it for the failure of one call and goes on."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `LateError` if the block takes longer, even while it waits for a reply. For the main thread only."""

    def end(*_: object) -> None:
        raise LateError

    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
