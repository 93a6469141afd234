"""A doctored history of the committed study changes the verdicts that it should, and no other."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import studies
from images import FORMAT

from convnets.findings import verdicts
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, REPRODUCED
from convnets.runs import layout, reading, records
from convnets.runs.records import Epoch
from convnets.study import configuration

SEEDS = range(11, 21)
FILES = (layout.HISTORY, layout.METRICS)

Change = Callable[[list[Epoch], int], list[Epoch]]


def raised(position: int, **by: float) -> Change:
    """Return a change that adds so much to the values of one epoch, from the end if it is negative, a little more for each seed."""

    def change(history: list[Epoch], seed: int) -> list[Epoch]:
        found = list(history)
        row = found[position]
        found[position] = replace(
            row, **{name: getattr(row, name) + value * (1 + 0.01 * (seed - SEEDS[0])) for name, value in by.items()}
        )
        return found

    return change


def raised_for(chosen: int, position: int, **by: float) -> Change:
    """Return a change of one seed only."""
    return lambda history, seed: raised(position, **by)(history, seed) if seed == chosen else history


def as_slow_as(other: str, factor: float) -> Change:
    """Return a change that makes each epoch take as long as that of another variant and the same seed, times a factor."""

    def change(history: list[Epoch], seed: int) -> list[Epoch]:
        theirs = reading.read_history(studies.REFERENCE / other / f"seed{seed}" / layout.HISTORY)
        seconds = sum(row.seconds for row in theirs) / len(history) * factor * (1 + 0.001 * seed)
        return [replace(row, seconds=seconds) for row in history]

    return change


DOCTORED: dict[str, tuple[str, Change, dict[str, str]]] = {
    "a ratio of losses that is three": ("conv2_dropout00", raised(-1, val_loss=1.1), {"dropout_loss_ratio": CONTRADICTED}),
    "accuracies that are alike but for one seed": (
        "conv3_1x1",
        raised_for(13, 8, val_accuracy=0.25),
        {"conv1x1_accuracy_similar": INCONCLUSIVE},
    ),
    "accuracies that are no longer alike": (
        "conv3_1x1",
        raised(20, val_accuracy=0.1),
        {
            "conv1x1_accuracy_similar": CONTRADICTED,
            "conv1x1_accuracy_better": REPRODUCED,
            "conv1x1_curves_similar": INCONCLUSIVE,  # on average over all epochs, near its margin
        },
    ),
    "times that are far apart": ("conv3_augment", as_slow_as("conv3_dropout05", 1.6), {"augmentation_speed": CONTRADICTED}),
    "the slowest": ("mlp100", as_slow_as("conv3_dropout05", 1.5), {"mlp_slowest": REPRODUCED}),
    "an epoch in the middle": (
        "conv1_dropout05",
        raised(5, val_loss=-0.7),
        {"depth_one_worst_min_loss": CONTRADICTED, "depth_three_min_loss": CONTRADICTED},
    ),
    "a last loss in one seed": (
        "conv3_augment",
        raised_for(12, -1, val_loss=0.5),
        {"augmentation_loss": INCONCLUSIVE, "augmentation_overfitting": INCONCLUSIVE},
    ),
}


@pytest.mark.parametrize("case", DOCTORED)
def test_a_doctored_history_changes_the_verdicts_it_should_and_no_other(case: str, config: dict[str, Any], tmp_path: Path) -> None:
    variant, change, expected = DOCTORED[case]
    resolved = configuration.resolve(config)
    folders = list(studies.REFERENCE.glob("*/*"))

    def judged(found: list[Path]) -> dict[str, str]:
        return {
            each.claim.id: each.verdict for each in verdicts.judge(resolved.claims, reading.read(found, resolved.variants, FORMAT))
        }

    before = judged(folders)
    changed = []
    for seed in SEEDS:
        folder = Path(variant, f"seed{seed}")
        history = change(reading.read_history(studies.REFERENCE / folder / layout.HISTORY), seed)
        records.write_history(tmp_path / folder / layout.HISTORY, history)
        shutil.copy(studies.REFERENCE / folder / layout.METRICS, tmp_path / folder)
        changed.append(tmp_path / folder)
    after = judged([folder for folder in folders if folder.parent.name != variant] + changed)
    assert {name: verdict for name, verdict in after.items() if before[name] != verdict} == expected
