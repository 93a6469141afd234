"""Estimates: from what finished runs took, whatever has become of their files."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from finished_runs import NETWORK, write_run
from images import FORMAT

from convnets.freshness import stamps
from convnets.networks import formulas as layers
from convnets.workflow import estimates, planning
from convnets.workflow.steps import Steps


@pytest.fixture
def steps(config: dict[str, Any], tmp_path: Path) -> Steps:
    """Steps of which no training is fresh, beside a finished run of 2 s, 10 of them in all, at 1,000 images a second."""
    config["pathvars"]["results"] = str(tmp_path)
    (tmp_path / "model.keras").touch()
    folder = write_run(tmp_path, tmp_path / "model.keras", images_per_second=1000.0, train_seconds=2.0).folder
    edit(folder / stamps.STAMP, "seconds", 10.0)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return planning.load([tmp_path / "config.yaml"])


def edit(file: Path, field: str, value: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), field: value}))


def test_a_training_takes_as_long_as_its_like(steps: Steps) -> None:
    found = estimates.estimate(steps)
    wanted = steps.study.variants["mlp100"].network
    seconds = 49 * 703 * 64 / 1000 * layers.training_flops(wanted, FORMAT) / layers.training_flops(NETWORK, FORMAT)
    assert found["train_variant/mlp100/seed1"] == pytest.approx(8 + estimates.IMPORTS_S + seconds)
    assert found["tabulate_variants"] is None


def test_a_network_of_ones_own_is_compared_with_its_own_runs_only(config: dict[str, Any], tmp_path: Path) -> None:
    """Its operations are not known to plan, so the run of another network tells nothing, and its own goes by images."""
    (tmp_path / "mine.py").write_text("def f(shape, classes): ...\n")
    (tmp_path / "model.keras").touch()
    config["pathvars"]["results"] = str(tmp_path)
    own = {"label": "own", "network": f"{tmp_path}/mine.py:f", "epochs": 50, "batch_size": 64}
    config["variants"] |= {"own": own, "other": {**own, "label": "other"}}
    folder = write_run(tmp_path, tmp_path / "model.keras", images_per_second=1000.0, train_seconds=2.0).folder
    edit(folder / stamps.STAMP, "seconds", 10.0)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    steps = planning.load([tmp_path / "config.yaml"])
    assert estimates.estimate(steps)["train_variant/own/seed1"] is None
    mine = tmp_path / "runs" / "own" / "seed1"
    shutil.copytree(folder, mine)
    edit(mine / "metrics.json", "variant", "own")
    edit(mine / stamps.STAMP, "components", {**steps["train_variant/own/seed1"].components, "seed": 7})
    found = estimates.estimate(planning.load([tmp_path / "config.yaml"]))
    assert found["train_variant/own/seed1"] == pytest.approx(8 + estimates.IMPORTS_S + 50 * 703 * 64 / 1000)
    assert found["train_variant/other/seed1"] is None
    shutil.rmtree(folder)
    assert estimates.estimate(planning.load([tmp_path / "config.yaml"]))["train_variant/mlp100/seed1"] is None


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("metrics.json", "images_per_second", 0),
        ("metrics.json", "images_per_second", None),
        ("metrics.json", "images_per_second", "text"),
        ("metrics.json", "train_seconds", None),
        ("stamp.json", "seconds", None),
        ("stamp.json", "components", {"settings": {"network": 5}}),
        ("stamp.json", "components", {"settings": {"network": {}, "training": None}}),
    ],
)
def test_a_damaged_run_tells_nothing(name: str, field: str, value: object, steps: Steps) -> None:
    edit(steps.study.layout.results / "runs" / "mlp100" / "seed1" / name, field, value)
    assert estimates.estimate(steps)["train_variant/mlp100/seed1"] is None
