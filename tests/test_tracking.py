"""Tracking against a real SQLite store: one active run per variant and seed, and every run ends as what it was."""

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from convnets import fingerprint, networks, tracking, unfinished
from convnets.errors import InputError
from convnets.records import Epoch
from convnets.settings import Network

MEMBER = tracking.Membership("a label", {"depth": "Number of layers"})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh store, made once, since its schema takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    tracking.create_store(tracking.Store(f"sqlite:///{folder}/mlflow.db", "tests"), folder / "artifacts", "what this is")
    return folder / "mlflow.db"


@pytest.fixture
def store(template: Path, tmp_path: Path) -> tracking.Store:
    (tmp_path / "mlflow.db").write_bytes(template.read_bytes())
    return tracking.Store(f"sqlite:///{tmp_path}/mlflow.db", "tests")


def components(dropout: float = 0.5) -> dict[str, Any]:
    return {"version": fingerprint.VERSION, "settings": {"network": {"dropout": dropout}}}


def folder_of(store: tracking.Store, seed: int = 1) -> Path:
    return Path(store.uri.removeprefix("sqlite:///")).parent / "unfinished" / f"mlp100-seed{seed}"


def training_run(store: tracking.Store, seed: int = 1, dropout: float = 0.5) -> AbstractContextManager[Any]:
    folder = folder_of(store, seed)
    return tracking.training_run(store, "mlp100", seed, components(dropout), MEMBER, {"epochs": 2, "optimizer.name": "sgd"}, folder)


def run_once(store: tracking.Store, seed: int = 1, dropout: float = 0.5) -> str:
    with training_run(store, seed, dropout) as run:
        tracking.log_summary({"test_accuracy": 0.5})
    shutil.rmtree(folder_of(store, seed))  # as whoever trains does at the end
    return str(run.info.run_id)


def all_runs(store: tracking.Store) -> dict[str, Any]:
    view = mlflow.entities.ViewType.ALL
    return {run.info.run_id: run for run in mlflow.MlflowClient().search_runs([store.connect()], run_view_type=view)}


def test_the_experiment_says_what_it_is(store: tracking.Store) -> None:
    experiment = mlflow.MlflowClient(store.uri).get_experiment(store.connect())
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert experiment.tags["mlflow.note.content"] == "what this is"


def test_creating_a_store_again_keeps_its_runs(store: tracking.Store, tmp_path: Path) -> None:
    run_id = run_once(store)
    assert tracking.create_store(store, tmp_path, "other words") == store.connect()
    assert list(all_runs(store)) == [run_id]


def test_a_run_holds_what_the_contract_asks_for(store: tracking.Store, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    classifier = networks.build(Network((), 0, "dense", (4,), 0.0), np.zeros((32, 32, 3)), np.ones((32, 32, 3)))
    example = np.zeros((2, 32, 32, 3), np.float32)
    manifest = {"splits": {"train": {"sha256": "a" * 64}, "test": {"sha256": "b" * 64}}}
    with training_run(store, 3) as run:
        tracking.log_dataset(manifest, tmp_path / "data.npz")
        for epoch in (Epoch(1, 10, 2.0, 0.1, 1.9, 0.2, 0.5), Epoch(2, 20, 1.0, 0.4, 1.5, 0.5, 0.25)):
            tracking.log_history_row(epoch)
        tracking.log_summary({"test_accuracy": 0.5})
        tracking.log_figure(Figure(), "learning_curves")
        tracking.log_model(classifier.model, example, classifier.model(example).numpy())
    client = mlflow.MlflowClient()
    logged = client.get_run(run.info.run_id)
    assert (logged.info.run_name, logged.info.status) == ("mlp100-seed3", "FINISHED")
    mark = fingerprint.digest(components())
    expected = {"variant": "mlp100", "seed": "3", "fingerprint": mark, "comparison.depth": "Number of layers"}
    assert expected.items() <= logged.data.tags.items()
    assert logged.data.params == {"epochs": "2", "optimizer.name": "sgd", "seed": "3"}
    points = client.get_metric_history(run.info.run_id, "val_loss")
    assert [(point.step, point.value) for point in points] == [(10, 1.9), (20, 1.5)]
    assert {"train_loss", "train_accuracy", "val_accuracy", "seconds", "test_accuracy"} <= set(logged.data.metrics)
    assert {item.dataset.name: item.dataset.digest for item in logged.inputs.dataset_inputs} == {
        "cifar10-train": "a" * 36,
        "cifar10-test": "b" * 36,
    }
    assert [item.path for item in client.list_artifacts(run.info.run_id, "figures")] == ["figures/learning_curves.png"]
    model_id = logged.outputs.model_outputs[0].model_id
    loaded = mlflow.keras.load_model(f"models:/{model_id}")
    np.testing.assert_array_equal(loaded(example), classifier.model(example))
    signature = mlflow.models.get_model_info(f"models:/{model_id}").signature
    assert [spec.shape for spec in (signature.inputs.inputs[0], signature.outputs.inputs[0])] == [(-1, 32, 32, 3), (-1, 10)]
    assert mlflow.pyfunc.load_model(f"models:/{model_id}").predict(example).shape == (2, 10)


def test_a_finished_run_supersedes_the_former_one_and_no_other(store: tracking.Store) -> None:
    former, other = run_once(store), run_once(store, seed=2)
    newer = run_once(store, dropout=0.4)
    assert {run.info.run_id for run in tracking.active_runs(store.connect())} == {other, newer}
    kept = all_runs(store)[former]
    assert kept.info.lifecycle_stage == "deleted"
    assert kept.data.tags["superseded_by"] == newer
    assert kept.data.tags["superseded_because"] == "setting network.dropout: 0.5 -> 0.4"
    newest = run_once(store, dropout=0.4)
    assert all_runs(store)[newer].data.tags["superseded_because"] == "trained again from the same fingerprint"
    assert {run.info.run_id for run in tracking.active_runs(store.connect())} == {other, newest}


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("x"), "FAILED"), (InputError("x"), "FAILED"), (SystemExit(143), "KILLED"), (KeyboardInterrupt(), "KILLED")],
)
def test_a_run_that_ends_early_says_how_and_supersedes_nothing(error: BaseException, status: str, store: tracking.Store) -> None:
    former = run_once(store)
    with pytest.raises(type(error)), training_run(store, dropout=0.4) as run:
        raise error
    runs = all_runs(store)
    assert runs[run.info.run_id].info.status == status
    assert runs[former].info.lifecycle_stage == "active"
    run_once(store, dropout=0.3)
    runs = all_runs(store)
    assert runs[run.info.run_id].data.tags["superseded_because"] == f"it did not finish: {status}"
    assert runs[former].data.tags["superseded_because"] == "setting network.dropout: 0.5 -> 0.3"


