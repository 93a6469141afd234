"""Tracking against real parts: an MLflow server on PostgreSQL, behind a proxy that fails, killed, started again. Slow: minutes."""

import json
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from conftest import ROOT
from disks import filled, mounted
from faulty_proxy import FaultyProxy, faulty_proxy
from finished_runs import MEMBER, all_runs, epochs, points, write_run
from servers import MlflowServer, mlflow_server, postgres
from waiting import SECONDS, wait_until

from convnets import audit, configuration, dataset, delivery, files, fingerprint, following, publishing, records, reuse, tracking
from convnets.delivery import Finished, Identity
from convnets.following import Follower, followed
from convnets.settings import from_dict
from convnets.stores import Membership, Plan, Store

FORMS = ("hunter2", b64encode(b"me:hunter2").decode())  # of the password that the tests give, as it is and as it is sent
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
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    run = write_run(tmp_path, model, count=50)
    tracking.connect(store)  # the experiment is there when the server begins to fail
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "4")
    proxy.mode, proxy.seconds = mode, 8.0
    published = publish(through(proxy, store), [run], tmp_path)
    assert list(published.pending) == ["mlp100/seed1"]
    assert published.problem.startswith(f"the tracking store {proxy.uri} cannot be used: ")
    assert "\n" not in published.problem
    assert not any(form in published.problem for form in FORMS)
    assert proxy.requests == 1  # no call is repeated
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(int(SECONDS)))
    proxy.mode = "pass"
    assert publish(through(proxy, store), [run], tmp_path).problem == ""
    assert_whole(store, run)
    assert len(all_runs(store)) == 1


# Of the 36 to 41 requests that a publication of one run makes.
@pytest.mark.parametrize(
    ("mode", "number"), [*(("lose", number) for number in range(1, 36, 4)), *(("drop", number) for number in range(3, 36, 8))]
)
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


def train(folder: Path, seed: int, *more: object) -> "subprocess.Popen[bytes]":
    mark = fingerprint.digest(fingerprint.run_components(from_dict(SETTINGS), seed, SPLIT))
    command = [sys.executable, ROOT / "scripts" / "train_variant.py", "--variant", "mlp", "--seed", seed, "--fingerprint", mark]
    command += ["--settings", json.dumps(SETTINGS), "--dataset", folder / "data.npz", "--manifest", folder / "manifest.json"]
    command += ["--plan", folder / "plan.json", "--unfinished", folder / "unfinished" / f"mlp-seed{seed}"]
    command += ["--run", folder / "runs" / "mlp" / f"seed{seed}", *more]
    with (folder / f"log{seed}").open("w") as log:
        return subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)


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
    prepare(tmp_path, real_batches, through(proxy, store))
    tracking.connect(store)
    proxy.mode, proxy.seconds = mode, 3.0
    assert train(tmp_path, 1).wait(timeout=SECONDS) == 0
    log = (tmp_path / "log1").read_text()
    assert "Traceback" not in log
    assert log.count("finished, and not tracked yet: the tracking store") == 1
    assert not any(form in log for form in FORMS)
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
    server: MlflowServer,
    proxy: FaultyProxy,
    store: Store,
    model: Path,
    tmp_path: Path,
    real_batches: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A training tracked behind a password, and a run behind a token: neither files nor database hold them."""
    tracking.connect(store)
    prepare(tmp_path, real_batches, through(proxy, store))
    proxy.password = "hunter2"
    assert train(tmp_path, 1).wait(timeout=SECONDS) == 0
    assert "401" in (tmp_path / "log1").read_text()
    assert not all_runs(store)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    assert train(tmp_path, 2, "--deliver-within", SECONDS).wait(timeout=SECONDS) == 0
    assert "not tracked" not in (tmp_path / "log2").read_text()
    run = Finished.read(tmp_path / "runs" / "mlp" / "seed2")
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


def test_a_server_with_users_of_its_own(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/tracking.md has it."""
    pytest.importorskip("flask_wtf", reason="NOT TESTED: MLflow's own authentication, without Flask-WTF (mlflow[auth])")
    users = tmp_path / "auth.ini"
    lines = ["[mlflow]", "default_permission = EDIT", f"database_uri = sqlite:///{tmp_path}/users.db"]
    lines += [
        "admin_username = admin",
        "admin_password = hunter2-hunter2",
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
    ]
    users.write_text("\n".join(lines))
    environment = {"MLFLOW_AUTH_CONFIG_PATH": str(users), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of the test"}
    run = write_run(tmp_path, model)
    with mlflow_server(tmp_path / "server", f"sqlite:///{tmp_path}/mlflow.db", "--app-name", "basic-auth", **environment) as server:
        store = Store(server.uri, "tests")
        assert "401" in publish(store, [run], tmp_path).problem
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2-hunter2")
        assert publish(store, [run], tmp_path).problem == ""
        assert_whole(store, run)


def test_a_server_whose_disks_are_full(model: Path, tmp_path: Path) -> None:
    """That of the artifacts, then that of the database; once there is room, all is brought, once."""
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "artifacts").symlink_to(tmp_path / "artifacts")
    database = f"sqlite:///{tmp_path}/database/mlflow.db"
    with (
        mounted(tmp_path / "database", "size=8m"),
        mounted(tmp_path / "artifacts", "size=8m"),
        mlflow_server(tmp_path / "server", database) as server,
    ):
        store = Store(server.uri, "tests")
        tracking.connect(store)
        for seed, disk in enumerate(("artifacts", "database"), 1):
            run = write_run(tmp_path, model, seed=seed)
            with filled(tmp_path / disk):
                published = publish(store, [run], tmp_path)
            assert list(published.pending) == [f"mlp100/seed{seed}"]
            assert f"the tracking store {store.uri} cannot be used: " in published.problem
            assert "\n" not in published.problem
            assert publish(store, [Finished.read(run.folder)], tmp_path).problem == ""
            assert_whole(store, run)
        assert len(all_runs(store)) == 2


