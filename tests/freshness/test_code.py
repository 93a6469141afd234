"""Which edits of the code make a run stale, and which do not."""

from pathlib import Path
from typing import Any

import pytest
from edited import edit, forget, nothing_remembered, package, run_fingerprint, step_digest

from convnets import modules
from convnets.freshness import code

__all__ = ["nothing_remembered", "package"]

DIGEST = "b155c6316af5e962"
HARMLESS = {
    "comment": ("networks/shapes.py", "    shrunk = 2", "    # a comment\n    shrunk = 2"),
    "docstring of a module": ("networks/builders.py", '"""Keras models from network settings.', '"""Other words.'),
    "docstring of a function": ("networks/shapes.py", '"""Return height, width and channels', '"""Sides and channels'),
    "docstring of a class": ("training/checkpoints.py", "A training after some epochs: its", "Its"),
    "formatting": (
        "networks/builders.py",
        "height, width, _ = feature_map(network, ",
        "(height,\n            width, _) = feature_map( network, ",
    ),
    "order of imports": ("training/loop.py", "import hashlib\nimport math\n", "import math\nimport hashlib\n"),
    "order of names in an import": ("data/batches.py", "IMAGE_SHAPE, IMAGES_PER_BATCH", "IMAGES_PER_BATCH, IMAGE_SHAPE"),
    "module of formulas": ("networks/formulas.py", "BYTES_PER_PARAMETER = 4", "BYTES_PER_PARAMETER = 8"),
    "module of figures": ("report/figures.py", "LABEL_HEIGHT = 0.062", "LABEL_HEIGHT = 0.1"),
    "module of tracking": ("tracking/connection.py", "TRAINING_TAG", "TOKEN_TAG"),
    "declaration of settings": ("settings/__init__.py", "class Network(Section):", "UNUSED = 1\n\n\nclass Network(Section):"),
    "what starts a training": ("workflow/one_run.py", "SETTLING_S = 5.0", "SETTLING_S = 6.0"),
    "what records a training": ("freshness/stamps.py", "HASHED_WHEN_PLANNING = 1_000_000", "HASHED_WHEN_PLANNING = 1"),
}
STALE = {
    "constant of the networks": ("networks/builders.py", "CONVOLUTION_BIAS = 0.05", "CONVOLUTION_BIAS = 0.06"),
    "constant of the training loop": ("training/loop.py", "ITERATIONS_PER_CALL = 50", "ITERATIONS_PER_CALL = 60"),
    "module that only networks imports": ("networks/shapes.py", "2 ** len(network.filters)", "2 ** (len(network.filters) + 1)"),
    "local name": ("networks/shapes.py", "height, width, channels = shape", "width, height, channels = shape"),
    "import that nothing uses": ("networks/shapes.py", "from convnets.settings", "import shutil\n\nfrom convnets.settings"),
    "import of what is used": ("networks/builders.py", "import feature_map", "import feature_map_of as feature_map"),
    "function that training does not call": ("networks/builders.py", "def load(", "def unused(x):\n    return x\n\n\ndef load("),
    "change of a function that training does not call": ("data/dataset.py", '"source": source,', '"origin": source,'),
    "order of constants": (
        "data/cifar10.py",
        "IMAGES_PER_BATCH = 10_000\nBATCH_BYTES = IMAGES_PER_BATCH * (1 + 32 * 32 * 3)",
        "BATCH_BYTES = 10_000 * (1 + 32 * 32 * 3)\nIMAGES_PER_BATCH = 10_000",
    ),
    "function called through its module": ("data/batches.py", "return np.ascontiguousarray", "return np.asfortranarray"),
    "number of threads": ("device.py", "set_inter_op_parallelism_threads(1)", "set_inter_op_parallelism_threads(2)"),
    "a checkpoint read otherwise": (
        "training/checkpoints.py",
        "return State(history, usage, digests, weights,",
        "return State(history, usage, digests, best,",
    ),
    "a row of the history left out": (
        "runs/records.py",
        "[asdict(row) for row in rows]",
        "[asdict(row) for row in list(rows)[1:]]",
    ),
    "files of a run": ("training/outcome.py", "result.model.save(temporary)", "pass"),
    "preparation of the data": ("data/dataset.py", "np.random.RandomState", "np.random.default_rng"),
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
    assert modules.read_module(tmp_path / "module.py")[0] == DIGEST


@pytest.mark.parametrize("text", ["from . import layers", "from .layers import a", "from .. import layers"])
def test_imports_that_cannot_be_followed_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(f"{text}\n")
    with pytest.raises(ValueError, match=r"module\.py: relative imports are not followed; write `from convnets\.\.\. import"):
        modules.read_module(tmp_path / "module.py")


IMPORTS = {
    "a name": "from convnets.shapes import a",
    "a module": "from convnets import shapes",
    "a module by its whole name": "import convnets.shapes",
    "all names": "from convnets.shapes import *",
    "in a function": "def main():\n    from convnets import shapes",
    "where it may fail": "try:\n    import convnets.shapes\nexcept ImportError:\n    pass",
    "a module of a package": "from convnets.room.door import a",
}


@pytest.mark.parametrize("case", IMPORTS)
def test_imports_are_followed(case: str, package: Path) -> None:
    """Also through other modules, to what the packages on the way execute."""
    (package / "one.py").write_text("a = 1\n")
    (package / "shapes.py").write_text("from convnets.one import a\n")
    (package / "room").mkdir()
    (package / "room" / "__init__.py").write_text("import convnets.shapes\n")
    (package / "room" / "door.py").write_text("a = 2\n")
    (package / "module.py").write_text(f"{IMPORTS[case]}\n")
    forget()
    before = code.code_of("convnets.module")["modules"]
    assert {"convnets.module", "convnets.shapes", "convnets.one"} <= set(before)
    assert ("convnets.room.door" in before) == ("convnets.room" in before) == (case == "a module of a package")
    edit(package / "one.py", "a = 1", "a = 3")
    after = code.code_of("convnets.module")["modules"]
    assert [name for name in after if after[name] != before[name]] == ["convnets.one"]


def test_imports_for_types_alone_are_not_followed(package: Path) -> None:
    (package / "module.py").write_text("from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from convnets import tables\n")
    forget()
    assert set(code.code_of("convnets.module")["modules"]) == {"convnets.module"}


def test_what_importing_the_package_executes_counts(package: Path, config: dict[str, Any]) -> None:
    run, table = run_fingerprint(config), step_digest("tabulate_vgg16")
    edit(package / "__init__.py", '"""The library', '"""A library')
    assert (run_fingerprint(config), step_digest("tabulate_vgg16")) == (run, table)
    (package / "__init__.py").write_text("import os\n\nos.environ.update(A='1')\n")
    forget()
    assert run_fingerprint(config) != run
    assert step_digest("tabulate_vgg16") != table


def test_what_any_study_makes_executes_no_code_of_the_report_of_2021() -> None:
    made = ("train_variant", "plot_comparison", "tabulate_claims", "tabulate_convergence", "tabulate_variants", "write_overview")
    assert not [module for rule in made for module in code.code_of(rule)["modules"] if "report2021" in module]
    assert "convnets.report2021.errata" in code.code_of("tabulate_errata")["modules"]
