"""Checkpoints: the state from which a training resumes as if it had never stopped.

One is written after each epoch, and one within an epoch if a training is asked to stop. All randomness is a function of (seed,
epoch, iteration), so weights, optimizer and history suffice after an epoch. Within one, its sums and the states of dropout's
generators are needed too. A checkpoint is a NumPy archive, whose members carry checksums. It serves only the fingerprint that it
names.
"""

import json
import logging
import lzma
import struct
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from convnets.files import atomic_path
from convnets.runs.records import Epoch, Usage

PATTERN = "checkpoint-*.npz"
ARRAYS = ("weights", "optimizer", "best", "generators")
KEPT = 2  # so that a checkpoint that cannot be read costs an epoch, not the training
# What a damaged archive makes NumPy and zipfile raise.
UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """The part of an epoch that is done: iterations, sum of their losses, images classified correctly, and the time it took."""

    iterations: int = 0
    loss: float = 0.0
    correct: int = 0
    seconds: float = 0.0
    core_seconds: float = 0.0


@dataclass(frozen=True)
class State:
    """A training after some epochs: its history, what each epoch used, weights and optimizer variables, and the best weights.

    `digests` holds the SHA-256 of the weights after each epoch, `processors` the processors that it has run on, in order. Within an
    epoch, `part` is what is done of it, and `generators` holds the states of dropout's generators, each uint32 of shape (2,).
    """

    history: tuple[Epoch, ...]
    usage: tuple[Usage, ...]
    digests: tuple[str, ...]
    weights: Sequence[np.ndarray]
    optimizer: Sequence[np.ndarray]
    best: Sequence[np.ndarray]
    processors: tuple[str, ...]
    part: Part | None = None
    generators: Sequence[np.ndarray] = ()

    @property
    def seconds(self) -> float:
        """The seconds that its epochs have taken, including the unfinished one."""
        return sum(epoch.seconds for epoch in self.history) + (self.part.seconds if self.part else 0.0)

    def __str__(self) -> str:
        """Say how far the training has come."""
        within = f" and {self.part.iterations} iterations of the next" if self.part else ""
        return f"epoch {len(self.history)}{within}"


def write(folder: Path, fingerprint: str, state: State) -> None:
    """Write a checkpoint, replacing one after as many epochs, and remove those that are no longer needed."""
    rows = {"history": [asdict(epoch) for epoch in state.history], "usage": [asdict(epoch) for epoch in state.usage]}
    # Checksums cover the content of members, not their names, so the header says how many arrays there are.
    counts = {name: len(getattr(state, name)) for name in ARRAYS}
    part = asdict(state.part) if state.part else None
    texts = {"fingerprint": fingerprint, "digests": state.digests, "processors": state.processors}
    header = json.dumps({**texts, "counts": counts, "part": part, **rows})
    arrays = {"header": np.frombuffer(header.encode(), np.uint8)}
    for name in ARRAYS:
        arrays |= {f"{name}{index}": array for index, array in enumerate(getattr(state, name))}
    path = folder / PATTERN.replace("*", f"{len(state.history):06d}")
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)
    found = _newest_first(folder)
    # Later checkpoints cannot be read, or the training would have resumed from them.
    for useless in (*found[: found.index(path)], *found[found.index(path) + KEPT :]):
        useless.unlink()


def read(folder: Path, fingerprint: str) -> State | None:
    """Return the newest state that can be read and bears this fingerprint; remove the checkpoints of any other."""
    for path in _newest_first(folder):
        try:
            with np.load(path, allow_pickle=False) as archive:
                header = json.loads(archive["header"].tobytes())
                if header["fingerprint"] != fingerprint:
                    path.unlink()
                    continue
                history, usage = (tuple(Epoch(**row) for row in header["history"]), tuple(Usage(**row) for row in header["usage"]))
                digests, processors = tuple(header["digests"]), tuple(header["processors"])
                counts, part = header["counts"], Part(**header["part"]) if header["part"] else None
                weights, optimizer, best, generators = (
                    [archive[f"{name}{index}"] for index in range(counts[name])] for name in ARRAYS
                )
        except UNREADABLE as error:
            logger.warning("the checkpoint %s cannot be read (%s); going on from the one before, if there is one", path, error)
            continue
        return State(history, usage, digests, weights, optimizer, best, processors, part, generators)
    return None


def epochs_done(folder: Path, fingerprint: str) -> int:
    """Return the number of epochs after which a training with this fingerprint would resume."""
    with suppress(FileNotFoundError):  # it has ended meanwhile, and its folder is gone
        for path in _newest_first(folder):
            with suppress(*UNREADABLE), np.load(path, allow_pickle=False) as archive:
                header = json.loads(archive["header"].tobytes())
                return len(header["history"]) if header["fingerprint"] == fingerprint else 0
    return 0


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(PATTERN), reverse=True)
