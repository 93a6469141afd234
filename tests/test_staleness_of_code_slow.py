"""What is stale after an edit of the code, made for real on a finished small workflow. Slow: minutes.

Edits that change nothing are made all at once: each of them would be among the reasons. Of edits that make the same steps stale,
each is made alone, with its reason and its plan, and taken back; then all of them, and the steps are made once.
"""

import copy
import re
from pathlib import Path

import pytest
from convnets.freshness.steps import Steps
from staleness import CLAIMS, SMALL, TABLES, audited, finished, foreseen, settle, with_overview
from workflow import Workflow

from convnets.freshness import fingerprint
from convnets.study import configuration

VARIANTS = ("conv2", "conv2_1x1")
FORMULAS = {"tabulate_memory", "tabulate_vgg16", "tabulate_convergence", *CLAIMS}
RUNS = {f"train_variant/{variant}/seed1" for variant in VARIANTS} | {
    *("plot_comparison/head", "tabulate_memory", *TABLES, *CLAIMS, "publish_comparisons"),
}
# The module of the models, one that only they import, the loop, the figures, the tables, the tracking: what changes nothing,
HARMLESS = {
    "networks docstring": ('"""Yield the layers from standardised images to logits."""', '"""Yield."""'),
    "networks format": (
        "keras.initializers.Constant(CONVOLUTION_BIAS)",
        "(keras.initializers\n        .Constant(CONVOLUTION_BIAS))",
    ),
    "layers docstring": ("Return side length and channels of what", "Say what"),
    "layers format": ("IMAGE_SHAPE[0] // 2 ** len(network.filters)", "(IMAGE_SHAPE[0] // 2**len(network.filters))"),
    "layers unused": ("def megabytes(", "UNUSED = 1\n\n\ndef unused() -> None:\n    return None\n\n\ndef megabytes("),
    "training docstring": ("Train a network by the protocol", "Train"),
    "training format": ("done = begun or Part()\n", "done = (begun or Part())\n"),
    "figures docstring": ("Write each line's label to the right of its end", "Write labels"),
    "figures format": ("gap = LABEL_HEIGHT * (high - low)", "gap = LABEL_HEIGHT*(high-low)"),
    "tables docstring": ("Return the table of variants as Markdown", "Return Markdown"),
    "tables format": ("(138_357_544, 553.43)", "138357544, 553.430"),
    "tracking docstring": ("Return the active run of one training, or None", "Return a run, or None"),
    "tracking format": ("get_experiment_by_name(store.experiment)", "get_experiment_by_name( store.experiment )"),
    "publishing docstring": ("Take back the views", "Remove the views"),
    "publishing format": ("{**member.tags(), tracking.NOTE_TAG:", "{ **member.tags(), tracking.NOTE_TAG :"),
}
# and what counts: a local name, a constant.
COUNTED = {
    "networks local": ("bias", "first_bias", RUNS, "networks._layers"),
    "networks constant": ("CONVOLUTION_BIAS = 0.05", "CONVOLUTION_BIAS = 0.06", RUNS, "networks.CONVOLUTION_BIAS"),
    "layers local": ("side", "width", RUNS, "layers.feature_map"),
    "layers constant": ("len(network.filters)", "(len(network.filters) + 0)", RUNS, "layers.feature_map"),
    "layers constant of tables": ("BYTES_PER_PARAMETER = 4", "BYTES_PER_PARAMETER = 8", FORMULAS, "layers.BYTES_PER_PARAMETER"),
    "training local": ("hits", "matches", RUNS, "training._training_function"),
    "training constant": ("ITERATIONS_PER_CALL = 50", "ITERATIONS_PER_CALL = 2", RUNS, "training.ITERATIONS_PER_CALL"),
    "figures local": ("ordered", "by_height", {"plot_comparison/head", "publish_comparisons"}, "figures._label_ends"),
    "figures constant": (
        *("LABEL_HEIGHT = 0.062", "LABEL_HEIGHT = 0.07"),
        *({"plot_comparison/head", "publish_comparisons"}, "figures.LABEL_HEIGHT"),
    ),
    "tables local": ("groups", "by_variant", {"tabulate_variants"}, "tables.variants"),
    "tables constant": ("553.43", "553.44", {"tabulate_memory"}, "tables.REPORTED_DENSE"),
    "rules/theory.smk": (
        *("--dense {input.dense:q} --conv1x1 {input.conv1x1:q}", "--conv1x1 {input.conv1x1:q} --dense {input.dense:q}"),
        *({"tabulate_memory"}, "shell of the rule"),
    ),
    "inference constant": ("CONFIDENCE = 0.95", "CONFIDENCE = 0.9", CLAIMS, "inference.CONFIDENCE"),
    "errata local": ("stack", "blocks_of_vgg16", {"tabulate_errata"}, "errata._table"),
    "publishing local": ("there", "tracked_run", {"publish_comparisons"}, "publishing._publish_comparisons"),
    "pages constant": (
        *('TRAINING_VIEW = "workflowType=machine_learning"', 'TRAINING_VIEW = "workflowType=machine_learning&"'),
        *({"publish_comparisons"}, "pages.TRAINING_VIEW"),
    ),
    "tracking local": ("lines", "rows", {"create_store", "publish_comparisons"}, "tracking.reason_of"),
    "tracking constant": (
        *('REASON_TAG = "superseded_by", "superseded_because"', 'REASON_TAG = "superseded_by", "superseded_why"'),
        *({"create_store", "publish_comparisons"}, "the statements of tracking"),
    ),
}


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Workflow:
    config = copy.deepcopy(SMALL)
    config["variants"] = {name: config["variants"][name] for name in VARIANTS}
    del config["comparisons"]["depth"]
    return finished(tmp_path_factory, real_batches, config)


