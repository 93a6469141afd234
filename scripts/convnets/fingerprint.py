"""What decides whether something is stale: settings, data, library versions, and the code that really makes it.

Code counts as its syntax tree: of the modules that are imported within the project, directly or not, every statement that
importing executes, and every function, class and constant that is mentioned in what is executed, without comments, docstrings
and formatting. Neither a file's time stamp nor its path counts, nor the order of imports, nor what is never called. The rest of
the tree does, local names and log messages included: to tell a renaming from a change takes an analysis of scopes, and a result
that is wrongly kept does more harm than one that is made again.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from convnets.cifar10 import BATCH_SHA256
from convnets.settings import Settings

VERSION = 3  # of what a fingerprint covers and how its parts are laid out; raise it when that changes
PACKAGE = Path(__file__).parent
# The libraries that can change a number or a picture, by the name they are imported under.
LIBRARIES = ("keras", "matplotlib", "numpy", "pandas", "scipy", "tensorflow")
# The modules that start a step and record what it did. They cannot change what it makes.
BOOKKEEPING = ("command", "fingerprint", "stamps")
DEFINITION, IMPORTS, STATEMENTS, ORDER = "definition", "imports", "statements", "order"  # kinds of parts of a module
EVERYTHING = "*"  # in place of the names used of a module
# What a training calls of the project: the loop, and what makes the data set.
TRAINING_ENTRIES = (("training", ("train",)), ("backend", ("configure",)), ("dataset", ("prepare", "save", "load")))
# Decorators that do nothing but wrap; any other may register what it decorates, so it counts as executed on import.
WRAPPERS = {"dataclass", "cache", "contextmanager", "lru_cache"}

Components = Mapping[str, Any]


def digest(value: Components) -> str:
    """Return the SHA-256 of a value's canonical JSON, hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def run_components(settings: Settings, seed: int, dataset: Mapping[str, Any]) -> Components:
    """Return all that can change the result of a training run; its fingerprint is the digest of this.

    Parameters
    ----------
    settings, seed
        What the run is set to.
    dataset
        How the data set is split. With the published digests of the batches and the code that prepares them it determines the
        data, so that a run's fingerprint is known before there is any.
    """
    return {
        "version": VERSION,
        "settings": asdict(settings),
        "seed": seed,
        "data": {"batches": digest(BATCH_SHA256), **dataset},
        **code(*((PACKAGE / f"{module}.py", names) for module, names in TRAINING_ENTRIES)),
    }


def step_components(script: Path, settings: Mapping[str, Any]) -> Components:
    """Return all that can change what a script makes of the same inputs."""
    return {"version": VERSION, "settings": settings, **code((script, ("main",)))}


