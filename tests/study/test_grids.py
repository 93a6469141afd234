"""Grids: the ids, settings and labels of their members, what is refused, and where a grid can be named."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from snakemake.utils import update_config

from convnets.errors import InputError
from convnets.study import comparisons, configuration, grids
from convnets.study.declaration import Declaration, Grid

LR = {"from": "conv3_dropout05", "vary": {"optimizer.learning_rate": [1.0e-3, 5.0e-4], "dropout": [0.0, 0.5]}}
IDS = [f"lr__learning_rate_{rate}__dropout_{dropout}" for rate in ("0p001", "0p0005") for dropout in ("0", "0p5")]


def grid_of(origin: str = "conv3_dropout05", **vary: Any) -> dict[str, Any]:
    """Return a grid; `__` in a key stands for a point."""
    return {"from": origin, "vary": {key.replace("__", "."): values for key, values in vary.items()}}


def ids(**vary: Any) -> list[str]:
    return list(grids.members("g", Grid.model_validate(grid_of(**vary))))


def test_a_grid_is_variants(config: dict[str, Any]) -> None:
    before = configuration.resolve(config)
    config["grids"] = {"lr": LR}
    after = configuration.resolve(config)
    assert set(after.variants) - set(before.variants) == set(IDS)
    for name, rate, dropout in zip(IDS, (0.001, 0.001, 0.0005, 0.0005), (0, 0.5, 0, 0.5), strict=True):
        origin = before.variants["conv3_dropout05"]
        network = origin.network.updated({"dropout": dropout})
        training = origin.training.updated({"optimizer": {"learning_rate": rate}})
        assert after.variants[name] == origin.model_copy(update={"network": network, "training": training})
    assert after.labels[IDS[0]] == "3 conv layers, learning rate 0.001, dropout 0"
    assert after.labels[IDS[3]] == "3 conv layers, learning rate 0.0005, dropout 0.5"
    assert after.variants[IDS[3]] == after.variants["conv3_dropout05"]  # a value may be that of the variant itself
    assert {name: after.variants[name] for name in before.variants} == before.variants
    assert set(after.plan.members) == set(after.variants)


def test_one_more_value_leaves_the_other_ids_as_they_are() -> None:
    before, after = ids(dropout=[0.5], epochs=[1]), ids(dropout=[0.25, 0.5], epochs=[2, 1])
    assert before == ["g__dropout_0p5__epochs_1"]
    assert set(before) < set(after)
    assert after == [f"g__dropout_{dropout}__epochs_{epochs}" for dropout in ("0p25", "0p5") for epochs in (2, 1)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0005, "0p0005"), (5.0e-4, "0p0005"), (1.0e-5, "0p00001"), (1, "1"), (1.0, "1"), (-0.5, "m0p5"), (-3, "m3")),
        *((0.0, "0"), (-0.0, "0"), (1e20, "100000000000000000000"), (0.1 + 0.2, "0p30000000000000004")),
        *((True, "true"), (False, "false"), (None, "null"), ("SGD", "sgd"), ("nets.py:resNet-8", "nets_py_resnet_8")),
        *(([16, 32], "16_32"), ([], "none"), ([[1.5], "a"], "1p5_a"), ({}, "none")),
        ({"name": "adam", "learning_rate": 0.001}, "learning_rate_0p001_name_adam"),
        ({"learning_rate": 0.001, "name": "adam"}, "learning_rate_0p001_name_adam"),
        ([{"RandomFlip": {"mode": "horizontal"}}], "randomflip_mode_horizontal"),
    ],
)
def test_values_in_ids(value: object, text: str) -> None:
    assert ids(some__key=[value]) == [f"g__key_{text}"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20, unique=True))
def test_different_numbers_have_different_ids(numbers: list[float]) -> None:
    found = ids(x=numbers)
    assert len(found) == len(numbers)
    for one, number in zip(found, numbers, strict=True):
        digits = one.removeprefix("g__x_").replace("m", "-").replace("p", ".")
        assert float(digits) == number


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown variant": (
        grid_of("conv3_dropout5", dropout=[0.1]),
        ["grids.lr.from names 'conv3_dropout5', which is no variant; did you mean conv3_dropout05? (grids.lr: null leaves"],
    ),
    "misspelt key": (grid_of(droput=[0.1, 0.2]), ["grids.lr.vary.droput is not a key here; did you mean dropout?"]),
    "misspelt dotted key": (
        grid_of(optimizer__learning_rat=[0.1]),
        ["grids.lr.vary.optimizer.learning_rat is no argument of Keras's RMSprop; did you mean learning_rate?"],
    ),
    "misspelt key in a value": (
        grid_of(optimizer=[{"momentum": 0.5}, {"momntum": 0.5}]),
        ["grids.lr.vary.optimizer.momntum is no argument of Keras's RMSprop; did you mean momentum?", "{momntum: 0.5}"],
    ),
    "value out of bounds": (grid_of(dropout=[0.1, 1.5]), ["grids.lr.vary.dropout is 1.5; it should be less than 1"]),
    "value of another kind": (grid_of(epochs=["many"]), ['grids.lr.vary.epochs is "many"; it should be a valid integer']),
    "value within a value": (
        grid_of(filters=[[8], [8, 0]]),
        ["grids.lr.vary.filters.1.1 is 0; it should be greater than or equal"],
    ),
    "name without a rate": (
        grid_of(optimizer__name=["adam"]),
        ['grids.lr.vary.optimizer is {"name": "adam"}; name needs learning_rate'],
    ),
    "no list": (grid_of(dropout=0.5), ["grids.lr.vary.dropout is 0.5; it should be a list"]),
    "no value": (grid_of(dropout=[]), ["grids.lr.vary.dropout is []; it should be non-empty"]),
    "no key": (grid_of(), ["grids.lr.vary is {}; it should be non-empty"]),
    "another key": ({**LR, "form": 1}, ["grids.lr.form is not a key here; did you mean from?"]),
    "a label": (grid_of(label=["x"]), ["grids.lr.vary.label cannot be varied: the label of a member tells its values"]),
    "the same place twice": (
        grid_of(optimizer=[{"momentum": 0.1}], optimizer__momentum=[0.2]),
        ["grids.lr.vary.optimizer and grids.lr.vary.optimizer.momentum set the same place; keep one"],
    ),
    "the same key twice": (
        {"from": "mlp100", "vary": {"optimizer": [{}], "optimizer.momentum.x": [1]}},
        ["grids.lr.vary.optimizer and grids.lr.vary.optimizer.momentum.x set the same place"],
    ),
    "equal values": (
        grid_of(dropout=[0, 0.5, 0.0]),
        ["grids.lr.vary.dropout lists 0 and 0.0, which would both be dropout_0 in ids"],
    ),
    "values of equal texts": (
        grid_of(precision=["float32", "Float32"]),
        ['grids.lr.vary.precision lists "float32" and "Float32", which would both be precision_float32 in ids; keep one of them'],
    ),
    "nothing to name": (grid_of(precision=["--"]), ['grids.lr.vary.precision lists "--", of which no id can be made']),
    "too many": (
        grid_of(epochs=list(range(1, 502)), dropout=[0.1, 0.2]),
        ["grids.lr.vary makes 1,002 variants, above the maximum of 1,000; vary fewer keys or values"],
    ),
    "far too many": ({"from": "mlp100", "vary": {f"k{key}": list(range(100)) for key in range(9)}}, ["above the maximum of 1,000"]),
    "long ids": (
        grid_of(filters=[[8], [256] * 4], dense_units=[[1024] * 15]),
        [
            "grids.lr: the id lr__filters_256_256_256_256__dense_units_1024_1024",
            "has 115 characters, above the maximum of 100; give the grid a shorter id, vary fewer keys",
        ],
    ),
    "no effect of what varies": (
        grid_of(dropout=[0.1], head=["dense", "conv1x1"]),
        ["grids.lr.vary.dropout has no effect with head: conv1x1", "(in the member of grids.lr with dropout: 0.1, head: conv1x1)"],
    ),
    "no effect of what the variant sets": (
        grid_of("conv2_dropout00", head=["conv1x1"]),
        ["variants.conv2_dropout00.dropout has no effect with head: conv1x1", "(in the member of grids.lr with head: conv1x1)"],
    ),
    "too many blocks": (
        grid_of(filters=[[8] * 6]),
        ["grids.lr.vary.filters has 6 blocks, but 32 pixels can be halved only 5 times"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, config: dict[str, Any]) -> None:
    value, expected = REFUSED[case]
    config["grids"] = {"lr": value}
    with pytest.raises(InputError) as caught:
        configuration.resolve(config)
    problems = str(caught.value).splitlines()[1:]
    assert len(problems) == 1, problems
    for text in expected:
        assert text in problems[0]


def refusal(config: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        configuration.check(config)
    return str(caught.value)


def test_ids_that_are_taken_are_refused(config: dict[str, Any]) -> None:
    config["variants"] |= {"lr": {"label": "x"}, "one__dropout_0p1": {"label": "x"}}
    config["grids"] = {"lr": LR, "one": grid_of(dropout=[0.1]), "a": grid_of(dropout=[0.1], epochs=[2])}
    config["grids"]["a__dropout_0p1"] = grid_of("mlp100", epochs=[2])
    text = refusal(config)
    assert "grids.lr has the id of a variant; rename one of them" in text
    assert "the member of grids.one with dropout: 0.1 has the id one__dropout_0p1, and so has variants.one__dropout_0p1" in text
    assert (
        "the member of grids.a__dropout_0p1 with epochs: 2 has the id a__dropout_0p1__epochs_2, "
        "and so has the member of grids.a with dropout: 0.1, epochs: 2; rename one of them"
    ) in text
    assert text.count("\n") == 3


def test_ids_that_come_out_equal_by_chance_are_refused(config: dict[str, Any]) -> None:
    vary = {"a": ["1__b_2", "1"], "b": ["2__b_2", "2"]}
    assert len(ids(**vary)) == 3 < 4  # a: 1__b_2, b: 2 and a: 1, b: 2__b_2
    config["grids"] = {"g": {"from": "mlp100", "vary": vary}}
    text = refusal(config)
    assert "the member of grids.g with a: 1, b: 2__b_2 has the id g__a_1__b_2__b_2, and so has the member of grids.g with" in text


def test_all_mistakes_are_named_at_once(config: dict[str, Any]) -> None:
    config["grids"] = {"lr": grid_of(dropout=[1.5, 0.1], droput=[1]), "other": grid_of("conv9", dropout=[0.1])}
    config["comparisons"]["mine"] = {
        "title": "x",
        "variants": ["lr", "lrr"],
        "rows": [["train"]],
        "labels": {"lr__dropout_0p1": "x"},
    }
    config["claims"]["mine"] = {
        **{"section": "x", "statement": "x", "test": "less"},
        "quantities": ["lr.test_accuracy", "other.test_loss", "others.test_loss"],
    }
    problems = refusal(config).splitlines()[1:]
    for text, problem in itertools.zip_longest(
        (
            "grids.other.from names 'conv9'",
            "grids.lr.vary.dropout is 1.5",
            "grids.lr.vary.droput is not a key here",
            "comparisons.mine.variants names 'lrr', which is no variant; did you mean lr?",
            "comparisons.mine.labels.lr__dropout_0p1 is no variant",
            "claims.mine.quantities.2 names 'others', which is no variant; did you mean other?",
        ),
        problems,
    ):
        assert text in problem


def test_values_are_merged_into_what_the_variant_sets(config: dict[str, Any]) -> None:
    config["variants"]["base"] = {
        **{"label": "base", "augmentation": {"horizontal_flip": True, "channel_offset": 0.1}},
        "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    }
    config["grids"] = {
        "offset": grid_of("base", augmentation__channel_offset=[0.2], optimizer__learning_rate=[0.3]),
        "whole": grid_of("base", optimizer=[{"learning_rate": 0.2}]),
    }
    found = configuration.resolve(config).variants
    training = found["offset__channel_offset_0p2__learning_rate_0p3"].training
    assert (training.augmentation.horizontal_flip, training.augmentation.channel_offset) == (True, 0.2)
    assert training.optimizer.model_dump() == {"name": "sgd", "learning_rate": 0.3, "momentum": 0.9}
    # A mapping stands in place of the variant's own; what it leaves out is the study's.
    whole = found["whole__optimizer_learning_rate_0p2"].training.optimizer
    assert whole.model_dump() == {"name": "rmsprop", "learning_rate": 0.2, "momentum": 0}


def test_null_removes_a_grid(config: dict[str, Any]) -> None:
    config["grids"] = {"lr": LR}
    update_config(config, {"grids": {"lr": None}})
    assert not set(IDS) & set(configuration.resolve(config).variants)
    assert not configuration.precision_depends_on_host(config)


def test_a_grid_may_vary_the_precision(config: dict[str, Any]) -> None:
    config["grids"] = {"lr": LR, "how": grid_of(precision=["float32", "auto"]), "none": None}
    assert configuration.precision_depends_on_host(config)
    config["grids"]["how"] = grid_of(precision=["float32"])
    assert not configuration.precision_depends_on_host(config)


def test_runs_and_the_memory_table_may_be_of_members(config: dict[str, Any], tmp_path: Path) -> None:
    config["grids"] = {"heads": grid_of(head=["dense", "conv1x1"])}
    config["memory"] = {"dense": "heads__head_dense", "conv1x1": "heads__head_conv1x1"}
    assert configuration.resolve(config).memory["conv1x1"] == "heads__head_conv1x1"
    config["memory"]["dense"] = "heads__head_conv1x1"
    assert "memory.dense names heads__head_conv1x1, whose head is conv1x1" in refusal(config)
    config["runs_from"] = str(tmp_path)
    assert "has no history.csv and no metrics.json in runs/heads__head_dense/seed1" in refusal(config)


# Where a grid is named


def comparison(config: dict[str, Any], **changes: Any) -> comparisons.Comparison:
    config["comparisons"]["mine"] = {"title": "Mine", "rows": [["validation"]], **changes}
    return configuration.resolve(config).comparisons["mine"]


def test_a_comparison_shows_all_members_of_a_grid_in_order(config: dict[str, Any]) -> None:
    config["grids"] = {"lr": LR}
    found = comparison(
        config,
        variants=["conv3_dropout05", "lr"],
        labels={IDS[1]: "the second"},
        colors={IDS[2]: "red", "conv3_dropout05": "black"},
    )
    assert [member.variant for member in found.members] == ["conv3_dropout05", *IDS]
    assert [member.label for member in found.members] == [
        *("3 conv layers", "learning rate 0.001, dropout 0", "the second"),
        *("learning rate 0.0005, dropout 0", "learning rate 0.0005, dropout 0.5"),
    ]
    assert found.members[3].colors["validation"] == comparisons.PALETTE["red"]
    assert len({member.colors["validation"] for member in found.members}) == 5
    assert configuration.resolve(config).plan.members[IDS[0]].comparisons == {"mine": "Mine"}


def test_a_member_stands_once_and_says_its_variant_beside_another_grid(config: dict[str, Any]) -> None:
    config["grids"] = {"lr": LR, "other": grid_of("mlp100", dropout=[0.1])}
    found = comparison(config, variants=[IDS[2], "lr", "other"])
    assert [member.variant for member in found.members] == [IDS[2], IDS[0], IDS[1], IDS[3], "other__dropout_0p1"]
    assert found.members[-1].label == "MLP, 100 hidden units, dropout 0.1"


def test_twenty_members_have_colours_of_their_own(config: dict[str, Any]) -> None:
    config["grids"] = {"e": grid_of(epochs=list(range(1, 31)))}
    colors = [member.colors["validation"] for member in comparison(config, variants=["e"]).members]
    assert len(set(colors[:20])) == len(set(colors)) == 20
    assert all(len(color) == 7 for color in colors)


def test_a_claim_rests_on_all_members_of_a_grid(config: dict[str, Any]) -> None:
    config["grids"] = {"lr": LR}
    config["claims"] = {
        "mine": {
            **{"section": "x", "statement": "x", "test": "greater"},
            "quantities": ["lr.test_accuracy", "mlp100.test_accuracy", f"{IDS[1]}.test_accuracy"],
        }
    }
    resolved = configuration.resolve(config)
    (claim,) = resolved.claims
    assert claim.subjects == ("lr", "mlp100", IDS[1])
    assert claim.variants == (*IDS, "mlp100")
    assert not claim.is_exact
    assert resolved.variants_of_claims() == sorted([*IDS, "mlp100"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"quantities": ["lr.parameters", "mlp100.parameters"]},
            f"quantities.0 is lr.parameters, which the settings of each member fix; name a member, as in {IDS[0]}.parameters",
        ),
        ({"quantities": ["lr", "mlp100.test_loss"]}, "claims.mine.quantities.0 is 'lr'; a quantity is written variant.metric"),
        ({"quantities": ["lr.test_los", "mlp100.test_loss"]}, "names 'test_los', which is no metric; did you mean test_loss?"),
        ({"grids": [{"id": "lr", "members": ["mlp100"]}]}, "claims.mine.grids is not a key here"),
    ],
)
def test_claims_that_are_refused(change: dict[str, Any], message: str, config: dict[str, Any]) -> None:
    config["grids"] = {"lr": LR}
    quantities = ["lr.test_loss", "mlp100.test_loss"]
    config["claims"]["mine"] = {"section": "x", "statement": "x", "test": "greater", "quantities": quantities, **change}
    assert message in refusal(config)


def test_the_examples_of_the_documents_are_valid(config: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = text.split("\n## Grids\n")[1].split("\n## ")[0]
    for block in section.split("```yaml\n")[1:]:
        update_config(config, yaml.safe_load(block.split("```")[0]))
    declared = configuration.check(config)
    assert isinstance(declared, Declaration)
    for name in declared.grids:
        for member in grids.members(name, declared.grids[name]):
            assert member in section
