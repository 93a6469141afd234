"""Runs for tests of claims: those of the committed run with several seeds, made from its one seed by a little noise."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from conftest import ROOT
from images import FORMAT

from convnets.runs import layout, reading, records
from convnets.runs.records import Epoch, Metrics
from convnets.runs.run import Run
from convnets.study import configuration
from convnets.study.claims import Claim

REFERENCE = ROOT / "results" / "reference" / "runs"
FIRST = f"seed{yaml.safe_load((ROOT / 'config.reference.yaml').read_text(encoding='utf-8'))['seeds'][0]}"  # of the committed study


@dataclass(frozen=True)
class Values:
    """A run of which nothing is known but some quantities."""

    variant: str
    seed: int
    quantities: dict[str, float]

    def value(self, metric: str) -> float:
        return self.quantities[metric]


def claim(test: str, *quantities: str, **changes: Any) -> Claim:
    value = {"section": "1", "statement": "It is so.", "test": test, "quantities": list(quantities), **changes}
    return Claim.model_validate({"id": "a_claim", **value})


def seeds_of(count: int = 5, **values: Iterable[float]) -> list[Values]:
    """Return runs whose final loss is given for each variant and seed."""
    return [
        Values(variant, seed, {"final_val_loss": value, "iterations": 100 * len(variant)})
        for variant, numbers in values.items()
        for seed, value in zip(range(1, count + 1), numbers, strict=False)
    ]


def reference(config: dict[str, Any]) -> list[Run]:
    """Return the runs of the committed study, the first seed of each variant, with all epochs."""
    variants = configuration.resolve(config).variants
    folders = [REFERENCE / variant / FIRST for variant in variants]
    found = reading.read(folders, variants, FORMAT)
    return [with_history(run, reading.read_history(REFERENCE / run.variant / FIRST / layout.HISTORY)) for run in found]


def four_epochs(config: dict[str, Any]) -> Run:
    """Return a run of an MLP with four epochs of 2 s, ten iterations each."""
    (found,) = (run for run in reference(config) if run.variant == "mlp100")
    curve = [(2.0, 0.20, 1.9, 0.30), (1.5, 0.40, 1.2, 0.55), (1.0, 0.60, 1.1, 0.60), (0.5, 0.80, 1.4, 0.60)]
    return with_history(found, [Epoch(number, 10 * number, *row, 2.0, 0.4, 0.85) for number, row in enumerate(curve, 1)])


def with_history(run: Run, history: Iterable[Epoch]) -> Run:
    """Return a run with another history, given in full."""
    rows = tuple(history)
    losses, accuracies = tuple(row.val_loss for row in rows), tuple(row.val_accuracy for row in rows)
    elapsed = tuple(accumulate(row.seconds for row in rows))
    return replace(run, landmarks=rows, elapsed=elapsed, val_losses=losses, val_accuracies=accuracies)


def repeated(found: Iterable[Run], seeds: int, deviation: float = 0.002) -> list[Run]:
    """Return so many seeds of each run, whose values differ by noise of this deviation (of times: relative)."""
    rng = np.random.default_rng(1)

    def noise() -> float:
        return float(rng.normal(0, deviation))

    return [
        replace(
            with_history(
                run,
                [
                    replace(
                        row,
                        train_loss=row.train_loss + noise(),
                        val_loss=row.val_loss + noise(),
                        val_accuracy=row.val_accuracy + noise(),
                        seconds=row.seconds * (1 + noise()),
                    )
                    for row in run.landmarks
                ],
            ),
            seed=seed,
            metrics=replace(run.metrics, seed=seed, test_accuracy=run.metrics.test_accuracy + noise()),
        )
        for run in found
        for seed in range(1, seeds + 1)
    ]


def write(folder: Path, found: Iterable[Run]) -> list[Path]:
    """Write the files of runs as a training leaves them, and return them."""
    paths = []
    for run in found:
        place = folder / run.variant / f"seed{run.seed}"
        records.write_history(place / layout.HISTORY, run.landmarks)
        records.write_metrics(place / layout.METRICS, run.metrics)
        paths += [place / layout.HISTORY, place / layout.METRICS]
    return paths


def summary(variant: str, parameters: int, **changes: object) -> Metrics:
    """Return the summary of a run, of which most numbers are made up."""
    values = {
        "seed": 1, "epochs": 2, "iterations": 20, "best_epoch": 1, "best_val_accuracy": 0.5, "min_val_loss": 1.0,
        "final_val_loss": 1.5, "final_val_accuracy": 0.4, "final_train_loss": 0.5, "final_train_accuracy": 0.8,
        "test_accuracy": 0.45, "test_loss": 1.1, "train_seconds": 10.0, "images_per_second": 100.0,
        "fingerprint": "f", "mlflow_run_id": "r",
    }  # fmt: skip
    return Metrics(variant=variant, parameters=parameters, **(values | changes))  # type: ignore[arg-type]
