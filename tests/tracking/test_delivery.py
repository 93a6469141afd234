"""Delivery to a real SQLite store: all that the files say, once, whatever went before."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import mlflow
import numpy as np
import pytest
from finished_runs import BEGAN, MEMBER, all_runs, deliver, new_store, points, write_run

from convnets.freshness import stamps
from convnets.networks import builders
from convnets.runs import layout, records
from convnets.study import stores
from convnets.study.stores import Store
from convnets.tracking import delivery, finished_run, logged_models
from convnets.tracking.connection import StoreError, connect
from convnets.tracking.finished_run import Finished


def test_a_run_holds_what_the_contract_asks_for(store: Store, model: Path, tmp_path: Path) -> None:
    finished = write_run(tmp_path, model, seed=3)
    run_id = deliver(store, finished, is_presented=True)
    client = mlflow.MlflowClient(store.uri)
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("mlp100-seed3", "FINISHED")
    assert (run.info.start_time, run.info.end_time) == (BEGAN * 1000, (BEGAN + 30) * 1000)
    mark = finished.metrics.fingerprint
    expected = {"variant": "mlp100", "seed": "3", "fingerprint": mark, "comparison.depth": "Number of layers"}
    assert expected.items() <= run.data.tags.items()
    assert run.data.params == {key: str(value) for key, value in finished.params.items()} | {"seed": "3"}
    assert points(store, run_id, "val_loss") == [(10 * n, 1.9 / n, (BEGAN + 10 * n) * 1000) for n in (1, 2, 3)]
    assert points(store, run_id, "system/process_memory_usage_megabytes")[1][1] == pytest.approx((2**30 + 2) / 1e6)
    summary = {name: value for name, value in run.data.metrics.items() if name in records.NUMBER_COLUMNS}
    assert summary == finished.metrics.numbers()
    assert {item.dataset.name: item.dataset.digest for item in run.inputs.dataset_inputs} == {
        "cifar10-train": "a" * 36,
        "cifar10-validation": "b" * 36,
        "cifar10-test": "c" * 36,
    }
    names = {item.path for folder in (None, "figures", "files") for item in client.list_artifacts(run_id, folder)}
    assert names >= {"model_card.md", "fingerprint.json", "figures/learning_curves.png", "figures/confusion_matrix.png"}
    assert names >= {f"files/{name}" for name in (*layout.RUN_FILES, stamps.STAMP)}
    assert json.loads((finished.folder / "metrics.json").read_text())["mlflow_run_id"] == run_id
    assert stores.is_tracked(finished.folder, store, mark)
    assert not stores.is_tracked(finished.folder, Store(store.uri, "another"), mark)


def test_the_model_can_be_used_from_the_store(store: Store, model: Path, tmp_path: Path) -> None:
    run_id = deliver(store, write_run(tmp_path, model))
    (logged,) = mlflow.MlflowClient(store.uri).get_run(run_id).outputs.model_outputs
    uri = f"models:/{logged.model_id}"
    images = np.random.default_rng(0).integers(256, size=(4, 32, 32, 3)).astype(np.float32)
    expected = builders.load(model)(images).numpy()
    np.testing.assert_array_equal(mlflow.keras.load_model(uri)(images), expected)
    np.testing.assert_allclose(mlflow.pyfunc.load_model(uri).predict(images), expected, rtol=1e-6)
    info = mlflow.models.get_model_info(uri)
    shapes = [info.signature.inputs.inputs[0].shape, info.signature.outputs.inputs[0].shape]
    assert shapes == [(-1, 32, 32, 3), (-1, 10)]
    assert info.saved_input_example_info is not None


def test_delivering_again_changes_nothing(store: Store, model: Path, tmp_path: Path) -> None:
    finished = write_run(tmp_path, model)
    run_id = deliver(store, finished)
    before = all_runs(store)[run_id].to_dictionary()
    assert deliver(store, Finished.read(finished.folder)) == run_id
    assert list(all_runs(store)) == [run_id]
    assert all_runs(store)[run_id].to_dictionary() == before


def test_files_that_were_made_again_take_the_place_of_those_delivered(
    store: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of a training that was killed when it had been delivered, and that went on with its token after its files went.

    Their first delivery is cut off.
    """
    finished = write_run(tmp_path, model)
    run_id = deliver(store, finished)
    again = write_run(tmp_path, model)
    records.write_record(again.folder / layout.RECORD, replace(again.record, training=finished.record.training, threads=11))
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "log_points", mock.Mock(side_effect=ConnectionError("the server went away")))
        with pytest.raises(StoreError, match="the server went away"):
            deliver(store, Finished.read(again.folder))
    assert deliver(store, Finished.read(again.folder)) == run_id
    assert all_runs(store)[run_id].info.status == "FINISHED"
    assert delivery.missing(connect(store), run_id, again.folder) == []
    delivered = mlflow.artifacts.load_dict(f"{all_runs(store)[run_id].info.artifact_uri}/files/{layout.RECORD}")
    assert delivered["threads"] == 11
    assert len(points(store, run_id, "val_loss")) == 3


