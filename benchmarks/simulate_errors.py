#!/usr/bin/env python
"""Simulate how often tests err where runs vary otherwise than normally; write docs/error_rates.csv.

Every hypothesis is true, and just so: two networks are alike on average, and vary alike or one of them four times as much; a mean
is the number that it is compared with; or a printed number is of one more run. Each row gives the share of studies in which the
test rejects it, on the worse side of two, at a level of 5 % and at that of one of 40 claims.
"""

import argparse
import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from convnets.findings import inference
from convnets.findings.inference import ALPHA

CLAIMS = 40
UNLIKE = 4  # times as much one network varies as the other, where they vary unlike; final losses here do so, or more
SHAPES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "skewed": lambda rng, size: rng.exponential(size=size) - 1,
    "heavy-tailed": lambda rng, size: rng.standard_t(3, size=size),
}
COLUMNS = ("values", "seeds", "test", "level", "rate", "studies")


def simulate(shape: str, seeds: int, studies: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the p-values of each test, shape (sides, studies)."""
    draw = SHAPES[shape]
    one, other, more = draw(rng, (studies, seeds)), draw(rng, (studies, seeds)), draw(rng, (studies,))
    means = [inference.estimate(row) for row in one.tolist()]
    return {
        "two networks": _beside_zero(one - other),
        "two networks of unlike spread": _beside_zero(one - other / UNLIKE),
        "a mean and a number": _beside_zero(one),
        "one more run": np.array([[each.p_one_more(value) for each, value in zip(means, more.tolist(), strict=True)]]),
    }


def _beside_zero(values: np.ndarray) -> np.ndarray:
    """Return the p-values of a mean above and below 0, shape (2, studies), of values of shape (studies, seeds)."""
    estimates = [inference.estimate(row) for row in values.tolist()]
    return np.array([[each.p_above(0), each.p_below(0)] for each in estimates]).T


def main() -> None:
    """Simulate, print and write the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=100_000, help="simulated studies per row (100,000)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "error_rates.csv")
    chosen = parser.parse_args()
    rng = np.random.default_rng(2021)
    with chosen.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for shape in SHAPES:
            for seeds in (5, 10, 20):
                for test, p_values in simulate(shape, seeds, chosen.studies, rng).items():
                    for level in (ALPHA, ALPHA / CLAIMS):
                        rate = (p_values <= level).mean(1).max()
                        writer.writerow((shape, seeds, test, level, f"{rate:.5f}", chosen.studies))
                        print(f"{shape}, {seeds} seeds, {test}: {rate:.3%} at {level:.3%}")


if __name__ == "__main__":
    main()
