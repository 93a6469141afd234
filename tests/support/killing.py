"""Killing trainings at random moments, and starting them again."""

import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from standstill import stand_still
from trainings import STARTED, Training
from waiting import wait_until

from convnets.runs.layout import HISTORY, MODEL, STAMP
from convnets.runs.unfinished import BEGUN

FILES = ["history.csv", "metrics.json", "model.keras", "record.json", "stamp.json", "tracked.json"]  # of a run in the end


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes]", pause: float = 0.01) -> None:
    """Wait until a condition holds or the process has ended."""
    wait_until(lambda: condition() or process.poll() is not None, pause=pause)


def _files(training: Training, pattern: str) -> list[Path]:
    """Return files of the training's folder."""
    with suppress(FileNotFoundError):  # it is being removed
        return list(training.unfinished.glob(pattern))
    return []


def epochs_done(training: Training) -> int:
    """Return the epoch of the last checkpoint; one that a kill cut off has another name."""
    return max((int(path.stem[-6:]) for path in _files(training, "checkpoint-*.npz")), default=0)


def assert_went_on(training: Training, done: int) -> None:
    """Check that the last start of a training, if it came so far, went on after the last checkpoint before it."""
    *_, last = training.log().split(STARTED)
    if resumed := re.search(r"going on after epoch (\d+)", last):
        assert int(resumed[1]) == done
    else:
        assert done == 0 or "iteration" not in last


def has_trained(training: Training, epochs: int) -> bool:
    return epochs_done(training) >= epochs


def stands_still_while_writing(training: Training, process: "subprocess.Popen[bytes]") -> bool:
    """Stop a training that is writing a checkpoint, and return whether it was not done with that before it stood still."""
    if not _files(training, ".checkpoint*"):
        return False
    stand_still(process.pid)
    if _files(training, ".checkpoint*"):
        return True
    process.send_signal(signal.SIGCONT)
    return False


def kill(training: Training, kinds: Iterable[str], epochs: int, moments: random.Random, most: int) -> Counter[str]:
    """Kill a training of so many epochs again and again, and let it end; return the kills by kind.

    Kinds are `start`, at a random moment of the first seconds, and at the latest after two epochs more; `epoch`, within a random
    one of the next `most` epochs; `checkpoint`, while one is written; `end`, when files are written or the run is delivered. After
    each kill the run folder is emptied, as Snakemake empties it after a job that was killed.
    """
    kills: Counter[str] = Counter()
    for kind in kinds:
        done = epochs_done(training)
        process = training.start()
        if kind == "start":
            until = time.monotonic() + moments.uniform(0.1, 6.0)
            wait_for(lambda until=until, done=done: time.monotonic() > until or has_trained(training, done + 2), process)
        elif kind == "epoch":
            reached = moments.randint(min(done + 2, epochs - 2), min(done + most, epochs - 2))
            wait_for(lambda reached=reached: has_trained(training, reached), process, 0.002)
            time.sleep(moments.uniform(0, 0.02))
        elif kind == "end":
            last = training.run / moments.choice((HISTORY, MODEL, STAMP))
            wait_for(last.exists, process, 0.002)
            time.sleep(moments.uniform(0, 0.2))
        else:
            wait_for(lambda process=process: stands_still_while_writing(training, process), process, 0)
        process.kill()
        status = process.wait()
        if status != -signal.SIGKILL or ((training.run / STAMP).exists() and not (training.unfinished / BEGUN).exists()):
            if training.unfinished.exists():  # the kill has cut off its removal, and the run's files are left alone here
                training.finish()
            return kills  # it came too late: the training has ended, and is not to be made again
        kills[kind] += 1
        assert_went_on(training, done)
        shutil.rmtree(training.run, ignore_errors=True)
    done = epochs_done(training)
    training.finish()
    assert_went_on(training, done)
    return kills