CALLS = [
    *("log_batch", "log_inputs", "log_artifact", "log_artifacts", "create_logged_model", "log_outputs", "log_model_artifacts"),
    "set_terminated",
]


def models_in(store: Store) -> list[Any]:
    """Return every model of the experiment that is not deleted, whatever has become of it."""
    connection = connect(store)
    return list(connection.client.search_logged_models([connection.experiment]))


@pytest.mark.parametrize("call", ["create_logged_model", "log_outputs"])
def test_a_call_that_was_carried_out_although_it_failed_leaves_one_model(
    call: str, store: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = write_run(tmp_path, model)
    carry_out = getattr(mlflow.MlflowClient, call)

    def lost(*arguments: Any, **options: Any) -> None:
        carry_out(*arguments, **options)
        raise ConnectionError("the reply was lost")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, call, lost)
        with pytest.raises(StoreError, match="the reply was lost"):
            deliver(store, finished)
    run_id = deliver(store, Finished.read(finished.folder))
    (logged,) = models_in(store)
    assert logged.status == "READY"
    assert [output.model_id for output in all_runs(store)[run_id].outputs.model_outputs] == [logged.model_id]


def test_of_models_that_were_begun_twice_one_remains(store: Store, model: Path, tmp_path: Path) -> None:
    finished = write_run(tmp_path, model)
    connection = connect(store)
    run = delivery.open_run(connection, finished.identity, MEMBER, finished.params)
    for _ in range(2):
        connection.client.create_logged_model(connection.experiment, "model", run.info.run_id)
    deliver(store, finished)
    assert [logged.status for logged in models_in(store)] == ["READY"]


def test_a_model_that_a_user_has_deleted_is_no_model_of_its_run(store: Store, model: Path, tmp_path: Path) -> None:
    run_id = deliver(store, write_run(tmp_path, model))
    (logged,) = models_in(store)
    mlflow.MlflowClient(store.uri).delete_logged_model(logged.model_id)
    run = all_runs(store)[run_id]
    assert run.outputs.model_outputs  # MLflow keeps the link
    assert logged_models.of_run(connect(store), run.info.run_id) == []


