"""Tracking against real parts: an MLflow server on PostgreSQL, behind a proxy that fails, killed, started again. Slow: minutes."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from conftest import ROOT
from faulty_proxy import FaultyProxy, faulty_proxy
from finished_runs import MEMBER, all_runs, epochs, points, write_run
from servers import MlflowServer, mlflow_server, postgres
from waiting import SECONDS, wait_until

from convnets import dataset, delivery, files, fingerprint, following, publishing, records, reuse, tracking
from convnets.delivery import Finished, Identity
from convnets.following import Follower, followed
from convnets.settings import from_dict
from convnets.stores import Membership, Plan, Store

EPOCHS, TRAININGS = 400, 16
SPLIT = {"validation_fraction": 0.1, "split_seed": 1, "subset": [64, 32, 32]}
SETTINGS: dict[str, Any] = {
    "network": {"filters": [], "kernel_size": 0, "head": "dense", "dense_units": [4], "dropout": 0.5},
    "training": {
        "epochs": EPOCHS,
        "batch_size": 32,
        "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.0},
        "precision": "float32",
        "augmentation": {"horizontal_flip": False, "channel_offset": 0.0},
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    folder = tmp_path_factory.mktemp("server")
    with postgres() as database, mlflow_server(folder, database) as started:
        yield started


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a server that works all the time it needs on a busy machine; calls are not repeated here either."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(int(SECONDS)))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def proxy(server: MlflowServer) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.port) as started:
        yield started


@pytest.fixture
def store(server: MlflowServer, request: pytest.FixtureRequest) -> Store:
    """An experiment of the test's own on the server."""
    return Store(server.uri, request.node.name)


def through(proxy: FaultyProxy, store: Store) -> Store:
    return Store(proxy.uri, store.experiment)


def publish(store: Store, runs: list[Finished], folder: Path) -> publishing.Published:
    plan = Plan(store, False, {run.metrics.variant: Membership("a label", {}) for run in runs})
    return publishing.publish(plan, [run.folder for run in runs], {}, folder / "unfinished")


def assert_whole(store: Store, run: Finished) -> None:
    """Check that the store has the run once, FINISHED, with each point once and at its time."""
    tracked = [found for found in all_runs(store).values() if found.info.lifecycle_stage == "active"]
    (there,) = [found for found in tracked if found.data.tags["training"] == run.record.training]
    assert there.info.status == "FINISHED"
    for name in (*delivery.HISTORY_COLUMNS, *delivery.SYSTEM_METRICS, *records.NUMBER_COLUMNS):
        wanted = sorted((point.step, point.value, point.timestamp) for point in run.points() if point.key == name)
        assert points(store, there.info.run_id, name) == wanted
    assert len(delivery.models_of(tracking.connect(store), there.info.run_id)) == 1


@pytest.mark.parametrize("mode", ["drop", "lose", "delay", 401, 403, 500, 503])
def test_whatever_a_server_does_a_run_arrives_once(
    mode: str | int, proxy: FaultyProxy, store: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it fails, all is pending and said in one line; when it works again, all is there, once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "4")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    run = write_run(tmp_path, model, count=50)
    tracking.connect(store)  # the experiment is there when the server begins to fail
    proxy.mode, proxy.seconds = mode, 8.0
    started = time.monotonic()
    published = publish(through(proxy, store), [run], tmp_path)
    assert time.monotonic() - started < 120
    assert list(published.pending) == ["mlp100/seed1"]
    assert published.problem.startswith(f"the tracking store {proxy.uri} cannot be used: ")
    assert "\n" not in published.problem
    assert "hunter2" not in published.problem
    assert proxy.requests
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(int(SECONDS)))
    proxy.mode = "pass"
    assert publish(through(proxy, store), [run], tmp_path).problem == ""
    assert_whole(store, run)
    assert len(all_runs(store)) == 1


@pytest.mark.parametrize("mode", ["lose", "drop"])
@pytest.mark.parametrize("number", range(1, 14, 3))
def test_a_server_that_fails_in_the_middle_of_a_delivery(
    mode: str, number: int, proxy: FaultyProxy, store: Store, model: Path, tmp_path: Path
) -> None:
    """From the request with this number on. Where replies are lost, what was asked for was done."""
    run = write_run(tmp_path, model, count=20)
    tracking.connect(store)
    proxy.fails_from, proxy.mode = number, mode
    assert publish(through(proxy, store), [run], tmp_path).problem
    proxy.mode = "pass"
    assert publish(through(proxy, store), [Finished.read(run.folder)], tmp_path).problem == ""
    assert_whole(store, run)