ROWS = [Epoch(number, 10 * number, 1 / number, 0.1, 1.9, 0.2, 0.5) for number in range(1, 5)]


def test_a_training_that_goes_on_continues_its_run(store: tracking.Store) -> None:
    with pytest.raises(SystemExit), training_run(store) as begun:
        for row in ROWS[:2]:
            tracking.log_history_row(row)
        raise SystemExit(143)
    with training_run(store) as run:  # from a checkpoint that is one epoch ahead of what was tracked
        assert run.info.run_id == begun.info.run_id
        assert all_runs(store)[run.info.run_id].info.status == "RUNNING"
        logged = tracking.logged_iterations(run)
        assert logged == {row.iteration for row in ROWS[:2]}
        for row in ROWS[2:]:
            tracking.log_history_row(row)
        tracking.log_summary({"test_accuracy": 0.5})
        tracking.log_summary({"test_accuracy": 0.5})
    client = mlflow.MlflowClient()
    for name in ("seconds", "train_loss"):
        points = client.get_metric_history(run.info.run_id, name)
        assert [(point.step, point.value) for point in points] == [(row.iteration, getattr(row, name)) for row in ROWS]
    assert len(client.get_metric_history(run.info.run_id, "test_accuracy")) == 1
    assert {run_id: found.info.status for run_id, found in all_runs(store).items()} == {run.info.run_id: "FINISHED"}


def test_a_changed_training_does_not_continue_a_run(store: tracking.Store) -> None:
    with pytest.raises(SystemExit), training_run(store) as begun:
        raise SystemExit(143)
    with training_run(store, dropout=0.4) as run:
        assert run.info.run_id != begun.info.run_id


def test_a_run_left_running_is_closed_by_whoever_finds_its_folder(store: tracking.Store, tmp_path: Path) -> None:
    """Even if the training was killed before the store had answered with the run's id."""
    mlflow.set_tracking_uri(store.uri)
    tags = {"variant": "mlp100", "seed": "1"}

    def begin(token: str) -> str:
        run = mlflow.MlflowClient().create_run(store.connect(), tags={**tags, tracking.BEGUN_TAG: token})
        return str(run.info.run_id)

    left, elsewhere = [begin("a"), begin("b")], begin("c")
    folder = folder_of(store)
    unfinished.TrackedRun(store.uri, store.experiment, "a", "another", is_open=True).write(folder)
    assert unfinished.abandoned(tmp_path / "unfinished") == [folder]
    tracking.close_abandoned(folder)
    assert unfinished.abandoned(tmp_path / "unfinished") == []
    unfinished.TrackedRun(store.uri, store.experiment, "b", "another", is_open=True).write(folder)
    with training_run(store):
        statuses = {run_id: run.info.status for run_id, run in all_runs(store).items()}
    assert [statuses[run_id] for run_id in (*left, elsewhere)] == ["KILLED", "KILLED", "RUNNING"]


