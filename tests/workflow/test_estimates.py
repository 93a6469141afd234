"""Estimates: from what finished runs took, whatever has become of their files."""

import json
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
    seconds = 50 * 703 * 64 / 1000 * layers.training_flops(wanted, FORMAT) / layers.training_flops(NETWORK, FORMAT)
    assert found["train_variant/mlp100/seed1"] == pytest.approx(8 + seconds)
    assert found["tabulate_variants"] is None


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
