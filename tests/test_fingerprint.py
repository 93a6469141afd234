"""What makes a run or a step stale, and what does not."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from convnets import configuration, fingerprint

SCRIPTS = ROOT / "scripts"
DIGEST = "95ad06c83cff7ce95819464205024abee02a08986a120f25d1f15d32b03cd535"


def run_fingerprint(config: dict[str, Any], variant: str = "conv3_1x1", seed: int = 1) -> str:
    resolved = configuration.resolve(config)
    return fingerprint.run_fingerprint(resolved.variants[variant], seed, resolved.dataset)


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
    config["tracking"] = {"uri": "http://127.0.0.1:1", "experiment": "elsewhere"}
    config["comparisons"] = {}
    config["dataset"]["source"] = "npm"
    assert run_fingerprint(config) == before


def test_training_executes_these_modules_and_no_others() -> None:
    found = fingerprint.code([fingerprint.PACKAGE / "training.py", fingerprint.PACKAGE / "dataset.py"])
    assert set(found["modules"]) == {
        "backend", "batches", "cifar10", "dataset", "errors", "files", "hardware", "layers", "networks", "records", "settings",
        "training",
    }  # fmt: skip
    assert set(found["libraries"]) == {"keras", "numpy", "tensorflow"}


def test_figures_know_nothing_of_training() -> None:
    found = fingerprint.code([SCRIPTS / "plot_comparison.py"])
    assert "figures" in found["modules"]
    assert not {"training", "networks", "tracking"} & set(found["modules"])
    assert set(found["libraries"]) == {"matplotlib", "numpy", "pandas"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the library, which the fingerprint is made to read."""
    copy = tmp_path / "scripts" / "convnets"
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "PACKAGE", copy)
    fingerprint._read.cache_clear()
    return copy


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    fingerprint._read.cache_clear()


HARMLESS = {
    "comment": ("layers.py", "BYTES_PER_PARAMETER = 4", "# a comment\nBYTES_PER_PARAMETER = 4  # and another"),
    "docstring of a module": ("networks.py", '"""Keras models from network settings.', '"""Other words.'),
    "docstring of a function": ("layers.py", '"""Return the number of trainable parameters."""', '"""Count."""'),
    "formatting": ("layers.py", "side, _ = feature_map(network)", "(side,\n     _) = feature_map( network )"),
    "module of figures": ("figures.py", "LABEL_HEIGHT = 0.062", "LABEL_HEIGHT = 0.1"),
    "module of tracking": ("tracking.py", 'COMPARISON_TAG = "comparison."', 'COMPARISON_TAG = "c."'),
}
STALE = {
    "constant of the networks": ("networks.py", "CONVOLUTION_BIAS = 0.05", "CONVOLUTION_BIAS = 0.06"),
    "constant of the training loop": ("training.py", "ITERATIONS_PER_CALL = 50", "ITERATIONS_PER_CALL = 60"),
    "module that only networks imports": ("layers.py", "2 ** len(network.filters)", "2 ** (len(network.filters) + 1)"),
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
    assert fingerprint._read(tmp_path / "module.py")[0] == DIGEST


def test_relative_imports_are_refused(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("from . import layers\n")
    with pytest.raises(ValueError, match="relative imports"):
        fingerprint._read(tmp_path / "module.py")


def test_a_library_that_only_jobs_have_counts_as_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise fingerprint.PackageNotFoundError(name)

    monkeypatch.setattr(fingerprint, "version", absent)
    fingerprint._version.cache_clear()
    assert fingerprint._version("tensorflow").startswith("2.21.")
    fingerprint._version.cache_clear()


def test_a_module_of_figures_makes_figures_stale(package: Path) -> None:
    script = package.parent / "plot_comparison.py"
    before = fingerprint.step_digest(script)
    edit(package / "figures.py", "LABEL_HEIGHT = 0.062", "LABEL_HEIGHT = 0.1")
    assert fingerprint.step_digest(script) != before


def test_a_librarys_version_counts_where_it_is_used(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> None:
    run, figure = run_fingerprint(config), fingerprint.step_digest(SCRIPTS / "plot_comparison.py")
    real = fingerprint._version
    monkeypatch.setattr(fingerprint, "_version", lambda name: "9.9" if name == "matplotlib" else real(name))
    assert run_fingerprint(config) == run
    assert fingerprint.step_digest(SCRIPTS / "plot_comparison.py") != figure
    monkeypatch.setattr(fingerprint, "_version", lambda name: "9.9" if name == "tensorflow" else real(name))
    assert run_fingerprint(config) != run
