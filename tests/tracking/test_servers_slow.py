"""Tracking against real parts: an MLflow server on PostgreSQL, behind a proxy that fails, killed, started again. Slow: minutes."""

import copy
import socket
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from disks import filled, mounted
from faulty_proxy import FaultyProxy
from finished_runs import MEMBER, all_runs, epochs, points, write_run
from servers import MlflowServer, mlflow_server, postgres
from staleness import SMALL, audited
from tracked import FORMS, assert_whole, patience, proxy, publish, server, store, through
from waiting import SECONDS, wait_until
from workflow import Workflow

from convnets.study import configuration
from convnets.study.stores import Store
from convnets.tracking import following, publishing, reuse
from convnets.tracking.connection import StoreError, connect
from convnets.tracking.finished_run import Finished, Identity
from convnets.tracking.following import Follower, followed
from convnets.workflow import audit

__all__ = ["patience", "proxy", "server", "store"]


@pytest.mark.parametrize("mode", ["drop", "lose", "delay", 401, 403, 500, 503])
def test_whatever_a_server_does_a_run_arrives_once(
    mode: str | int, proxy: FaultyProxy, store: Store, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it fails, all is pending and said in one line; when it works again, all is there, once."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    run = write_run(tmp_path, model, count=50)
    connect(store)  # the experiment is there when the server begins to fail
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
    ("mode", "number"), [*(("lose", number) for number in range(1, 36, 8)), *(("drop", number) for number in range(3, 36, 16))]
)
def test_a_server_that_fails_in_the_middle_of_a_delivery(
    mode: str, number: int, proxy: FaultyProxy, store: Store, model: Path, tmp_path: Path
) -> None:
    """From the request with this number on. Where replies are lost, what was asked for was done."""
    run = write_run(tmp_path, model, count=20)
    connect(store)
    proxy.fails_from, proxy.mode = number, mode
    assert publish(through(proxy, store), [run], tmp_path).problem
    proxy.mode = "pass"
    assert publish(through(proxy, store), [Finished.read(run.folder)], tmp_path).problem == ""
    assert_whole(store, run)


def test_a_server_that_is_killed_is_followed_again_when_it_returns(
    server: MlflowServer, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "SHORTEST_PAUSE_S", 0.2)
    connect(store)  # creates the experiment, at which the test looks
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
    with pytest.raises(StoreError, match="has no experiment"):
        connect(store, create=False)
    assert publish(store, [Finished.read(run.folder)], tmp_path).problem == ""
    assert_whole(store, run)
    experiment = mlflow.MlflowClient(store.uri).get_experiment_by_name(store.experiment)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    clone = tmp_path / "clone" / "runs" / "mlp100" / "seed1"
    assert reuse.fetch(store, "mlp100", 1, run.metrics.fingerprint, clone)
    assert Finished.read(clone).history == run.history
    assert (clone / "model.keras").read_bytes() == (run.folder / "model.keras").read_bytes()


def test_the_workflow_with_a_database_as_its_store(real_batches: Path, tmp_path: Path) -> None:
    """Without a server: the artifacts are with the results. While it is away, all is made and pending; then it is brought there."""
    config = {**copy.deepcopy(SMALL), "comparisons": {}, "claims": {}}
    config["variants"] = {name: config["variants"][name] for name in ("conv2", "conv2_1x1")}
    with postgres() as uri:
        config["tracking"]["uri"] = f"postgresql+psycopg2://{uri.split('//')[1]}"
        workflow = Workflow(tmp_path / "project", real_batches, config)
        workflow.run()
        assert workflow.planned() == set()
        audited(workflow)
        client = mlflow.MlflowClient(config["tracking"]["uri"])
        (experiment,) = client.search_experiments(filter_string=f"name = '{config['tracking']['experiment']}'")
        assert experiment.artifact_location == workflow.results("mlflow", "artifacts").resolve().as_uri()
        assert len(client.search_runs([experiment.experiment_id])) == 2
        assert workflow.results("mlflow", "artifacts").is_dir()
    with closing(socket.socket()) as away:
        away.bind(("127.0.0.1", 0))  # nobody listens there
        config["tracking"]["uri"] = f"postgresql+psycopg2://mlflow@127.0.0.1:{away.getsockname()[1]}/mlflow"
        config["seeds"] = [1, 2]
        done = workflow.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert "pending: 4 runs" in said
    assert "Traceback" not in said
    assert "the tracking store postgresql+psycopg2://mlflow@127.0.0.1" in said
    with postgres() as uri:
        config["tracking"]["uri"] = uri
        done = workflow.script("sync_runs")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "4 of 4 finished runs are in" in done.stdout
        audited(workflow)


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
        connect(store)
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
    steps: Any = SimpleNamespace(study=resolved, all={}, is_stale=lambda _: False)
    assert audit.differences(steps) == (4, [])
