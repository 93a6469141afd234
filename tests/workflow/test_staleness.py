"""What is stale after a change of the configuration, the code, a rule or a file, and the reason: asked of a made-up study.

`test_staleness_slow.py` makes some of these changes on a study that was trained, and lets Snakemake make what is stale.
"""

import os
import shutil
import time
from pathlib import Path

import pytest
from made_up import MadeUp, made_up, study
from staleness import ALL_RUNS, CLAIMS, FIGURES, TABLES, VARIANTS, put, trainings, with_overview

from convnets.freshness import code, fingerprint
from convnets.runs import unfinished
from convnets.workflow import leftovers

__all__ = ["made_up", "study"]
PUBLISHED = {"create_store", "publish_comparisons"}
FORMULAS = {*TABLES, *CLAIMS, "tabulate_memory", "tabulate_vgg16", "draw_vgg16", "publish_comparisons"}


def settle(study: MadeUp, expected: set[str]) -> dict[str, list[str]]:
    """Check what is stale, finish it, and check that nothing is stale then; return the reasons."""
    steps = study.steps()
    why = study.stale(steps)
    assert set(why) == with_overview(expected)
    study.make(steps)
    assert study.stale(steps.again()) == {}
    return why


def is_said(why: dict[str, list[str]], reason: str) -> bool:
    return any(text.startswith(reason) for reasons in why.values() for text in reasons)


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
    assert is_said(settle(study, expected), reason)


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
    settle(study, {*second, *FIGURES, *TABLES, *CLAIMS, "publish_comparisons"})
    study.config["seeds"] = [1]
    settle(study, {*FIGURES, *TABLES, *CLAIMS, "publish_comparisons"})
    assert leftovers.left(study.steps()) == [Path(f"results/runs/{variant}/seed2") for variant in VARIANTS]


def test_a_variant_is_added_renamed_and_removed(study: MadeUp) -> None:
    tables = {*TABLES, *PUBLISHED}
    study.config["variants"]["extra"] = {"label": "another", "filters": [2], "kernel_size": 3}
    settle(study, {"train_variant/extra/seed1", *tables})
    study.config["variants"]["renamed"] = study.config["variants"].pop("extra")
    settle(study, {"train_variant/renamed/seed1", *tables})
    del study.config["variants"]["renamed"]
    settle(study, tables)
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
    settle(study, {*runs("0p1", "0p2"), *follows})
    study.config["grids"]["drop"]["vary"]["dropout"] = [0.3, 0.20, 0.1]
    why = settle(study, {*runs("0p3"), *follows})
    assert is_said(why, "setting claims[drop].grids[drop].members")
    study.config["grids"]["drop"]["vary"]["dropout"] = [0.1, 0.2, 0.3]
    settle(study, {*CLAIMS, "plot_comparison/drop", "publish_comparisons"})  # the first of equals, and the legend, follow the order
    members = [study.steps().study.layout.run(key.split("/")[1], 1) for key in sorted(runs("0p1", "0p2", "0p3"))]
    study.config["grids"]["drop"] = study.config["comparisons"]["drop"] = study.config["claims"]["drop"] = None
    settle(study, {*TABLES, *CLAIMS, *PUBLISHED})
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
    settle(study, PUBLISHED)
    figures = [Path(f"results/figures/head.{kind}") for kind in ("png", "svg")]
    found = leftovers.left(study.steps())
    assert found == [*figures, Path("results/stamps/plot_comparison/head.json")]
    for path in found:
        path.unlink()
    study.config["comparisons"]["head"] = left
    settle(study, {"plot_comparison/head", *PUBLISHED})


