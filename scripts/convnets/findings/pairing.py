"""Whether runs of two studies belong together one by one.

Runs of one study do, seed by seed: they have the same split, and with the same seed the same order of images. Runs of two studies
do where they share seeds and data. Else the two series of runs are independent, and their means are compared.
"""

from collections.abc import Mapping, Sequence

from convnets.runs.run import Run
from convnets.study.quantities import exact_numbers, is_exact, study_of, variant_and_metric


def obstacle(studies: Sequence[Mapping[int, Run]]) -> str:
    """Return why runs of several studies cannot be paired by seed; empty if they can.

    `studies` holds, for each study, a run of each of its seeds.
    """
    if len(studies) < 2:
        return ""
    fewest = min(studies, key=len)
    if any(not set(fewest) <= set(study) for study in studies):
        return "their seeds differ"
    for seed in fewest:
        data = [record.data if (record := study[seed].record) else None for study in studies]
        if None in data:
            return "it is not recorded that their data are the same"
        if any(one != data[0] for one in data):
            return "their data or splits differ"
    return ""


def is_paired(first: str, second: str, runs: Mapping[str, Sequence[Run]]) -> bool:
    """Return whether the runs of two quantities are paired; an exact quantity, or none, goes with any."""
    if not second or any(quantity in exact_numbers() or is_exact(quantity) for quantity in (first, second)):
        return True
    one, other = (variant_and_metric(quantity)[0] for quantity in (first, second))
    if study_of(runs[one][0].variant)[0] == study_of(runs[other][0].variant)[0]:
        return True
    # All runs of the claim are checked, since its runs were chosen so; else lists could differ in length.
    return not obstacle([{run.seed: run for run in found} for found in runs.values()])
