"""The finished runs of a study that its claims rest on, and what is judged from them."""

from convnets.findings import looks, verdicts
from convnets.findings.verdicts import Judgement
from convnets.runs import reading
from convnets.runs.run import Run
from convnets.study.configuration import Configuration


def runs_of(study: Configuration) -> list[Run]:
    """Return the runs of the variants that claims name, of this study and of others; an InputError if one cannot be read."""
    named = study.variants_of_claims()
    own = [study.runs.run(variant, seed) for variant in named if variant in study.variants for seed in study.seeds]
    elsewhere = reading.runs_elsewhere(named, study.studies)
    images = study.described.format
    studies = {name: str(folder) for name, folder in study.studies.items()}
    return [*reading.read(own, study.variants, images), *reading.read_elsewhere(elsewhere, studies, images)]


def judge(study: Configuration) -> list[Judgement]:
    """Judge the claims of a study."""
    return verdicts.judge(study.claims, runs_of(study), looks.alpha(study.looks))
