"""What follows from a whole history: its landmarks, its times, and whether the training was disturbed."""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

from convnets.runs.records import Epoch, Usage

# Percent of one core. An epoch that got less was disturbed by other processes. Trainings on one thread with a core of their own get
# 95 to 99 % on average. The rest is mostly checkpoints, which take up to 14 % of epochs that last a second.
UNDISTURBED = 85
TOO_SHORT = 1.0  # seconds; in shorter epochs, a checkpoint or a pause weighs too much


def elapsed(history: Iterable[Epoch]) -> tuple[float, ...]:
    """Return the seconds from the start to the end of each epoch, validation included."""
    return tuple(accumulate(row.seconds for row in history))


def landmarks_of(history: Sequence[Epoch]) -> list[int]:
    """Return the positions of the epochs that determine every metric of a run: few, however long the run.

    They are each epoch with a new highest validation accuracy, the first with the lowest validation loss, and the last.
    """
    lowest = min(range(len(history)), key=lambda position: history[position].val_loss)
    kept, best = [], -math.inf
    for position, row in enumerate(history):
        if row.val_accuracy > best or position in (lowest, len(history) - 1):
            kept.append(position)
        best = max(best, row.val_accuracy)
    return kept


def was_disturbed(history: Iterable[Epoch], usage: Iterable[Usage]) -> bool:
    """Return whether any epoch after the first, which includes set-up, got less than `UNDISTURBED` percent of a core."""
    epochs = list(zip(history, usage, strict=False))[1:]
    return any(used.cpu_percent < UNDISTURBED for row, used in epochs if row.seconds >= TOO_SHORT)
