"""The configuration: what it accepts, what it refuses and how it says so, and how it is resolved."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from convnets import settings
from convnets.errors import InputError
from convnets.study import comparisons, configuration
from convnets.study.declaration import Declaration

VARIANTS = {"conv1_dropout05", "conv2_dropout00", "conv2_dropout05", "conv3_dropout05", "mlp100", "conv3_augment", "conv3_1x1"}


def put(config: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        config = config[key]
    config[last] = value


def test_the_default_configuration_is_the_reports(config: dict[str, Any]) -> None:
    resolved = configuration.resolve(config)
    assert set(resolved.variants) == VARIANTS
    assert {name: [member.variant for member in value.members] for name, value in resolved.comparisons.items()} == {
        "dropout": ["conv2_dropout00", "conv2_dropout05"],
        "depth": ["conv1_dropout05", "conv2_dropout05", "conv3_dropout05"],
        "mlp": ["conv1_dropout05", "conv2_dropout05", "conv3_dropout05", "mlp100"],
        "augmentation": ["conv3_dropout05", "conv3_augment"],
        "conv1x1": ["conv3_1x1", "conv3_dropout05"],
    }
    assert resolved.variants["conv2_dropout00"].network == settings.Network(
        filters=(16, 32), kernel_size=5, head="dense", dense_units=(50,), dropout=0.0
    )
    assert resolved.variants["mlp100"].network == settings.Network(
        filters=(), kernel_size=0, head="dense", dense_units=(100,), dropout=0.5
    )
    assert resolved.variants["conv3_1x1"].network == settings.Network(
        filters=(16, 32, 64), kernel_size=5, head="conv1x1", dense_units=(), dropout=0.0
    )
    assert {name: variant.training.epochs for name, variant in resolved.variants.items() if variant.training.epochs != 30} == {
        "mlp100": 50
    }
    assert resolved.variants["conv3_augment"].training.augmentation == settings.Augmentation(
        horizontal_flip=True, channel_offset=0.05
    )
    for variant in resolved.variants.values():
        assert variant.training.optimizer == settings.Optimizer(name="rmsprop", learning_rate=0.0005, momentum=0.0)
        assert (variant.training.batch_size, variant.training.precision) == (64, "float32")


def test_colours_are_the_reports_where_it_has_them(config: dict[str, Any]) -> None:
    comparisons = configuration.resolve(config).comparisons
    red, magenta = (member.colors["validation"] for member in comparisons["dropout"].members)
    assert (red, magenta) == ("#D55E00", "#CC79A7")
    head = comparisons["conv1x1"].members[0]
    assert head.colors == {"train": "#E69F00", "validation": "#0072B2"}


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
        ["training.optimizer.learning_rate", "'1e-3'", "1.000000e-03"],
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
    "unknown split": (
        "comparisons.mlp.rows",
        [["val"]],
        ["comparisons.mlp.rows.0.0 is \"val\"; it should be 'validation' or 'train'"],
    ),
    "unknown colour of a split": ("comparisons.mlp.colors.mlp100", {"train": "pink"}, ['mlp100.train is "pink"; it is: one of']),
    "colour of no split": ("comparisons.mlp.colors.mlp100", {"tran": "red"}, ["mlp100.tran is not a key", "did you mean train?"]),
    "misspelt key of a variant": (
        "variants.mlp100.augmentation",
        {"flip": True},
        ["variants.mlp100.augmentation.flip is not a key here; there are horizontal_flip, channel_offset, layers"],
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


def test_paths_are_expanded_as_a_shell_does(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("DATA", "/data")
    for written, meant in (("~/cifar", "/home/somebody/cifar"), ("${DATA}/cifar", "/data/cifar"), ("npm", "npm")):
        config["dataset"]["source"] = written
        assert configuration.resolve(config).source == meant


def test_a_missing_section_is_named(config: dict[str, Any]) -> None:
    del config["variants"]
    with pytest.raises(InputError, match="variants is missing"):
        configuration.resolve(config)


def test_a_study_is_its_variants_where_the_defaults_suffice(config: dict[str, Any]) -> None:
    whole = configuration.resolve(config)
    short = configuration.resolve({"variants": config["variants"]})
    assert (short.comparisons, short.claims, short.memory, short.replicates) == ({}, (), None, None)
    own = ("comparisons", "claims", "memory", "replicates")
    assert replace(short, **{name: getattr(whole, name) for name in own}) == whole


def test_part_of_a_section_suffices(config: dict[str, Any]) -> None:
    given = {"training": {"optimizer": {"learning_rate": 0.01}}, "network": {"dropout": 0.1}, "dataset": {"split_seed": 2}}
    resolved = configuration.resolve({"variants": config["variants"], **given})
    changed = resolved.variants["conv3_dropout05"]
    assert changed.training.optimizer == settings.Optimizer(name="rmsprop", learning_rate=0.01, momentum=0.0)
    assert (changed.network.filters, changed.network.dropout, changed.training.epochs) == ((16, 32, 64), 0.1, 30)
    assert (resolved.dataset["split_seed"], resolved.dataset["validation_fraction"], resolved.dataset["subset"]) == (2, 0.1, None)


def test_the_default_configuration_gives_the_defaults(config: dict[str, Any]) -> None:
    """So that its comments are true, and its sections may be left out; a newer key need not stand in it."""
    required = ("variants", "comparisons", "claims", "memory", "replicates")
    declared = configuration.check(config)
    for name, field in Declaration.model_fields.items():
        if name not in required:
            assert getattr(declared, name) == field.default, name


def test_a_variant_that_names_an_optimizer_gives_it_whole(config: dict[str, Any]) -> None:
    config["training"]["optimizer"]["momentum"] = 0.9
    config["variants"]["mlp100"]["optimizer"] = {"name": "adam", "learning_rate": 0.001}
    config["variants"]["conv3_1x1"]["optimizer"] = {"learning_rate": 0.01}
    resolved = configuration.resolve(config).variants
    assert resolved["mlp100"].training.optimizer == settings.Optimizer(name="adam", learning_rate=0.001, momentum=0.0)
    assert resolved["conv3_1x1"].training.optimizer == settings.Optimizer(name="rmsprop", learning_rate=0.01, momentum=0.9)


def test_any_optimizer_schedule_and_layer_of_keras(config: dict[str, Any]) -> None:
    rate = {"CosineDecay": {"initial_learning_rate": 0.001, "decay_steps": 1000.0}}
    layer = {"RandomTranslation": {"height_factor": 0.1, "width_factor": [-0.1, 0.1]}}
    config["training"]["optimizer"] = {"name": "adamw", "learning_rate": rate, "weight_decay": 0.01}
    config["variants"]["mlp100"]["optimizer"] = {"weight_decay": 0.0}
    config["variants"]["conv3_1x1"]["optimizer"] = {"name": "muon", "learning_rate": 0.001}
    config["variants"]["conv3_1x1"]["augmentation"] = {"horizontal_flip": "batch", "layers": [layer]}
    resolved = configuration.resolve(config).variants
    assert resolved["conv3_dropout05"].canonical()["training"]["optimizer"] == {
        "name": "adamw", "learning_rate": rate, "momentum": 0.0, "weight_decay": 0.01,
    }  # fmt: skip
    assert resolved["mlp100"].training.optimizer.arguments == {"weight_decay": 0}
    flat = resolved["conv3_1x1"].flat()
    assert (flat["optimizer.learning_rate"], flat["optimizer.momentum"]) == (0.001, 0.95)  # Keras's own
    assert (flat["augmentation.horizontal_flip"], json.loads(flat["augmentation.layers"])) == ("batch", [layer])
    text = resolved["mlp100"].flat()["optimizer.learning_rate"]
    assert text == '{"CosineDecay": {"decay_steps": 1000, "initial_learning_rate": 0.001}}'
    for variant in resolved.values():
        assert settings.from_dict(json.loads(json.dumps(variant.canonical()))) == variant


NETWORKS = st.fixed_dictionaries(
    {"label": st.just("x")},
    optional={
        "filters": st.lists(st.integers(1, 300), min_size=1, max_size=5),
        "kernel_size": st.integers(1, 32),
        "dense_units": st.lists(st.integers(1, 500), min_size=1, max_size=3),
        "dropout": st.floats(0, 0.99),
        "epochs": st.integers(1, 1000),
        "batch_size": st.integers(1, 45_000),
        "precision": st.sampled_from(["float32", "mixed_bfloat16", "auto"]),
        "optimizer": st.fixed_dictionaries(
            {"name": st.sampled_from(["rmsprop", "sgd"]), "learning_rate": st.floats(1e-9, 10)},
            optional={"momentum": st.floats(0, 0.99)},
        ),
        "augmentation": st.fixed_dictionaries({}, optional={"horizontal_flip": st.booleans(), "channel_offset": st.floats(0, 1)}),
    },
)


@given(variant=NETWORKS, data=st.data())
def test_any_valid_variant_resolves_to_what_it_says(variant: dict[str, Any], data: st.DataObject) -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["variants"]["extra"] = variant
    resolved = configuration.resolve(config).variants["extra"]
    for key in ("filters", "dense_units"):
        assert list(getattr(resolved.network, key)) == variant.get(key, config["network"][key])
    assert resolved.network.dropout == variant.get("dropout", config["network"]["dropout"])
    assert resolved.training.epochs == variant.get("epochs", config["training"]["epochs"])
    assert resolved.training.precision in ("float32", "mixed_bfloat16")
    assert settings.from_dict(json.loads(json.dumps(resolved.canonical()))) == resolved

    shuffled = dict(data.draw(st.permutations(list(variant.items()))))
    as_floats = {key: float(value) if isinstance(value, int) and key != "label" else value for key, value in shuffled.items()}
    config["variants"]["extra"] = as_floats
    assert configuration.resolve(config).variants["extra"] == resolved


def test_flat_names_every_setting_once(config: dict[str, Any]) -> None:
    flat = configuration.resolve(config).variants["conv3_augment"].flat()
    expected = {
        "filters": [16, 32, 64],
        "kernel_size": 5,
        "head": "dense",
        "dense_units": [50],
        "dropout": 0.5,
        "epochs": 30,
        "batch_size": 64,
        "optimizer.name": "rmsprop",
        "optimizer.learning_rate": 0.0005,
        "optimizer.momentum": 0.0,
        "precision": "float32",
        "augmentation.horizontal_flip": True,
        "augmentation.channel_offset": 0.05,
    }
    assert {name: flat[name] for name in expected} == expected
    assert not any(isinstance(value, dict) for value in flat.values())


def test_a_comparison_may_be_narrowed_without_removing_labels_and_colours(config: dict[str, Any]) -> None:
    config["comparisons"]["depth"]["variants"] = ["conv2_dropout05"]
    (member,) = configuration.resolve(config).comparisons["depth"].members
    assert (member.variant, member.label) == ("conv2_dropout05", "2 layers")


def test_a_comparison_of_many_variants_has_a_colour_for_each(config: dict[str, Any]) -> None:
    many = [f"mlp{units}" for units in range(1, 18)]
    config["variants"] |= {name: {"label": name, "filters": []} for name in many}
    config["comparisons"] = {"units": {"title": "Units", "variants": many, "rows": [["train"]], "colors": {"mlp3": "blue"}}}
    colors = [member.colors["train"] for member in configuration.resolve(config).comparisons["units"].members]
    assert colors[2] == comparisons.PALETTE["blue"]
    assert set(colors[:8]) == set(comparisons.PALETTE.values())


def test_smoke_configuration_is_valid_over_the_default(config: dict[str, Any]) -> None:
    from snakemake.utils import update_config

    update_config(config, yaml.safe_load((ROOT / "config.smoke.yaml").read_text(encoding="utf-8")))
    resolved = configuration.resolve(config)
    assert set(resolved.variants) == VARIANTS
    assert resolved.dataset["subset"] == [4096, 1024, 1024]


def test_comparisons_in_the_order_of_the_report(config: dict[str, Any]) -> None:
    config["comparisons"]["another"] = {"title": "Of no figure", "variants": ["mlp100"], "rows": [["validation"]]}
    order = ["dropout", "depth", "mlp", "augmentation", "conv1x1", "another"]
    assert configuration.resolve(config).in_report == order
