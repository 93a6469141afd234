"""Where runs are tracked, and the plan of tracking. Does not import MLflow, so that planning stays fast."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic.dataclasses import dataclass

from convnets.files import read_json, write_json

COMPARISON_TAG = "comparison."
SQLITE = "sqlite:///"
DATABASE = re.compile(r"(?!sqlite:)\w*(sql|postgres|oracle|mariadb)\w*(\+\w+)?:", re.IGNORECASE)  # any database other than SQLite
TRACKED = "tracked.json"  # in a run's folder: where it was delivered


@dataclass(frozen=True)
class Store:
    """An MLflow tracking URI and an experiment."""

    uri: str
    experiment: str

    @property
    def database(self) -> Path | None:
        """The file of an SQLite store, or None for any other."""
        return Path(self.uri.removeprefix(SQLITE)) if self.uri.startswith(SQLITE) else None

    @property
    def is_server(self) -> bool:
        """Whether it is a server with a user interface of its own."""
        return self.uri.startswith(("http://", "https://"))


def own_database(results: Path) -> Path:
    """Return the file of the default store, which moves with the results."""
    return results.resolve() / "mlflow" / "mlflow.db"


@dataclass(frozen=True)
class Membership:
    """The label of a variant, and the titles of the comparisons that it belongs to, by id."""

    label: str
    comparisons: Mapping[str, str]

    def tags(self) -> dict[str, str]:
        """Return one tag per comparison."""
        return {f"{COMPARISON_TAG}{name}": title for name, title in self.comparisons.items()}


@dataclass(frozen=True)
class Plan:
    """The store, whether its finished runs are reused, each variant's membership, and whether the store could be opened."""

    store: Store
    reuse: bool
    members: Mapping[str, Membership]
    is_open: bool = True

    def member(self, variant: str) -> Membership:
        """Return the membership of a variant; one that left the configuration is in no comparison."""
        return self.members.get(variant) or Membership(variant, {})

    def write(self, path: Path) -> None:
        """Write the plan as JSON."""
        write_json(path, asdict(self))

    @staticmethod
    def read(path: Path) -> "Plan":
        """Read a plan; an OSError or a ValueError where there is none, or it is damaged."""
        return Plan(**read_json(path))


@dataclass(frozen=True)
class Tracked:
    """Where a finished run was last delivered completely: `tracked.json` in its folder."""

    uri: str
    experiment: str
    fingerprint: str
    run_id: str

    def write(self, folder: Path) -> None:
        """Record this in the run's folder."""
        write_json(folder / TRACKED, asdict(self))


def is_tracked(folder: Path, store: Store, fingerprint: str) -> bool:
    """Return whether the run of this folder, with this fingerprint, was last delivered to this store."""
    try:
        tracked = Tracked(**read_json(folder / TRACKED))
    except (OSError, ValueError, TypeError):
        return False
    return (tracked.uri, tracked.experiment, tracked.fingerprint) == (store.uri, store.experiment, fingerprint)


def pending_text(pending: Sequence[str], problem: str) -> str:
    """Return one line that names the runs that are not in the store yet, and the reason."""
    shown = [*pending[:5], *([f"{len(pending) - 5} more"] if len(pending) > 5 else [])]
    runs = f"{len(pending)} run{'' if len(pending) == 1 else 's'} ({', '.join(shown)})" if pending else "the comparisons"
    return f"pending: {runs}: {problem}"