# Modules that training executes, that figures and tables do, and that tracking does: what changes nothing,
HARMLESS = {
    "networks.builders docstring": ('"""Yield the layers from standardised images to logits."""', '"""Yield."""'),
    "networks.builders format": (
        "keras.initializers.Constant(CONVOLUTION_BIAS)",
        "(keras.initializers\n        .Constant(CONVOLUTION_BIAS))",
    ),
    "networks.shapes docstring": ("Return height, width and channels of the", "Say what"),
    "networks.shapes format": ("shrunk = 2 ** len(network.filters)", "shrunk = (2**len(network.filters))"),
    "training.loop docstring": ("Train a network by the protocol", "Train"),
    "training.loop format": ("done = begun or Part()\n", "done = (begun or Part())\n"),
    "report.figures docstring": ("Draw the lines of one panel, each given by", "Write labels"),
    "report.line_labels format": ("1 / len(ends)) * (high - low)", "1/len(ends))*(high-low)"),
    "findings.variants docstring": ("Return the table of variants for readers", "Return it"),
    "report2021.memory format": ("BYTES_PER_PARAMETER * 8", "BYTES_PER_PARAMETER*8"),
    "tracking.connection docstring": ("Return the active run of one training, or None", "Return a run, or None"),
    "tracking.connection format": ("get_experiment_by_name(store.experiment)", "get_experiment_by_name( store.experiment )"),
    "tracking.publishing docstring": ("Deliver runs to the store, close", "Bring runs to the store, close"),
    "tracking.publishing format": ("{**member.tags(), NOTE_TAG:", "{ **member.tags(), NOTE_TAG :"),
    # the declaration of settings, what starts and records a step, and a rule's shell line,
    "scripts/convnets/settings/__init__.py": ("class Network(Section):", "UNUSED = 1\n\n\nclass Network(Section):"),
    "workflow.one_run statement": ("SETTLING_S = 5.0", "SETTLING_S = 6.0"),
    "workflow.frame statement": ("class Job(BaseModel", "UNUSED = 1\n\n\nclass Job(BaseModel"),
    "freshness.stamps statement": ("HASHED_WHEN_PLANNING = 1_000_000", "HASHED_WHEN_PLANNING = 1_000_001"),
    "scripts/train_variant.py": ("number of this attempt", "which attempt"),
    "rules/theory.smk": ("tabulate_memory.py {params.job:q} >", "tabulate_memory.py  {params.job:q}  >"),
    "rules/train.smk": ("# One training per variant and seed.", "# Trainings."),
    "rules/compare.smk": ("<logs>/tabulate_variants.log", "<logs>/variants.log"),
}
# and what counts.
COUNTED = {
    "networks.builders local": ("bias", "first_bias", ALL_RUNS),
    "networks.builders constant": ("CONVOLUTION_BIAS = 0.05", "CONVOLUTION_BIAS = 0.06", ALL_RUNS),
    "networks.builders unused function": ("def load(", "def unused() -> None:\n    return None\n\n\ndef load(", ALL_RUNS),
    "networks.builders unused import": ("import numpy as np", "import shutil\n\nimport numpy as np", ALL_RUNS),
    "networks.shapes local": ("shrunk", "smaller", ALL_RUNS | FORMULAS),
    "networks.shapes constant": ("len(network.filters)", "(len(network.filters) + 0)", ALL_RUNS | FORMULAS),
    "networks.formulas constant": ("BYTES_PER_PARAMETER = 4", "BYTES_PER_PARAMETER = 8", FORMULAS),
    "training.loop local": ("hits", "matches", ALL_RUNS),
    "training.loop constant": ("ITERATIONS_PER_CALL = 50", "ITERATIONS_PER_CALL = 2", ALL_RUNS),
    "data.dataset local": ("np.random.RandomState", "np.random.default_rng", {"prepare_dataset", *ALL_RUNS}),
    "report.figures local": ("ends", "tips", {*FIGURES, "publish_comparisons"}),
    "report.figures constant": ("LABEL_HEIGHT = 0.062", "LABEL_HEIGHT = 0.07", {*FIGURES, "publish_comparisons"}),
    "findings.variants local": ("groups", "by_variant", {"tabulate_variants"}),
    "report2021.memory constant": ("BYTES_PER_PARAMETER * 8", "BYTES_PER_PARAMETER * 9", {"tabulate_memory", "tabulate_vgg16"}),
    "report.page local": ("comparisons", "drawn", {"write_overview"}),
    "findings.inference constant": ("CONFIDENCE = 0.95", "CONFIDENCE = 0.9", CLAIMS),
    "report2021.errata local": ("stack", "blocks_of_vgg16", CLAIMS),
    "tracking.publishing local": ("there", "tracked_run", {"publish_comparisons"}),
    "tracking.interface constant": (
        *('TRAINING_VIEW = "workflowType=machine_learning"', 'TRAINING_VIEW = "workflowType=machine_learning&"'),
        {"publish_comparisons"},
    ),
    "tracking.connection local": ("lines", "rows", PUBLISHED),
    "tracking.connection constant": ("superseded_because=", "superseded_why=", PUBLISHED),
    "scripts/plot_comparison.py": ("def main(", "UNUSED = 1\n\n\ndef main(", {*FIGURES, "publish_comparisons"}),
}


