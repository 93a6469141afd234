"""Judging the claims of a study from its finished runs."""

from convnets.findings import looks, verdicts
from convnets.findings.verdicts import Judgement
from convnets.runs import reading
from convnets.study.configuration import Configuration


def judge(study: Configuration) -> list[Judgement]:
    """Judge the claims of a study from the runs of the variants that they name; an InputError if one cannot be read."""
    named = study.variants_of_claims()
    own = [study.runs.run(variant, seed) for variant in named if variant in study.variants for seed in study.seeds]
    elsewhere = reading.runs_elsewhere(named, study.studies)
    images = study.described.format
    runs = [*reading.read(own, study.variants, images), *reading.read_elsewhere(elsewhere, study.studies, images)]
    return verdicts.judge(study.claims, runs, looks.alpha(study.looks))
