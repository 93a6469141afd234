"""The code that a step really executes: the definitions that its entries use, by module, as digests of their syntax trees.

Of the modules that are imported within the project, directly or not, that is every statement that importing executes, and every
function, class and constant that is mentioned in what is executed, without comments, docstrings and formatting. Neither a file's
time stamp nor its path counts, nor the order of imports, nor what is never called. Of the rule that starts a step counts what tells
its script which file is what.
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
# The libraries that can change a number, a picture or a table, by the name they are imported under.
LIBRARIES = ("jinja2", "keras", "matplotlib", "numpy", "pandas", "scipy", "tabulate", "tensorflow")
CARRIED = {"to_markdown": "tabulate"}  # by the method with which pandas imports it
# The modules that start a step and record what it did. They cannot change what it makes.
BOOKKEEPING = ("command", "executed", "fingerprint", "stamps")
DEFINITION, IMPORTS, STATEMENTS, ORDER = "definition", "imports", "statements", "order"  # kinds of parts of a module
RULE_SECTIONS = ("input", "output", "params", "shell")  # those that decide which file a script takes for what
EVERYTHING = "*"  # in place of the names used of a module
INIT = "__init__"  # the module that importing any other of the package executes
# Decorators that do nothing but wrap; any other may register what it decorates, so it counts as executed on import.
WRAPPERS = {"dataclass", "cache", "contextmanager", "lru_cache"}


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
        texts = {IMPORTS: sorted(part.text for part in self.parts if part.kind == IMPORTS and part.name in used)}
        if not executed and not texts[IMPORTS]:
            return {}
        for part in executed:
            texts.setdefault(part.name, []).append(part.text)
        texts[ORDER] = [part.name for part in executed]
        return {name: _digest("\n".join(lines)) for name, lines in texts.items()}


@cache
def code(*entries: tuple[Path, tuple[str, ...]]) -> Mapping[str, Any]:
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
        inner = {name.removeprefix("convnets.") for name in module.imported if name.startswith("convnets.")}
        waiting += [PACKAGE / f"{name}.py" for name in (inner | {INIT} if inner else inner)]
    used = _used_names(modules, {(path.stem, name) for path, names in entries for name in names})
    libraries = {name for module in modules.values() for name in module.imported if name in LIBRARIES}
    return {
        "modules": {name: digests for name, module in modules.items() if (digests := module.digests(used[name]))},
        "libraries": {name: library_version(name) for name in libraries},
    }


@cache
def rule(folder: Path, name: str) -> Mapping[str, str]:
    """Return the digest of each section of a rule that tells its script what to do, comments and formatting aside.

    Parameters
    ----------
    folder
        Holds the files of rules. Without one that declares the rule, nothing is returned.
    name
        The rule.
    """
    files = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.smk")))
    blocks = [block for text in files for block in re.findall(rf"(?m)^rule {name}:\n((?:(?: .*)?\n)*)", text)]
    sections = [section for block in blocks for section in re.findall(r"(?m)^    (\w+):((?:.*\n)(?:(?:     .*)?\n)*)", block)]
    # They are the arguments of calls, in all but the brackets.
    return {key: _digest(repr(_canonical(ast.parse(f"_({text})")))) for key, text in sections if key in RULE_SECTIONS}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _used_names(modules: Mapping[str, Module], entries: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    """Return the names used of each module: the entries, and whatever is mentioned in what is executed.

    A name that a module imports from another of the project is used of that one too, and so on to where it is defined. A module
    that is mentioned without an attribute, as if to pass it on, is used whole.
    """
    used: dict[str, set[str]] = {name: set() for name in modules}

    def use(module: str, name: str, attribute: str = EVERYTHING) -> None:
        if module not in modules or (name in used[module] and name not in modules[module].bound):
            return
        used[module].add(name)
        if name in modules[module].bound:
            inner, definition = modules[module].bound[name]
            if (definition or attribute) not in used.get(inner, ()):
                use(inner, definition or attribute)

    for module, name in entries:
        use(module, name)
    done: set[tuple[str, Part]] = set()
    while True:
        reached = {(name, part) for name, module in modules.items() for part in module.parts if part.is_executed(used[name])} - done
        if not reached:
            return used
        done |= reached
        for own, part in reached:
            for name, attribute in part.mentions:
                use(own, name, attribute or EVERYTHING)


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
                    is_module = (PACKAGE / f"{alias.name}.py").is_file()
                    imported.add(f"convnets.{alias.name if is_module else INIT}")
                    bound[name] = (alias.name, "") if is_module else (INIT, alias.name)
                elif source.startswith("convnets."):
                    bound[name] = (source.removeprefix("convnets."), alias.name)
            if source != "convnets":
                imported.update((source, source.split(".")[0]))
        elif isinstance(node, ast.Attribute) and node.attr in CARRIED:
            imported.add(CARRIED[node.attr])
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
