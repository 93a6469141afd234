"""The layout of the results folder: where each file is kept, and which run a folder belongs to."""

from dataclasses import dataclass
from pathlib import Path

SEED = "seed"  # prefix of the number in the name of a run's folder
# A run's files, in its folder.
HISTORY, METRICS, MODEL, RECORD, STAMP = "history.csv", "metrics.json", "model.keras", "record.json", "stamp.json"
VERIFIED = "verified.json"  # the verifications that renewed its fingerprint
RUN_FILES = (HISTORY, METRICS, MODEL, RECORD)


@dataclass(frozen=True)
class Layout:
    """The paths under the folder of the results."""

    results: Path

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

    @property
    def dataset(self) -> Path:
        """The file of the prepared data set."""
        return self.results / "data" / "dataset.npz"

    @property
    def trainings(self) -> Path:
        """The folder that holds one folder per unfinished training."""
        return self.results / "unfinished"

    @property
    def plan(self) -> Path:
        """The file of the tracking plan."""
        return self.results / "tracking" / "plan.json"

    @property
    def published(self) -> Path:
        """The file that says what was published, and where."""
        return self.results / "tracking" / "published.json"


def run_of(folder: Path) -> tuple[str, str]:
    """Return the variant and the seed of a run's folder."""
    return folder.parent.name, folder.name.removeprefix(SEED)


def name_of(folder: Path) -> str:
    """Return the name of a folder's run for users: `variant/seedN`, as in its path."""
    return f"{folder.parent.name}/{folder.name}"