def test_a_training_goes_on_in_a_run_whose_id_it_never_learnt(store: tracking.Store) -> None:
    mlflow.set_tracking_uri(store.uri)
    tags = {"variant": "mlp100", "seed": "1", tracking.BEGUN_TAG: "a"}
    begun = mlflow.MlflowClient().create_run(store.connect(), tags=tags).info.run_id
    mark = fingerprint.digest(components())
    unfinished.TrackedRun(store.uri, store.experiment, "a", mark, is_open=True).write(folder_of(store))
    with training_run(store) as run:
        assert run.info.run_id == begun
    assert list(all_runs(store)) == [begun]


def test_a_run_left_running_that_the_store_has_lost(store: tracking.Store, tmp_path: Path) -> None:
    mark = fingerprint.digest(components())
    unfinished.TrackedRun(store.uri, store.experiment, "gone", mark, is_open=True).write(folder_of(store))
    run_id = run_once(store)
    assert list(all_runs(store)) == [run_id]
    assert unfinished.abandoned(tmp_path / "unfinished") == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"uri": "of an earlier version"}'])
def test_a_record_that_cannot_be_read_stops_nothing(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "unfinished" / "mlp100-seed1"
    folder.mkdir(parents=True)
    for name in (unfinished.RUN, unfinished.FAILURE):
        (folder / name).write_text(text)
    assert unfinished.tracked_run(folder) is None
    assert unfinished.failure_of(folder, "f") is None
    assert unfinished.abandoned(tmp_path / "unfinished") == []


def test_a_retired_run_says_why(store: tracking.Store) -> None:
    retired, other = run_once(store), run_once(store, seed=2)
    tracking.retire(store, "mlp100", 1, "it left the configuration")
    assert [run.info.run_id for run in tracking.active_runs(store.connect())] == [other]
    assert all_runs(store)[retired].data.tags["retired_because"] == "it left the configuration"


def test_two_runs_that_name_a_new_data_set_at_once(store: tracking.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try of the loser of MLflow's race; the first failure is put on, since the race cannot be timed."""
    real, calls = mlflow.log_input, []

    def loses_once(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) == 1:
            raise mlflow.exceptions.MlflowException("UNIQUE constraint failed")
        real(*args, **kwargs)

    monkeypatch.setattr(mlflow, "log_input", loses_once)
    with training_run(store) as run:
        tracking.log_dataset({"splits": {"train": {"sha256": "a" * 64}}}, tmp_path)
    assert len(mlflow.MlflowClient().get_run(run.info.run_id).inputs.dataset_inputs) == 1


def test_publishing_brings_tags_and_figures_and_takes_old_tags_away(store: tracking.Store, tmp_path: Path) -> None:
    run_id = run_once(store)
    (tmp_path / "mlp.svg").write_text("<svg/>")
    plan = tracking.Plan(store, {"mlp100": tracking.Membership("another label", {"mlp": "With an MLP"})})
    pages = tracking.publish(plan, {run_id: "mlp100"}, {"mlp": tmp_path / "mlp.svg"})
    tags = mlflow.MlflowClient().get_run(run_id).data.tags
    assert {key: value for key, value in tags.items() if key.startswith("comparison.")} == {"comparison.mlp": "With an MLP"}
    assert tags["mlflow.note.content"] == "another label"
    assert [item.path for item in mlflow.MlflowClient().list_artifacts(run_id, "figures")] == ["figures/mlp.svg"]
    assert pages == {
        "mlp": f"#/compare-runs?runs=%5B%22{run_id}%22%5D&experiments=%5B%22{store.connect()}%22%5D&workflowType=machine_learning"
    }


def test_publishing_leaves_out_a_run_that_was_tracked_elsewhere(
    store: tracking.Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = run_once(store)
    (tmp_path / "depth.svg").write_text("<svg/>")
    plan = tracking.Plan(store, {"mlp100": MEMBER, "conv3_1x1": MEMBER})
    pages = tracking.publish(plan, {"elsewhere": "conv3_1x1", run_id: "mlp100"}, {"depth": tmp_path / "depth.svg"})
    assert run_id in pages["depth"]
    assert "elsewhere" not in pages["depth"]
    assert "not published: runs of conv3_1x1" in caplog.text


def test_a_store_that_is_gone_is_not_made_anew_by_a_training(tmp_path: Path) -> None:
    store = tracking.Store(f"sqlite:///{tmp_path}/gone.db", "tests")
    with pytest.raises(InputError, match=r"gone\.db is gone.*--forcerun create_store"):
        store.connect()
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_the_experiment_is_an_error(store: tracking.Store) -> None:
    with pytest.raises(InputError, match="no active experiment 'another'"):
        tracking.Store(store.uri, "another").connect()


def test_the_plan_survives_its_file(store: tracking.Store, tmp_path: Path) -> None:
    plan = tracking.Plan(store, {"mlp100": MEMBER})
    plan.write(tmp_path / "plan.json")
    assert tracking.Plan.read(tmp_path / "plan.json") == plan
