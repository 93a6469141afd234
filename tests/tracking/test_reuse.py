"""Reuse of what was delivered to a real SQLite store: fetched, checked by digest, refused when anything is wrong."""

from pathlib import Path
from typing import Any

import mlflow
import pytest
from finished_runs import BEGAN, MEMBER, all_runs, deliver, write_run

from convnets.freshness import stamps
from convnets.runs import layout
from convnets.study import stores
from convnets.study.stores import Store
from convnets.tracking import delivery, reuse
from convnets.tracking.connection import connect
from convnets.tracking.finished_run import Finished, Identity


def fetch(store: Store, finished: Finished, folder: Path, **changes: Any) -> bool:
    metrics = finished.metrics
    wanted = {"variant": metrics.variant, "seed": metrics.seed, "fingerprint": metrics.fingerprint, **changes}
    return reuse.fetch(store, **wanted, folder=folder)


def test_a_finished_run_is_fetched_with_all_its_files(store: Store, model: Path, tmp_path: Path) -> None:
    finished = write_run(tmp_path, model)
    run_id = deliver(store, finished)
    folder = tmp_path / "clone" / "runs" / "mlp100" / "seed1"
    assert fetch(store, finished, folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*layout.RUN_FILES, stamps.STAMP, stores.TRACKED])
    fetched = Finished.read(folder)
    assert (fetched.metrics, fetched.record) == (Finished.read(finished.folder).metrics, finished.record)
    assert fetched.metrics.mlflow_run_id == run_id
    assert stamps.damage(folder / stamps.STAMP, fetched.stamp) == []
    assert stores.is_tracked(folder, store, finished.metrics.fingerprint)


def test_a_run_of_another_name_becomes_one_of_its_own(store: Store, model: Path, tmp_path: Path) -> None:
    finished = write_run(tmp_path, model)
    run_id = deliver(store, finished)
    folder = tmp_path / "clone"
    assert fetch(store, finished, folder, variant="another")
    fetched = Finished.read(folder)
    assert (fetched.metrics.variant, fetched.metrics.mlflow_run_id) == ("another", None)
    assert fetched.history == finished.history
    assert stamps.damage(folder / stamps.STAMP, fetched.stamp) == []
    assert not stores.is_tracked(folder, store, finished.metrics.fingerprint)
    assert deliver(store, fetched) != run_id
    statuses = {run.data.tags["variant"]: run.info.status for run in connect(store).runs()}
    assert statuses == {"mlp100": "FINISHED", "another": "FINISHED"}


def test_one_that_was_begun_meanwhile_is_superseded(store: Store, model: Path, tmp_path: Path) -> None:
    """As when a setting was changed, a training begun and stopped, and the setting changed back."""
    finished = write_run(tmp_path, model)
    run_id = deliver(store, finished)
    begun = Identity("mlp100", 1, "e" * 64, "token", BEGAN)
    other = delivery.open_run(connect(store), begun, MEMBER, {}).info.run_id
    assert fetch(store, finished, tmp_path / "clone")
    assert [run.info.run_id for run in connect(store).runs(variant="mlp100", seed=1)] == [run_id]
    assert all_runs(store)[other].data.tags["superseded_by"] == run_id


@pytest.mark.parametrize("change", [{"fingerprint": "f" * 64}, {"seed": 2}])
def test_another_run_is_not_fetched(change: dict[str, Any], store: Store, model: Path, tmp_path: Path) -> None:
    finished = write_run(tmp_path, model)
    deliver(store, finished)
    assert not fetch(store, finished, tmp_path / "clone", **change)
    assert not (tmp_path / "clone").exists()


def test_a_run_that_is_not_finished_is_not_fetched(store: Store, model: Path, tmp_path: Path) -> None:
    finished = write_run(tmp_path, model)
    mlflow.MlflowClient(store.uri).set_terminated(deliver(store, finished), "KILLED")
    assert not fetch(store, finished, tmp_path / "clone")


@pytest.mark.parametrize("name", [*layout.RUN_FILES, stamps.STAMP])
@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_what_is_incomplete_or_corrupt_is_refused(
    name: str, damage: str, store: Store, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    finished = write_run(tmp_path, model)
    run_id = deliver(store, finished)
    run = all_runs(store)[run_id]
    artifact = Path(run.info.artifact_uri.removeprefix("file://")) / "files" / name
    content = artifact.read_bytes()
    artifact.unlink()
    if damage == "changed":
        mark = finished.metrics.fingerprint.encode()
        artifact.write_bytes(content.replace(b"0.5", b"0.6").replace(mark, b"f" * 64)[:-1] + b" ")
    folder = tmp_path / "clone"
    assert not fetch(store, finished, folder)
    assert list(folder.iterdir()) == []
    assert "mlp100, seed 1: not fetched, so it is trained: " in caplog.text


def test_a_stamp_that_contradicts_itself_is_refused(
    store: Store, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One whose fingerprint is the wanted one, and which says that the run was made from something else."""
    finished = write_run(tmp_path, model)
    run_id = deliver(store, finished)
    stamp = Path(all_runs(store)[run_id].info.artifact_uri.removeprefix("file://")) / "files" / stamps.STAMP
    stamp.write_text(stamp.read_text().replace('"dropout": 0.5', '"dropout": 0.4'))
    assert not fetch(store, finished, tmp_path / "clone")
    assert "the stamp contradicts itself" in caplog.text


def test_a_store_that_is_away_is_no_obstacle(model: Path, tmp_path: Path) -> None:
    finished = write_run(tmp_path, model)
    assert not fetch(Store("sqlite:////nowhere/mlflow.db", "tests"), finished, tmp_path / "clone")
