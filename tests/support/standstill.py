"""Letting a process stand still, as one that is suspended does."""

import os
import signal
import time
from pathlib import Path


def stand_still(process_id: int) -> None:
    """Stop a process and wait until it stands still, since a signal reaches it a moment later; or until it has ended.

    One that nobody waits for is gone then: `ProcessLookupError` or `FileNotFoundError`.
    """
    os.kill(process_id, signal.SIGSTOP)
    while Path("/proc", str(process_id), "stat").read_text().rsplit(")", 1)[1].split()[0] not in "TZ":
        time.sleep(0.001)