def test_a_server_that_is_killed_is_followed_again_when_it_returns(
    server: MlflowServer, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "SHORTEST_PAUSE_S", 0.2)
    tracking.connect(store)  # creates the experiment, at which the test looks
    history, usage = epochs(6)
    follower = Follower(store, Identity("mlp100", 1, "f" * 64, "token", time.time()), MEMBER, {})
    with followed(follower):
        follower.tell(history[:2], usage[:2])
        wait_until(lambda: bool(all_runs(store)))
        (run_id,) = all_runs(store)
        wait_until(lambda: len(points(store, run_id, "seconds")) == 2)
        server.kill()
        follower.tell(history[:4], usage[:4])
        wait_until(lambda: "not tracked for now" in caplog.text)
        server.start()
        follower.tell(history, usage)
        wait_until(lambda: len(points(store, run_id, "seconds")) == 6)
    assert len(all_runs(store)) == 1


def test_a_lost_database_is_filled_again_and_a_clone_reuses_it(
    server: MlflowServer, store: Store, model: Path, tmp_path: Path
) -> None:
    """After database and artifacts are gone, the files fill them again; and whoever asks there gets the runs, checked."""
    run = write_run(tmp_path, model)
    assert publish(store, [run], tmp_path).problem == ""
    server.lose_everything()
    with pytest.raises(tracking.StoreError, match="has no experiment"):
        tracking.connect(store, create=False)
    assert publish(store, [Finished.read(run.folder)], tmp_path).problem == ""
    assert_whole(store, run)
    experiment = mlflow.MlflowClient(store.uri).get_experiment_by_name(store.experiment)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    clone = tmp_path / "clone" / "runs" / "mlp100" / "seed1"
    assert reuse.fetch(store, "mlp100", 1, run.metrics.fingerprint, clone)
    assert Finished.read(clone).history == run.history
    assert (clone / "model.keras").read_bytes() == (run.folder / "model.keras").read_bytes()


def prepare(folder: Path, batches: Path, store: Store) -> None:
    """Write what trainings need."""
    settings = dataset.DatasetSettings(0.1, 1, (64, 32, 32))
    prepared = dataset.prepare(batches, settings)
    dataset.save(prepared, folder / "data.npz")
    files.write_json(folder / "manifest.json", dataset.manifest(prepared, "here", settings))
    Plan(store, False, {"mlp": Membership("an MLP", {})}).write(folder / "plan.json")


def train(folder: Path, seed: int) -> "subprocess.Popen[bytes]":
    mark = fingerprint.digest(fingerprint.run_components(from_dict(SETTINGS), seed, SPLIT))
    command = [sys.executable, ROOT / "scripts" / "train_variant.py", "--variant", "mlp", "--seed", seed, "--fingerprint", mark]
    command += ["--settings", json.dumps(SETTINGS), "--dataset", folder / "data.npz", "--manifest", folder / "manifest.json"]
    command += ["--plan", folder / "plan.json", "--unfinished", folder / "unfinished" / f"mlp-seed{seed}"]
    command += ["--run", folder / "runs" / "mlp" / f"seed{seed}"]
    with (folder / f"log{seed}").open("w") as log:
        return subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)


@pytest.mark.parametrize("mode", ["delay", "drop", 403])
def test_a_training_ends_well_whatever_the_server_does(
    mode: str | int, proxy: FaultyProxy, store: Store, tmp_path: Path, real_batches: Path
) -> None:
    prepare(tmp_path, real_batches, through(proxy, store))
    tracking.connect(store)
    proxy.mode, proxy.seconds = mode, 0.3
    assert train(tmp_path, 1).wait(timeout=SECONDS) == 0
    log = (tmp_path / "log1").read_text()
    assert "Traceback" not in log
    assert ("finished, and not tracked yet: the tracking store" in log) == (mode != "delay")
    assert proxy.requests
    run = Finished.read(tmp_path / "runs" / "mlp" / "seed1")
    assert [epoch.epoch for epoch in run.history] == list(range(1, EPOCHS + 1))
    proxy.mode = "pass"
    assert publish(through(proxy, store), [run], tmp_path).problem == ""
    assert_whole(store, Finished.read(run.folder))
    assert len(all_runs(store)) == 1


