"""Runs for tests of claims: those of the committed run with several seeds, made from its one seed by a little noise."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from conftest import ROOT
from waiting import SECONDS

from convnets.study import claims, configuration
from convnets.runs import histories, layout, reading, records, run as runs
from convnets.freshness import stamps
from convnets.study.claims import Claim
from convnets.runs.records import Epoch
from convnets.runs.run import Run
from convnets.freshness.steps import Steps

REFERENCE = ROOT / "results" / "reference" / "runs"


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
    return claims.resolve("a_claim", value)


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
    folders = [REFERENCE / variant / "seed1" for variant in variants]
    found = runs.read([folder / name for folder in folders for name in (layout.HISTORY, layout.METRICS)], variants)
    return [with_history(run, reading.read_history(REFERENCE / run.variant / "seed1" / layout.HISTORY)) for run in found]


def with_history(run: Run, history: Iterable[Epoch]) -> Run:
    """Return a run with another history, given in full."""
    rows = tuple(history)
    return replace(run, landmarks=rows, elapsed=histories.elapsed(rows), fluctuation=histories.fluctuation(rows))


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


def tabulate(name: str, config: dict[str, Any], folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the script of a table as its step does, with the outputs in a folder."""
    settings = stamps.to_json(Steps(configuration.resolve(config)).all[f"tabulate_{name}"].settings)
    outputs = ["--csv", folder / f"{name}.csv", "--markdown", folder / f"{name}.md", "--stamp", folder / f"{name}.json"]
    command = [sys.executable, ROOT / "scripts" / f"tabulate_{name}.py", "--settings", settings, *arguments, *outputs]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=SECONDS)
