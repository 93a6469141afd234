"""Publishing into a real SQLite store that lacks something, refuses it, or is away; and what is brought beside the study's runs."""

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
from finished_runs import all_runs, points, write_run
from publications import Results, results, without_figures

from convnets.runs.unfinished import Begun
from convnets.study.stores import Store, Tracked, is_tracked
from convnets.tracking import delivery, publishing
from convnets.tracking.connection import TRAINING_TAG, Connection, StoreError, connect
from convnets.tracking.finished_run import Finished

__all__ = ["results", "without_figures"]


def test_a_run_that_a_killed_training_left_open_is_closed_on_the_way(results: Results) -> None:
    connection = connect(results.plan.store)
    left = connection.client.create_run(connection.experiment, tags={TRAINING_TAG: "a"}).info.run_id
    begun = Begun("a", 1.0, "f", results.plan.store.uri, results.plan.store.experiment, is_open=True)
    begun.write(results.folder / "unfinished" / "mlp100-seed1")
    assert results.publish().problem == ""
    assert all_runs(results.plan.store)[left].info.status == "KILLED"


def test_a_run_that_the_store_refuses_keeps_no_other_away(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver = publishing.delivery.deliver

    def refuse(connection: Connection, run: Finished, *others: Any, again: bool) -> str:
        if run.metrics.variant == "mlp100":
            raise StoreError("the tracking store takes no such run")
        return deliver(connection, run, *others, again=again)

    monkeypatch.setattr(publishing.delivery, "deliver", refuse)
    published = results.publish()
    assert (published.pending, published.problem) == (["mlp100/seed1"], "mlp100/seed1: the tracking store takes no such run")
    assert set(results.tracked()) == {"conv1"}
    monkeypatch.undo()
    assert results.publish().problem == ""
    assert set(results.tracked()) == {"conv1", "mlp100"}


def test_a_disk_that_is_full_leaves_a_run_pending(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is in the store then, and what would say so is not in its folder."""
    real = publishing.delivery.Tracked.write

    def write(tracked: Tracked, folder: Path) -> None:
        if folder.parent.name == "mlp100":
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        real(tracked, folder)

    monkeypatch.setattr(delivery.Tracked, "write", write)
    published = results.publish()
    assert list(published.pending) == ["mlp100/seed1"]
    assert published.problem.startswith("mlp100/seed1: [Errno 28] No space left on device")
    monkeypatch.undo()
    assert results.publish().problem == ""


def test_runs_beside_the_comparisons_are_brought_too(results: Results) -> None:
    other = write_run(results.folder, results.model, "left", best_val_accuracy=0.99)
    published = results.publish(others=[other.folder])
    assert (published.problem, list(published.pending)) == ("", [])
    assert results.tracked()["left"].info.status == "FINISHED"
    assert results.tracked()["left"].info.run_id not in str(published.compare)
    version = mlflow.MlflowClient(results.plan.store.uri).get_model_version_by_alias("tests-depth", "best")
    assert version.run_id == results.tracked()["conv1"].info.run_id


def test_a_run_beside_displaces_no_finished_one(results: Results, caplog: pytest.LogCaptureFixture) -> None:
    """What is stale here may be what another user has trained anew."""
    mine = write_run(results.folder / "mine", results.model, "mlp100", dropout=0.4)
    results.publish()
    before = results.tracked()["mlp100"].info.run_id
    results.runs = results.runs[1:]
    del results.figures["mlp"]  # a comparison is published when it is drawn, of all its runs
    published = results.publish(others=[mine.folder])
    assert (published.problem, list(published.pending), list(published.left_out)) == ("", [], ["mlp100/seed1"])
    assert results.tracked()["mlp100"].info.run_id == before
    assert f"{mine.folder} is left out: it is not what is asked for now" in caplog.text


def test_runs_beside_that_cannot_be_read_keep_no_other_away(results: Results, caplog: pytest.LogCaptureFixture) -> None:
    old, other = (write_run(results.folder, results.model, name) for name in ("old", "other"))
    stamp = json.loads((old.folder / "stamp.json").read_text())
    del stamp["components"]["settings"]["training"]["precision"]  # as a former version wrote it
    (old.folder / "stamp.json").write_text(json.dumps(stamp))
    copy = shutil.copytree(other.folder, other.folder.with_name("seed7"))
    published = results.publish(others=[old.folder, other.folder, copy])
    assert (published.problem, list(published.pending), list(published.left_out)) == ("", [], ["old/seed1", "other/seed7"])
    assert set(results.tracked()) == {"conv1", "mlp100", "other"}
    assert f"{old.folder} is left out: {old.folder / 'stamp.json'} is missing or damaged (precision missing)" in caplog.text
    assert f"{copy} is left out: it holds the files of other/seed1" in caplog.text


def test_artifacts_that_were_lost_are_brought_again_when_it_is_looked_for_them(results: Results) -> None:
    results.publish()
    ids = {variant: run.info.run_id for variant, run in results.tracked().items()}
    shutil.rmtree(Path(results.tracked()["conv1"].info.artifact_uri.removeprefix("file://")).parents[1])
    connection = connect(results.plan.store)
    assert results.publish().problem == ""
    folders = {run.metrics.variant: run.folder for run in results.runs}
    assert delivery.missing(connection, ids["conv1"], folders["conv1"])
    assert results.publish(thorough=True).problem == ""
    assert {variant: run.info.run_id for variant, run in results.tracked().items()} == ids
    for variant, run_id in ids.items():
        assert delivery.missing(connection, run_id, folders[variant]) == []
    for comparison in ("depth", "mlp"):
        assert mlflow.keras.load_model(f"models:/tests-{comparison}@best").count_params() == 12_342


def test_publishing_again_changes_nothing(results: Results) -> None:
    first = results.publish()
    before = {run_id: run.to_dictionary() for run_id, run in all_runs(results.plan.store).items()}
    assert results.publish() == first
    assert {run_id: run.to_dictionary() for run_id, run in all_runs(results.plan.store).items()} == before


def test_a_lost_store_is_filled_again_from_the_files(results: Results, template: Path) -> None:
    results.publish()
    before = {name: points(results.plan.store, run.info.run_id, "val_loss") for name, run in results.tracked().items()}
    other = Store(f"sqlite:///{results.folder}/other.db", "tests")
    shutil.copy(template / "mlflow.db", results.folder / "other.db")
    results.plan = replace(results.plan, store=other)
    assert results.publish().problem == ""
    assert {name: points(other, run.info.run_id, "val_loss") for name, run in results.tracked().items()} == before
    ids = {run.metrics.mlflow_run_id for run in (Finished.read(run.folder) for run in results.runs)}
    assert ids == {run.info.run_id for run in results.tracked().values()}


def test_a_store_that_was_moved_is_known_under_its_new_address(results: Results) -> None:
    results.publish()
    ids = set(all_runs(results.plan.store))
    moved = Store(f"sqlite:///{results.folder}/moved.db", "tests")
    shutil.copy(results.folder / "mlflow.db", results.folder / "moved.db")
    assert results.publish(replace(results.plan, store=moved)).problem == ""
    assert set(all_runs(moved)) == ids
    assert all(is_tracked(run.folder, moved, run.metrics.fingerprint) for run in results.runs)


def test_a_store_that_is_away_leaves_everything_pending(results: Results) -> None:
    published = results.publish(replace(results.plan, store=Store("http://127.0.0.1:9", "tests")))
    assert list(published.pending) == ["mlp100/seed1", "conv1/seed1"]
    assert published.problem.startswith("the tracking store http://127.0.0.1:9 cannot be used: ")
    assert "\n" not in published.problem
    assert published.curves == published.compare == {}


def test_a_store_that_goes_away_leaves_the_rest_pending(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = mlflow.MlflowClient.log_artifacts, []

    def once(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) > 1:
            raise ConnectionError("connection reset")
        real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_artifacts", once)
        published = results.publish()
    assert list(published.pending) == ["conv1/seed1"]
    assert "connection reset" in published.problem
    assert results.publish().problem == ""
    assert {run.info.status for run in results.tracked().values()} == {"FINISHED"}
