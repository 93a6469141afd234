"""What the configuration no longer asks for, and what is finished, open or dated in the future, as planning sees it."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from convnets.freshness.steps import STORE, TRAINING, Steps

from convnets.freshness import stamps
from convnets.runs import unfinished
from convnets.study import configuration
from convnets.study.stores import Store, Tracked


@pytest.fixture
def steps(config: dict[str, Any], tmp_path: Path) -> Steps:
    config["pathvars"]["results"] = str(tmp_path)
    database = tmp_path / "mlflow" / "mlflow.db"
    database.parent.mkdir()
    database.touch()
    return Steps(configuration.resolve(config))


def finish(steps: Steps, key: str, *, is_open: bool = True) -> Path:
    """Write the outputs and the stamp of a step, as if it had been made now; `is_open`: the store could be opened."""
    step = steps.all[key]
    with stamps.stamping(step.stamp, step.components, [], step.outputs):
        for path in step.outputs:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        if key == STORE:
            replace(steps.configuration.plan, is_open=is_open).write(step.outputs[0])
    return step.stamp.parent


def again(steps: Steps) -> Steps:
    return Steps(steps.configuration)


def test_what_left_is_listed_unless_it_still_trains(steps: Steps, tmp_path: Path) -> None:
    gone, wanted = tmp_path / "runs" / "gone" / "seed1", tmp_path / "runs" / "mlp100" / "seed1"
    for folder in (gone, wanted, tmp_path / "runs" / "gone" / "seed1.bak", tmp_path / "unfinished"):
        folder.mkdir(parents=True)
    (tmp_path / "unfinished" / ".DS_Store").touch()
    (tmp_path / "unfinished" / "no training").mkdir()
    assert steps.left() == [gone]
    assert steps.layout.runs() == [gone, wanted]
    begun = tmp_path / "unfinished" / "gone-seed1"
    with unfinished.claimed(begun):
        assert steps.left() == []
    assert steps.left() == [gone]
    begun.mkdir()
    assert steps.left() == [gone, begun]


def test_a_read_only_results_folder_can_be_looked_at(steps: Steps, tmp_path: Path) -> None:
    """Nothing is written on the way, so nothing can fail (that the folder is read-only could not be tested as root)."""
    (tmp_path / "unfinished" / "mlp100-seed1").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    for key in steps.all:
        steps.reasons(key)
    steps.left()
    assert sorted(tmp_path.rglob("*")) == before


def test_the_store_is_opened_again_for_killed_trainings_only(steps: Steps, tmp_path: Path) -> None:
    finish(steps, STORE)
    assert again(steps).reasons(STORE) == []
    key = f"{TRAINING}/mlp100/seed1"
    folder = tmp_path / "unfinished" / "mlp100-seed1"
    unfinished.begin(folder, steps.all[key].fingerprint, "sqlite:///x", "tests")
    assert again(steps).reasons(STORE) == ["the training mlp100-seed1 was killed, and its tracked run may be open"]
    finish(steps, key)
    assert again(steps).reasons(STORE) == ["the training mlp100-seed1 was killed when it had just ended"]
    with unfinished.claimed(folder):
        assert again(steps).reasons(STORE) == []


def test_a_store_that_could_not_be_opened_is_opened_again(steps: Steps, tmp_path: Path) -> None:
    finish(steps, STORE, is_open=False)
    assert again(steps).reasons(STORE) == [f"the tracking store sqlite:///{tmp_path}/mlflow/mlflow.db could not be opened yet"]
    finish(steps, STORE)
    assert again(steps).reasons(STORE) == []


def test_a_run_left_open_in_a_former_store_is_named_and_makes_nothing_stale(steps: Steps, tmp_path: Path) -> None:
    """That store may be gone for good; the present one is looked at until it has answered."""
    finish(steps, STORE)
    folder = tmp_path / "unfinished" / "gone-seed1"
    for store, expected in ((Store("http://former", "tests"), 0), (steps.configuration.store, 1)):
        unfinished.begin(folder, "f", store.uri, store.experiment)
        unfinished.settle(folder / unfinished.BEGUN, is_closed=False)
        reasons = again(steps).reasons(STORE)
        assert reasons == expected * ["the training gone-seed1 was killed, and its tracked run could not be closed yet"]
        assert [training.uri for training in again(steps).open_elsewhere().values()] == ["http://former"]


def test_a_run_is_untracked_until_the_configured_store_has_it(steps: Steps) -> None:
    key = f"{TRAINING}/mlp100/seed1"
    folder = finish(steps, key)
    assert steps.untracked() == [key]
    store, mark = steps.configuration.store, steps.all[key].fingerprint
    for tracked in (Tracked("http://elsewhere", store.experiment, mark, "1"), Tracked(store.uri, store.experiment, "f" * 64, "1")):
        tracked.write(folder)
        assert again(steps).untracked() == [key]
    Tracked(store.uri, store.experiment, mark, "1").write(folder)
    assert again(steps).untracked() == []
    (folder / "tracked.json").write_text("[]")
    assert again(steps).untracked() == [key]


def test_files_dated_in_the_future_are_found(steps: Steps) -> None:
    folder = finish(steps, f"{TRAINING}/mlp100/seed1")
    assert steps.dated_after(3e9) == []
    os.utime(folder / "history.csv", (4e9, 4e9))
    assert steps.dated_after(3e9) == [folder / "history.csv"]
