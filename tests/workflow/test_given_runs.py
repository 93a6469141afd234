"""A study of runs that were trained elsewhere: no step trains, and tables and figures are made from what is given."""

from pathlib import Path
from typing import Any

import jobs
import pytest
import studies

from convnets.errors import InputError
from convnets.study import configuration
from convnets.workflow import leftovers


def test_runs_that_are_given_are_no_steps(config: dict[str, Any], tmp_path: Path) -> None:
    config |= {"runs_from": str(studies.REFERENCE.parent), "seeds": [11]}
    steps = jobs.steps_of(config, tmp_path)
    rules = {step.rule for step in steps.all.values()}
    assert "tabulate_claims" in rules
    assert rules.isdisjoint({"train_variant", "prepare_dataset", "create_store", "publish_comparisons"})
    assert leftovers.left(steps) == []
    assert all(set(steps.before(key)) <= set(steps.all) for key in steps.all)
    fingerprints = {key: step.fingerprint for key, step in steps.all.items()}
    (tmp_path / "elsewhere").symlink_to(studies.REFERENCE.parent.resolve())
    for folder, same in (
        (studies.REFERENCE.parent / "figures" / "..", set(fingerprints)),  # the same folder, spelt differently
        (tmp_path / "elsewhere", {"tabulate_errata", "tabulate_vgg16", "draw_vgg16"}),  # which read no runs
    ):
        config["runs_from"] = str(folder)
        moved = jobs.steps_of(config, tmp_path)
        assert {key for key, fingerprint in fingerprints.items() if moved[key].fingerprint == fingerprint} == same
    config["seeds"] = [11, 6]
    with pytest.raises(InputError) as caught:
        configuration.resolve(config)
    assert "has no history.csv and no metrics.json in runs/mlp100/seed6" in str(caught.value)
