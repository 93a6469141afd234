"""One run made: its files, what is tracked of it, and how it goes on."""

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from finished_runs import MEMBER, all_runs, points
from one_training import SPLIT, data, training
from trainings import Training, assert_same, outcome, settings_with
from waiting import SECONDS, wait_until

from convnets.errors import InputError
from convnets.freshness import stamps
from convnets.runs import unfinished
from convnets.runs.layout import RUN_FILES
from convnets.study.stores import Plan, Store, is_tracked
from convnets.tracking import publishing
from convnets.tracking.finished_run import HISTORY_COLUMNS, Finished
from convnets.training import checkpoints, loop
from convnets.workflow import one_run

__all__ = ["data", "training"]
FILES = sorted([*RUN_FILES, "stamp.json"])


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_the_commit_of_the_code_is_recorded_and_tracked(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_run.version_control, "commit", lambda: f"{'a' * 40}-dirty")
    training.make()
    assert json.loads((training.run / "record.json").read_text())["commit"] == f"{'a' * 40}-dirty"
    (run,) = all_runs(training.store).values()
    assert (run.data.tags["mlflow.source.git.commit"], run.data.tags["mlflow.git.dirty"]) == ("a" * 40, "true")


def test_a_training_that_is_asked_to_stop_goes_on_within_the_epoch(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No file of the run is there meanwhile; then it is the run that nothing disturbed, tracked once."""
    monkeypatch.setattr(loop, "ITERATIONS_PER_CALL", 4)
    caplog.set_level("INFO")
    write, written = checkpoints.write, []

    def stop_after_the_first(folder: Path, fingerprint: str, state: checkpoints.State) -> None:
        write(folder, fingerprint, state)
        written.append(state)
        if len(written) == 1:
            stop()

    monkeypatch.setattr(checkpoints, "write", stop_after_the_first)
    with pytest.raises(SystemExit) as stopped:
        training.make()
    assert stopped.value.code == 128 + signal.SIGTERM
    assert "asked to stop, after epoch 1 and 4 iterations of the next" in caplog.text
    assert training.files() == []
    assert training.status() == "KILLED"
    training.make()
    assert "going on after epoch 1 and 4 iterations of the next, of 3" in caplog.text
    assert not training.unfinished.exists()
    assert training.files() == sorted([*FILES, "tracked.json"])
    training.assert_tracked_once()
    (tmp_path / "whole").mkdir()
    whole = Training(tmp_path / "whole", settings_with(epochs=3), training.data, SPLIT, training.store)
    whole.make()
    assert_same(training.run, whole.run)


def test_a_run_that_is_made_again_has_the_same_files_and_takes_the_place_of_the_former(training: Training, tmp_path: Path) -> None:
    training.make()
    first = outcome(training.run)
    shutil.move(training.run, tmp_path / "first")
    training.make()
    assert outcome(training.run)[0] == first[0]
    assert len(first[0]) == 4
    (tracked,) = training.tracked()
    assert tracked.info.status == "FINISHED"
    assert tracked.info.run_id == json.loads((training.run / "metrics.json").read_text())["mlflow_run_id"]


def test_a_submitted_training_leaves_a_database_alone_and_is_brought_there_later(
    training: Training, caplog: pytest.LogCaptureFixture
) -> None:
    """A batch system's job, on whatever host; its run is brought where the workflow runs, with all its points."""
    training.make(submitted=True)
    assert caplog.text == ""  # of warnings, and worse
    assert training.files() == FILES
    assert not all_runs(training.store)
    assert not is_tracked(training.run, training.store, training.fingerprint)
    plan = Plan(training.store, False, {training.variant: MEMBER})
    published = publishing.publish(plan, [training.run], {}, training.unfinished.parent)
    assert (published.problem, list(published.pending)) == ("", [])
    training.assert_tracked_once()
    finished = Finished.read(training.run)
    (run_id,) = all_runs(training.store)
    for name in HISTORY_COLUMNS:
        wanted = sorted((point.step, point.value, point.timestamp) for point in finished.points() if point.key == name)
        assert points(training.store, run_id, name) == wanted


def test_a_submitted_training_is_tracked_by_a_server(training: Training) -> None:
    server = Plan(Store("http://127.0.0.1:9", "tests"), False, {})
    assert training.attempt(submitted=True).why_untracked(server) == ""
    assert training.attempt().why_untracked(Plan(training.store, False, {})) == ""
    assert "a database in a file" in training.attempt(submitted=True).why_untracked(Plan(training.store, False, {}))


def test_one_that_is_asked_to_stop_twice_when_it_has_finished(
    training: Training, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While it delivers, and when it removes its checkpoints; to exit otherwise than well would let Snakemake remove the run."""
    remove = Path.unlink

    def asked_again(path: Path, *, missing_ok: bool = False) -> None:
        if path.parent == training.unfinished:
            stop()
        remove(path, missing_ok=missing_ok)

    def asked_to_stop(*_: object, **__: object) -> None:
        monkeypatch.setattr(Path, "unlink", asked_again)
        stop()

    monkeypatch.setattr(one_run, "deliver", asked_to_stop)
    training.make()
    assert "asked to stop when finished" in caplog.text
    assert training.files() == FILES
    assert not training.unfinished.exists()


def test_one_that_is_under_way_already(training: Training) -> None:
    with unfinished.claimed(training.unfinished):
        with pytest.raises(InputError, match=f"this run is being trained by process {os.getpid()} on .*; wait until it ends"):
            training.make()
        assert training.unfinished.is_dir()
    assert not training.unfinished.exists()


def test_one_that_another_process_has_finished_is_not_made_again(training: Training, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    training.make()
    caplog.clear()
    training.make()
    assert [record.getMessage() for record in caplog.records] == [
        "another process has finished this run; there is nothing left to do"
    ]


@pytest.mark.parametrize("end", [InputError("its patience is over"), SystemExit(128 + signal.SIGTERM)])
def test_one_that_is_ended_while_it_waits_for_another_that_has_finished_the_run(
    end: BaseException, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has not failed: Snakemake would remove the run, which the other process is still delivering."""

    def waits(*_: object) -> None:
        raise end

    read = stamps.read

    def asked_again(path: Path) -> stamps.Stamp | None:
        stop()
        return read(path)

    with monkeypatch.context() as patched, pytest.raises(type(end)):
        patched.setattr(unfinished, "_lock", waits)
        training.make()
    training.make()
    before = training.files()
    monkeypatch.setattr(unfinished, "_lock", waits)
    monkeypatch.setattr(stamps, "read", asked_again)
    training.make()
    assert training.files() == before == sorted([*FILES, "tracked.json"])


def test_what_another_host_has_made_may_show_late(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waited for it looks again, as a network file system may need."""
    caplog.set_level("INFO")
    training.make()
    made = Path(shutil.move(training.run, tmp_path / "made"))
    claimed = threading.Event()

    def train_elsewhere() -> None:
        with unfinished.claimed(training.unfinished):
            claimed.set()
            wait_until(lambda: "waiting for that to end" in caplog.text)

    def show(_: float) -> None:
        shutil.copytree(made, training.run, dirs_exist_ok=True)

    monkeypatch.setattr(one_run, "SETTLING_S", SECONDS)
    monkeypatch.setattr(one_run, "time", SimpleNamespace(monotonic=time.monotonic, sleep=show))
    elsewhere = threading.Thread(target=train_elsewhere)
    elsewhere.start()
    assert claimed.wait(SECONDS)
    training.make(patience=SECONDS)
    elsewhere.join()
    assert "another process has finished this run" in caplog.text
    assert len(all_runs(training.store)) == 1


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (OSError(28, "No space left on device", "metrics.json"), "[Errno 28] No space left on device: 'metrics.json'"),
        (None, "the tracking store {uri} has not taken all of it within 0 s"),
    ],
)
def test_a_run_that_cannot_be_delivered_is_finished_all_the_same(
    failure: OSError | None, said: str, training: Training, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a disk that is full, or to a store that never ends to answer."""

    def deliver(*_: object) -> None:
        if failure:
            raise failure
        threading.Event().wait(SECONDS)

    monkeypatch.setattr(one_run, "deliver", deliver)
    monkeypatch.setattr(one_run.Follower, "why_not_deliver", lambda *_: "")  # however slow this machine is
    training.make(within=SECONDS if failure else 0.4)
    # On a busy machine, the follower may say that the store is slow.
    assert [message for message in caplog.messages if message.startswith("finished")] == [
        f"finished, and not tracked yet: {said.format(uri=training.store.uri)}. "
        "The next run of the workflow, or `make sync`, brings it there."
    ]
    assert training.files() == FILES
