"""The configuration: what it accepts, what it refuses and how it says so, and how it is resolved."""

import json
from dataclasses import replace
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

VARIANTS = {
    *("conv1_dropout05", "conv2_dropout00", "conv2_dropout05", "conv3_dropout05", "mlp100", "conv3_1x1"),
    *("conv3_augment", "conv3_textbook"),
}


def test_the_default_configuration_is_the_reports(config: dict[str, Any]) -> None:
    resolved = configuration.resolve(config)
    assert set(resolved.variants) == VARIANTS
    assert {name: [member.variant for member in value.members] for name, value in resolved.comparisons.items()} == {
        "dropout": ["conv2_dropout00", "conv2_dropout05"],
        "depth": ["conv1_dropout05", "conv2_dropout05", "conv3_dropout05"],
        "mlp": ["conv1_dropout05", "conv2_dropout05", "conv3_dropout05", "mlp100"],
        "augmentation": ["conv3_dropout05", "conv3_augment", "conv3_textbook"],
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
    assert {name: variant.training.epochs for name, variant in resolved.variants.items() if variant.training.epochs != 29} == {
        "mlp100": 49
    }
    assert resolved.variants["conv3_augment"].training.augmentation == settings.Augmentation(
        horizontal_flip="batch", channel_offset=0.05, accumulate=True
    )
    assert resolved.variants["conv3_textbook"].training.augmentation == settings.Augmentation(
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
    assert head.colors == {"train": "#E69F00", "validation": "#0072B2", "train_eval": "#E69F00"}


def test_paths_are_expanded_as_a_shell_does(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("DATA", "/data")
    for written, meant in (("~/cifar", "/home/somebody/cifar"), ("${DATA}/cifar", "/data/cifar"), ("npm", "npm")):
        config["dataset"]["source"] = written
        assert configuration.resolve(config).data.source == meant


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
    assert (changed.network.filters, changed.network.dropout, changed.training.epochs) == ((16, 32, 64), 0.1, 29)
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
    flat = configuration.resolve(config).variants["conv3_textbook"].flat()
    expected = {
        "filters": [16, 32, 64],
        "kernel_size": 5,
        "head": "dense",
        "dense_units": [50],
        "dropout": 0.5,
        "epochs": 29,
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
