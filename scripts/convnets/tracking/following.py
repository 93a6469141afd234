"""Live tracking of a training, in a background thread: a slow or absent store does not delay the training.

Points that do not arrive are not lost. The files hold them, and delivery brings them when the training has ended, or later.
"""

import logging
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mlflow.entities import Metric

from convnets.runs.records import Epoch, Usage
from convnets.study.stores import Membership, Store
from convnets.tracking import delivery
from convnets.tracking.connection import Connection, StoreError, connect, reached
from convnets.tracking.finished_run import Identity, points

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0  # between two attempts at a store that does not answer
PATIENCE_S = 15.0  # for the last attempt when a training ends
CALLS = 10  # of about 40 of a delivery; if even these would take too long, delivery is not tried
AGAIN_S = 5.0  # between two interruptions of a delivery that is late

logger = logging.getLogger(__name__)


class LateError(BaseException):
    """The time is over. Not an `Exception`, so that no handler takes it for the failure of one call and goes on."""


class Follower:
    """Logs a training's points to its run in a thread of its own. Only the method `stop` blocks."""

    def __init__(self, store: Store, identity: Identity, member: Membership, params: Mapping[str, Any], refusal: str = "") -> None:
        """Begin to follow a training. If `refusal` is not empty, it says why the training is not followed."""
        self._store, self._identity, self._member, self._params = store, identity, member, params
        self._news = threading.Condition()
        self._waiting: list[Metric] = []
        self._told = 0
        self._status: str | None = None
        self._ends = False
        self.is_closed = False
        self._problem = refusal
        self._seconds = 0.0  # that its last call took
        self._thread = threading.Thread(target=self._follow, daemon=True, name="follower")
        if not refusal:
            self._thread.start()

    def tell(self, history: Sequence[Epoch], usage: Sequence[Usage]) -> None:
        """Take all epochs so far, and queue the new ones. After a resumption the store may have some of them already."""
        with self._news:
            self._waiting += points(history[self._told :], usage[self._told :])
            self._told = len(history)
            self._news.notify()

    def why_not_deliver(self, seconds: float) -> str:
        """Return, after `stop`, why a delivery that may take so many seconds is not to be tried; empty if it is."""
        if self._thread.is_alive():  # it waits for a slow store; it may be creating the run, and delivery would create another
            return f"the tracking store {self._store.uri} has not answered in time"
        if not self._problem and self._seconds * CALLS > seconds:
            return f"the tracking store {self._store.uri} is slow: a call took {self._seconds:.1f} s"
        return self._problem

    def stop(self, status: str | None, patience: float) -> None:
        """End the thread after one more attempt to log what is queued. Close the run if a status is given."""
        with self._news:
            self._ends, self._status = True, status
            self._news.notify()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def _follow(self) -> None:
        connection: Connection | None = None
        run_id = ""
        pause = 0.0
        while True:
            with self._news:
                if pause:
                    self._news.wait_for(lambda: self._ends, timeout=pause)
                elif run_id:
                    self._news.wait_for(lambda: self._ends or self._waiting)
                batch, ends = list(self._waiting), self._ends
            try:
                connection = connection or connect(self._store)
                with reached(self._store):
                    if not run_id:
                        run = delivery.open_run(connection, self._identity, self._member, self._params)
                        run_id = str(run.info.run_id)
                    started = time.monotonic()
                    delivery.log_points(connection, run_id, batch)
                    self._seconds = time.monotonic() - started if batch else self._seconds
                    if ends and self._status:
                        connection.client.set_terminated(run_id, self._status)
                        self.is_closed = True
            except StoreError as error:
                # The store may have lost the run, even the experiment: look for both again.
                connection, run_id = None, ""
                pause = min(max(SHORTEST_PAUSE_S, 2 * pause), LONGEST_PAUSE_S)
                self._tell(str(error))
            else:
                pause = 0.0
                self._tell("")
                with self._news:
                    del self._waiting[: len(batch)]
            if ends:
                return

    def _tell(self, problem: str) -> None:
        """Log once that the store cannot be used, and once that it can again."""
        if problem and not self._problem:
            logger.warning("not tracked for now: %s. The training goes on; what is missing is delivered later.", problem)
        elif self._problem and not problem:
            logger.info("tracked again in %s", self._store.uri)
        self._problem = problem


@contextmanager
def followed(follower: Follower, patience: float = PATIENCE_S) -> Iterator[None]:
    """Follow a training during the block. If it fails or is stopped, its run is closed as FAILED or KILLED.

    Otherwise the run stays open. `patience` is the time limit of the last attempt in seconds.
    """
    status: str | None = "FAILED"
    try:
        yield
        status = None
    except (KeyboardInterrupt, SystemExit):
        status = "KILLED"
        raise
    finally:
        follower.stop(status, patience)


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