def file_of(case: str) -> str:
    return case if "/" in case else f"scripts/convnets/{case.split()[0].replace('.', '/')}.py"


def module_of(case: str) -> str:
    return Path(case).stem if "/" in case else f"convnets.{case.split()[0]}"


def test_edits_that_change_nothing(study: MadeUp) -> None:
    """All at once, with a comment at the top of every file."""
    for case, (old, new) in HARMLESS.items():
        study.edit(file_of(case), old, new)
    for path in {file_of(case) for case in (*HARMLESS, *COUNTED)}:
        file = study.folder / path
        file.write_text(f"# a comment\n{file.read_text()}")
    assert study.stale() == {}


@pytest.mark.parametrize("case", COUNTED)
def test_edits_that_count(case: str, study: MadeUp) -> None:
    old, new, expected = COUNTED[case]
    study.edit(file_of(case), old, new)
    why = settle(study, expected)
    stale = {key for key, reasons in why.items() if f"code: {module_of(case)} changed" in reasons}
    assert stale
    assert all(reason == f"code: {module_of(case)} changed" for reasons in why.values() for reason in reasons)


RULES = {
    "an input is renamed": ("dense=runs_of", "fully=runs_of", "input fully: nothing -> "),
    "an input is read from elsewhere": (
        *('[study.memory["dense"]], study.seeds[0]', '[study.memory["conv1x1"]], study.seeds[0]'),
        'input dense: "<results>/runs/conv2/seed1/stamp.json" -> "<results>/runs/conv2_1x1/seed1/stamp.json"',
    ),
    "an output is renamed": ('markdown="<results>/tables/memory.md"', 'text="<results>/tables/memory.md"', "output markdown: "),
    "an output is written elsewhere": (
        *('"<results>/tables/memory.md"', '"<results>/tables/memory_of_networks.md"'),
        'output markdown: "<results>/tables/memory.md" -> "<results>/tables/memory_of_networks.md"',
    ),
    "a param is renamed": ("labels={head:", "names={head:", "setting names: nothing -> "),
    "a param has another value": ("labels={head: study.labels[variant]", "labels={head: variant", "setting labels.conv1x1: "),
}


@pytest.mark.parametrize("case", RULES)
def test_rules(case: str, study: MadeUp) -> None:
    *edit, reason = RULES[case]
    study.edit("rules/theory.smk", *edit)
    assert is_said(settle(study, {"tabulate_memory"}), reason)


