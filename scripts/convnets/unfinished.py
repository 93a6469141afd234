"""Trainings that are under way or were interrupted: a folder for each, locked by the process that trains.

It keeps what it takes to go on: the training's checkpoints, and the id of its tracked run.
The operating system releases the lock when the process ends, however it ends. So a folder that is not locked and names an
open tracked run tells of a training that was killed. The locks also work between hosts that share a file system with locking.
"""

import fcntl
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from convnets.errors import InputError
from convnets.files import read_json, write_json

LOCK, RUN, FAILURE = "lock", "run.json", "failure.json"
PATIENCE = 2.0  # seconds; whoever only looks whether a training is under way holds its lock for a moment


@dataclass(frozen=True)
class TrackedRun:
    """The tracked run of an unfinished training: its store and experiment, the fingerprint, and whether it is still open.

    `token` is a tag that the run alone bears, recorded before there is a run: its id is only known once the store has answered.
    """

    uri: str
    experiment: str
    token: str
    fingerprint: str
    is_open: bool

    def write(self, folder: Path) -> None:
        """Record this run in the training's folder."""
        write_json(folder / RUN, asdict(self))


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a training's folder, so that no other process trains the same; remove the folder when the training has ended well.

    Raises
    ------
    InputError
        Another process holds it.
    """
    file = _lock(folder, PATIENCE)
    if file is None:
        holder = (folder / LOCK).read_text(encoding="utf-8").strip()
        raise InputError(f"{folder}: this run is being trained by {holder}; wait until it ends, or end it")
    with os.fdopen(file, "w", encoding="utf-8") as lock:
        lock.truncate()
        lock.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%F %T')}\n")
        lock.flush()
        yield
        shutil.rmtree(folder)


def tracked_run(folder: Path) -> TrackedRun | None:
    """Return the tracked run that a training has begun, or None if there is none or its record cannot be read."""
    try:
        return TrackedRun(**read_json(folder / RUN))
    except (OSError, ValueError, TypeError):
        return None


def failed(folder: Path, fingerprint: str, message: str) -> None:
    """Record that the training cannot succeed, so that it is not tried again on its own."""
    with suppress(OSError):  # a full disk must not hide the reason
        write_json(folder / FAILURE, {"fingerprint": fingerprint, "message": message})


def failure_of(folder: Path, fingerprint: str) -> str | None:
    """Return why the last attempt with this fingerprint could not succeed, if it said so."""
    try:
        failure = read_json(folder / FAILURE)
        return str(failure["message"]) if failure["fingerprint"] == fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def abandoned(unfinished: Path) -> list[Path]:
    """Return the folders of trainings that were killed and whose tracked run was left open."""
    folders = sorted(path.parent for path in unfinished.glob(f"*/{RUN}"))
    return [folder for folder in folders if (run := tracked_run(folder)) and run.is_open and not is_held(folder)]


def is_held(folder: Path) -> bool:
    """Return whether a process is training in this folder now."""
    file = _lock(folder, 0)
    if file is not None:
        os.close(file)
    return file is None


def _lock(folder: Path, patience: float) -> int | None:
    """Return the descriptor of the folder's lock, or None if another process keeps it for `patience` seconds."""
    ends = time.monotonic() + patience
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed the folder in the meantime: then this is the lock of nothing.
            if (folder / LOCK).is_file() and os.path.samestat(os.fstat(file), (folder / LOCK).stat()):
                return file
        except BlockingIOError:
            if time.monotonic() >= ends:
                os.close(file)
                return None
            time.sleep(0.1)
        os.close(file)
