"""What real batch systems of one machine have in common.

Each needs root and packages of Debian; where one cannot be had, the test is skipped and says so.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SECONDS = 60  # until a daemon must be up


def require(name: str, *programs: str) -> None:
    """Skip the test, loudly, where a batch system cannot be had."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"NOT TESTED: {name}, since there is no {', '.join(missing)} (.ci/run names the packages)")
    if os.geteuid() != 0:
        pytest.skip(f"NOT TESTED: {name}, since its daemons are started as root")


def runs(process_id: int) -> bool:
    """Return whether a process runs; one that has ended may stay listed where nobody asks for its status."""
    try:
        return Path("/proc", str(process_id), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class BatchSystem:
    """What users call, and what their calls and jobs need in their environment."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def call(self, *command: str, check: bool = True) -> str:
        environment = {**os.environ, **self.environment, "PATH": os.environ["PATH"]}  # without what wraps programs for jobs
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout
