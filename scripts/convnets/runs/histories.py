"""What a history says as a whole: which epochs decide, how long it took, whether it was disturbed."""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

from convnets.runs.records import Epoch, Usage

# Percent of one core. An epoch that got less was disturbed by what else the machine did. Trainings on one thread that have a core
# to themselves get 95 to 99 % on average; what they leave is mostly checkpoints, which take up to 14 % of epochs of a second.
UNDISTURBED = 85
TOO_SHORT = 1.0  # seconds; in less than that, a checkpoint or a pause weighs too much to tell


def elapsed(history: Iterable[Epoch]) -> tuple[float, ...]:
    """Return the seconds from the start to the end of each epoch, validation included."""
    return tuple(accumulate(row.seconds for row in history))


def landmarks_of(history: Sequence[Epoch]) -> list[int]:
    """Return the positions of the epochs that decide anything that can be asked of a run: a few, however long it was.

    They are those with a validation accuracy above all before, the first with the lowest validation loss, and the last.
    """
    lowest = min(range(len(history)), key=lambda position: history[position].val_loss)
    kept, best = [], -math.inf
    for position, row in enumerate(history):
        if row.val_accuracy > best or position in (lowest, len(history) - 1):
            kept.append(position)
        best = max(best, row.val_accuracy)
    return kept


def was_disturbed(history: Iterable[Epoch], usage: Iterable[Usage]) -> bool:
    """Return whether any epoch after the first, which sets things up, got less than `UNDISTURBED` percent of a core."""
    epochs = list(zip(history, usage, strict=False))[1:]
    return any(used.cpu_percent < UNDISTURBED for row, used in epochs if row.seconds >= TOO_SHORT)
