"""What tests of tracking against real parts share: a server of their own, a proxy before it, and what a run must be there."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_proxy import FaultyProxy, faulty_proxy
from finished_runs import all_runs, points
from servers import MlflowServer, mlflow_server, postgres
from waiting import SECONDS

from convnets.runs import records
from convnets.study.stores import Membership, Plan, Store
from convnets.tracking import finished_run, logged_models, publishing
from convnets.tracking.connection import connect
from convnets.tracking.finished_run import Finished

FORMS = ("hunter2", b64encode(b"me:hunter2").decode())  # of the password that the tests give, as it is and as it is sent


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


def publish(store: Store, runs: list[Finished], folder: Path) -> publishing.Publication:
    plan = Plan(store, False, {run.metrics.variant: Membership("a label", {}) for run in runs})
    return publishing.publish(plan, [run.folder for run in runs], {}, folder / "unfinished")


def assert_whole(store: Store, run: Finished) -> None:
    """Check that the store has the run once, FINISHED, with each point once and at its time."""
    tracked = [found for found in all_runs(store).values() if found.info.lifecycle_stage == "active"]
    (there,) = [found for found in tracked if found.data.tags["training"] == run.record.training]
    assert there.info.status == "FINISHED"
    for name in (*finished_run.HISTORY_COLUMNS, *finished_run.SYSTEM_METRICS, *records.NUMBER_COLUMNS):
        wanted = sorted((point.step, point.value, point.timestamp) for point in run.points() if point.key == name)
        assert points(store, there.info.run_id, name) == wanted
    assert len(logged_models.of_run(connect(store), there.info.run_id)) == 1
