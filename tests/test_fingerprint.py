"""What makes a run or a step stale, and what does not."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from convnets import configuration, executed, fingerprint
from convnets.steps import TRAINING, Steps

SCRIPTS = ROOT / "scripts"
DIGESTS = {"f": "39c7e7b55a85422d", "imports": "a018575960a28d48", "order": "252f10c83610ebca"}


def run_fingerprint(config: dict[str, Any], variant: str = "conv3_1x1", seed: int = 1) -> str:
    resolved = configuration.resolve(config)
    return fingerprint.digest(fingerprint.run_components(resolved.variants[variant], seed, resolved.dataset))


def step_digest(script: Path) -> str:
    return fingerprint.digest(fingerprint.step_components(script, {}))


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
    not_called = {"layers.network_parameters", "dataset.manifest", "dataset.check", "records.read_history", "settings.resolve"}
    not_called |= {"checkpoints.epochs_done", "files.read_json", "batches.write", "networks.load"}
    assert not not_called & executed


def test_figures_know_nothing_of_training() -> None:
    found = fingerprint.step_components(SCRIPTS / "plot_comparison.py", {})
    assert "figures" in found["modules"]
    assert not {"training", "networks", "tracking", *executed.BOOKKEEPING} & set(found["modules"])
    assert set(found["libraries"]) == {"matplotlib", "numpy", "pandas"}


def forget() -> None:
    executed.rule.cache_clear()
    executed.read_module.cache_clear()
    executed.code.cache_clear()


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    forget()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the library, which the fingerprint is made to read."""
    copy = tmp_path / "scripts" / "convnets"
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(executed, "PACKAGE", copy)
    forget()
    return copy


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    forget()


