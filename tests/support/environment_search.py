"""A search of the installed packages for the environment variables that their Python code reads."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from conftest import ROOT

# What the processes of the project import; and whole packages, since these import some of their modules only when they need them.
MODULES = (
    *("convnets.training.outcome", "convnets.tracking.publishing", "convnets.report.figures", "convnets.report2021.vgg16_figure"),
    *("convnets.findings.inference", "convnets.data.sources", "convnets.workflow.one_run", "mlflow.keras", "snakemake.cli"),
)
PACKAGES = (
    *("keras", "matplotlib", "numpy", "pandas", "scipy", "tensorflow/python"),
    *("mlflow/tracking", "mlflow/store", "mlflow/utils"),
)
SKIPPED = re.compile(r"/(tests?|testing|_pytest|distutils|f2py|sphinxext)/|(_test|conftest)\.py$")
MAY_READ = re.compile(rb"environ|getenv|EnvironmentVariable\(|envvar")
READERS = {"getenv", "getenvb", "_EnvironmentVariable", "_BooleanEnvironmentVariable"}
LISTING = """
import sys
sys.path.insert(0, {scripts!r})
import {modules}
print(*(getattr(module, "__file__", None) for module in sys.modules.values()))
"""


def names() -> set[str]:
    """Return the names of all variables that are read; of a name that is put together, its parts with `*` between them."""
    return {name for file in files() if MAY_READ.search(content := file.read_bytes()) for name in names_in(content.decode())}


def files() -> set[Path]:
    """Return the Python files of the installed packages that the project uses."""
    listing = LISTING.format(scripts=str(ROOT / "scripts"), modules=", ".join(MODULES))
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    loaded = {Path(name) for name in done.stdout.split() if name.endswith(".py") and "site-packages" in name}
    site = next(iter(loaded)).as_posix().split("site-packages")[0] + "site-packages"
    found = loaded | {file for package in PACKAGES for file in Path(site, package).rglob("*.py")}
    return {file for file in found if not SKIPPED.search(file.as_posix())}


def names_in(text: str) -> Iterator[str]:
    """Yield the names of the variables that a module reads. A name that only running the module would tell is left out."""
    tree = ast.parse(text)
    constants = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for argument in _arguments(tree):
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value
        elif isinstance(argument, ast.Name) and argument.id in constants:
            yield constants[argument.id]
        elif isinstance(argument, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in argument.values)


def _arguments(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what stands in place of a variable's name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _is_environment(node.value) and isinstance(node.ctx, ast.Load):
            yield node.slice
        elif isinstance(node, ast.Compare) and any(map(_is_environment, node.comparators)):
            yield node.left
        elif isinstance(node, ast.Call):
            function = node.func
            is_method = isinstance(function, ast.Attribute) and _is_environment(function.value)
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if node.args and (called in READERS or (is_method and called in {"get", "pop", "setdefault"})):
                yield node.args[0]
            yield from (keyword.value for keyword in node.keywords if keyword.arg in {"envvar", "env_var"})


def _is_environment(node: ast.expr) -> bool:
    return getattr(node, "attr", getattr(node, "id", "")) in {"environ", "environb"}
