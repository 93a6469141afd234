"""Grids: the ids, settings and labels of their members, what is refused, and where a grid can be named."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from grid_studies import LR, grid_of, ids, refusal
from hypothesis import given
from hypothesis import strategies as st
from snakemake.utils import update_config

from convnets.study import comparisons, configuration, grids
from convnets.study.declaration import Declaration

IDS = [f"lr__learning_rate_{rate}__dropout_{dropout}" for rate in ("0p001", "0p0005") for dropout in ("0", "0p5")]


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
    assert not configuration.resolve(config).depends_on_host


def test_a_grid_may_vary_the_precision(config: dict[str, Any]) -> None:
    config["grids"] = {"lr": LR, "how": grid_of(precision=["float32", "auto"]), "none": None}
    assert configuration.resolve(config).depends_on_host
    config["grids"]["how"] = grid_of(precision=["float32"])
    assert not configuration.resolve(config).depends_on_host


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
