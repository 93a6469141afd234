"""Two finished runs that are to be published, and the store that they are brought to."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from finished_runs import stand_in, write_run

from convnets.study.stores import Membership, Plan, Store
from convnets.tracking import presentation, publishing
from convnets.tracking.connection import connect
from convnets.tracking.publishing import Publication

MEMBERS = {
    "mlp100": Membership("MLP", {"depth": "Layers", "mlp": "An MLP"}),
    "conv1": Membership("1 layer", {"depth": "Layers"}),
}


class Results:
    """Two finished runs, two figures, and a store."""

    def __init__(self, folder: Path, template: Path) -> None:
        shutil.copy(template / "mlflow.db", folder)
        self.folder = folder
        self.plan = Plan(Store(f"sqlite:///{folder}/mlflow.db", "tests"), False, MEMBERS)
        self.model = template / "model.keras"
        self.runs = [
            write_run(folder, self.model, "mlp100", best_val_accuracy=0.6),
            write_run(folder, self.model, "conv1", best_val_accuracy=0.7),
        ]
        self.figures = {}
        for name in ("depth", "mlp"):
            self.figures[name] = folder / f"{name}.svg"
            self.figures[name].write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")

    def publish(self, plan: Plan | None = None, others: Sequence[Path] = (), *, thorough: bool = False) -> Publication:
        folders = [run.folder for run in self.runs]
        trainings = self.folder / "unfinished"
        return publishing.publish(plan or self.plan, folders, self.figures, trainings, others, thorough=thorough)

    def tracked(self) -> dict[str, Any]:
        return {run.data.tags["variant"]: run for run in connect(self.plan.store).runs()}


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presentation, "present", lambda _run, _label, folder: stand_in(folder))


@pytest.fixture
def results(tmp_path: Path, template: Path) -> Results:
    return Results(tmp_path, template)
