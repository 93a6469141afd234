"""The library behind the workflow. Each package knows only those below it; docs/architecture.md lists them.

>>> results = convnets.load("results")

gives the runs, curves and claims of a study as pandas frames (docs/reuse.md).
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convnets.runs.frames import Results


def load(folder: str | Path = "results") -> "Results":
    """Return the finished runs in a folder of results, as `convnets.runs.frames.load` does."""
    # Not an import statement: every step executes this module, and what it imports would count as the step's code.
    results: Results = import_module("convnets.runs.frames").load(Path(folder))
    return results
