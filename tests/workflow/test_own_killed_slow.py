"""A training of an own network on own data is killed twenty times, for real, and gives the same bits. Slow: minutes."""

import json
import random
import shutil
from pathlib import Path

import jobs
import own_data
from finished_runs import new_store
from killing import FILES, kill
from own_networks import RICH
from trainings import Training, assert_same, settings_with

from convnets.freshness import fingerprint
from convnets.study.stores import Store

EPOCHS = 250
KINDS = (*("start", "epoch", "epoch", "epoch") * 5, "checkpoint", "end")
HELPER = "from keras import layers\n\n\ndef twice(x):\n    return layers.Add()([x, x])\n"


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Batch normalisation, three kinds of noise with random generators of their own, a module beside the file, grey images."""
    (tmp_path / "mine.py").write_text(f"import beside\n{RICH}".replace("(0.3)(x)", "(0.3)(beside.twice(x))"))
    (tmp_path / "beside.py").write_text(HELPER)
    config = own_data.study("arrays", own_data.write_arrays(tmp_path / "images.npz"), standardise="channel")
    prepared = jobs.make("prepare_dataset", config, tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(prepared.output("dataset"), data / "data.npz")
    shutil.copy(prepared.output("manifest"), data)
    split = fingerprint.of_manifest(json.loads((data / "manifest.json").read_text()))
    settings = {
        **settings_with(epochs=EPOCHS, batch_size=4, optimizer={"name": "adam", "learning_rate": 0.001, "momentum": 0.0}),
        "own": {"network": f"{tmp_path}/mine.py:network", "arguments": {}},
    }

    def training_of(name: str) -> Training:
        folder = tmp_path / name
        folder.mkdir()
        new_store(folder)
        return Training(folder, settings, data, split, Store(f"sqlite:///{folder}/mlflow.db", "tests"), variant="mine")

    undisturbed, training = training_of("undisturbed"), training_of("killed")
    undisturbed.finish()
    kills = kill(training, KINDS, EPOCHS, random.Random("own"), most=9)
    assert kills["start"] + kills["epoch"] == 20, kills  # the last two may come too late
    assert_same(training.run, undisturbed.run)
    training.assert_tracked_once()
    assert not training.unfinished.exists()
    assert training.files() == FILES
