"""Requests to stop (SIGTERM, SIGINT): an exit through every `finally`, but not out of the middle of a write to the store."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_shields = 0
_waiting = 0  # the number of the signal that arrived behind a shield


def exit_on_request() -> None:
    """Let a request to stop become an exit with status 128 and the signal's number, as schedulers expect."""
    for request in (signal.SIGTERM, signal.SIGINT):
        signal.signal(request, _handle)


def _handle(number: int, _: object) -> None:
    global _waiting
    _waiting = number
    if not _shields:
        sys.exit(128 + number)


@contextmanager
def shielded() -> Iterator[None]:
    """Let what is inside end before a request to stop is answered.

    A database transaction that an exit breaks off keeps its lock while the exit is under way, and nothing could close the run.
    """
    global _shields
    _shields += 1
    try:
        yield
    finally:
        _shields -= 1
    if _waiting and not _shields:
        sys.exit(128 + _waiting)
