"""The code that a step executes, as one digest per module.

A step executes its script and every module of the project that this imports, directly or not (`modules`).
"""

import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from convnets.modules import closure, read_module

SCRIPTS = Path(__file__).parents[2]  # modules of the project are found from here
# The libraries that can change a number, a picture or a table, by the name they are imported under.
LIBRARIES = ("PIL", "jinja2", "keras", "matplotlib", "numpy", "pandas", "pylatexenc", "scipy", "tabulate", "tensorflow")
PACKAGES = {"PIL": "pillow"}  # the package of a library, where its name is another
# Modules that cannot change a result: the declaration of settings, whose values count, and the frame of steps.
NOT_COUNTED = ("convnets.settings", "convnets.workflow", "convnets.freshness")
# The package's own module, by its digest: it opens finished results and does nothing else, so it does not count either.
NEUTRAL = "fad03941cab24c54"


@cache
def code_of(*entries: str) -> dict[str, dict[str, str]]:
    """Return the digest of each module that these entries execute, and the version of each library that they import.

    Entries are modules by name, or scripts (`plot_comparison`).
    """
    files, libraries = closure([SCRIPTS], entries, NOT_COUNTED)
    modules = {name: digest for name, file in sorted(files.items()) if (digest := read_module(file)[0]) and digest != NEUTRAL}
    versions = {name: library_version(name) for name in sorted(libraries.intersection(LIBRARIES))}
    return {"modules": modules, "libraries": versions}


def code_of_network(file: Path) -> dict[str, dict[str, str]]:
    """Return the same for a file of the user's own and what it imports: modules beside it by their path, all libraries."""
    folder = file.resolve().parent
    files, others = closure([folder, SCRIPTS], [file.stem])
    modules = {
        path.relative_to(folder).as_posix() if path.is_relative_to(folder) else name: read_module(path)[0]
        for name, path in files.items()
    }
    versions = {name: _version_of_package(name) for name in sorted(others - sys.stdlib_module_names - {"convnets"})}
    return {"modules": modules, "libraries": versions}


@cache
def _version_of_package(module: str) -> str:
    """Return the version of the installed package that holds a top module; empty if there is none."""
    try:
        return version(module)
    except PackageNotFoundError:
        return ", ".join(version(package) for package in packages_distributions().get(module, ()))


@cache
def library_version(library: str) -> str:
    """Return the version installed, or the lock's where only the jobs' own environments hold the library."""
    package = PACKAGES.get(library, library)
    try:
        return version(package)
    except PackageNotFoundError:
        lock = (SCRIPTS.parent / "requirements.lock").read_text(encoding="utf-8")
        return str(re.findall(rf"^{package}==(\S+)", lock, re.MULTILINE)[0])
