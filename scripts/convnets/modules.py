"""The modules that Python code imports, and their digests. A module is read, not imported.

The digest of a module is that of its syntax tree without docstrings, so comments, formatting, time stamps, paths and the order of
neighbouring imports do not count.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

# Libraries that a method of another library imports, by the method.
CARRIED = {"to_markdown": "tabulate"}


def closure(roots: Sequence[Path], entries: Iterable[str], left_out: tuple[str, ...] = ()) -> tuple[dict[str, Path], set[str]]:
    """Return the file of each module that these modules execute, by dotted name, and the top names of what else they import.

    Parameters
    ----------
    roots
        The folders that modules are found in, the first first.
    entries
        The modules to begin with.
    left_out
        Beginnings of the names of modules that are not followed.

    Raises
    ------
    ValueError
        A module has a relative import, which is not followed.
    SyntaxError
        A module is not Python.
    """
    files: dict[str, Path] = {}
    others: set[str] = set()
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name in files or name.startswith(left_out):
            continue
        root = _root(roots, name)
        file = root and find_module(root, name)
        if root is None or file is None:
            others.add(name.split(".")[0])
            continue
        files[name] = file
        for path in read_module(file)[1]:
            home = _root(roots, path)
            waiting += _with_packages(home, path) if home else [path]
    return files, others


def _root(roots: Sequence[Path], name: str) -> Path | None:
    """Return the first folder that holds the top module or package of a name."""
    return next((root for root in roots if find_module(root, name.split(".")[0])), None)


def find_module(root: Path, name: str) -> Path | None:
    """Return the file of a module of the project, or None where the project has none of that name."""
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _with_packages(root: Path, path: str) -> Iterator[str]:
    """Yield what importing `a.b.name` executes: the packages `a` and `a.b`, and the module `a.b.name` if it is one."""
    parts = path.split(".")
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