@pytest.mark.parametrize("broken", CALLS)
def test_a_delivery_that_was_cut_off_is_completed_without_doubling_anything(
    broken: str, store: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = write_run(tmp_path, model)

    def gone(*_: object, **__: object) -> None:
        raise ConnectionError("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, broken, gone)
        with pytest.raises(StoreError, match="cannot be used: the server went away"):
            deliver(store, finished)
    (begun,) = all_runs(store).values()
    assert begun.info.status == "RUNNING"
    assert not stores.is_tracked(finished.folder, store, finished.metrics.fingerprint)
    assert deliver(store, Finished.read(finished.folder)) == begun.info.run_id
    (run,) = all_runs(store).values()
    assert run.info.status == "FINISHED"
    for name in (*finished_run.HISTORY_COLUMNS, *finished_run.SYSTEM_METRICS):
        assert len(points(store, run.info.run_id, name)) == 3
    for name in records.NUMBER_COLUMNS:
        assert len(points(store, run.info.run_id, name)) == 1
    assert len(logged_models.of_run(connect(store), run.info.run_id)) == 1
    assert len(run.inputs.dataset_inputs) == 3


def test_a_run_that_is_new_supersedes_the_former_one_and_no_other(store: Store, model: Path, tmp_path: Path) -> None:
    former, other = deliver(store, write_run(tmp_path, model)), deliver(store, write_run(tmp_path, model, seed=2))
    newer = deliver(store, write_run(tmp_path, model, dropout=0.4))
    assert {run.info.run_id for run in connect(store).runs()} == {other, newer}
    kept = all_runs(store)[former]
    assert kept.info.lifecycle_stage == "deleted"
    assert kept.data.tags["superseded_by"] == newer
    assert kept.data.tags["superseded_because"] == "setting network.dropout: 0.5 -> 0.4"
    newest = deliver(store, write_run(tmp_path, model, dropout=0.4))
    assert all_runs(store)[newer].data.tags["superseded_because"] == "trained again from the same fingerprint"
    assert {run.info.run_id for run in connect(store).runs()} == {other, newest}


def test_the_same_files_go_to_any_number_of_stores(store: Store, model: Path, tmp_path: Path) -> None:
    finished = write_run(tmp_path, model)
    first = deliver(store, finished)
    (tmp_path / "second").mkdir()
    second = new_store(tmp_path / "second")
    other = deliver(second, Finished.read(finished.folder))
    assert other != first
    assert points(second, other, "val_loss") == points(store, first, "val_loss")
    assert all_runs(second)[other].info.start_time == all_runs(store)[first].info.start_time
    assert deliver(store, Finished.read(finished.folder)) == first
    assert Finished.read(finished.folder).metrics.mlflow_run_id == first


def test_two_runs_that_name_new_data_at_once(store: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try of the loser of MLflow's race; the first failure is put on, since the race cannot be timed."""
    real, calls = mlflow.MlflowClient.log_inputs, []

    def loses_once(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) == 1:
            raise mlflow.exceptions.MlflowException("UNIQUE constraint failed")
        real(*args, **kwargs)

    monkeypatch.setattr(mlflow.MlflowClient, "log_inputs", loses_once)
    run_id = deliver(store, write_run(tmp_path, model))
    assert len(all_runs(store)[run_id].inputs.dataset_inputs) == 3


@pytest.mark.parametrize(
    ("lost", "is_cut_off"),
    [
        *((name, False) for name in ("files/history.csv", "figures", "model_card.md", "fingerprint.json", "model")),
        *((name, True) for name in ("files/history.csv", "model_card.md", "model/data/model.keras")),
    ],
)
def test_what_a_store_has_lost_is_found_and_brought_again(
    lost: str, is_cut_off: bool, store: Store, model: Path, tmp_path: Path
) -> None:
    finished = write_run(tmp_path, model)
    run_id = deliver(store, finished)
    connection = connect(store)
    assert delivery.missing(connection, run_id, finished.folder) == []
    (logged,) = logged_models.of_run(connection, run_id)
    artifacts = Path(all_runs(store)[run_id].info.artifact_uri.removeprefix("file://"))
    of_model, weights = Path(logged.artifact_location.removeprefix("file://")), lost.removeprefix("model").removeprefix("/")
    path = of_model / weights if lost.split("/")[0] == "model" else artifacts / lost
    if is_cut_off:
        path.write_bytes(b"")
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    found = delivery.missing(connection, run_id, finished.folder)
    assert found
    assert all(name.startswith(lost.split("/data")[0]) for name in found)
    assert deliver(store, finished, again=True) == run_id
    assert delivery.missing(connection, run_id, finished.folder) == []
    (logged,) = logged_models.of_run(connection, run_id)
    assert mlflow.keras.load_model(f"models:/{logged.model_id}").count_params() == 12_342
    assert len(points(store, run_id, "val_loss")) == 3
