"""Results that the study no longer asks for."""

import os
from pathlib import Path

from convnets.freshness import stamps
from convnets.runs import unfinished
from convnets.workflow.steps import Steps


def left(steps: Steps) -> list[Path]:
    """Return the folders of runs, finished or not, and the files of comparisons that the study no longer asks for."""
    layout = steps.study.layout
    if steps.study.runs_from:
        return []
    wanted = {step.stamp.parent for step in steps.trainings()}
    begun = unfinished.folders(layout.trainings)
    held = {layout.run(*run) for run, folder in begun.items() if unfinished.is_held(folder)}
    found = [folder for folder in layout.runs() if folder not in wanted | held]
    found += [folder for run, folder in begun.items() if layout.run(*run) not in wanted | held]
    stamped = {step.stamp for step in steps.all.values()}
    for path in layout.results.glob("stamps/plot_comparison/*.json"):
        if path not in stamped:
            stamp = stamps.read(path)
            figures = [Path(os.path.normpath(path.parent / name)) for name in stamp.outputs] if stamp else []
            found += [path, *(figure for figure in figures if figure.exists())]
    return sorted(found)