def of_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the manifest of a prepared data set says of how it was split, as `run_components` takes it."""
    return {key: manifest[key] for key in ("validation_fraction", "split_seed", "subset")}


@dataclass(frozen=True)
class Part:
    """A top-level statement of a module: its name, its canonical syntax tree and what it mentions.

    A mention is a name, and the attribute that is taken of it or "".
    """

    name: str
    kind: str
    text: str
    mentions: frozenset[tuple[str, str]]

    def is_executed(self, used: Set[str]) -> bool:
        """Return whether importing the module executes it, or one of the used names calls for it."""
        return self.kind == STATEMENTS or (self.kind == DEFINITION and (self.name in used or EVERYTHING in used))


@dataclass(frozen=True)
class Module:
    """A module of the project: its top-level statements in order, and the modules and libraries that it imports.

    `bound` holds, for each name that an import from the project binds, the module and the definition in it, or "" for the module.
    """

    parts: tuple[Part, ...]
    imported: frozenset[str]
    bound: Mapping[str, tuple[str, str]]

    def digests(self, used: Set[str]) -> Mapping[str, str]:
        """Return the digest of each definition that is used, of the imports used, and of the order of the statements."""
        executed = [part for part in self.parts if part.is_executed(used)]
        if not executed:
            return {}
        mentioned = {name for part in executed for name, _ in part.mentions}
        texts = {IMPORTS: sorted(part.text for part in self.parts if part.kind == IMPORTS and part.name in mentioned)}
        for part in executed:
            texts.setdefault(part.name, []).append(part.text)
        texts[ORDER] = [part.name for part in executed]
        return {name: hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] for name, lines in texts.items()}

    def resolve(self, own: str, name: str, attribute: str) -> tuple[str, str]:
        """Return the module and the definition that a mention in this module, whose name is `own`, may mean."""
        module, definition = self.bound.get(name, (own, name))
        return module, definition or attribute or EVERYTHING


@cache
def code(*entries: tuple[Path, tuple[str, ...]]) -> Components:
    """Return the digest of each definition that the entries use, by module, and the version of each library these import.

    Parameters
    ----------
    entries
        Modules, each with the names of the definitions that are called in it.
    """
    modules: dict[str, Module] = {}
    waiting = [path for path, _ in entries]
    while waiting:
        path = waiting.pop()
        if path.stem in modules or path.stem in BOOKKEEPING:
            continue
        modules[path.stem] = module = read_module(path)
        waiting += [PACKAGE / f"{name.removeprefix('convnets.')}.py" for name in module.imported if name.startswith("convnets.")]
    used = _used_names(modules, {(path.stem, name) for path, names in entries for name in names})
    libraries = {name for module in modules.values() for name in module.imported if name in LIBRARIES}
    return {
        "modules": {name: digests for name, module in modules.items() if (digests := module.digests(used[name]))},
        "libraries": {name: library_version(name) for name in libraries},
    }


def _used_names(modules: Mapping[str, Module], entries: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    """Return the names used of each module: the entries, and whatever is mentioned in what is executed.

    A module that is mentioned without an attribute, as if to pass it on, is used whole.
    """
    used: dict[str, set[str]] = {name: set() for name in modules}
    for module, name in entries:
        used[module].add(name)
    done: set[tuple[str, Part]] = set()
    while True:
        reached = {(name, part) for name, module in modules.items() for part in module.parts if part.is_executed(used[name])} - done
        if not reached:
            return used
        done |= reached
        for own, part in reached:
            for mention in part.mentions:
                module, name = modules[own].resolve(own, *mention)
                if module in used:
                    used[module].add(name)


@cache
def library_version(library: str) -> str:
    """Return the version installed, or the lock's where only the jobs' own environments hold the library."""
    try:
        return version(library)
    except PackageNotFoundError:
        lock = (PACKAGE.parents[1] / "requirements.lock").read_text(encoding="utf-8")
        return str(re.findall(rf"^{library}==(\S+)", lock, re.MULTILINE)[0])


@cache
def read_module(path: Path) -> Module:
    """Read a module's syntax tree.

    Raises
    ------
    ValueError
        The module imports from the project in a way that is not followed.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: set[str] = set()
    bound: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "convnets":
                    raise ValueError(f"{path}: `import convnets` is not followed; write `from convnets import ...`")
                imported.update((alias.name, alias.name.split(".")[0]))
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            for alias in node.names:
                name = alias.asname or alias.name
                if source == "convnets":
                    imported.add(f"convnets.{alias.name}")
                    bound[name] = (alias.name, "")
                elif source.startswith("convnets."):
                    bound[name] = (source.removeprefix("convnets."), alias.name)
            if source != "convnets":
                imported.update((source, source.split(".")[0]))
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_text(statement)]
        if isinstance(node, ast.ImportFrom) and (node.level or any(alias.name == "*" for alias in node.names)):
            raise ValueError(f"{path}: relative imports and those of everything are not followed; write `from convnets import ...`")
    return Module(tuple(part for statement in tree.body for part in _parts(statement)), frozenset(imported), bound)


