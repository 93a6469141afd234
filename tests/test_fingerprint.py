"""What a fingerprint is made from: of a run, and of a step."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from convnets.freshness.steps import TRAINING, Steps
from edited import SCRIPTS, edit, forget, nothing_remembered, package, run_fingerprint, step_digest

from convnets.freshness import code as executed
from convnets.freshness import fingerprint
from convnets.study import configuration

__all__ = ["nothing_remembered", "package"]


def test_settings_seed_and_data_count(config: dict[str, Any]) -> None:
    found = {run_fingerprint(config), run_fingerprint(config, seed=2), run_fingerprint(config, "conv3_dropout05")}
    config["training"]["epochs"] = 31
    found.add(run_fingerprint(config))
    config["dataset"]["split_seed"] = 2
    found.add(run_fingerprint(config))
    config["dataset"]["subset"] = {"train": 640, "validation": 64, "test": 64}
    found.add(run_fingerprint(config))
    assert len(found) == 6


def test_what_cannot_change_the_result_does_not_count(config: dict[str, Any]) -> None:
    before = run_fingerprint(config)
    config["variants"]["conv3_1x1"]["label"] = "another label"
    config["variants"]["mlp100"]["epochs"] = 7
    config["network"]["dropout"] = 0.4  # no dropout acts with the 1x1 head
    config["training"] = dict(reversed(config["training"].items())) | {"epochs": 30.0}
    config["seeds"] = [1, 2]
    config["tracking"] = {"uri": "http://127.0.0.1:1", "experiment": "elsewhere", "reuse": True}
    config["comparisons"] = {}
    config["dataset"]["source"] = "npm"
    assert run_fingerprint(config) == before


def test_training_executes_these_modules_and_no_others(config: dict[str, Any]) -> None:
    resolved = configuration.resolve(config)
    found = fingerprint.run_components(resolved.variants["mlp100"], 1, resolved.dataset)
    assert set(found["modules"]) == {
        "backend", "batches", "checkpoints", "cifar10", "dataset", "errors", "files", "hardware", "layers", "networks", "outcome",
        "records", "settings", "training",
    }  # fmt: skip
    assert set(found["libraries"]) == {"keras", "numpy", "tensorflow"}
    executed = {f"{module}.{name}" for module, names in found["modules"].items() for name in names}
    assert {
        "training.train", "training.augment", "training._run_epoch", "training.Result", "networks.build", "networks._layers",
        "networks.CONVOLUTION_BIAS", "layers.feature_map", "backend.configure", "backend.statements", "dataset.prepare",
        "dataset.pixel_statistics", "batches.read", "cifar10.TRAIN_BATCHES", "settings.Settings", "outcome.produce",
        "checkpoints.read", "checkpoints.write", "records.write_history", "records.write_metrics", "records.write_record",
        "files.atomic_path",
    } <= executed  # fmt: skip
    not_called = {"layers.network_parameters", "dataset.manifest", "dataset.check", "reading.read_history", "settings.resolve"}
    not_called |= {"checkpoints.epochs_done", "files.read_json", "batches.write", "networks.load"}
    assert not not_called & executed


def test_figures_know_nothing_of_training() -> None:
    found = fingerprint.step_components(SCRIPTS / "plot_comparison.py", {})
    assert "figures" in found["modules"]
    assert not {"training", "networks", "tracking", *executed.BOOKKEEPING} & set(found["modules"])
    assert set(found["libraries"]) == {"matplotlib", "numpy", "pandas"}


def test_a_library_that_only_jobs_have_counts_as_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise executed.PackageNotFoundError(name)

    monkeypatch.setattr(executed, "version", absent)
    executed.library_version.cache_clear()
    assert executed.library_version("tensorflow").startswith("2.21.")
    executed.library_version.cache_clear()


def test_a_module_of_figures_makes_figures_stale(package: Path) -> None:
    script = package.parent / "plot_comparison.py"
    before = step_digest(script)
    edit(package / "figures.py", "LABEL_HEIGHT = 0.062", "LABEL_HEIGHT = 0.1")
    assert step_digest(script) != before


def test_a_librarys_version_counts_where_it_is_used(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> None:
    run, figure = run_fingerprint(config), step_digest(SCRIPTS / "plot_comparison.py")
    real = executed.library_version
    forget()
    monkeypatch.setattr(executed, "library_version", lambda name: "9.9" if name == "matplotlib" else real(name))
    assert run_fingerprint(config) == run
    assert step_digest(SCRIPTS / "plot_comparison.py") != figure
    forget()
    monkeypatch.setattr(executed, "library_version", lambda name: "9.9" if name == "tensorflow" else real(name))
    assert run_fingerprint(config) != run


def test_changes_are_named(config: dict[str, Any], package: Path) -> None:
    def components() -> fingerprint.Components:
        resolved = configuration.resolve(config)
        return fingerprint.run_components(resolved.variants["mlp100"], resolved.seeds[0], resolved.dataset)

    before = components()
    assert fingerprint.changes(before, before) == []
    config["variants"]["mlp100"]["dropout"] = 0.25
    config["seeds"] = [7]
    config["dataset"]["split_seed"] = 2
    edit(package / "networks.py", "CONVOLUTION_BIAS = 0.05", "CONVOLUTION_BIAS = 0.06")
    edit(package / "training.py", "def _not_finite(", "def _other(")
    edit(package / "training.py", '_not_finite("loss"', '_other("loss"')
    forget()
    assert fingerprint.changes(before, components()) == [
        "setting network.dropout: 0.5 -> 0.25",
        "seed: 1 -> 7",
        "data split_seed: 1 -> 2",
        "code: networks.CONVOLUTION_BIAS changed",
        "code: training._not_finite is gone",
        "code: training._other is new",
        "code: training._run_epoch changed",
    ]
    old = {**before, "version": 1, "libraries": {}}
    assert fingerprint.changes(old, before) == [f"what a fingerprint covers: version 1 -> {fingerprint.VERSION}"]
    long = {**before, "settings": {"labels": [f"a long label of variant {number}" for number in range(20)]}}
    other = json.loads(json.dumps(long))
    other["settings"]["labels"][17] = "another"
    assert fingerprint.changes(long, other) == ['setting labels[17]: "a long label of variant 17" -> "another"']
    upgraded = {**before, "libraries": {**before["libraries"], "numpy": "9.9"}}
    assert fingerprint.changes(before, upgraded)[0].startswith("library numpy: ")


def test_libraries_count_under_the_names_that_carry_them() -> None:
    for script, library in (("tabulate_memory", "tabulate"), ("tabulate_claims", "tabulate"), ("write_overview", "jinja2")):
        assert library in fingerprint.step_components(SCRIPTS / f"{script}.py", {})["libraries"]
    assert not {"tabulate", "jinja2"} & set(fingerprint.step_components(SCRIPTS / "plot_comparison.py", {})["libraries"])


RULE_EDITS = {
    "two files swapped": (
        "--dense {input.dense:q} --conv1x1 {input.conv1x1:q}",
        "--dense {input.conv1x1:q} --conv1x1 {input.dense:q}",
    ),
    "another input": ('configuration.memory["dense"])[:1]', 'configuration.memory["dense"])[1:]'),
    "two outputs swapped": ('markdown="<results>/tables/memory.md"', 'markdown="<results>/tables/memory.csv"'),
}
RULE_FORMATS = {
    "a comment": ("rule tabulate_memory:\n    input:\n", "rule tabulate_memory:\n    # a comment\n    input:\n        # another\n"),
    "formatting": ("--dense {input.dense:q} --conv1x1", '--dense {input.dense:q}"\n\n        " --conv1x1'),
    "where it logs": ("<logs>/tabulate_memory.log", "<logs>/memory.log"),
    "another rule": ("draw_vgg16.py --settings", "draw_vgg16.py  --settings"),
}


@pytest.mark.parametrize(("edits", "counts"), [(RULE_EDITS, True), (RULE_FORMATS, False)])
def test_the_text_of_a_rule_counts(edits: dict[str, tuple[str, str]], counts: bool, package: Path) -> None:
    for old, new in edits.values():
        shutil.copytree(ROOT / "rules", package.parents[1] / "rules", dirs_exist_ok=True)
        forget()
        before = fingerprint.step_components(package.parent / "tabulate_memory.py", {})
        assert set(before["rule"]) == {"input", "output", "params", "shell"}
        edit(package.parents[1] / "rules" / "theory.smk", old, new)
        after = fingerprint.step_components(package.parent / "tabulate_memory.py", {})
        changes = fingerprint.changes(before, after)
        assert len(changes) == counts
        assert all(change.startswith("code: ") and change.endswith(" of the rule changed") for change in changes)


def test_every_step_but_a_training_has_the_text_of_its_rule(config: dict[str, Any]) -> None:
    for step in Steps(configuration.resolve(config)).all.values():
        assert bool(step.components.get("rule")) == (step.rule != TRAINING)


def test_entries_of_lists_are_told_apart_by_name() -> None:
    claims: list[dict[str, Any]] = [{"id": name, "statement": f"the {name} statement " + 20 * "and so on "} for name in "abc"]
    old = {"settings": {"claims": claims, "members": [{"variant": "x"}, {"variant": "y"}]}}
    added = {"settings": {"claims": [claims[0], {**claims[0], "id": "new"}, *claims[1:]], "members": [{"variant": "y"}]}}
    told = fingerprint.changes(old, added)
    assert [text.split(": ")[0] for text in told] == ["setting claims[new]", "setting members[x]"]
    assert all(len(text) < 250 for text in told)
    assert told[1].endswith('{"variant": "x"} -> nothing')
    swapped = {"settings": {**old["settings"], "claims": [claims[1], claims[0], claims[2]]}}
    assert fingerprint.changes(old, swapped) == ['setting order of claims: ["a", "b", "c"] -> ["b", "a", "c"]']
    ended = {"settings": {**old["settings"], "claims": [{**claims[0], "statement": claims[0]["statement"] + "!"}, *claims[1:]]}}
    (text,) = fingerprint.changes(old, ended)
    assert text.startswith("setting claims[a].statement: …")
    assert text.endswith('and so on !"')
    assert fingerprint.changes({"settings": {"claims": []}}, {"settings": {"claims": claims[:1]}})[0].startswith(
        "setting claims[a]: nothing"
    )
