"""What is stale after a change of the code, a rule or a library, and the reason: asked of a made-up study."""

from pathlib import Path

import pytest
from made_up import MadeUp, is_said, made_up, study
from staleness import ALL_RUNS, CLAIMS, FIGURES, TABLES, with_overview

from convnets.freshness import code, fingerprint

__all__ = ["made_up", "study"]
PUBLISHED = {"create_store", "publish_comparisons"}
FORMULAS = {*TABLES, *CLAIMS, "tabulate_memory", "tabulate_vgg16", "draw_vgg16", "publish_comparisons"}


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
    "report2021.errata local": ("stack", "blocks_of_vgg16", {"tabulate_errata"}),
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
    why = study.settle(expected)
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
    assert is_said(study.settle({"tabulate_memory"}), reason)


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
