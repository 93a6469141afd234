"""Unfinished trainings, running or interrupted: a folder for each, locked by the process that trains.

The folder holds the training's checkpoints, its history so far, and the token that its tracked run bears. The operating system
releases the lock when the process ends in any way. So an unlocked folder with an open tracked run belongs to a training that was
killed. The locks also work between hosts that share a file system with locking.
"""

import fcntl
import logging
import os
import platform
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from pydantic.dataclasses import dataclass

from convnets.errors import InputError
from convnets.files import read_json, remove_partial, write_json
from convnets.runs import records
from convnets.runs.layout import HISTORY, Layout
from convnets.runs.records import Epoch

LOCK, BEGUN, FAILURE = "lock", "begun.json", "failure.json"
PATIENCE_S = 2.0  # another process that checks a lock (`is_held`) holds it for a moment
NOTED_EVERY_S = 1.0  # what a training notes for those who watch
NAME = re.compile(r"(?P<variant>.+)-seed(?P<seed>\d+)")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """A training that has begun, and may resume.

    `training` is its unique token, which is also a tag of its tracked run: the run's id is unknown until a store has answered.
    `began` is its start in seconds since 1970. `is_open`: whether its run may be open in the store `uri`.
    """

    training: str
    began: float
    fingerprint: str
    uri: str
    experiment: str
    is_open: bool

    def write(self, folder: Path) -> None:
        """Record this in the training's folder."""
        write_json(folder / BEGUN, asdict(self))


def name_of(variant: str, seed: int | str) -> str:
    """Return the name of a training's folder, which is also that of its tracked run."""
    return f"{variant}-seed{seed}"


def folder_of(results: Layout, variant: str, seed: int | str) -> Path:
    """Return the folder of a training."""
    return results.trainings / name_of(variant, seed)


def begin(folder: Path, fingerprint: str, uri: str, experiment: str, *, is_open: bool = True) -> Begun:
    """Record that a training begins, or that it resumes with its old token; `is_open`: it opens a run in the store."""
    former = begun(folder)
    if former and former.fingerprint == fingerprint:
        training = replace(former, uri=uri, experiment=experiment, is_open=is_open or former.is_open)
    else:
        (folder / HISTORY).unlink(missing_ok=True)
        training = Begun(uuid.uuid4().hex, round(time.time(), 3), fingerprint, uri, experiment, is_open)
    training.write(folder)
    return training


def note(folder: Path, history: Sequence[Epoch], pause: float = NOTED_EVERY_S) -> None:
    """Write the history so far, for those who watch, unless that was done within so many seconds, or there is no room."""
    file = folder / HISTORY
    with suppress(OSError):
        if history and not (file.exists() and time.time() - file.stat().st_mtime < pause):
            records.write_history(file, history)


@contextmanager
def claimed(folder: Path, patience: float = PATIENCE_S) -> Iterator[bool]:
    """Lock a training's folder, so that no other process trains the same; remove the folder if the block succeeds.

    Yields whether it has waited for another process, which may have finished the run. An InputError says that another process still
    holds the folder after `patience` seconds, or that the file system has no locks.
    """
    waited = False
    if (file := _lock(folder, 0)) is None:
        waited, file = True, _lock(folder, PATIENCE_S)
    if file is None and patience > PATIENCE_S:
        logger.info("this run is being trained by %s; waiting for that to end", _holder(folder))
        file = _lock(folder, patience)
    if file is None:
        raise InputError(f"{folder}: this run is being trained by {_holder(folder)}; wait until it ends, or end it")
    with _removed_after(folder, file):
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} on {platform.node()} since {time.strftime('%F %T')}\n".encode())
        remove_partial(folder)
        yield waited


def remove(folder: Path) -> bool:
    """Remove the folder of a training unless a process holds it; return whether it was removed."""
    file = _lock(folder, 0)
    if file is None:
        return False
    with _removed_after(folder, file):
        return True


@contextmanager
def _removed_after(folder: Path, lock: int) -> Iterator[None]:
    """Remove a folder that this process holds if the block succeeds, and release its lock in any case."""
    try:
        yield
        # The token goes first: if the process is killed here, and the training is repeated, it gets another.
        (folder / BEGUN).unlink(missing_ok=True)
        for path in folder.iterdir():
            if path.name != LOCK:
                path.unlink()
        (folder / LOCK).unlink()
    finally:
        os.close(lock)
    with suppress(OSError):  # after its lock is closed, since a network file system keeps a name for a file that is open
        folder.rmdir()


def _holder(folder: Path) -> str:
    """Return who holds a training's folder, according to its lock."""
    with suppress(OSError):
        return (folder / LOCK).read_text(encoding="utf-8").strip() or "another process"  # which has just begun
    return "another process"


def begun(folder: Path) -> Begun | None:
    """Return the training that was begun in this folder, or None if there is none or its record cannot be read."""
    try:
        return Begun(**read_json(folder / BEGUN))
    except (OSError, ValueError, TypeError):
        return None


def failed(folder: Path, fingerprint: str, message: str) -> None:
    """Record that the training cannot succeed, so that it is not tried again on its own."""
    with suppress(OSError):  # a full disk must not hide the reason
        write_json(folder / FAILURE, {"fingerprint": fingerprint, "message": message})


def failure_of(folder: Path, fingerprint: str) -> str | None:
    """Return the recorded reason why a training with this fingerprint cannot succeed, or None."""
    try:
        failure = read_json(folder / FAILURE)
        return str(failure["message"]) if failure["fingerprint"] == fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def folders(unfinished: Path) -> dict[tuple[str, str], Path]:
    """Return the folder of each training that is not finished, by variant and seed."""
    matches = ((NAME.fullmatch(path.name), path) for path in sorted(unfinished.glob("*-seed*")) if path.is_dir())
    return {(match["variant"], match["seed"]): path for match, path in matches if match}


def abandoned(unfinished: Path) -> dict[Path, Begun]:
    """Return the folders of killed trainings whose tracked run may be open."""
    found = {folder: training for folder in folders(unfinished).values() if (training := begun(folder))}
    return {folder: training for folder, training in found.items() if training.is_open and not is_held(folder)}


def settle(folder: Path) -> None:
    """Note that the tracked run of a killed training is closed."""
    training = begun(folder)
    if training and not is_held(folder):
        replace(training, is_open=False).write(folder)


def is_held(folder: Path) -> bool:
    """Return whether a process is training in this folder now. Changes nothing."""
    with suppress(OSError), (folder / LOCK).open("rb") as file:  # no lock, or no locks: on such a file system nothing is trained
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _lock(folder: Path, patience: float) -> int | None:
    """Return the descriptor of the folder's lock, or None if another process keeps it for `patience` seconds."""
    ends = time.monotonic() + patience
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # its holder has just removed the folder
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), (folder / LOCK).stat()):
                return file  # otherwise its holder has removed the folder, and with it this file
        except FileNotFoundError:
            pass
        except BlockingIOError:
            if time.monotonic() >= ends:
                os.close(file)
                return None
            time.sleep(min(1, patience / 20))
        except OSError as error:
            os.close(file)
            raise InputError(f"{folder} is on a file system without locks ({error.strerror}); put <results> on another") from error
        os.close(file)
