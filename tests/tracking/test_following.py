"""Following a training into a store that is there, away, slow or comes back; with a real store, whose failures are put on."""

import threading
from contextlib import nullcontext
from typing import Any
from unittest import mock

import mlflow
import pytest
from finished_runs import BEGAN, MEMBER, all_runs, epochs, points
from waiting import SECONDS, wait_until

from convnets.study.stores import Store
from convnets.tracking import delivery, following
from convnets.tracking.connection import connect
from convnets.tracking.finished_run import Identity
from convnets.tracking.following import Follower, followed

IDENTITY = Identity("mlp100", 1, "f" * 64, "token", BEGAN)


def follow(store: Store, identity: Identity = IDENTITY) -> Follower:
    return Follower(store, identity, MEMBER, {"epochs": 3})


def the_run(store: Store) -> Any:
    (run,) = all_runs(store).values()
    return run


def test_points_arrive_while_the_training_goes_on(store: Store) -> None:
    history, usage = epochs(3)
    follower = follow(store)
    with followed(follower, SECONDS):
        wait_until(lambda: len(all_runs(store)) == 1)
        for count in (1, 2, 2, 3):
            follower.tell(history[:count], usage[:count])
            wait_until(lambda count=count: len(points(store, the_run(store).info.run_id, "val_loss")) == count)
    run = the_run(store)
    assert run.info.status == "RUNNING"  # it is finished when its files are delivered
    assert not follower.is_closed
    assert (run.info.run_name, run.info.start_time, run.data.params) == ("mlp100-seed1", BEGAN * 1000, {"epochs": "3", "seed": "1"})
    assert {"variant": "mlp100", "training": "token", "comparison.depth": "Number of layers"}.items() <= run.data.tags.items()


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("x"), "FAILED"), (SystemExit(143), "KILLED"), (KeyboardInterrupt(), "KILLED")]
)
def test_a_training_that_ends_early_says_how(error: BaseException, status: str, store: Store) -> None:
    follower = follow(store)
    with pytest.raises(type(error)), followed(follower, SECONDS):
        follower.tell(*epochs(2))
        raise error
    assert follower.is_closed
    assert the_run(store).info.status == status
    assert len(points(store, the_run(store).info.run_id, "seconds")) == 2


def test_a_training_that_goes_on_continues_its_run(store: Store) -> None:
    with pytest.raises(SystemExit), followed(first := follow(store), SECONDS):
        first.tell(*epochs(2))
        raise SystemExit(143)
    run_id = the_run(store).info.run_id
    with followed(second := follow(store), SECONDS):
        second.tell(*epochs(3))  # all that its checkpoint holds
        wait_until(lambda: the_run(store).info.status == "RUNNING")
    assert [step for step, *_ in points(store, run_id, "seconds")] == [10, 20, 30]


def test_a_store_that_is_away_costs_nothing_and_gets_all_when_it_returns(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "SHORTEST_PAUSE_S", 0.05)
    away, asked, answer = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
    away.set()
    real = mlflow.MlflowClient.log_batch

    def log_batch(*args: Any, **kwargs: Any) -> None:
        if away.is_set():
            asked.release()
            assert answer.acquire(timeout=SECONDS)
            raise ConnectionError("connection refused")
        real(*args, **kwargs)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", log_batch)
    history, usage = epochs(3)
    with caplog.at_level("INFO"), followed(follower := follow(store), SECONDS):
        for count in (1, 2):
            assert asked.acquire(timeout=SECONDS)
            follower.tell(
                history[:count], usage[:count]
            )  # while the store has not answered: if it waited for that, it would for ever
            if count == 2:
                away.clear()
            answer.release()
        follower.tell(history, usage)
        wait_until(lambda: len(points(store, the_run(store).info.run_id, "seconds")) == 3)
    told = [record.getMessage() for record in caplog.records if "track" in record.getMessage()]
    assert len(told) == 2
    assert "not tracked for now: the tracking store" in told[0]
    assert "connection refused. The training goes on" in told[0]
    assert told[1].startswith("tracked again in")


def test_a_run_that_was_removed_is_begun_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the store is lost while a training goes on."""
    monkeypatch.setattr(following, "SHORTEST_PAUSE_S", 0.05)
    history, usage = epochs(2)
    with followed(follower := follow(store), SECONDS):
        wait_until(lambda: len(all_runs(store)) == 1)
        (removed,) = all_runs(store)
        connect(store).client.delete_run(removed)
        follower.tell(history, usage)
        wait_until(lambda: len(all_runs(store)) == 2)
        (begun,) = set(all_runs(store)) - {removed}
        wait_until(lambda: len(points(store, begun, "seconds")) == 2)
    assert follower.why_not_deliver(10 * SECONDS) == ""


def test_a_store_that_failed_last_or_is_slow_is_not_delivered_to(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with followed(follower := follow(store), SECONDS):
        follower.tell(*epochs(2))
    assert follower.why_not_deliver(10 * SECONDS) == ""
    assert follower.why_not_deliver(0.0).startswith(f"the tracking store {store.uri} is slow: a call took ")
    monkeypatch.setattr(delivery, "open_run", mock.Mock(side_effect=OSError("gone")))
    with followed(follower := follow(store), SECONDS):
        follower.tell(*epochs(2))
    assert follower.why_not_deliver(10 * SECONDS) == f"the tracking store {store.uri} cannot be used: gone"


@pytest.mark.parametrize("error", [None, ValueError("x"), SystemExit(143)])
def test_a_store_that_does_not_answer_is_not_waited_for_longer_than_said(
    error: BaseException | None, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not until it answers, which this one does when the training has ended, well or not."""
    released = threading.Event()
    monkeypatch.setattr(following, "connect", lambda *_: released.wait())
    follower = follow(store)
    join = mock.Mock(wraps=follower._thread.join)
    monkeypatch.setattr(follower._thread, "join", join)
    with nullcontext() if error is None else pytest.raises(type(error)), followed(follower, patience=0.3):
        follower.tell(*epochs(2))
        if error:
            raise error
    join.assert_called_once_with(0.3)
    assert "has not answered in time" in follower.why_not_deliver(10 * SECONDS)
    released.set()
    wait_until(lambda: not follower._thread.is_alive())
