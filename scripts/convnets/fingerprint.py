"""Digests that decide what is stale: of settings, data, library versions, and of the code that a step really executes.

Code counts as its syntax tree: the modules that a step imports within the project, directly or not, without comments, docstrings
and formatting. Neither a file's time stamp nor its path counts.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from convnets.cifar10 import BATCH_SHA256
from convnets.settings import Settings

VERSION = 1  # of what a fingerprint covers; raise it when that changes
PACKAGE = Path(__file__).parent
RUN_FILES = ("history.csv", "metrics.json", "model.keras")  # what a finished run leaves
# The libraries that can change a number or a picture, by the name they are imported under.
LIBRARIES = ("keras", "matplotlib", "numpy", "pandas", "tensorflow")


def digest(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a value's canonical JSON, hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def run_fingerprint(settings: Settings, seed: int, dataset: Mapping[str, Any]) -> str:
    """Return the fingerprint of a training run.

    Parameters
    ----------
    settings, seed
        What the run is set to.
    dataset
        How the data set is split. With the published digests of the batches and the code that prepares them it determines the
        data, so that a run's fingerprint is known before there is any.
    """
    return digest(
        {
            "version": VERSION,
            "settings": asdict(settings),
            "seed": seed,
            "dataset": {"batches": BATCH_SHA256, **dataset},
            **code([PACKAGE / "training.py", PACKAGE / "dataset.py"]),
        }
    )


def of_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the manifest of a prepared data set says of how it was split, as `run_fingerprint` takes it."""
    return {key: manifest[key] for key in ("validation_fraction", "split_seed", "subset")}


def is_fresh(run: Path, fingerprint: str) -> bool:
    """Return whether a run's folder holds every file of a finished run that bears this fingerprint."""
    if not all((run / name).is_file() for name in RUN_FILES):
        return False
    try:
        return bool(json.loads((run / "metrics.json").read_text(encoding="utf-8"))["fingerprint"] == fingerprint)
    except (ValueError, KeyError, TypeError):
        return False


def step_digest(script: Path) -> str:
    """Return the digest of a script with all that it imports, and of the versions of their libraries."""
    return digest({"version": VERSION, **code([script])})


def code(roots: Iterable[Path]) -> dict[str, dict[str, str]]:
    """Return the digest of each project module that the roots execute, and the version of each library that these import."""
    modules: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = list(roots)
    while waiting:
        path = waiting.pop()
        if path.stem in modules:
            continue
        modules[path.stem], imported = _read(path)
        waiting += [PACKAGE / f"{name.removeprefix('convnets.')}.py" for name in imported if name.startswith("convnets.")]
        libraries.update(name for name in imported if name in LIBRARIES)
    return {"modules": modules, "libraries": {name: _version(name) for name in libraries}}


@cache
def _version(library: str) -> str:
    """Return the version installed, or the lock's where only the jobs' own environments hold the library."""
    try:
        return version(library)
    except PackageNotFoundError:
        lock = (PACKAGE.parents[1] / "requirements.lock").read_text(encoding="utf-8")
        return str(re.findall(rf"^{library}==(\S+)", lock, re.MULTILINE)[0])


@cache
def _read(path: Path) -> tuple[str, frozenset[str]]:
    """Return the digest of a module's syntax tree without docstrings, and the modules and libraries that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                imported.update((alias.name, alias.name.split(".")[0]))
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise ValueError(f"{path}: relative imports are not followed; write `from convnets...`")
        elif isinstance(node, ast.ImportFrom) and node.module == "convnets":
            imported.update(f"convnets.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.update((node.module, node.module.split(".")[0]))
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return hashlib.sha256(repr(_canonical(tree)).encode()).hexdigest(), frozenset(imported)


def _canonical(node: object) -> object:
    """Return a syntax tree as nested tuples, without what is empty: versions of Python differ in the fields that they add."""
    if isinstance(node, ast.AST):
        values = ((name, _canonical(value)) for name, value in ast.iter_fields(node))
        return type(node).__name__, *(pair for pair in values if pair[1] not in (None, ()))
    return tuple(map(_canonical, node)) if isinstance(node, list) else node


def _is_text(statement: ast.stmt) -> bool:
    """Return whether a statement is a bare string: a docstring, or a comment in its place."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
