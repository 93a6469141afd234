"""The code that a step executes, as one digest per module.

A step executes its script and every module of the project that this imports, directly or not. The digest of a module is that of its
syntax tree without docstrings, so comments, formatting, time stamps, paths and the order of neighbouring imports do not count.
"""

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

SCRIPTS = Path(__file__).parents[2]  # modules of the project are found from here
# The libraries that can change a number, a picture or a table, by the name they are imported under.
LIBRARIES = ("PIL", "jinja2", "keras", "matplotlib", "numpy", "pandas", "scipy", "tabulate", "tensorflow")
PACKAGES = {"PIL": "pillow"}  # the package of a library, where its name is another
CARRIED = {"to_markdown": "tabulate"}  # libraries that pandas imports, by the method that does
# Modules that cannot change a result: the declaration of settings, whose values count, and the frame of steps.
NOT_COUNTED = ("convnets.settings", "convnets.workflow", "convnets.freshness")


def code_of(*entries: str) -> dict[str, dict[str, str]]:
    """Return the digest of each module that these entries execute, and the version of each library that they import.

    Parameters
    ----------
    entries
        Modules by name, or scripts (`plot_comparison`).
    """
    return _code_of(SCRIPTS, entries)


@cache
def _code_of(root: Path, entries: tuple[str, ...]) -> dict[str, dict[str, str]]:
    modules: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name in modules or name.startswith(NOT_COUNTED):
            continue
        file = find_module(root, name)
        if file is None:
            libraries.add(name.split(".")[0])
            continue
        modules[name], imported = read_module(file)
        waiting += [module for path in imported for module in _with_packages(root, path)]
    versions = {name: library_version(name) for name in sorted(libraries.intersection(LIBRARIES))}
    return {"modules": {name: digest for name, digest in sorted(modules.items()) if digest}, "libraries": versions}


def find_module(root: Path, name: str) -> Path | None:
    """Return the file of a module of the project, or None where the project has none of that name."""
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _with_packages(root: Path, path: str) -> Iterator[str]:
    """Yield what importing `a.b.name` executes: the packages `a` and `a.b`, and the module `a.b.name` if it is one."""
    parts = path.split(".")
    if find_module(root, parts[0]) is None:
        yield path
        return
    for end in range(1, len(parts) + 1):
        if find_module(root, name := ".".join(parts[:end])):
            yield name


def read_module(file: Path) -> tuple[str, frozenset[str]]:
    """Return the digest of a module, "" of one that holds no code, and the dotted names that it imports.

    Raises
    ------
    ValueError
        It has a relative import, which is not followed.
    """
    try:
        return _read(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


@cache
def _read(text: str) -> tuple[str, frozenset[str]]:
    tree = ast.parse(text)
    for_types = {id(inner) for node in ast.walk(tree) if _is_for_types(node) for inner in ast.walk(node)}
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in for_types:
            if isinstance(node, ast.ImportFrom) and node.level:
                raise ValueError("relative imports are not followed; write `from convnets... import ...`")
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            imported.update(f"{module}{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and node.attr in CARRIED:
            imported.add(CARRIED[node.attr])
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)]
    blocks = groupby(tree.body, lambda node: isinstance(node, ast.Import | ast.ImportFrom))
    lines = [line for are_imports, block in blocks for line in (sorted if are_imports else list)(map(_text, block))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else "", frozenset(imported)


@cache
def library_version(library: str) -> str:
    """Return the version installed, or the lock's where only the jobs' own environments hold the library."""
    package = PACKAGES.get(library, library)
    try:
        return version(package)
    except PackageNotFoundError:
        lock = (SCRIPTS.parent / "requirements.lock").read_text(encoding="utf-8")
        return str(re.findall(rf"^{package}==(\S+)", lock, re.MULTILINE)[0])


def changed_modules(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield one line for each module that differs."""
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            verb = "changed" if name in old and name in new else "is no longer imported" if name in old else "is imported now"
            yield f"code: {name} {verb}"


def _is_for_types(node: ast.AST) -> bool:
    """Return whether a statement is `if TYPE_CHECKING:`, whose body is never executed."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _is_text(statement: ast.stmt) -> bool:
    """Return whether a statement is a bare string: a docstring, or a comment in its place."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)


def _text(node: ast.stmt) -> str:
    if isinstance(node, ast.Import | ast.ImportFrom):
        node.names.sort(key=lambda alias: (alias.name, alias.asname or ""))
    return repr(_canonical(node))


def _canonical(node: object) -> object:
    """Return a syntax tree as nested tuples, without what is empty: versions of Python differ in the fields that they add."""
    if isinstance(node, ast.AST):
        values = ((name, _canonical(value)) for name, value in ast.iter_fields(node))
        return type(node).__name__, *(pair for pair in values if pair[1] not in (None, ()))
    return tuple(map(_canonical, node)) if isinstance(node, list) else node
