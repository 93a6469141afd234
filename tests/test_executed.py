"""Which edits of the code make a run stale, and which do not."""

from pathlib import Path
from typing import Any

import pytest
import test_staleness_of_code_slow as slow
from conftest import ROOT
from edited import edit, forget, nothing_remembered, package, run_fingerprint, step_digest

from convnets.freshness import code as executed

__all__ = ["nothing_remembered", "package"]

DIGESTS = {"f": "39c7e7b55a85422d", "imports": "a018575960a28d48", "order": "252f10c83610ebca"}
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


def test_the_slow_tests_edits_can_be_made() -> None:
    """They would find out after minutes that what they edit has moved."""
    for case, (old, *_) in (*slow.HARMLESS.items(), *slow.COUNTED.items()):
        assert old in (ROOT / slow.file_of(case)).read_text(encoding="utf-8"), (case, old)
