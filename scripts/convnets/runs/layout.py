"""Where results are kept, under one folder; and which run a folder is of."""

from dataclasses import dataclass
from pathlib import Path

SEED = "seed"  # before the number, in the name of a run's folder
# A run's files, in its folder.
HISTORY, METRICS, MODEL, RECORD, STAMP = "history.csv", "metrics.json", "model.keras", "record.json", "stamp.json"
VERIFIED = "verified.json"  # how its fingerprint was renewed, if it was
RUN_FILES = (HISTORY, METRICS, MODEL, RECORD)


@dataclass(frozen=True)
class Layout:
    """The folder of the results, and what stands where in it."""

    results: Path

    def run(self, variant: str, seed: int | str) -> Path:
        """Return the folder of a run."""
        return self.results / "runs" / variant / f"{SEED}{seed}"

    def runs(self) -> list[Path]:
        """Return the folders of all runs that are there, whole or not, whoever asks for them; a copy beside one is none."""
        found = self.results.glob(f"runs/*/{SEED}*")
        return sorted(folder for folder in found if folder.is_dir() and folder.name.removeprefix(SEED).isdecimal())

    def figure(self, name: str, kind: str = "svg") -> Path:
        """Return the file of a figure."""
        return self.results / "figures" / f"{name}.{kind}"

    def table(self, name: str, kind: str = "csv") -> Path:
        """Return the file of a table."""
        return self.results / "tables" / f"{name}.{kind}"

    def stamp(self, rule: str, name: str = "") -> Path:
        """Return the stamp of a step that is no training."""
        return self.results / "stamps" / rule / f"{name}.json" if name else self.results / "stamps" / f"{rule}.json"

    @property
    def dataset(self) -> Path:
        """The file of the prepared data set."""
        return self.results / "data" / "dataset.npz"

    @property
    def trainings(self) -> Path:
        """The folder with one for each training that is not finished."""
        return self.results / "unfinished"

    @property
    def plan(self) -> Path:
        """The file that says what to track where."""
        return self.results / "tracking" / "plan.json"

    @property
    def published(self) -> Path:
        """The file that says what was published, and where."""
        return self.results / "tracking" / "published.json"


def run_of(folder: Path) -> tuple[str, str]:
    """Return the variant and the seed of a run's folder."""
    return folder.parent.name, folder.name.removeprefix(SEED)


def name_of(folder: Path) -> str:
    """Return what users call the run of a folder: its variant and seed, as they stand in its path."""
    return f"{folder.parent.name}/{folder.name}"