def test_a_server_answers_to_its_names_only(server: MlflowServer) -> None:
    for host, status in ((f"localhost:{server.port}", 200), ("tracking.example.org", 403)):
        connection = HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
        connection.request("GET", "/", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()


def test_what_is_published_of_two_comparisons_passes_the_audit(
    store: Store, model: Path, tmp_path: Path, config: dict[str, Any]
) -> None:
    config["pathvars"]["results"] = str(tmp_path)
    config["tracking"] |= {"uri": store.uri, "experiment": store.experiment}
    config["comparisons"] = {name: config["comparisons"][name] for name in ("dropout", "depth")}
    resolved = configuration.resolve(config)
    for name in resolved.comparisons:
        (tmp_path / "figures").mkdir(exist_ok=True)
        (tmp_path / "figures" / f"{name}.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    compared = sorted({member.variant for comparison in resolved.comparisons.values() for member in comparison.members})
    runs = [write_run(tmp_path, model, name, number=number) for number, name in enumerate(compared)]
    drawn = {name: tmp_path / "figures" / f"{name}.svg" for name in resolved.in_report}
    published = publishing.publish(resolved.plan, [run.folder for run in runs], drawn, tmp_path / "unfinished")
    assert (published.problem, list(published.compare)) == ("", ["dropout", "depth"])
    steps: Any = SimpleNamespace(
        configuration=resolved,
        results=tmp_path,
        all={},
        is_stale=lambda _: False,
        run_folders=lambda: [run.folder for run in runs],
        open_elsewhere=dict,
    )
    assert audit.differences(steps) == (4, [])


class Kills:
    """Kills the server at the first point of a curve of each chosen seed, whose request is lost.

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
            if seed not in self._chosen or not any(point["key"] == "val_loss" for point in batch.get("metrics", [])):
                return False
            self._chosen.remove(seed)
            self._up.clear()
            self._server.kill()
        self.killed.put(seed)
        return True

    def restart(self) -> None:
        self._server.start()
        self._up.set()


def test_sixteen_trainings_at_once_while_the_server_is_killed_twice(
    server: MlflowServer, proxy: FaultyProxy, store: Store, tmp_path: Path, real_batches: Path
) -> None:
    """Each with thousands of points. One that missed the server delivers itself when it returns; publishing does the rest.

    The second one whose points find the server killed begins when it is up again after the first, so that it meets no other end of
    it. A request of any other that was under way when it was killed is lost too; if it is a delivery's, publishing does that.
    """
    prepare(tmp_path, real_batches, through(proxy, store))
    tracking.connect(store)
    proxy.hook = kills = Kills(server, {1, TRAININGS})
    processes = {seed: train(tmp_path, seed, "--deliver-within", SECONDS) for seed in range(1, TRAININGS)}

    def log(seed: int) -> str:
        return (tmp_path / f"log{seed}").read_text()

    for chosen in (1, TRAININGS):
        if chosen not in processes:
            processes[chosen] = train(tmp_path, chosen, "--deliver-within", SECONDS)
        assert kills.killed.get(timeout=SECONDS) == chosen
        wait_until(lambda: "not tracked for now" in log(chosen), "a training misses the server", process=processes[chosen])  # noqa: B023
        kills.restart()
    for seed, process in processes.items():
        assert process.wait(timeout=SECONDS) == 0, log(seed)
        assert "Traceback" not in log(seed)
        assert "tracked again in" in log(seed) or seed not in (1, TRAININGS)
    assert "not tracked yet" not in log(TRAININGS)
    runs = [Finished.read(tmp_path / "runs" / "mlp" / f"seed{seed}") for seed in processes]
    assert_whole(store, runs[-1])
    assert publish(store, runs, tmp_path).problem == ""
    assert len(all_runs(store)) == TRAININGS
    for run in runs:
        assert len(run.points()) > 2000
        assert_whole(store, Finished.read(run.folder))
    shutil.rmtree(tmp_path / "runs")
