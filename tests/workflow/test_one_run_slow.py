"""Trainings as processes of their own: two of the same run at once, and one with the full data set. Slow: minutes."""

import signal
import subprocess
from pathlib import Path

from trainings import Training, settings_with, write_data
from waiting import SECONDS, wait_until

from convnets.data.dataset import Dataset, DatasetSettings
from convnets.runs.reading import read_record
from convnets.study.stores import Store


def test_a_training_waits_for_another_that_trains_the_same(tmp_path: Path, synthetic: Dataset, store: Store) -> None:
    """The first is held still; the second waits, and finds the run finished."""
    split = write_data(tmp_path, synthetic, DatasetSettings(0.1, 1, (192, 64, 64)))
    training = Training(tmp_path, settings_with(epochs=150), tmp_path, split, store)
    first = training.start()
    wait_until((training.unfinished / "begun.json").exists, process=first)
    first.send_signal(signal.SIGSTOP)
    with (tmp_path / "second.log").open("w") as log:
        second = subprocess.Popen(training.command("--patience", 300), cwd=tmp_path, stderr=log)
    wait_until(lambda: "waiting for that to end" in (tmp_path / "second.log").read_text(), process=second)
    first.send_signal(signal.SIGCONT)
    assert (first.wait(timeout=SECONDS), second.wait(timeout=SECONDS)) == (0, 0)
    log = (tmp_path / "second.log").read_text()
    assert f"is being trained by process {first.pid} on" in log
    assert "another process has finished this run" in log
    assert "epoch" not in log
    training.assert_tracked_once()
    assert not training.unfinished.exists()


def test_a_training_keeps_to_one_thread_and_to_its_memory(tmp_path: Path, real_batches: Path, store: Store) -> None:
    """With the full data set, which is what takes memory."""
    split = write_data(tmp_path, real_batches, DatasetSettings(0.1, 1, None))
    settings = settings_with(
        epochs=2,  # in the first, another thread may be connecting to the store
        filters=[4],
        kernel_size=3,
        dense_units=[8],
        optimizer={"name": "sgd", "learning_rate": 0.1, "momentum": 0.0},
        augmentation={"horizontal_flip": True, "channel_offset": 0.05},
    )
    training = Training(tmp_path, settings, tmp_path, split, store)
    training.finish()
    record = read_record(training.run / "record.json")
    assert 2 * 150e6 < record.peak_memory_bytes < 1.5 * 2**30  # images as an array and as a tensor, and all else
    assert record.usage[-1].cpu_percent < 110
