"""Stores: created once, reached or named in one line, and one active run per variant and seed."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import mlflow
import pytest
from finished_runs import MEMBER, all_runs

from convnets.tracking import connection as tracking
from convnets.runs import unfinished
from convnets.study.stores import Plan, Store
from convnets.tracking.connection import StoreError
from convnets.runs.unfinished import Begun


def begin(store: Store, token: str, seed: int = 1, variant: str = "mlp100") -> str:
    """Begin a run as a training does."""
    connection = tracking.connect(store)
    tags = {"variant": variant, "seed": str(seed), tracking.TRAINING_TAG: token}
    return str(connection.client.create_run(connection.experiment, tags=tags).info.run_id)


def begun(folder: Path, store: Store, token: str) -> Begun:
    training = Begun(token, 1.0, "f", store.uri, store.experiment, is_open=True)
    training.write(folder)
    return training


def test_creating_a_store_again_keeps_its_runs(store: Store, tmp_path: Path) -> None:
    run_id = begin(store, "a")
    assert tracking.create_store(store, tmp_path).experiment == tracking.connect(store).experiment
    assert list(all_runs(store)) == [run_id]
    experiment = mlflow.MlflowClient(store.uri).get_experiment(tracking.connect(store).experiment)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_store_that_is_gone_is_not_made_anew_by_whoever_looks(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.db is gone; the next run of the workflow makes it anew"):
        tracking.connect(Store(f"sqlite:///{tmp_path}/gone.db", "tests"))
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_the_experiment_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="has no experiment 'another'; `make sync` creates it"):
        tracking.connect(Store(store.uri, "another"))


def test_an_experiment_that_was_deleted_can_be_restored_as_the_message_says(store: Store) -> None:
    connection = tracking.connect(store)
    connection.client.delete_experiment(connection.experiment)
    with pytest.raises(StoreError, match=f"mlflow experiments restore --experiment-id {connection.experiment}"):
        tracking.create_store(store, None)
    connection.client.restore_experiment(connection.experiment)
    assert tracking.connect(store).experiment == connection.experiment


def test_what_is_no_database_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    with pytest.raises(StoreError, match=r"^the tracking store sqlite://\S+ cannot be used: [^\n]*not a database[^\n]*$"):
        tracking.connect(Store(f"sqlite:///{tmp_path}/mlflow.db", "tests"))


def test_the_results_own_store_finds_its_artifacts_when_they_have_moved(store: Store, tmp_path: Path) -> None:
    run_id = begin(store, "a")
    folder = tmp_path / "results" / "mlflow"
    folder.mkdir(parents=True)
    moved = Store(f"sqlite:///{folder}/mlflow.db", "tests")
    shutil.move(tmp_path / "mlflow.db", folder)
    tracking.create_store(moved, folder / "artifacts", tmp_path / "results")
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
    tracking.create_experiment(client, "foreign", location)
    run_id = begin(store, "a")
    tracking.create_store(store, folder / "artifacts", tmp_path / results)
    assert client.get_experiment_by_name("foreign").artifact_location == location
    assert all_runs(store)[run_id].info.artifact_uri.startswith(f"{location}/")


def test_messages_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    monkeypatch.setenv("PGPASSWORD", "swordfish")
    error = ValueError("\n no way into postgresql://me:other@host/db with hunter2 or swordfish\n and a second line")
    assert tracking.reason_of(error) == "no way into postgresql://***@host/db with *** or ***"
    assert tracking.reason_of(ValueError()) == "ValueError"
    flushed = (
        "(raised as a result of Query-invoked autoflush; ...)\n(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT"
    )
    assert tracking.reason_of(ValueError(flushed)) == "(sqlite3.OperationalError) database or disk is full"


def test_a_mistake_on_the_way_to_a_store_is_said_with_its_place(store: Store) -> None:
    place = r"cannot be used: KeyError in test_tracking\.py:\d+: 'lost'$"
    with pytest.raises(tracking.StoreError, match=place), tracking.reached(store):
        raise KeyError("lost")
    with pytest.raises(tracking.StoreError, match=r"cannot be used: \[Errno 28\] no room$"), tracking.reached(store):
        raise OSError(28, "no room")


def test_a_database_that_refuses_is_told_in_one_line_without_a_stack_trace(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    connection = tracking.connect(store)
    run_id = begin(store, "a")
    assert store.database
    store.database.unlink()
    with pytest.raises(StoreError, match="attempt to write a readonly database"), tracking.reached(store):
        connection.client.log_metric(run_id, "loss", 1.0)
    assert "Traceback" not in capfd.readouterr().err


def test_superseded_and_retired_runs_are_kept_closed_and_say_why(store: Store) -> None:
    first, running, kept, other = begin(store, "a"), begin(store, "b"), begin(store, "c"), begin(store, "d", seed=2)
    connection = tracking.connect(store)
    connection.client.set_terminated(first, "FAILED")
    tracking.supersede(connection, kept, "mlp100", 1, {})
    runs = all_runs(store)
    assert {run.info.run_id for run in connection.runs()} == {kept, other}
    assert runs[first].data.tags["superseded_because"] == "it did not finish: FAILED"
    assert runs[running].data.tags["superseded_by"] == kept
    assert (runs[running].info.status, runs[running].info.lifecycle_stage) == ("KILLED", "deleted")
    tracking.retire(connection, "mlp100", 2, "it left the configuration")
    assert {run.info.run_id for run in connection.runs()} == {kept}
    assert all_runs(store)[other].data.tags["retired_because"] == "it left the configuration"


def test_runs_are_found_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = mlflow.MlflowClient.search_runs
    expected = {begin(store, str(number), seed=number) for number in range(5)}
    monkeypatch.setattr(mlflow.MlflowClient, "search_runs", lambda *a, **k: real(*a, **{**k, "max_results": 2}))
    assert {run.info.run_id for run in tracking.connect(store).runs()} == expected


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
        assert unfinished.abandoned(trainings) == {folder / "begun.json": training}
        tracking.close_abandoned(trainings)
        assert unfinished.abandoned(trainings) == {}
        assert statuses(store) == {left: "KILLED", elsewhere: "RUNNING"}

    def test_one_that_still_trains_is_left_alone(self, store: Store, trainings: Path, folder: Path) -> None:
        run_id = begin(store, "a")
        with unfinished.claimed(folder):
            training = begun(folder, store, "a")
            tracking.close_abandoned(trainings)
            assert statuses(store) == {run_id: "RUNNING"}
            unfinished.settle(folder / "begun.json", is_closed=True)
            assert unfinished.begun(folder) == training

    @pytest.mark.parametrize("uri", ["", "sqlite:////nowhere/mlflow.db"])
    def test_a_store_that_has_lost_the_run_or_is_gone_is_no_obstacle(
        self, uri: str, store: Store, trainings: Path, folder: Path
    ) -> None:
        begun(folder, Store(uri or store.uri, "tests"), "gone")
        tracking.close_abandoned(trainings)
        assert unfinished.abandoned(trainings) == {}
        assert not Path("/nowhere").exists()

    def test_an_experiment_that_is_gone_is_not_made_again(self, store: Store, trainings: Path, folder: Path) -> None:
        begun(folder, Store(store.uri, "gone"), "a")
        tracking.close_abandoned(trainings)
        assert unfinished.abandoned(trainings) == {}
        assert mlflow.MlflowClient(store.uri).get_experiment_by_name("gone") is None

    def test_a_store_that_does_not_answer_is_tried_again(
        self, store: Store, trainings: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is asked once in each call, whatever becomes of the training meanwhile."""
        runs = [begin(store, "a"), begin(store, "b", seed=2)]
        begun(folder, store, "a")
        begun(trainings / "mlp100-seed2", store, "b")
        asked = []

        def away(*_: Any, **__: Any) -> None:
            asked.append(1)
            raise OSError("no answer")

        with monkeypatch.context() as patch:
            patch.setattr(mlflow.MlflowClient, "get_experiment_by_name", away)
            tracking.close_abandoned(trainings)
            assert "the run of mlp100-seed1, which was killed, cannot be closed yet" in caplog.text
            assert len(asked) == 1
            assert unfinished.remove(folder)
            tracking.close_abandoned(trainings)
            assert len(asked) == 2
        assert {record.parent.name for record in unfinished.left_open(trainings)} == {"mlp100-seed1", "mlp100-seed2"}
        tracking.close_abandoned(trainings)
        assert statuses(store) == dict.fromkeys(runs, "KILLED")
        assert not (trainings / "open").exists()

    def test_a_training_that_goes_on_elsewhere_leaves_a_record_of_the_run_it_had(
        self, store: Store, trainings: Path, folder: Path
    ) -> None:
        left = begin(store, "a")
        begun(folder, store, "a")
        training = unfinished.begin(folder, "f", "http://elsewhere", "tests")
        assert training.training == "a"
        assert [entry.uri for entry in unfinished.left_open(trainings).values()] == [store.uri]
        tracking.close_abandoned(trainings)
        assert statuses(store) == {left: "KILLED"}

    def test_a_training_that_goes_on_where_it_was_is_not_to_be_closed(self, trainings: Path, folder: Path) -> None:
        away = Store("http://127.0.0.1:9", "tests")
        begun(folder, away, "a")
        tracking.close_abandoned(trainings)
        assert len(unfinished.left_open(trainings)) == 1
        unfinished.begin(folder, "f", away.uri, away.experiment)
        assert unfinished.left_open(trainings) == {}
        assert not (trainings / "open").exists()


