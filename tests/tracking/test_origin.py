"""What a tracked run tells of where it comes from: its user, its source, its commit, and the data that its metrics are of."""

import getpass
import json
from dataclasses import replace
from pathlib import Path
from unittest import mock

import mlflow
from finished_runs import deliver, write_run
from mlflow.data.schema import TensorDatasetSchema

from convnets.files import write_json
from convnets.study.stores import Store
from convnets.tracking import delivery, finished_run
from convnets.tracking.connection import connect

COMMIT = "0123456789" * 4


def test_a_run_tells_its_user_and_its_source(store: Store, model: Path, tmp_path: Path) -> None:
    """As MLflow's own clients do. Whoever brings it again, or with other code, changes nothing."""
    finished = write_run(tmp_path, model)
    finished = replace(finished, record=replace(finished.record, commit=f"{COMMIT}-dirty"))
    run_id = deliver(store, finished)
    with mock.patch.object(finished_run.getpass, "getuser", return_value="another"):
        deliver(store, finished, again=True)
    tags = mlflow.MlflowClient(store.uri).get_run(run_id).data.tags
    expected = {"user": getpass.getuser(), "source.name": "scripts/train_variant.py", "source.type": "LOCAL"}
    expected |= {"source.git.commit": COMMIT, "git.dirty": "true"}
    assert {f"mlflow.{name}": value for name, value in expected.items()}.items() <= tags.items()


def test_a_run_of_code_without_a_commit_and_of_a_user_without_a_name(store: Store, model: Path, tmp_path: Path) -> None:
    with mock.patch.object(finished_run.getpass, "getuser", side_effect=KeyError):
        run_id = deliver(store, write_run(tmp_path, model))
    tags = mlflow.MlflowClient(store.uri).get_run(run_id).data.tags
    assert tags["mlflow.user"] == "unknown"
    assert not {"mlflow.source.git.commit", "mlflow.git.dirty"} & tags.keys()


def test_data_sets_have_a_schema_and_metrics_name_them(store: Store, model: Path, tmp_path: Path) -> None:
    """The manifest beside the run tells shapes; that of other data does not."""
    finished = write_run(tmp_path, model)
    splits = {name: {"sha256": digest, "images": 100} for name, digest in finished.record.data.items()}
    manifest = {"split_seed": 1, "shape": [32, 32, 3], "classes": ["a", "b"], "splits": splits}
    write_json(tmp_path / "data" / "manifest.json", manifest)
    run_id = deliver(store, finished)
    client = mlflow.MlflowClient(store.uri)
    for entry in client.get_run(run_id).inputs.dataset_inputs:
        assert [tag.value for tag in entry.tags] == [entry.dataset.name.removeprefix("cifar10-")]
        schema = TensorDatasetSchema.from_dict(json.loads(entry.dataset.schema))
        assert (schema.features.inputs[0].shape, schema.targets.inputs[0].shape) == ((-1, 32, 32, 3), (-1,))
        assert json.loads(entry.dataset.profile) == {"features_shape": [100, 32, 32, 3], "targets_shape": [100], "classes": 2}
    (logged,) = client.search_logged_models([connect(store).experiment])
    measured = {metric.key: (metric.dataset_name, metric.dataset_digest) for metric in logged.metrics}
    assert measured["test_accuracy"] == ("cifar10-test", "c" * 36)
    assert measured["best_val_accuracy"] == ("cifar10-validation", "b" * 36)
    assert measured["final_train_loss"] == ("cifar10-train", "a" * 36)
    assert measured["parameters"] == (None, None)
    splits["test"]["sha256"] = "d" * 64
    write_json(tmp_path / "data" / "manifest.json", manifest)
    assert [entry.dataset.schema for entry in delivery.data_sets(finished)] == [None, None, None]
