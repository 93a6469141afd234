"""File systems in memory, small or read-only, for tests of what a disk does not take."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def mounted(disk: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory; skip the test, loudly, where that cannot be done."""
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=False).returncode:
        pytest.skip(f"NOT TESTED: a disk with {options}, since mounting one takes root and Linux")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)  # whoever was killed may not have let go of it yet


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no room on a disk for a while."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(4096))
    yield
    (disk / "ballast").unlink()
