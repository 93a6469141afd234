"""What trainings and former studies have left: results that are not asked for, folders of trainings that run or have ended."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from convnets.freshness import stamps
from convnets.runs import unfinished
from convnets.runs.layout import Layout

if TYPE_CHECKING:
    from convnets.workflow.steps import Steps


def left(steps: "Steps") -> list[Path]:
    """Return the folders of runs, finished or not, and the files of comparisons that the study no longer asks for."""
    layout = steps.study.layout
    if steps.study.runs_from:
        return []
    kept = {step.stamp.parent for step in steps.trainings()} | busy(layout)
    found = [folder for folder in layout.runs() if folder not in kept]
    found += [folder for run, folder in unfinished.folders(layout.trainings).items() if layout.run(*run) not in kept]
    stamped = {step.stamp for step in steps.all.values()}
    for path in layout.results.glob("stamps/plot_comparison/*.json"):
        if path not in stamped:
            stamp = stamps.read(path)
            figures = [Path(os.path.normpath(path.parent / name)) for name in stamp.outputs] if stamp else []
            found += [path, *(figure for figure in figures if figure.exists())]
    return sorted(found)


def busy(layout: Layout) -> set[Path]:
    """Return the folders of the runs that are being trained now."""
    return {layout.run(*run) for run, folder in unfinished.folders(layout.trainings).items() if unfinished.is_held(folder)}


def ended(layout: Layout) -> list[Path]:
    """Return the folders of trainings that were killed when their runs were complete: while these were delivered, or after."""
    found = []
    for run, folder in unfinished.folders(layout.trainings).items():
        training, stamp = unfinished.begun(folder), stamps.read(layout.run(*run) / stamps.STAMP)
        if stamp and (training is None or training.fingerprint == stamp.fingerprint) and not unfinished.is_held(folder):
            found.append(folder)
    return found
