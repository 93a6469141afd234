"""One run made: its files, what is tracked of it, how it goes on, and one clear line when something is at fault."""

import json
import os
import re
import shutil
import signal
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from commands import assert_one_line, run
from conftest import ROOT
from finished_runs import MEMBER, all_runs, points
from images import split_of
from test_hardware import MIB, VERSION_2, write_group, write_processes
from trainings import Training, assert_same, outcome, settings_with, write_data
from waiting import SECONDS, wait_until

from convnets import hardware
from convnets.data.dataset import Dataset, DatasetSettings
from convnets.errors import InputError
from convnets.runs import unfinished
from convnets.runs.layout import RUN_FILES
from convnets.study.stores import Plan, Store, is_tracked
from convnets.tracking import publishing
from convnets.tracking.finished_run import HISTORY_COLUMNS, Finished
from convnets.training import checkpoints, loop
from convnets.workflow import one_run

SPLIT = split_of(192, 64, 64)
FILES = sorted([*RUN_FILES, "stamp.json"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, synthetic: Dataset) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_data(folder, synthetic, DatasetSettings(0.1, 1, (192, 64, 64)))
    return folder


@pytest.fixture
def training(tmp_path: Path, data: Path, store: Store) -> Training:
    """A training of three epochs, of six iterations each."""
    return Training(tmp_path, settings_with(epochs=3), data, SPLIT, store)


def diverging(training: Training, data: Path) -> Training:
    settings = settings_with(optimizer={"name": "sgd", "learning_rate": 1e30, "momentum": 0.0})
    return Training(training.folder, settings, data, SPLIT, training.store)


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


def test_without_its_data_set(training: Training) -> None:
    """As a command, which says so in one line."""
    job = json.loads(training.job.read_text())
    job["inputs"]["dataset"] = [str(training.folder / "data.npz")]
    training.job.write_text(json.dumps(job))
    done = run("train_variant", training.job, cwd=training.folder)
    assert_one_line(done, "data.npz is not a readable data set", "run the workflow again")


def test_on_another_split_than_planned(training: Training, data: Path) -> None:
    copy = Path(shutil.copytree(data, training.folder / "data"))
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"split_seed": 2}))
    other = Training(training.folder, settings_with(), copy, SPLIT, training.store)
    with pytest.raises(InputError, match="no longer what this run was planned with; run the workflow again"):
        other.make()
    assert training.tracked() == []


def test_on_a_data_set_that_is_not_its_manifests(training: Training, data: Path) -> None:
    copy = Path(shutil.copytree(data, training.folder / "data"))
    with np.load(copy / "data.npz") as archive:
        arrays = dict(archive)
    arrays["validation_images"][0, 0, 0, 0] ^= 1
    np.savez(copy / "data.npz", **arrays)
    other = Training(training.folder, settings_with(), copy, SPLIT, training.store)
    with pytest.raises(InputError, match=r"data\.npz: its validation images are not those of its manifest.*run the workflow again"):
        other.make()
    assert training.tracked() == []


def test_a_loss_that_is_not_finite_is_not_tried_again(training: Training, data: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = diverging(training, data)
    for number in (1, 2):
        caplog.clear()
        with pytest.raises(InputError, match=r"mlp100, seed 1: the loss is .* at iteration .*; lower optimizer\.learning_rate"):
            other.make(number=number)
        assert other.files() == []
    assert "epoch" not in caplog.text
    (failed,) = other.tracked()  # the second attempt did not begin
    assert failed.info.status == "FAILED"
    Training(training.folder, settings_with(), data, SPLIT, training.store).make(number=2)  # with another fingerprint


def test_a_network_that_is_refused_is_not_built_again(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def refuse(*_: object) -> None:
        built.append(1)
        raise InputError("mine.py:good returns (None, 9)")

    monkeypatch.setattr(loop, "train", refuse)
    for number in (1, 2, 3):
        with pytest.raises(InputError, match=r"mlp100, seed 1: mine\.py:good returns"):
            training.make(number=number)
    assert len(built) == 1


def test_a_value_that_keras_refuses_ends_it_before_its_first_epoch(
    training: Training, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    optimizer = {"name": "lion", "learning_rate": 0.1, "momentum": 0.0, "beta_1": 2}
    refused = Training(training.folder, settings_with(optimizer=optimizer), data, SPLIT, training.store)
    for number in (1, 2):
        with pytest.raises(InputError, match=r"^mlp100, seed 1: optimizer\.beta_1: Keras cannot use what is given: "):
            refused.make(number=number)
    assert refused.files() == []
    assert "epoch" not in caplog.text
    (failed,) = refused.tracked()
    assert (failed.info.status, failed.data.params["optimizer.beta_1"]) == ("FAILED", "2")


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


def test_without_enough_memory(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading of the memory is put on: taking the real one away would end the tests too."""
    monkeypatch.setattr(hardware, "available_memory", lambda: 200 * 2**20)
    monkeypatch.setattr(hardware, "resident_memory", lambda: 300 * 2**20)
    with pytest.raises(InputError, match=r"mlp100, seed 1: needs about [\d,]+ MiB of memory, and 500 are available"):
        training.make()


def test_memory_suffices_in_a_job_of_the_size_that_its_rule_asks_for(
    tmp_path: Path, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the full data set, and beside what has started it: two Snakemakes of 180 MiB in the job's control group."""
    (asked,) = re.findall(r"(?m)^TRAINING_MB = (\d+)", (ROOT / "rules" / "common.smk").read_text())
    full = tmp_path / "full" / "data.npz"
    full.parent.mkdir()
    with full.open("wb") as file:
        file.truncate(60_000 * 3072)
    attempt = Training(tmp_path, settings_with(), full.parent, SPLIT, training.store).attempt()
    resident = 650 * MIB  # after the imports
    monkeypatch.setattr(hardware, "resident_memory", lambda: resident)
    processes, groups = write_processes(tmp_path / "proc", "0::/job_7/step_0"), tmp_path / "cgroup"
    available = partial(hardware.available_memory, processes, groups)
    monkeypatch.setattr(hardware, "available_memory", available)
    write_group(groups / "job_7", VERSION_2, str(int(asked) * MIB), 2 * 180 * MIB + resident, 0)
    with pytest.raises(InputError, match="is not a readable data set"):  # it is not refused before
        attempt.make()
    write_group(groups / "job_7", VERSION_2, str(1400 * MIB), 2 * 180 * MIB + resident, 0)
    with pytest.raises(InputError, match="MiB of memory, and 1,040 are available"):
        attempt.make()


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