def test_a_training_that_is_asked_to_stop_when_all_is_written_has_ended_well(
    proxy: FaultyProxy, store: Store, tmp_path: Path, real_batches: Path
) -> None:
    """While it waits for a server that does not answer; to exit as if it had failed would make Snakemake remove the run."""
    prepare(tmp_path, real_batches, through(proxy, store))
    tracking.connect(store)
    proxy.mode, proxy.seconds = "delay", SECONDS
    process, stamp = train(tmp_path, 1), tmp_path / "runs" / "mlp" / "seed1" / "stamp.json"
    wait_until(stamp.is_file, "the run is written", process=process, pause=0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=SECONDS) == 0
    assert "asked to stop when finished" in (tmp_path / "log1").read_text()
    assert not list((tmp_path / "unfinished").iterdir())
    run = Finished.read(stamp.parent)
    assert publish(store, [run], tmp_path).problem == ""
    assert_whole(store, Finished.read(run.folder))


def test_credentials_reach_the_server_and_nothing_else(
    server: MlflowServer, proxy: FaultyProxy, store: Store, tmp_path: Path, real_batches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training tracked behind a password: neither its files nor what is tracked of it hold the password."""
    tracking.connect(store)
    prepare(tmp_path, real_batches, through(proxy, store))
    proxy.password = "hunter2"
    assert train(tmp_path, 1).wait(timeout=SECONDS) == 0
    assert "401" in (tmp_path / "log1").read_text()
    assert not all_runs(store)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    assert train(tmp_path, 2).wait(timeout=SECONDS) == 0
    assert "not tracked" not in (tmp_path / "log2").read_text()
    run = Finished.read(tmp_path / "runs" / "mlp" / "seed2")
    assert_whole(store, run)
    assert "hunter2" not in str([found.to_dictionary() for found in all_runs(store).values()])
    written = [path for folder in (tmp_path, server.folder) for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "model_card.md" for path in written)
    assert [path for path in written if b"hunter2" in path.read_bytes()] == []


def test_sixteen_trainings_at_once_while_the_server_is_killed_twice(
    server: MlflowServer, store: Store, tmp_path: Path, real_batches: Path
) -> None:
    """Each with thousands of points. Whatever the trainings could not deliver themselves, publishing does.

    For each time, one training stands still until the server is gone, so that it has something to tell and nobody to tell it to.
    """
    prepare(tmp_path, real_batches, store)
    processes = {seed: train(tmp_path, seed) for seed in range(1, TRAININGS + 1)}

    def log(seed: int) -> str:
        return (tmp_path / f"log{seed}").read_text()

    held: list[int] = []

    def hold() -> bool:
        """Let two trainings that are under way stand still."""
        for path in tmp_path.glob("unfinished/mlp-seed*/checkpoint-*.npz"):
            seed = int(path.parent.name.removeprefix("mlp-seed"))
            if seed not in held and len(held) < 2 and 3 <= int(path.stem[-6:]) < EPOCHS // 2:
                processes[seed].send_signal(signal.SIGSTOP)
                held.append(seed)
        return len(held) == 2

    wait_until(hold, "two trainings are under way", pause=0.01)
    for seed in held:
        server.kill()
        processes[seed].send_signal(signal.SIGCONT)
        wait_until(lambda seed=seed: "not tracked for now" in log(seed), "a training misses the server", process=processes[seed])
        server.start()
    for seed, process in processes.items():
        assert process.wait(timeout=SECONDS) == 0, log(seed)
        assert "Traceback" not in log(seed)
    runs = [Finished.read(tmp_path / "runs" / "mlp" / f"seed{seed}") for seed in processes]
    assert publish(store, runs, tmp_path).problem == ""
    assert len(all_runs(store)) == TRAININGS
    for run in runs:
        assert len(run.points()) > 2000
        assert_whole(store, Finished.read(run.folder))
    shutil.rmtree(tmp_path / "runs")
