"""Checkpoints: all that a training needs to go on after an epoch as if it had never stopped.

What is random is a function of (seed, epoch, iteration), so weights, optimizer and history suffice. A checkpoint is a NumPy
archive, whose members carry checksums; it names the fingerprint that it belongs to and is of no use to any other.
"""

import json
import logging
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from convnets.files import atomic_path
from convnets.records import Epoch

PATTERN = "checkpoint-*.npz"
KEPT = 2  # if the newest cannot be read, the one before costs an epoch and not the training

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """A training after an epoch: its history, its weights and optimizer variables, and the weights of the best epoch so far."""

    history: tuple[Epoch, ...]
    weights: Sequence[np.ndarray]
    optimizer: Sequence[np.ndarray]
    best: Sequence[np.ndarray]


def write(folder: Path, fingerprint: str, state: State) -> None:
    """Write a checkpoint and remove those that are no longer needed."""
    header = json.dumps({"fingerprint": fingerprint, "history": [asdict(epoch) for epoch in state.history]})
    arrays = {"header": np.frombuffer(header.encode(), np.uint8)}
    for name in ("weights", "optimizer", "best"):
        arrays |= {f"{name}{index}": array for index, array in enumerate(getattr(state, name))}
    with atomic_path(folder / PATTERN.replace("*", f"{len(state.history):06d}")) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)
    for old in _newest_first(folder)[KEPT:]:
        old.unlink()


def read(folder: Path, fingerprint: str) -> State | None:
    """Return the newest state that can be read and bears this fingerprint; remove the checkpoints of any other."""
    for path in _newest_first(folder):
        try:
            with np.load(path, allow_pickle=False) as archive:
                header = json.loads(archive["header"].tobytes())
                if header["fingerprint"] != fingerprint:
                    path.unlink()
                    continue
                history = tuple(Epoch(**row) for row in header["history"])
                weights, optimizer, best = (tuple(_numbered(archive, name)) for name in ("weights", "optimizer", "best"))
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
            logger.warning("the checkpoint %s cannot be read (%s); going on from the one before, if there is one", path, error)
            continue
        return State(history, weights, optimizer, best)
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(PATTERN), reverse=True)


def _numbered(archive: np.lib.npyio.NpzFile, name: str) -> Iterator[np.ndarray]:
    """Yield the arrays name0, name1 and so on."""
    index = 0
    while f"{name}{index}" in archive:
        yield archive[f"{name}{index}"]
        index += 1
