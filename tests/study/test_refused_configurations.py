"""What configurations are refused for, and how the messages name it."""

from pathlib import Path
from typing import Any

import pytest

from convnets.errors import InputError
from convnets.study import configuration


def put(config: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        config = config[key]
    config[last] = value


REFUSED = {
    "misspelt key": ("variants.mlp100.droput", 0.5, ["variants.mlp100.droput", "did you mean dropout?"]),
    "misspelt section": ("trainin", {}, ["trainin is not a key", "did you mean training?"]),
    "dropout too high": ("variants.mlp100.dropout", 1.5, ["variants.mlp100.dropout", "1.5", "from 0 to below 1"]),
    "1x1 head on an MLP": ("variants.mlp100.head", "conv1x1", ["variants.mlp100.head", "needs convolution blocks"]),
    "six blocks": ("variants.conv3_dropout05.filters", [8] * 6, ["variants.conv3_dropout05.filters", "6 blocks", "at most 5"]),
    "unknown variant": ("comparisons.mlp.variants", ["mlp10"], ["comparisons.mlp.variants", "'mlp10'", "did you mean mlp100?"]),
    "duplicate seeds": ("seeds", [1, 2, 1], ["seeds", "twice"]),
    "no seeds": ("seeds", [], ["seeds", "non-empty"]),
    "negative seed": ("seeds", [-1], ["seeds.0 is -1; it should be greater than or equal to 0"]),
    "number read as text": (
        "training.optimizer.learning_rate",
        "1e-3",
        ["training.optimizer.learning_rate", "'1e-3'", "1.0e-3"],
    ),
    "unknown optimizer": (
        "training.optimizer.name",
        "adamm",
        ["training.optimizer.name names no optimizer of Keras; did you mean adam?"],
    ),
    "unknown argument": (
        "variants.mlp100.optimizer",
        {"name": "adamw", "learning_rate": 0.001, "weight_deca": 0.1},
        ["variants.mlp100.optimizer.weight_deca is no argument of Keras's AdamW; did you mean weight_decay?"],
    ),
    "misspelt key of the optimizer": (
        "training.optimizer.learning_rat",
        0.1,
        ["training.optimizer.learning_rat is no argument", "did you mean learning_rate?"],
    ),
    "argument that is not used": ("training.optimizer.use_ema", True, ["training.optimizer.use_ema cannot be given: the best"]),
    "argument of two levels": ("training.optimizer.rho", {"a": 1}, ["training.optimizer.rho is", "a number, a text, true, false"]),
    "argument that is no number": ("training.optimizer.rho", float("nan"), ["training.optimizer.rho is nan"]),
    "unknown schedule": (
        "training.optimizer.learning_rate",
        {"CosinDecay": {}},
        ["training.optimizer.learning_rate.CosinDecay is no schedule of Keras; did you mean CosineDecay?"],
    ),
    "incomplete schedule": (
        "training.optimizer.learning_rate",
        {"CosineDecay": {"initial_learning_rate": 0.1}},
        ["training.optimizer.learning_rate.CosineDecay.decay_steps is missing"],
    ),
    "unknown argument of a schedule": (
        "training.optimizer.learning_rate",
        {"CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 1, "alfa": 0}},
        ["training.optimizer.learning_rate.CosineDecay.alfa is no argument", "did you mean alpha?"],
    ),
    "two schedules": (
        "training.optimizer.learning_rate",
        {"CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 1}, "ExponentialDecay": {}},
        ["training.optimizer.learning_rate should name one schedule, not 2"],
    ),
    "unknown flip": ("training.augmentation.horizontal_flip", "batches", ['"batches"', "image (or true): each image"]),
    "unknown layer": (
        "variants.mlp100.augmentation",
        {"layers": [{"RandomFlip": {}}, {"RandomTranslate": {}}]},
        ["variants.mlp100.augmentation.layers.1.RandomTranslate is no image layer of Keras; did you mean RandomTranslation?"],
    ),
    "layer for labels": ("training.augmentation.layers", [{"MixUp": {}}], ["layers.0.MixUp is not used here: it mixes images"]),
    "layer without its range": (
        "training.augmentation.layers",
        [{"RandomContrast": {"factor": 0.1}}],
        ["training.augmentation.layers.0.RandomContrast.value_range is missing: the lowest and the highest value"],
    ),
    "layer with a seed": (
        "training.augmentation.layers",
        [{"RandomFlip": {"seed": 1}}],
        ["training.augmentation.layers.0.RandomFlip.seed cannot be given: the run's seed decides"],
    ),
    "layer without arguments": ("training.augmentation.layers", ["RandomFlip"], ["layers.0 is", "it should be keys with values"]),
    "optimizer without rate": ("variants.mlp100.optimizer", {"name": "adam"}, ["variants.mlp100.optimizer", "learning_rate"]),
    "momentum with adam": (
        "training.optimizer",
        {"name": "adam", "learning_rate": 0.001, "momentum": 0.9},
        ["momentum has no effect"],
    ),
    "unknown precision": ("training.precision", "fp8", ['"fp8"', "'float32', 'mixed_bfloat16' or 'auto'"]),
    "no epochs": ("training.epochs", 0, ["training.epochs is 0; it should be greater than or equal to 1"]),
    "missing label": ("variants.extra", {"filters": [8]}, ["variants.extra.label is missing"]),
    "bad id": ("variants.Extra", {"label": "x"}, ["'Extra'", "lower-case"]),
    "no effect of dropout": ("variants.conv3_1x1.dropout", 0.3, ["variants.conv3_1x1.dropout has no effect"]),
    "no effect of kernel": ("variants.mlp100.kernel_size", 3, ["variants.mlp100.kernel_size has no effect"]),
    "incomplete subset": (
        "dataset.subset",
        {"train": 100},
        ["dataset.subset.validation is missing", "dataset.subset.test is missing"],
    ),
    "subset too large": ("dataset.subset", {"train": 64, "validation": 5001, "test": 1}, ["dataset.subset.validation", "5,000"]),
    "batch above subset": ("dataset.subset", {"train": 32, "validation": 1, "test": 1}, ["batch_size is 64", "32 training images"]),
    "no validation": ("dataset.validation_fraction", 1e-6, ["dataset.validation_fraction"]),
    "unknown colour": ("comparisons.mlp.colors.mlp100", "pink", ["comparisons.mlp.colors.mlp100", "light blue, green"]),
    "colour of a stranger": ("comparisons.mlp.colors.mlp10", "red", ["comparisons.mlp.colors.mlp10 is no variant", "mlp100?"]),
    "memory of another head": ("memory.dense", "conv3_1x1", ["memory.dense names conv3_1x1, whose head is conv1x1"]),
    "no number": ("training.optimizer.learning_rate", float("inf"), ["training.optimizer.learning_rate is inf", "finite"]),
    "no number in a list": ("seeds", [float("nan")], ["seeds.0 is nan"]),
    "source where the batches go": ("dataset.source", "resources/cifar10", ["dataset.source is", "another folder"]),
    "reserved view": (
        "comparisons.overview",
        {"title": "x", "variants": ["mlp100"], "rows": [["train"]]},
        ["MLflow's view of all"],
    ),
    "reserved figure": ("comparisons.vgg16", {"title": "x", "variants": ["mlp100"], "rows": [["train"]]}, ["comparisons.vgg16"]),
    "memory of a stranger": ("memory.dense", "conv9", ["memory.dense", "'conv9'"]),
    "secret in the address": ("tracking.uri", "https://me:secret@host", ["tracking.uri holds a password"]),
    "secret of a database": ("tracking.uri", "postgresql://me:secret@host/db", ["tracking.uri holds a password", "PGPASSWORD"]),
    "options of a database": (
        "tracking.uri",
        "sqlite:////tmp/a?b.db",
        ["cannot be /tmp/a?b.db: MLflow takes what follows a question"],
    ),
    "results that a store cannot be in": ("pathvars.results", "what?", ["what?/mlflow/mlflow.db: MLflow takes what follows"]),
    "an id of two lines": ("comparisons.depth\n", {"title": "x", "variants": ["mlp100"], "rows": [["train"]]}, ["comparisons"]),
    "address without a scheme": ("tracking.uri", "localhost:5000", ["tracking.uri should be the address of a server (http://"]),
    "folder as a store": ("tracking.uri", "file:///tmp/mlruns", ["tracking.uri should be the address of a server"]),
    "SQLite with two slashes": ("tracking.uri", "sqlite://mlflow.db", ["an SQLite file (sqlite:///PATH)"]),
    "SQLite in a home folder": ("tracking.uri", "sqlite:///~/mlflow.db", ["neither ~ nor variables are expanded"]),
    "server without a host": ("tracking.uri", "http://:5000", ["tracking.uri should name a host"]),
    "server at no port": ("tracking.uri", "http://localhost:99999", ["a port up to 65535"]),
    "server with a space": ("tracking.uri", "http://my host", ["hold no space"]),
    "half an IPv6 address": ("tracking.uri", "http://[::1", ["tracking.uri should name a host"]),
    "SQLite in memory": ("tracking.uri", "sqlite:///", ["tracking.uri names no file"]),
    "SQLite at a folder": ("tracking.uri", f"sqlite:///{Path(__file__).parent}", ["tracking.uri names no file"]),
    "SQLite below a file": ("tracking.uri", f"sqlite:///{__file__}/a.db", [f"{__file__} is no folder"]),
    "database that MLflow cannot use": ("tracking.uri", "oracle://host/db", ["MLflow cannot use; it can use postgresql, mysql"]),
    "database without a driver": (
        "tracking.uri",
        "mysql+pymysql://host/db",
        ["needs the Python module pymysql"],
    ),
    "database at no port": ("tracking.uri", "postgresql://host:port/db", ["written as postgresql://USER@HOST:PORT/DATABASE"]),
    "braces in a path": ("pathvars.results", "a{b}", ['pathvars.results is "a{b}"; it should be a path without { and }']),
    "angle brackets in a path": ("runs_from", "<results>", ['runs_from is "<results>"; it should be a path without < and >']),
    "long label": ("variants.mlp100.label", "a" * 201, ["variants.mlp100.label is", "at most 200 characters"]),
    "long title": ("comparisons.mlp.title", "a" * 9000, [f'comparisons.mlp.title is "{"a" * 199}...', "at most 200 characters"]),
    "long name of an experiment": ("tracking.experiment", "a" * 151, ["tracking.experiment", "at most 150 characters"]),
    "long id": ("variants." + "a" * 300, {"label": "A"}, ["variants: the name 'aaaa", "a name is: at most 100 lower-case letters"]),
    "home folder for results": ("pathvars.results", "~/results", ['pathvars.results is "~/results"; it should be the whole path']),
    "variable for logs": ("pathvars.logs", "$HOME/logs", ["pathvars.logs", "Snakemake expands neither ~ nor variables"]),
    "variable that is not set": ("dataset.source", "$NO_SUCH/cifar", ["dataset.source", "what $NO_SUCH/cifar names is not set"]),
    "control character": (
        "variants.mlp100.label",
        "a\x07b",
        ["variants.mlp100.label", "which cannot be printed"],
    ),
    # What Snakemake's report holds, it holds within a script of its page.
    "a tag of a script": ("comparisons.mlp.title", "a </SCRIPT>", ["comparisons.mlp.title", "it holds </SCRIPT, which would end"]),
    "half a character": ("comparisons.mlp.title", "\ud800", ["comparisons.mlp.title", "which cannot be printed"]),
    "token in the address": ("tracking.uri", "https://token@host", ["tracking.uri holds a name, or a token"]),
    "no kernel": ("network.kernel_size", 0, ["network.kernel_size is 0", "minimum of 1"]),
    "no kernel of a variant": ("variants.conv3_dropout05.kernel_size", 0, ["variants.conv3_dropout05.kernel_size", "minimum of 1"]),
    "truth for a number": ("training.epochs", True, ["training.epochs is true; it should be a valid integer"]),
    "a number for a text": ("variants.mlp100.label", 1.5, ["variants.mlp100.label is 1.5; it should be a text, in quotes"]),
    "a number for a section": ("network", 5, ["network is 5; it should be keys with values; it is: defaults of the network"]),
    "nothing for a section": ("variants.mlp100", [], ["variants.mlp100 is []; it should be keys with values"]),
    "too many images": ("dataset.subset", [1, 2, 3], ["dataset.subset is [1, 2, 3]; it should be keys", "null for all images"]),
    "one wrong of several filters": (
        "network.filters",
        [8, "a"],
        ['network.filters.1 is "a"; it should be a valid integer; it is: a whole number'],
    ),
    "unknown kind of data set": ("dataset.kind", "sounds", ["dataset.kind is \"sounds\"; it should be 'cifar10'"]),
    "published curves that are not there": (
        "comparisons.mlp.published",
        {"curves": "curves.csv"},
        ["comparisons.mlp.published.curves is curves.csv, which does not exist in"],
    ),
    "unknown split": (
        "comparisons.mlp.rows",
        [["val"]],
        ["comparisons.mlp.rows.0.0 is \"val\"; it should be 'validation', 'train' or 'train_eval'"],
    ),
    "unknown colour of a split": ("comparisons.mlp.colors.mlp100", {"train": "pink"}, ['mlp100.train is "pink"; it is: one of']),
    "colour of no split": ("comparisons.mlp.colors.mlp100", {"tran": "red"}, ["mlp100.tran is not a key", "did you mean train?"]),
    "misspelt key of a variant": (
        "variants.mlp100.augmentation",
        {"flip": True},
        ["variants.mlp100.augmentation.flip is not a key here; there are horizontal_flip, channel_offset, accumulate, layers"],
    ),
    "key of a section": (
        "variants.mlp100",
        {"label": "MLP", "learning_rate": 1.0},
        ["variants.mlp100.learning_rate is not a key here; did you mean optimizer.learning_rate?"],
    ),
    "path of nothing": ("pathvars.results", "", ["pathvars.results"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str, config: dict[str, Any]) -> None:
    path, value, expected = REFUSED[case]
    put(config, path, value)
    with pytest.raises(InputError) as caught:
        configuration.resolve(config)
    for text in expected:
        assert text in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("case", ["negative seed", "no number in a list", "unknown split", "one wrong of several filters"])
def test_says_what_is_wrong_once(case: str, config: dict[str, Any]) -> None:
    path, value, _ = REFUSED[case]
    put(config, path, value)
    with pytest.raises(InputError) as caught:
        configuration.resolve(config)
    assert len(str(caught.value).splitlines()) == 2


def test_lists_everything_that_is_wrong_at_once(config: dict[str, Any]) -> None:
    put(config, "variants.mlp100.dropout", 2)
    put(config, "seeds", [1, 1])
    with pytest.raises(InputError, match=r"(?s)seeds.*dropout|dropout.*seeds"):
        configuration.resolve(config)
