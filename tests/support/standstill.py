"""Letting a process stand still, as one that is suspended does, while it keeps nobody from a database.

As a program: waits until it has a database for itself, and stops a process. It needs no library, so that any test can start it.
"""

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PATIENCE_S = 600


def stand_still(process_id: int) -> None:
    """Stop a process and wait until it stands still, since a signal reaches it a moment later; or until it has ended.

    One that nobody waits for is gone then: `ProcessLookupError` or `FileNotFoundError`.
    """
    os.kill(process_id, signal.SIGSTOP)
    while Path("/proc", str(process_id), "stat").read_text().rsplit(")", 1)[1].split()[0] not in "TZ":
        time.sleep(0.001)


@contextmanager
def alone_with(database: Path) -> Iterator[None]:
    """Have a database that is there for oneself: nobody reads it or writes to it meanwhile.

    A process that stands still while it reads keeps everybody else from writing.
    """
    with closing(sqlite3.connect(database, timeout=PATIENCE_S, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


if __name__ == "__main__":
    with alone_with(Path(sys.argv[1])):
        stand_still(int(sys.argv[2]))
