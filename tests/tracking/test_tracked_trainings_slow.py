"""Trainings tracked by an MLflow server on PostgreSQL, which fails, hangs, refuses and is killed meanwhile. Slow: minutes."""

import json
import queue
import shutil
import signal
import threading
from pathlib import Path

import pytest
from faulty_proxy import FaultyProxy
from finished_runs import all_runs, write_run
from images import split_of
from servers import MlflowServer
from tracked import FORMS, assert_whole, patience, proxy, publish, server, store, through
from trainings import Training, settings_with, write_data
from waiting import SECONDS, wait_until

from convnets.data.dataset import DatasetSettings
from convnets.study.stores import Membership, Store
from convnets.tracking import delivery
from convnets.tracking.connection import connect
from convnets.tracking.finished_run import Finished

__all__ = ["patience", "proxy", "server", "store"]

EPOCHS, TRAININGS = 40, 6
MANY = 160  # epochs, with more points than MLflow takes at once
SPLIT = split_of(64, 32, 32)


class Trainings:
    """Trainings of one variant from several seeds, with results in one folder and a common store."""

    def __init__(self, folder: Path, batches: Path, store: Store, epochs: int = EPOCHS) -> None:
        self._folder, self._store, self._epochs = folder, store, epochs
        write_data(folder, batches, DatasetSettings(0.1, 1, (64, 32, 32)))

    def __getitem__(self, seed: int) -> Training:
        member = Membership("an MLP", {})
        settings = settings_with(epochs=self._epochs)
        return Training(self._folder, settings, self._folder, SPLIT, self._store, variant="mlp", seed=seed, member=member)


@pytest.mark.parametrize("mode", ["delay", "drop", 403])
def test_a_training_ends_well_whatever_the_server_does(
    mode: str | int,
    proxy: FaultyProxy,
    store: Store,
    tmp_path: Path,
    real_batches: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is slow is not waited for: a delivery would be forty calls of 3 s."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    trainings = Trainings(tmp_path, real_batches, through(proxy, store))
    connect(store)
    proxy.mode, proxy.seconds = mode, 3.0
    training = trainings[1]
    training.finish(within=None)
    log = training.log()
    assert "Traceback" not in log
    assert log.count("finished, and not tracked yet: the tracking store") == 1
    assert not any(form in log for form in FORMS)
    assert proxy.requests
    run = Finished.read(training.run)
    assert [epoch.epoch for epoch in run.history] == list(range(1, EPOCHS + 1))
    proxy.mode = "pass"
    assert publish(through(proxy, store), [run], tmp_path).problem == ""
    assert_whole(store, Finished.read(run.folder))
    assert len(all_runs(store)) == 1


def test_a_training_that_is_asked_to_stop_when_all_is_written_has_ended_well(
    proxy: FaultyProxy, store: Store, tmp_path: Path, real_batches: Path
) -> None:
    """While it waits for a server that does not answer; to exit as if it had failed would make Snakemake remove the run."""
    trainings = Trainings(tmp_path, real_batches, through(proxy, store))
    connect(store)
    proxy.mode, proxy.seconds = "delay", SECONDS
    training = trainings[1]
    process = training.start(within=60)
    wait_until((training.run / "stamp.json").is_file, "the run is written", process=process, pause=0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=SECONDS) == 0
    assert "asked to stop when finished" in training.log()
    assert not training.unfinished.exists()
    run = Finished.read(training.run)
    assert publish(store, [run], tmp_path).problem == ""
    assert_whole(store, Finished.read(run.folder))


def test_credentials_reach_the_server_and_nothing_else(
    server: MlflowServer,
    proxy: FaultyProxy,
    store: Store,
    model: Path,
    tmp_path: Path,
    real_batches: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A training tracked behind a password, and a run behind a token: neither files nor database hold them."""
    connect(store)
    trainings = Trainings(tmp_path, real_batches, through(proxy, store))
    proxy.password = "hunter2"
    trainings[1].finish(within=None)
    assert "finished, and not tracked yet: the tracking store" in trainings[1].log()
    assert not all_runs(store)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    trainings[2].finish()
    assert "not tracked" not in trainings[2].log()
    run = Finished.read(trainings[2].run)
    assert_whole(store, run)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hunter2")
    run = write_run(tmp_path, model)
    assert publish(through(proxy, store), [run], tmp_path).problem == ""
    assert_whole(store, run)
    rows = server.everything()
    assert run.record.training in rows
    assert not any(form in rows for form in FORMS)
    written = [path for folder in (tmp_path, server.folder) for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "model_card.md" for path in written)
    assert [path for path in written for form in FORMS if form.encode() in path.read_bytes()] == []


class Kills:
    """Kills the server when each chosen seed is about to log for the first time, whose request is lost.

    While there is no server, requests wait for it, so that what becomes of the other trainings does not depend on their speed.
    """

    def __init__(self, server: MlflowServer, chosen: set[int]) -> None:
        self.killed: queue.Queue[int] = queue.Queue()
        self._server, self._chosen = server, chosen
        self._seeds: dict[str, int] = {}
        self._up, self._lock = threading.Event(), threading.Lock()
        self._up.set()

    def __call__(self, path: str, body: bytes) -> bool:
        with self._lock:
            assert self._up.wait(SECONDS)
            if not path.endswith("/runs/log-batch"):
                return False
            batch = json.loads(body)
            for param in batch.get("params", []):
                if param["key"] == "seed":
                    self._seeds[batch["run_id"]] = int(param["value"])
            seed = self._seeds.get(batch["run_id"], 0)
            if seed not in self._chosen:
                return False
            self._chosen.remove(seed)
            self._up.clear()
            self._server.kill()
        self.killed.put(seed)
        return True

    def restart(self) -> None:
        self._server.start()
        self._up.set()


def test_several_trainings_at_once_while_the_server_is_killed_twice(
    server: MlflowServer, proxy: FaultyProxy, store: Store, tmp_path: Path, real_batches: Path
) -> None:
    """Each with over a thousand points. One that missed the server delivers itself when it returns; publishing does the rest.

    The second one whose points find the server killed begins when it is up again after the first, so that it meets no other end of
    it. A request of any other that was under way when it was killed is lost too; if it is a delivery's, publishing does that.
    """
    trainings = Trainings(tmp_path, real_batches, through(proxy, store), MANY)
    connect(store)
    proxy.hook = kills = Kills(server, {1, TRAININGS})
    processes = {seed: trainings[seed].start() for seed in range(1, TRAININGS)}

    def log(seed: int) -> str:
        return trainings[seed].log()

    for chosen in (1, TRAININGS):
        if chosen not in processes:
            processes[chosen] = trainings[chosen].start()
        assert kills.killed.get(timeout=SECONDS) == chosen
        wait_until(lambda: "not tracked for now" in log(chosen), "a training misses the server", process=processes[chosen])  # noqa: B023
        kills.restart()
    for seed, process in processes.items():
        assert process.wait(timeout=SECONDS) == 0, log(seed)
        assert "Traceback" not in log(seed)
        assert "tracked again in" in log(seed) or seed not in (1, TRAININGS)
    assert "not tracked yet" not in log(TRAININGS)
    runs = [Finished.read(trainings[seed].run) for seed in processes]
    assert_whole(store, runs[-1])
    assert publish(store, runs, tmp_path).problem == ""
    assert len(all_runs(store)) == TRAININGS
    for run in runs:
        assert len(run.points()) > delivery.POINTS_PER_CALL
        assert_whole(store, Finished.read(run.folder))
    shutil.rmtree(tmp_path / "results")
