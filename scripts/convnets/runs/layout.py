"""The layout of the results folder: where each file is kept, and which run a folder belongs to."""

import os
from collections.abc import Mapping
from pathlib import Path

SEED = "seed"  # prefix of the number in the name of a run's folder
# A run's files, in its folder.
HISTORY, METRICS, MODEL, RECORD, STAMP = "history.csv", "metrics.json", "model.keras", "record.json", "stamp.json"
VERIFIED = "verified.json"  # the verifications that renewed its fingerprint
RUN_FILES = (HISTORY, METRICS, MODEL, RECORD)


class Layout:
    """The paths under the folder of the results."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.manifest = results / "data" / "manifest.json"
        self.dataset = results / "data" / "dataset.npz"
        self.trainings = results / "unfinished"  # holds one folder per unfinished training
        self.plan = results / "tracking" / "plan.json"
        self.published = results / "tracking" / "published.json"  # what was published, and where

    def run(self, variant: str, seed: int | str) -> Path:
        """Return the folder of a run."""
        return self.results / "runs" / variant / f"{SEED}{seed}"

    def runs(self) -> list[Path]:
        """Return the folders of all runs, complete or not, in the study or not. Copies with other names do not count."""
        found = self.results.glob(f"runs/*/{SEED}*")
        return sorted(folder for folder in found if folder.is_dir() and folder.name.removeprefix(SEED).isdecimal())

    def figure(self, name: str) -> Path:
        """Return the file of a figure."""
        return self.results / "figures" / f"{name}.svg"


def run_of(folder: Path) -> tuple[str, str]:
    """Return the variant and the seed of a run's folder."""
    return folder.parent.name, folder.name.removeprefix(SEED)


def subject_of(folder: Path, studies: Mapping[str, str | Path]) -> str:
    """Return the variant of a run's folder, as `study:variant` if the run is in the results folder of another study."""
    name = run_of(folder)[0]
    results = os.path.normpath(folder.parents[2])
    study = next((study for study, other in studies.items() if os.path.normpath(other) == results), "")
    return f"{study}:{name}" if study else name


def is_verified(folder: Path) -> bool:
    """Return whether a verification, not a training, gave a run its present fingerprint."""
    return (folder / VERIFIED).is_file()


def name_of(folder: Path) -> str:
    """Return the name of a folder's run for users: `variant/seedN`, as in its path."""
    return f"{folder.parent.name}/{folder.name}"