def file_of(case: str) -> str:
    return case if "/" in case else f"scripts/convnets/{case.split()[0]}.py"


def alike() -> list[list[str]]:
    """Return the edits that count, those that make the same steps stale together."""
    found: dict[frozenset[str], list[str]] = {}
    for case, (_, _, expected, _) in COUNTED.items():
        found.setdefault(frozenset(expected), []).append(case)
    return list(found.values())


def names(why: dict[str, list[str]], case: str) -> bool:
    """Return whether a change is among the reasons, of steps that it concerns alone."""
    _, _, expected, changed = COUNTED[case]
    found = {key for key, reasons in why.items() if f"code: {changed} changed" in reasons}
    return bool(found) and found <= with_overview(expected)


def test_edits_that_change_nothing(workflow: Workflow) -> None:
    for case, (old, new) in HARMLESS.items():
        workflow.edit(file_of(case), old, new)
    for path in {file_of(case) for case in (*HARMLESS, *COUNTED)}:
        file = workflow.folder / path
        file.write_text(f"# a comment\n{file.read_text()}")
    settle(workflow, set())


@pytest.mark.parametrize("cases", alike(), ids=", ".join)
def test_edits_that_count(cases: list[str], workflow: Workflow) -> None:
    expected = COUNTED[cases[0]][2]
    for case in cases[:-1]:
        file = workflow.folder / file_of(case)
        before = file.read_text()
        workflow.edit(file_of(case), *COUNTED[case][:2])
        assert names(foreseen(workflow, expected), case)
        file.write_text(before)
    for case in cases:
        workflow.edit(file_of(case), *COUNTED[case][:2])
    why = settle(workflow, expected)
    assert all(names(why, case) for case in cases)


def test_what_a_fingerprint_covers(workflow: Workflow) -> None:
    """Its version is the reason then, and the only one, since the rest cannot be compared."""
    version = fingerprint.VERSION
    workflow.edit("scripts/convnets/fingerprint.py", f"VERSION = {version}", f"VERSION = {version + 1}")
    why = foreseen(workflow, set(Steps(configuration.resolve(workflow.config)).all))
    for reasons in why.values():
        assert reasons[0] == f"what a fingerprint covers: version {version} -> {version + 1}"
        assert all(re.search(r" (is|are) stale$", reason) for reason in reasons[1:])
    workflow.edit("scripts/convnets/fingerprint.py", f"VERSION = {version + 1}", f"VERSION = {version}")
    settle(workflow, set())


def test_the_audit_passes_after_all_that(workflow: Workflow) -> None:
    audited(workflow)