NO_STORE = '{"training": "a", "began": 1.0, "fingerprint": "f", "uri": null, "experiment": "tests", "is_open": true}'


@pytest.mark.parametrize("text", ["", "{", "[]", '{"uri": "of an earlier version"}', NO_STORE])
def test_a_record_that_cannot_be_read_stops_nothing(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "unfinished" / "mlp100-seed1"
    folder.mkdir(parents=True)
    for name in (unfinished.BEGUN, unfinished.FAILURE):
        (folder / name).write_text(text)
    assert unfinished.begun(folder) is None
    assert unfinished.failure_of(folder, "f") is None
    assert unfinished.abandoned(tmp_path / "unfinished") == {}


def test_a_training_keeps_its_token_while_its_fingerprint_stays(tmp_path: Path) -> None:
    first = unfinished.begin(tmp_path, "f", "uri", "tests")
    again = unfinished.begin(tmp_path, "f", "another uri", "tests")
    assert (again.training, again.began, again.uri) == (first.training, first.began, "another uri")
    assert unfinished.begin(tmp_path, "g", "uri", "tests").training != first.training


def test_looking_for_trainings_changes_nothing(tmp_path: Path) -> None:
    assert not unfinished.is_held(tmp_path / "nothing")
    for name in (".DS_Store", "no name of a training"):
        (tmp_path / name).touch()
    (tmp_path / "mlp100-seed1").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert unfinished.folders(tmp_path) == {("mlp100", "1"): tmp_path / "mlp100-seed1"}
    assert not unfinished.is_held(tmp_path / "mlp100-seed1")
    assert unfinished.abandoned(tmp_path) == {}
    assert sorted(tmp_path.rglob("*")) == before


def test_a_claim_holds_until_the_training_ends(tmp_path: Path) -> None:
    folder = tmp_path / "mlp100-seed1"
    with unfinished.claimed(folder):
        (folder / ".history.17.partial.csv").touch()
        assert unfinished.is_held(folder)
        assert not unfinished.remove(folder)
    assert not folder.exists()
    with pytest.raises(ValueError, match="broken"), unfinished.claimed(folder):
        (folder / "checkpoint").touch()
        raise ValueError("broken")
    assert (folder / "checkpoint").exists()
    assert not unfinished.is_held(folder)
    assert unfinished.remove(folder)
    assert not folder.exists()


@pytest.mark.usefixtures("removed_meanwhile")
def test_records_are_found_while_another_process_removes_one(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "open" / "mlp100-seed1"
    training = begun(folder, store, "a")
    (folder / "begun.json").rename(folder / "a.json")
    assert unfinished.left_open(tmp_path) == {folder / "a.json": training}


def test_the_plan_survives_its_file(tmp_path: Path) -> None:
    for is_open in (True, False):
        plan = Plan(Store("sqlite:///x", "tests"), True, {"mlp100": MEMBER}, is_open)
        plan.write(tmp_path / "plan.json")
        assert Plan.read(tmp_path / "plan.json") == plan


@pytest.mark.parametrize(("uri", "database"), [("sqlite:////a/b.db", Path("/a/b.db")), ("http://host", None)])
def test_what_kind_of_store_it_is(uri: str, database: Path | None) -> None:
    store = Store(uri, "tests")
    assert store.database == database
    assert store.is_server == uri.startswith("http")


def test_a_database_that_is_locked_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = tracking.connect(store)

    def locked(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(mlflow.MlflowClient, "search_runs", locked)
    with pytest.raises(tracking.BusyError, match="database is locked"), tracking.reached(store):
        list(connection.runs())