HARMLESS = {
    "comment": ("layers.py", "BYTES_PER_PARAMETER = 4", "# a comment\nBYTES_PER_PARAMETER = 4  # and another"),
    "docstring of a module": ("networks.py", '"""Keras models from network settings.', '"""Other words.'),
    "docstring of a function": ("layers.py", '"""Return the number of trainable parameters."""', '"""Count."""'),
    "formatting": ("layers.py", "side, channels = feature_map(network)", "(side,\n     channels) = feature_map( network )"),
    "order of imports": ("training.py", "import logging\nimport math\n", "import math\nimport logging\n"),
    "import that nothing uses": ("layers.py", "from convnets.cifar10", "import shutil\nfrom convnets.cifar10"),
    "function that training does not call": ("layers.py", "def megabytes(", "def unused(x):\n    return x\n\n\ndef megabytes("),
    "change of a function that training does not call": ("dataset.py", '"source": source,', '"origin": source,'),
    "constant that training does not use": ("layers.py", "BYTES_PER_PARAMETER = 4", "BYTES_PER_PARAMETER = 8"),
    "module of figures": ("figures.py", "LABEL_HEIGHT = 0.062", "LABEL_HEIGHT = 0.1"),
    "module of tracking": ("tracking.py", 'TRAINING_TAG = "training"', 'TRAINING_TAG = "t"'),
    "a function of another module with a name that training uses": (
        "layers.py",
        "def megabytes(",
        "def write(x):\n    return x\n\n\ndef megabytes(",
    ),
}
STALE = {
    "constant of the networks": ("networks.py", "CONVOLUTION_BIAS = 0.05", "CONVOLUTION_BIAS = 0.06"),
    "constant of the training loop": ("training.py", "ITERATIONS_PER_CALL = 50", "ITERATIONS_PER_CALL = 60"),
    "module that only networks imports": ("layers.py", "2 ** len(network.filters)", "2 ** (len(network.filters) + 1)"),
    "local name": ("layers.py", "side = IMAGE_SHAPE[0] // 2", "width = IMAGE_SHAPE[0] // 2"),
    "import of what is used": ("networks.py", "import feature_map", "import network_parameters as feature_map"),
    "order of constants": (
        "training.py",
        "ITERATIONS_PER_CALL = 50\nEVALUATION_BATCH = 500",
        "EVALUATION_BATCH = 500\nITERATIONS_PER_CALL = 50",
    ),
    "function called through its module": ("batches.py", "return np.ascontiguousarray", "return np.asfortranarray"),
    "number of threads": ("backend.py", "set_inter_op_parallelism_threads(1)", "set_inter_op_parallelism_threads(2)"),
    "a checkpoint read otherwise": (
        "checkpoints.py",
        "return State(history, usage, weights,",
        "return State(history, usage, best,",
    ),
    "a row of the history left out": ("records.py", "(asdict(row) for row in rows)", "(asdict(row) for row in list(rows)[1:])"),
    "files of a run": ("outcome.py", "result.model.save(temporary)", "pass"),
    "preparation of the data": ("dataset.py", "np.random.RandomState", "np.random.default_rng"),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_harmless_edits(case: str, package: Path, config: dict[str, Any]) -> None:
    before = run_fingerprint(config)
    name, old, new = HARMLESS[case]
    edit(package / name, old, new)
    assert run_fingerprint(config) == before


@pytest.mark.parametrize("case", STALE)
def test_edits_that_count(case: str, package: Path, config: dict[str, Any]) -> None:
    before = run_fingerprint(config)
    name, old, new = STALE[case]
    edit(package / name, old, new)
    assert run_fingerprint(config) != before


def test_a_digest_does_not_depend_on_the_version_of_python(tmp_path: Path) -> None:
    """The CI runs this under several; the digest is that of Python 3.11."""
    (tmp_path / "module.py").write_text("import json\n\n\ndef f(x: int = 1) -> int:\n    return json.dumps([x, None])\n")
    assert executed.code((tmp_path / "module.py", ("f",)))["modules"]["module"] == DIGESTS


@pytest.mark.parametrize("text", ["from . import layers", "from convnets.layers import *", "import convnets.layers"])
def test_imports_that_cannot_be_followed_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(f"{text}\n")
    with pytest.raises(ValueError, match="not followed; write `from convnets import"):
        executed.read_module(tmp_path / "module.py")


def used_of(package: Path, text: str) -> dict[str, set[str]]:
    """Return what a module with this text uses, starting from `main`, of the modules of a library that hold `a`, `b` and `c`."""
    for name in ("one", "two"):
        (package / f"{name}.py").write_text("def a():\n    return b\n\n\nb = 1\nc = 2\n")
    (package / "module.py").write_text(text)
    forget()
    found = executed.code((package / "module.py", ("main",)))["modules"]
    return {module: set(names) - {"imports", "order"} for module, names in found.items()}


def test_names_belong_to_their_modules(package: Path) -> None:
    imports = "from convnets import one, two\n\n\n"
    assert used_of(package, f"{imports}def main():\n    return one.a() + two.c\n") == {
        "module": {"main"},
        "one": {"a", "b"},
        "two": {"c"},
    }
    whole = used_of(package, f"{imports}def main():\n    return f(one)\n")
    assert whole == {"module": {"main"}, "one": {"a", "b", "c"}}
    assert used_of(package, "from convnets.one import a as f\n\n\ndef main():\n    return f()\n")["one"] == {"a", "b"}
    assert used_of(package, f'{imports}def main():\n    return getattr(one, "c")\n')["one"] == {"a", "b", "c"}


def test_what_importing_executes_counts(package: Path) -> None:
    text = "A = B = 1\nUNUSED = 2\n\n\n@register\ndef f():\n    pass\n\n\ndef main():\n    pass\n"
    assert used_of(package, text) == {"module": {"statements", "f", "main"}}
    before = executed.code((package / "module.py", ("main",)))
    edit(package / "module.py", "A = B = 1", "A = B = 3")
    assert executed.code((package / "module.py", ("main",))) != before


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


REEXPORTED = {
    "a name": "from convnets.shapes import a\n\n\ndef main():\n    return a()\n",
    "a name of a module": "from convnets import shapes\n\n\ndef main():\n    return shapes.a()\n",
    "a module of a module": "from convnets import shapes\n\n\ndef main():\n    return shapes.one.a()\n",
    "a module by name": "from convnets.shapes import one\n\n\ndef main():\n    return one.a()\n",
    "a name of the package": "from convnets import exported\n\n\ndef main():\n    return exported()\n",
}


@pytest.mark.parametrize("case", REEXPORTED)
def test_a_name_is_followed_to_where_it_is_defined(case: str, package: Path) -> None:
    (package / "shapes.py").write_text("from convnets import one\nfrom convnets.one import a\n")
    (package / "__init__.py").write_text("from convnets.one import a as exported\n")
    assert {"a", "b"} <= used_of(package, REEXPORTED[case])["one"]
    before = executed.code((package / "module.py", ("main",)))
    edit(package / "one.py", "b = 1", "b = 3")
    assert executed.code((package / "module.py", ("main",))) != before


def test_an_import_that_leads_elsewhere_counts(package: Path) -> None:
    (package / "shapes.py").write_text("from convnets.one import a\n")
    used_of(package, REEXPORTED["a name"])
    before = executed.code((package / "module.py", ("main",)))
    edit(package / "shapes.py", "from convnets.one", "from convnets.two")
    assert executed.code((package / "module.py", ("main",)))["modules"]["shapes"] != before["modules"]["shapes"]


def test_what_importing_the_package_executes_counts(package: Path, config: dict[str, Any]) -> None:
    run, table = run_fingerprint(config), step_digest(package.parent / "tabulate_vgg16.py")
    edit(package / "__init__.py", '"""The library', '"""A library')
    assert (run_fingerprint(config), step_digest(package.parent / "tabulate_vgg16.py")) == (run, table)
    (package / "__init__.py").write_text("import os\n\nos.environ.update(A='1')\n")
    forget()
    assert run_fingerprint(config) != run
    assert step_digest(package.parent / "tabulate_vgg16.py") != table


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