def _parts(statement: ast.stmt) -> Iterator[Part]:
    """Yield a top-level statement as a part; an import as one for each name that it binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        source = f"from {statement.module} " if isinstance(statement, ast.ImportFrom) else ""
        for alias in statement.names:
            bound = (alias.asname or alias.name).split(".")[0]
            yield Part(bound, IMPORTS, f"{source}import {alias.name} as {bound}", frozenset())
        return
    kind = DEFINITION if _only_defines(statement) else STATEMENTS
    yield Part(_name(statement), kind, repr(_canonical(statement)), frozenset(_mentions(statement)))


def _only_defines(statement: ast.stmt) -> bool:
    """Return whether a statement does nothing when its module is imported but to define a name: a function, a class, a constant."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return _name(statement) != STATEMENTS and not any(isinstance(node, ast.Call) for node in ast.walk(statement))
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        calls = [node.func if isinstance(node, ast.Call) else node for node in statement.decorator_list]
        return all(isinstance(node, ast.Name) and node.id in WRAPPERS for node in calls)
    return False


def _mentions(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield every name in a syntax tree with the attribute taken of it or "", names in strings included."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield node.value.id, node.attr
        return
    if isinstance(node, ast.Name):
        yield node.id, ""
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        yield node.value, ""
    for inner in ast.iter_child_nodes(node):
        yield from _mentions(inner)


def _name(statement: ast.stmt) -> str:
    """Return what a top-level statement defines, or what kind of statement it is."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return statement.name
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    (target,) = targets if len(targets) == 1 else [None]  # `A = B = 1` defines two names: it counts as executed
    return target.id if isinstance(target, ast.Name) else STATEMENTS


def _canonical(node: object) -> object:
    """Return a syntax tree as nested tuples, without what is empty: versions of Python differ in the fields that they add."""
    if isinstance(node, ast.AST):
        values = ((name, _canonical(value)) for name, value in ast.iter_fields(node))
        return type(node).__name__, *(pair for pair in values if pair[1] not in (None, ()))
    return tuple(map(_canonical, node)) if isinstance(node, list) else node


def _is_text(statement: ast.stmt) -> bool:
    """Return whether a statement is a bare string: a docstring, or a comment in its place."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)


def changes(old: Components, new: Components) -> list[str]:
    """Say in words what differs between two sets of components, one entry for each difference."""
    old, new = (json.loads(json.dumps(value)) for value in (old, new))
    if old.get("version") != new.get("version"):
        return [f"what a fingerprint covers: version {old.get('version')} -> {new.get('version')}"]
    found = []
    for section in ("settings", "seed", "data", "libraries"):
        for path, before, after in _differences(old.get(section, {}), new.get(section, {})):
            name = {"settings": "setting", "libraries": "library"}.get(section, section)
            found.append(f"{name} {path}: {_show(before)} -> {_show(after)}".replace(f"{section} : ", f"{section}: "))
    return [*found, *_code_changes(old.get("modules", {}), new.get("modules", {}))]


def _code_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for module in sorted({*old, *new}):
        if module not in new or module not in old:
            yield f"code: module {module} is {'no longer' if module in old else 'now'} used"
            continue
        names = sorted(name for name in {*old[module], *new[module]} if old[module].get(name) != new[module].get(name))
        if names != [ORDER]:  # it changes with every name that comes or goes
            names = [name for name in names if name != ORDER]
        for name in names:
            what = f"the {name} of {module}" if name in (IMPORTS, ORDER, STATEMENTS) else f"{module}.{name}"
            yield f"code: {what} {'is new' if name not in old[module] else 'is gone' if name not in new[module] else 'changed'}"


_ABSENT = object()


def _differences(old: object, new: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Yield the path, the old and the new value of each leaf that differs between two nested mappings."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{path}[{index}]")
    elif old != new:
        yield path, old, new


def _show(value: object) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=False)