def test_what_a_fingerprint_covers(study: MadeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version is the reason then, and the only one, since the rest cannot be compared."""
    version = fingerprint.VERSION
    monkeypatch.setattr(fingerprint, "VERSION", version + 1)
    why = study.stale()
    assert set(why) == set(study.steps().all)
    assert all(reasons == [f"what a fingerprint covers: version {version} -> {version + 1}"] for reasons in why.values())


@pytest.mark.parametrize(
    ("library", "expected"),
    [("matplotlib", {*FIGURES, "draw_vgg16", "publish_comparisons"}), ("keras", ALL_RUNS), ("scipy", CLAIMS)],
)
def test_a_librarys_version(library: str, expected: set[str], study: MadeUp, monkeypatch: pytest.MonkeyPatch) -> None:
    real = code.library_version
    monkeypatch.setattr(code, "library_version", lambda name: "99.1" if name == library else real(name))
    why = study.stale()
    assert set(why) == with_overview(expected)
    assert {text for reasons in why.values() for text in reasons} == {f'library {library}: "{real(library)}" -> "99.1"'}


DELETED = {
    **{f"runs/conv1/seed1/{name}": trainings(["conv1"]) for name in ("history.csv", "metrics.json", "model.keras", "stamp.json")},
    "figures/head.png": {"plot_comparison/head", "publish_comparisons"},
    "figures/vgg16.svg": {"draw_vgg16"},
    "tables/variants.csv": {"tabulate_variants"},
    "tables/memory.md": {"tabulate_memory"},
    "tables/claims.csv": CLAIMS,
    "tables/errata.md": {"tabulate_errata"},
    "stamps/tabulate_vgg16.json": {"tabulate_vgg16"},
    "data/manifest.json": {"prepare_dataset"},
    "tracking/plan.json": PUBLISHED,
    "data/dataset.npz": set(),  # nothing needs it while all runs are fresh
    "mlflow/mlflow.db": PUBLISHED,
}


@pytest.mark.parametrize("name", DELETED)
def test_a_file_is_deleted(name: str, study: MadeUp) -> None:
    path = study.results(name)
    path.unlink()
    why = study.stale()
    assert set(why) == with_overview(DELETED[name])
    assert not why or is_said(why, f"the tracking store {path} is missing" if path.suffix == ".db" else f"{path.name} is missing")


EDITED = {
    "runs/mlp/seed1/metrics.json": trainings(["mlp"]),
    "runs/mlp/seed1/history.csv": trainings(["mlp"]),
    "figures/depth.svg": {"plot_comparison/depth", "publish_comparisons"},
    "tables/memory.csv": {"tabulate_memory"},
}


@pytest.mark.parametrize("name", EDITED)
def test_a_file_is_edited_by_hand(name: str, study: MadeUp) -> None:
    """What is no longer as it was written is not a result, and is made again."""
    path = study.results(name)
    path.write_text(path.read_text().replace("a", "b", 1))
    assert is_said(settle(study, EDITED[name]), f"{path.name} is not as it was written")


def test_data_that_is_gone_or_damaged_is_prepared_again_before_a_training(study: MadeUp) -> None:
    path = study.results("data", "dataset.npz")
    put(study.config, "variants.mlp.dropout", 0.25)
    path.write_text(path.read_text().replace("a", "b", 1))
    settle(study, {"prepare_dataset", *trainings(["mlp"])})
    put(study.config, "variants.mlp.dropout", 0.3)
    path.unlink()
    settle(study, {"prepare_dataset", *trainings(["mlp"])})


def test_time_stamps_and_places_do_not_count(study: MadeUp) -> None:
    """Nor does a new clone beside results that were copied; the default store's address is absolute, so it is opened again."""
    for number, path in enumerate(sorted(path for path in study.folder.rglob("*") if path.is_file())):
        stamp = time.time() + 3600 * (-1) ** number
        os.utime(path, (stamp, stamp))
    assert study.stale() == {}
    (study.folder / "results").rename(study.folder / "elsewhere")
    study.config["pathvars"] = {**study.config["pathvars"], "results": "elsewhere"}
    settle(study, PUBLISHED)
    shutil.rmtree(study.folder / ".snakemake", ignore_errors=True)
    assert study.stale() == {}


def test_a_training_that_was_killed_when_it_had_just_ended(study: MadeUp) -> None:
    step = study.steps().all["train_variant/mlp/seed1"]
    unfinished.begin(study.results("unfinished", "mlp-seed1"), step.fingerprint, "sqlite:///elsewhere.db", "tests")
    why = study.stale()
    assert set(why) == with_overview(PUBLISHED)
    assert why["create_store"] == ["the training mlp-seed1 was killed when it had just ended"]
