"""What a fingerprint is made from: of a run, and of a step."""

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from edited import edit, forget, nothing_remembered, package, run_fingerprint, step_digest

from convnets.freshness import code, fingerprint
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
    config["training"] = dict(reversed(config["training"].items())) | {"epochs": 29.0}
    config["seeds"] = [1, 2]
    config["tracking"] = {"uri": "http://127.0.0.1:1", "experiment": "elsewhere", "reuse": True}
    config["comparisons"] = {}
    config["dataset"]["source"] = "npm"
    assert run_fingerprint(config) == before


def test_training_executes_these_modules_and_no_others(config: dict[str, Any]) -> None:
    resolved = configuration.resolve(config)
    found = fingerprint.run_components(resolved.variants["mlp100"], 1, resolved.dataset)
    assert set(found["modules"]) == {
        "convnets.data.batches", "convnets.data.cifar10", "convnets.data.dataset", "convnets.data.images",
        "convnets.data.official", "convnets.device", "convnets.errors", "convnets.files", "convnets.hardware",
        "convnets.modules", "convnets.networks.builders", "convnets.networks.costs", "convnets.networks.own",
        "convnets.networks.shapes", "convnets.runs.layout", "convnets.runs.records", "convnets.training.augmentation",
        "convnets.training.checkpoints", "convnets.training.keras_objects",
        "convnets.training.graphs", "convnets.training.loop", "convnets.training.meter", "convnets.training.optimizers",
        "convnets.training.outcome", "convnets.training.result",
    }  # fmt: skip
    assert set(found["libraries"]) == {"keras", "numpy", "tensorflow"}


def test_figures_know_nothing_of_training() -> None:
    found = fingerprint.step_components("plot_comparison", {}, {})
    assert {"plot_comparison", "convnets.report.figures", "convnets.style"} <= set(found["modules"])
    rooms = {name.split(".")[1] for name in found["modules"] if "." in name}
    assert rooms == {"errors", "files", "report", "runs", "study", "style"}
    assert set(found["libraries"]) == {"matplotlib", "numpy", "pandas"}


def test_a_library_that_only_jobs_have_counts_as_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(code, "version", absent)
    code.library_version.cache_clear()
    assert code.library_version("tensorflow").startswith("2.21.")
    code.library_version.cache_clear()


def test_a_module_of_figures_makes_figures_stale(package: Path) -> None:
    before = step_digest("plot_comparison")
    edit(package / "report" / "figures.py", "LABEL_HEIGHT = 0.062", "LABEL_HEIGHT = 0.1")
    assert step_digest("plot_comparison") != before


def test_a_librarys_version_counts_where_it_is_used(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> None:
    run, figure = run_fingerprint(config), step_digest("plot_comparison")
    real = code.library_version
    forget()
    monkeypatch.setattr(code, "library_version", lambda name: "9.9" if name == "matplotlib" else real(name))
    assert run_fingerprint(config) == run
    assert step_digest("plot_comparison") != figure
    forget()
    monkeypatch.setattr(code, "library_version", lambda name: "9.9" if name == "tensorflow" else real(name))
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
    edit(package / "networks" / "builders.py", "CONVOLUTION_BIAS = 0.05", "CONVOLUTION_BIAS = 0.06")
    edit(package / "training" / "loop.py", "from convnets.training.meter import", "from convnets.networks.formulas import")
    forget()
    assert fingerprint.changes(before, components()) == [
        "setting network.dropout: 0.5 -> 0.25",
        "seed: 1 -> 7",
        "data split_seed: 1 -> 2",
        "code: convnets.networks.builders changed",
        "code: convnets.networks.formulas is imported now",
        "code: convnets.training.loop changed",
        "code: convnets.training.meter is no longer imported",
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
        assert library in code.code_of(script)["libraries"]
    assert not {"tabulate", "jinja2"} & set(code.code_of("plot_comparison")["libraries"])


def test_params_and_the_places_of_files_count() -> None:
    """What a script is told: each by the name that its rule gives it."""
    settings = {"labels": {"dense": "1"}}
    files = {"inputs": {"dense": "<results>/a", "conv1x1": "2 files, 0123"}, "outputs": {"csv": "<results>/b"}}
    before = fingerprint.step_components("tabulate_memory", settings, files)
    swapped = {**files, "inputs": {"dense": "2 files, 0123", "conv1x1": "<results>/a"}}
    assert fingerprint.changes(before, fingerprint.step_components("tabulate_memory", settings, swapped)) == [
        'input conv1x1: "2 files, 0123" -> "<results>/a"',
        'input dense: "<results>/a" -> "2 files, 0123"',
    ]
    renamed = {**files, "outputs": {"table": "<results>/b"}}
    assert fingerprint.changes(before, fingerprint.step_components("tabulate_memory", {"names": {}}, renamed)) == [
        'setting labels: {"dense": "1"} -> nothing',
        "setting names: nothing -> {}",
        'output csv: "<results>/b" -> nothing',
        'output table: nothing -> "<results>/b"',
    ]


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
