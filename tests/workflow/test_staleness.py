"""What is stale after a change of the configuration, and the reason: asked of a made-up study.

`test_staleness_slow.py` makes some of these changes on a study that was trained, and lets Snakemake make what is stale.
"""

from pathlib import Path

import pytest
from made_up import MadeUp, is_said, made_up, study
from staleness import ALL_RUNS, CLAIMS, FIGURES, TABLES, VARIANTS, put, trainings

from convnets.workflow import leftovers

__all__ = ["made_up", "study"]
PUBLISHED = {"create_store", "publish_comparisons"}


def test_nothing_changed(study: MadeUp) -> None:
    assert study.stale() == {}


SETTINGS = {
    "one variant's dropout": ({"variants.mlp.dropout": 0.4}, trainings(["mlp"]), "setting network.dropout: 0.5 -> 0.4"),
    "a default that two variants override": (
        *({"training.batch_size": 16}, trainings(["conv2", "conv2_1x1"])),
        "setting training.batch_size: 32 -> 16",
    ),
    "a default of the training": (
        *({"training.optimizer.learning_rate": 0.001}, ALL_RUNS),
        "setting training.optimizer.learning_rate: 0.0005 -> 0.001",
    ),
    "two settings that swap values": (
        *({"variants.conv1.kernel_size": 1, "variants.conv1.epochs": 3}, trainings(["conv1"])),
        "setting network.kernel_size: 3 -> 1",
    ),
    "a colour of one figure": (
        *({"comparisons.depth.colors.conv1": "green"}, {"plot_comparison/depth", "publish_comparisons"}),
        'setting comparison.members[conv1].colors.train: "#D55E00" -> "#009E73"',
    ),
    "a caption": (
        *({"comparisons.head.title": "The head"}, {"plot_comparison/head", *PUBLISHED}),
        'setting comparison.title: "Head" -> "The head"',
    ),
    "a label of a variant": (
        *({"variants.conv1.label": "1 layer"}, {"plot_comparison/depth", *TABLES, *PUBLISHED}),
        'setting labels.conv1: "one layer" -> "1 layer"',
    ),
    "what a claim says": (
        *({"claims.head.statement": "It ends lower."}, CLAIMS),
        'setting claims[head].statement: "The 1x1 head ends with a lower loss." -> "It ends lower."',
    ),
    "the accuracies of the table of convergence": (
        *({"convergence.accuracies": [0.1]}, {"tabulate_convergence"}),
        "setting accuracies",
    ),
    "a comparison's variants": (
        *({"comparisons.depth.variants": ["conv1", "conv2", "mlp"]}, {"plot_comparison/depth", *PUBLISHED}),
        "setting comparison.members",
    ),
    "the size of the subset": (
        *({"dataset.subset.validation": 32}, {"prepare_dataset", *ALL_RUNS}),
        "data subset[1]: 64 -> 32",
    ),
    "how the data set is split": ({"dataset.split_seed": 2}, {"prepare_dataset", *ALL_RUNS}, "data split_seed: 1 -> 2"),
    "the experiment": (
        *({"tracking.experiment": "another"}, PUBLISHED),
        'setting tracking.experiment: "cifar10-convnets" -> "another"',
    ),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings(case: str, study: MadeUp) -> None:
    changes, expected, reason = SETTINGS[case]
    for path, value in changes.items():
        put(study.config, path, value)
    assert is_said(study.settle(expected), reason)


def test_settings_that_change_nothing(study: MadeUp) -> None:
    """All at once, since each would be among the reasons: numbers, the source of the data, a precision, the order of keys."""
    for path, value in {
        "training.epochs": 2.0,
        "dataset.split_seed": 1.0,
        "variants.mlp.dropout": 0.50,
        "dataset.source": "npm",
        "variants.mlp.precision": "float32",
    }.items():
        put(study.config, path, value)
    for section in ("variants", "comparisons", "training", "network", "dataset"):
        study.config[section] = dict(reversed(study.config[section].items()))
    study.config["variants"]["conv2"] = dict(reversed(study.config["variants"]["conv2"].items()))
    study.config = dict(reversed(study.config.items()))
    assert study.stale() == {}


def test_a_seed_is_added_and_removed(study: MadeUp) -> None:
    """The memory table needs one seed; what a removed seed left is named."""
    study.config["seeds"] = [2, 1]
    second = {f"train_variant/{variant}/seed2" for variant in VARIANTS}
    study.settle({*second, *FIGURES, *TABLES, *CLAIMS, "publish_comparisons"})
    study.config["seeds"] = [1]
    study.settle({*FIGURES, *TABLES, *CLAIMS, "publish_comparisons"})
    assert leftovers.left(study.steps()) == [Path(f"results/runs/{variant}/seed2") for variant in VARIANTS]


def test_a_variant_is_added_renamed_and_removed(study: MadeUp) -> None:
    tables = {*TABLES, *PUBLISHED}
    study.config["variants"]["extra"] = {"label": "another", "filters": [2], "kernel_size": 3}
    study.settle({"train_variant/extra/seed1", *tables})
    study.config["variants"]["renamed"] = study.config["variants"].pop("extra")
    study.settle({"train_variant/renamed/seed1", *tables})
    del study.config["variants"]["renamed"]
    study.settle(tables)
    assert leftovers.left(study.steps()) == [Path("results/runs/extra/seed1"), Path("results/runs/renamed/seed1")]


def test_a_grid_grows_and_leaves(study: MadeUp) -> None:
    """One more value trains its own runs alone; a grid that is set to null leaves nothing but its results."""
    study.config["grids"] = {"drop": {"from": "mlp", "vary": {"dropout": [0.1, 0.2], "optimizer.momentum": [0]}}}
    study.config["comparisons"]["drop"] = {"title": "Dropout", "variants": ["drop"], "rows": [["validation"]]}
    study.config["claims"]["drop"] = {
        **{"section": "mine", "statement": "The best one is better.", "test": "greater"},
        "quantities": ["drop.test_accuracy", "mlp.test_accuracy"],
    }

    def runs(*values: str) -> set[str]:
        return {f"train_variant/drop__dropout_{value}__momentum_0/seed1" for value in values}

    follows = {*TABLES, *CLAIMS, *PUBLISHED, "plot_comparison/drop"}
    study.settle({*runs("0p1", "0p2"), *follows})
    study.config["grids"]["drop"]["vary"]["dropout"] = [0.3, 0.20, 0.1]
    why = study.settle({*runs("0p3"), *follows})
    assert is_said(why, "setting claims[drop].grids[drop].members")
    study.config["grids"]["drop"]["vary"]["dropout"] = [0.1, 0.2, 0.3]
    study.settle({*CLAIMS, "plot_comparison/drop", "publish_comparisons"})  # the first of equals, and the legend, follow the order
    members = [study.steps().study.layout.run(key.split("/")[1], 1) for key in sorted(runs("0p1", "0p2", "0p3"))]
    study.config["grids"]["drop"] = study.config["comparisons"]["drop"] = study.config["claims"]["drop"] = None
    study.settle({*TABLES, *CLAIMS, *PUBLISHED})
    assert [path for path in leftovers.left(study.steps()) if "runs" in path.parts] == members


def test_a_member_of_a_grid_is_the_run_of_a_variant_with_its_settings(study: MadeUp) -> None:
    grid = {"from": "conv2", "vary": {"optimizer.learning_rate": [0.001]}}
    study.config["grids"] = {"lr": grid}
    member = study.steps()["train_variant/lr__learning_rate_0p001/seed1"]
    study.config["grids"] = {}
    optimizer = {"learning_rate": 0.001}
    study.config["variants"]["lr__learning_rate_0p001"] = {
        **{**study.config["variants"]["conv2"], "label": "slower"},
        "optimizer": optimizer,
    }
    assert study.steps()["train_variant/lr__learning_rate_0p001/seed1"].fingerprint == member.fingerprint


def test_a_comparison_leaves_and_returns(study: MadeUp) -> None:
    left = study.config["comparisons"].pop("head")
    study.settle(PUBLISHED)
    figures = [Path(f"results/figures/head.{kind}") for kind in ("png", "svg")]
    found = leftovers.left(study.steps())
    assert found == [*figures, Path("results/stamps/plot_comparison/head.json")]
    for path in found:
        path.unlink()
    study.config["comparisons"]["head"] = left
    study.settle({"plot_comparison/head", *PUBLISHED})
