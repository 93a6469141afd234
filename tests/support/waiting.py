"""Waiting for what another process or thread is to do."""

import subprocess
import time
from collections.abc import Callable

SECONDS = 600.0  # costs nothing where a test passes, and a busy machine takes minutes for what takes seconds alone


def wait_until(
    condition: Callable[[], bool],
    what: str = "the condition",
    *,
    process: "subprocess.Popen[bytes] | None" = None,
    pause: float = 0.1,
) -> None:
    """Wait until a condition holds; fail if a process that is to bring it about ends without it, or if it takes too long."""
    deadline = time.monotonic() + SECONDS
    while True:
        ended = process is not None and process.poll() is not None
        if condition():
            return
        assert not ended, f"the process has ended, and {what} does not hold"
        assert time.monotonic() < deadline, f"{what} does not hold after {SECONDS:g} s"
        time.sleep(pause)
