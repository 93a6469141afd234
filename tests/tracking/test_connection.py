"""Stores: created once, reached or named in one line, and one active run per variant and seed."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import mlflow
import pytest
from finished_runs import all_runs

from convnets.runs import unfinished
from convnets.runs.unfinished import Begun
from convnets.study.stores import Store
from convnets.tracking.connection import (
    TRAINING_TAG,
    BusyError,
    StoreError,
    bin_run,
    close_abandoned,
    connect,
    create_store,
    reached,
    reason_of,
    supersede,
)


def begin(store: Store, token: str, seed: int = 1, variant: str = "mlp100") -> str:
    """Begin a run as a training does."""
    connection = connect(store)
    tags = {"variant": variant, "seed": str(seed), TRAINING_TAG: token}
    return str(connection.client.create_run(connection.experiment, tags=tags).info.run_id)


def begun(folder: Path, store: Store, token: str) -> Begun:
    training = Begun(token, 1.0, "f", store.uri, store.experiment, is_open=True)
    training.write(folder)
    return training


def test_creating_a_store_again_keeps_its_runs(store: Store, tmp_path: Path) -> None:
    run_id = begin(store, "a")
    assert create_store(store, tmp_path).experiment == connect(store).experiment
    assert list(all_runs(store)) == [run_id]
    experiment = mlflow.MlflowClient(store.uri).get_experiment(connect(store).experiment)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_store_that_is_gone_is_not_made_anew_by_whoever_looks(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.db is gone; the next run of the workflow makes it anew"):
        connect(Store(f"sqlite:///{tmp_path}/gone.db", "tests"))
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_the_experiment_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="has no experiment 'another'; `make sync` creates it"):
        connect(Store(store.uri, "another"))


def test_an_experiment_that_was_deleted_can_be_restored_as_the_message_says(store: Store) -> None:
    connection = connect(store)
    connection.client.delete_experiment(connection.experiment)
    with pytest.raises(StoreError, match=f"mlflow experiments restore --experiment-id {connection.experiment}"):
        create_store(store, None)
    connection.client.restore_experiment(connection.experiment)
    assert connect(store).experiment == connection.experiment


def test_what_is_no_database_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    with pytest.raises(StoreError, match=r"^the tracking store sqlite://\S+ cannot be used: [^\n]*not a database[^\n]*$"):
        connect(Store(f"sqlite:///{tmp_path}/mlflow.db", "tests"))


def test_the_results_own_store_finds_its_artifacts_when_they_have_moved(store: Store, tmp_path: Path) -> None:
    run_id = begin(store, "a")
    folder = tmp_path / "results" / "mlflow"
    folder.mkdir(parents=True)
    moved = Store(f"sqlite:///{folder}/mlflow.db", "tests")
    shutil.move(tmp_path / "mlflow.db", folder)
    create_store(moved, folder / "artifacts", tmp_path / "results")
    assert all_runs(moved)[run_id].info.artifact_uri.startswith(f"file://{folder}/artifacts/")


@pytest.mark.parametrize(
    ("results", "location"),
    [
        ("results", "mlflow-artifacts:/7"),  # served by its owner, from the results' own store or any other
        ("elsewhere", "mlflow-artifacts:/7"),
        ("elsewhere", "file:///srv/artifacts"),
        ("elsewhere", "s3://bucket/artifacts"),
    ],
)
def test_where_somebody_else_keeps_artifacts_is_left_alone(results: str, location: str, template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "mlflow"
    folder.mkdir(parents=True)
    shutil.copy(template / "mlflow.db", folder)
    store = Store(f"sqlite:///{folder}/mlflow.db", "foreign")
    client = mlflow.MlflowClient(store.uri)
    client.create_experiment("foreign", location)
    run_id = begin(store, "a")
    create_store(store, folder / "artifacts", tmp_path / results)
    assert client.get_experiment_by_name("foreign").artifact_location == location
    assert all_runs(store)[run_id].info.artifact_uri.startswith(f"{location}/")


def test_messages_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    monkeypatch.setenv("PGPASSWORD", "swordfish")
    error = ValueError("\n no way into postgresql://me:other@host/db with hunter2 or swordfish\n and a second line")
    assert reason_of(error) == "no way into postgresql://***@host/db with *** or ***"
    assert reason_of(ValueError()) == "ValueError"
    flushed = (
        "(raised as a result of Query-invoked autoflush; ...)\n(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT"
    )
    assert reason_of(ValueError(flushed)) == "(sqlite3.OperationalError) database or disk is full"


def test_a_mistake_on_the_way_to_a_store_is_said_with_its_place(store: Store) -> None:
    place = r"cannot be used: KeyError in test_connection\.py:\d+: 'lost'$"
    with pytest.raises(StoreError, match=place), reached(store):
        raise KeyError("lost")
    with pytest.raises(StoreError, match=r"cannot be used: \[Errno 28\] no room$"), reached(store):
        raise OSError(28, "no room")


def test_a_database_that_refuses_is_told_in_one_line_without_a_stack_trace(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    connection = connect(store)
    run_id = begin(store, "a")
    assert store.database
    store.database.unlink()
    with pytest.raises(StoreError, match="attempt to write a readonly database"), reached(store):
        connection.client.log_metric(run_id, "loss", 1.0)
    assert "Traceback" not in capfd.readouterr().err


def test_superseded_and_retired_runs_are_kept_closed_and_say_why(store: Store) -> None:
    first, running, kept, other = begin(store, "a"), begin(store, "b"), begin(store, "c"), begin(store, "d", seed=2)
    connection = connect(store)
    connection.client.set_terminated(first, "FAILED")
    supersede(connection, kept, "mlp100", 1, {})
    runs = all_runs(store)
    assert {run.info.run_id for run in connection.runs()} == {kept, other}
    assert runs[first].data.tags["superseded_because"] == "it did not finish: FAILED"
    assert runs[running].data.tags["superseded_by"] == kept
    assert (runs[running].info.status, runs[running].info.lifecycle_stage) == ("KILLED", "deleted")
    (left,) = connection.runs(variant="mlp100", seed=2)
    bin_run(connection, left, retired_because="it left the configuration")
    assert {run.info.run_id for run in connection.runs()} == {kept}
    assert all_runs(store)[other].data.tags["retired_because"] == "it left the configuration"


def test_runs_are_found_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = mlflow.MlflowClient.search_runs
    expected = {begin(store, str(number), seed=number) for number in range(5)}
    monkeypatch.setattr(mlflow.MlflowClient, "search_runs", lambda *a, **k: real(*a, **{**k, "max_results": 2}))
    assert {run.info.run_id for run in connect(store).runs()} == expected


def statuses(store: Store) -> dict[str, str]:
    return {run_id: run.info.status for run_id, run in all_runs(store).items()}


class TestAbandoned:
    @pytest.fixture
    def trainings(self, tmp_path: Path) -> Path:
        return tmp_path / "unfinished"

    @pytest.fixture
    def folder(self, trainings: Path) -> Path:
        return trainings / "mlp100-seed1"

    def test_a_run_left_running_is_closed_by_whoever_comes_next(self, store: Store, trainings: Path, folder: Path) -> None:
        """Even if the training was killed before the store had answered with the run's id."""
        left, elsewhere = begin(store, "a"), begin(store, "b")
        training = begun(folder, store, "a")
        assert unfinished.abandoned(trainings) == {folder: training}
        close_abandoned(store, trainings)
        assert unfinished.abandoned(trainings) == {}
        assert statuses(store) == {left: "KILLED", elsewhere: "RUNNING"}

    def test_one_that_still_trains_is_left_alone(self, store: Store, trainings: Path, folder: Path) -> None:
        run_id = begin(store, "a")
        with unfinished.claimed(folder):
            training = begun(folder, store, "a")
            close_abandoned(store, trainings)
            assert statuses(store) == {run_id: "RUNNING"}
            unfinished.settle(folder)
            assert unfinished.begun(folder) == training

    def test_one_of_another_store_is_left_alone(self, store: Store, trainings: Path, folder: Path) -> None:
        run_id = begin(store, "a")
        training = begun(folder, store, "a")
        close_abandoned(Store(store.uri, "another"), trainings)
        close_abandoned(Store("sqlite:////nowhere/mlflow.db", "tests"), trainings)
        assert statuses(store) == {run_id: "RUNNING"}
        assert unfinished.abandoned(trainings) == {folder: training}

    @pytest.mark.parametrize("uri", ["", "sqlite:////nowhere/mlflow.db"])
    def test_a_store_that_has_lost_the_run_or_is_gone_is_no_obstacle(
        self, uri: str, store: Store, trainings: Path, folder: Path
    ) -> None:
        lost = Store(uri or store.uri, "tests")
        begun(folder, lost, "gone")
        close_abandoned(lost, trainings)
        assert unfinished.abandoned(trainings) == {}
        assert not Path("/nowhere").exists()

    def test_an_experiment_that_is_gone_is_not_made_again(self, store: Store, trainings: Path, folder: Path) -> None:
        gone = Store(store.uri, "gone")
        begun(folder, gone, "a")
        close_abandoned(gone, trainings)
        assert unfinished.abandoned(trainings) == {}
        assert mlflow.MlflowClient(store.uri).get_experiment_by_name("gone") is None

    def test_a_store_that_does_not_answer_is_tried_again(
        self, store: Store, trainings: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is asked once in each call, however many trainings were killed."""
        runs = [begin(store, "a"), begin(store, "b", seed=2)]
        begun(folder, store, "a")
        begun(trainings / "mlp100-seed2", store, "b")
        asked = []

        def away(*_: Any, **__: Any) -> None:
            asked.append(1)
            raise OSError("no answer")

        with monkeypatch.context() as patch:
            patch.setattr(mlflow.MlflowClient, "get_experiment_by_name", away)
            for calls in (1, 2):
                close_abandoned(store, trainings)
                assert len(asked) == calls
        assert caplog.text.count("runs of killed trainings cannot be closed yet: ") == 2
        assert len(unfinished.abandoned(trainings)) == 2
        close_abandoned(store, trainings)
        assert statuses(store) == dict.fromkeys(runs, "KILLED")
        assert unfinished.abandoned(trainings) == {}


def test_a_database_that_is_locked_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(store)

    def locked(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(mlflow.MlflowClient, "search_runs", locked)
    with pytest.raises(BusyError, match="database is locked"), reached(store):
        list(connection.runs())
