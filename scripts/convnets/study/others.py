"""Other studies, whose finished runs claims and comparisons can name: `before:mlp` is the variant `mlp` of the study `before`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from convnets.runs.layout import HISTORY, METRICS, RECORD, STAMP, Layout, run_of
from convnets.study.quantities import study_of

FILES = (HISTORY, METRICS, RECORD, STAMP)  # of a run, those that tell its result and its settings


def runs_by_variant(folder: Path) -> dict[str, list[Path]]:
    """Return the folders of a study's finished runs by variant, the lowest seed first."""
    found = defaultdict[str, list[Path]](list)
    for run in sorted(Layout(folder).runs(), key=lambda run: int(run_of(run)[1])):
        if all((run / name).is_file() for name in FILES):
            found[run.parent.name].append(run)
    return dict(found)


def runs_of(subjects: Iterable[str], studies: Mapping[str, Path]) -> list[Path]:
    """Return the folders of the finished runs of those of some variants that are of other studies."""
    named = [study_of(subject) for subject in dict.fromkeys(subjects)]
    found = {study: runs_by_variant(studies[study]) for study, _ in named if study}
    return [run for study, variant in named if study for run in found[study].get(variant, ())]
