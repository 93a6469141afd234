"""Bugs of MLflow: each test shows the bug of the installed version, then that the work-around cures it.

Where the bug is gone, the test fails: the work-around is no longer needed.
"""

import importlib.util
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import mlflow
import mlflow.store.db.utils
import mlflow.store.tracking.sqlalchemy_store
import numpy as np
import pytest
from mlflow.entities import Dataset, DatasetInput
from mlflow.exceptions import MlflowException

from convnets.networks import builders
from convnets.study.stores import Store
from convnets.tracking.connection import connect
from convnets.workarounds import for_mlflow

GONE = "no longer needed: remove this work-around"


@pytest.fixture
def client(store: Store) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(store.uri)


@pytest.fixture
def run_id(store: Store) -> str:
    connection = connect(store)
    return str(connection.client.create_run(connection.experiment).info.run_id)


def as_installed(module: ModuleType) -> ModuleType:
    """Return a fresh copy of a module, in which nothing was changed since it was imported."""
    spec = importlib.util.find_spec(module.__name__)
    assert spec
    assert spec.loader
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


def test_mlflow_tries_for_minutes_to_connect_to_a_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pauses = list[float]()
    (tmp_path / "mlflow.db").mkdir()
    monkeypatch.setattr("time.sleep", pauses.append)

    def connect(utils: ModuleType) -> float:
        pauses.clear()
        with pytest.raises(Exception, match="unable to open database file"):
            utils.create_sqlalchemy_engine_with_retry(f"sqlite:///{tmp_path}/mlflow.db")
        return sum(pauses)

    assert connect(as_installed(mlflow.store.db.utils)) > 60, GONE
    for_mlflow.connect_once()
    assert connect(mlflow.store.db.utils) == 0


def test_a_store_that_was_moved_has_lost_its_artifacts(template: Path, tmp_path: Path) -> None:
    for folder in ("as installed", "cured"):
        before, after = tmp_path / folder / "before", tmp_path / folder / "after"
        before.mkdir(parents=True)
        shutil.copy(template / "mlflow.db", before)
        client = mlflow.MlflowClient(f"sqlite:///{before}/mlflow.db")
        run = client.create_run(client.create_experiment("moved", f"{before.as_uri()}/artifacts"))
        client.log_text(run.info.run_id, "text", "file.txt")
        before.rename(after)
        moved = mlflow.MlflowClient(f"sqlite:///{after}/mlflow.db")
        if folder == "cured":
            for_mlflow.move_artifacts(after / "mlflow.db", f"{before.as_uri()}/artifacts", f"{after.as_uri()}/artifacts")
        found = [file.path for file in moved.list_artifacts(run.info.run_id)]
        assert found == (["file.txt"] if folder == "cured" else []), GONE


def test_keras_models_with_an_input_example_cannot_be_saved(model: Path, tmp_path: Path) -> None:
    example, loaded = np.zeros((1, 32, 32, 3), np.float32), builders.load(model)
    signature = mlflow.models.infer_signature(example, loaded.predict(example, verbose=0))

    def save(folder: Path) -> None:
        mlflow.keras.save_model(loaded, str(folder), signature=signature, input_example=example, pip_requirements=["keras"])

    try:
        save(tmp_path / "as installed")
    except FileNotFoundError:
        pass
    else:
        pytest.fail(GONE)
    for_mlflow.make_model_folder(tmp_path / "cured")
    save(tmp_path / "cured")
    assert mlflow.models.Model.load(str(tmp_path / "cured")).saved_input_example_info


@pytest.fixture
def another_inserts(client: mlflow.MlflowClient, store: Store, monkeypatch: pytest.MonkeyPatch) -> DatasetInput:
    """Return a data set that another process inserts between the query of the next `log_inputs` and its own insertion."""
    wanted = DatasetInput(Dataset("cifar10", "digest", "local", "{}"), [])
    other = connect(store).client.create_run(connect(store).experiment).info.run_id
    races: Iterator[bool] = iter([True])
    make_id = uuid.uuid4

    def new_id() -> uuid.UUID:
        if next(races, False):
            client.log_inputs(other, [wanted])
        return make_id()

    module = mlflow.store.tracking.sqlalchemy_store
    monkeypatch.setattr(module.uuid, "uuid4", new_id)
    return wanted


def test_logging_a_data_set_fails_if_another_process_does_so_too(
    client: mlflow.MlflowClient, run_id: str, another_inserts: DatasetInput
) -> None:
    try:
        client.log_inputs(run_id, [another_inserts])
    except MlflowException:
        return
    pytest.fail(GONE)


def test_a_data_set_that_another_process_has_logged_is_logged(
    client: mlflow.MlflowClient, run_id: str, another_inserts: DatasetInput
) -> None:
    for_mlflow.log_inputs(client, run_id, [another_inserts])
    assert [item.dataset.name for item in client.get_run(run_id).inputs.dataset_inputs] == ["cifar10"]


def test_no_call_saves_a_view_which_the_interface_reads_from_a_tag() -> None:
    """What a browser shows of saved views is tested in test_browser_slow.py."""
    assert not [name for name in dir(mlflow.MlflowClient) if "view" in name.lower()], GONE
    scripts = Path(mlflow.__file__).parent / "server" / "js" / "build" / "static" / "js"
    (main,) = scripts.glob("main.*.js")
    texts = main.read_text(encoding="utf-8")
    for name in (for_mlflow.VIEW_TAG, "viewStateShareKey", "deflate;", "compareRunSections", "compareRunCharts", "columnOrder"):
        assert name in texts, f"the interface has another format of views: {name} is not in it"
