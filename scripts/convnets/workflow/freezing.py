"""Freezing the claims of a study before its runs: their terms, the file, and what speaks against it."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from convnets.errors import InputError
from convnets.files import read_json, sha256, write_json
from convnets.findings import frozen
from convnets.findings.frozen import DIGEST, NETWORKS, Terms
from convnets.freshness import code, fingerprint
from convnets.runs import layout, reading, unfinished
from convnets.study.claims import OF_NUMBERS, Claim
from convnets.study.configuration import Configuration
from convnets.study.quantities import study_of
from convnets.workflow import version_control

WORDS = ("statement", "test", "quantities", "target", "margin")  # of a claim, those that count whatever its test
NOT_RESULTS = ("fingerprint", "mlflow_run_id")  # in a run's summary


def terms(study: Configuration) -> Terms:
    """Return the terms of the claims of a study, each with its digest, and the seeds that judge them.

    An InputError says that a run of another study, or the file of an own network, cannot be read.
    """
    varying = [claim for claim in study.claims if not claim.is_exact]
    seeds = planned_seeds(study)
    shared = {"seeds": frozen.in_words(seeds), "looks": list(study.looks[1]), "judged_together": len(varying)}
    networks = {name: _network(study, name) for name in study.variants_of_claims()}
    found = {}
    for claim in study.claims:
        own = _words(claim)
        if claim.variants:
            own |= {NETWORKS: {name: networks[name] for name in claim.variants}, "data": fingerprint.digest(study.dataset)}
        if not claim.is_exact:
            own |= shared
        own = json.loads(json.dumps(own))
        found[claim.id] = {**own, DIGEST: fingerprint.digest(own)}
    return {"seeds": seeds, "looks": list(study.looks[1]), "claims": found}


def planned_seeds(study: Configuration) -> list[int]:
    """Return the seeds that will judge a study: those of all planned looks."""
    counts = study.looks[1]
    return list(range(study.seeds[0], study.seeds[0] + counts[-1])) if counts else list(study.seeds)


def standing(study: Configuration) -> frozen.Standing | None:
    """Return how the claims stand to those frozen; None if none are."""
    return frozen.compare(frozen.read(study.frozen), terms(study)) if study.frozen.is_file() else None


def freeze(study: Configuration) -> str:
    """Write the terms of the claims to the file beside the study, and say so.

    An InputError says that there is nothing to freeze, that other terms were frozen before, or that runs would judge the claims
    that are there already.
    """
    if not study.claims:
        raise InputError("the study has no claims to freeze")
    path = study.frozen
    if (before := standing(study)) is not None:
        if not before.differences:
            return f"nothing to do: {path} holds these claims and seeds, frozen on {before.time}"
        raise InputError(
            f"{path} holds other claims or seeds, frozen on {before.time} ({'; '.join(before.differences)}); it is kept, and "
            "tables and page mark what changed. To begin anew, choose seeds without runs and remove the file in a commit of its own"
        )
    if found := list(_runs(study)):
        raise InputError(
            f"runs that would judge the claims are there already ({len(found)}, such as {found[0]}), and what is frozen after its "
            "runs is not frozen; choose seeds that have no runs yet"
        )
    now, at = terms(study), datetime.now(UTC).isoformat(timespec="seconds")
    value = {"time": at, "commit": version_control.commit(), **now}
    write_json(path, {**value, DIGEST: fingerprint.digest(value)})
    seeds = frozen.in_words(now["seeds"])
    return f"claims frozen: {len(study.claims)}, to be judged by seeds {seeds}; commit {path} before the runs"


def _words(claim: Claim) -> dict[str, Any]:
    found = {name: getattr(claim, name) for name in WORDS}
    if claim.test in OF_NUMBERS:
        found["reported"] = claim.reported  # with other tests it is shown only
    return {**found, **({"grids": {grid.id: grid.members for grid in claim.grids}} if claim.grids else {})}


def _network(study: Configuration, variant: str) -> str:
    """Return the digest of a variant: its settings, with an own network's code for its path; elsewhere, its finished runs."""
    name, own = study_of(variant)
    if name:
        return fingerprint.digest({"runs": [_result(run) for run in reading.runs_by_variant(study.studies[name]).get(own, ())]})
    settings = study.variants[variant]
    found = settings.canonical()
    if settings.own.network:
        modules = code.code_of_network(settings.own.file)["modules"]
        found["own"] = {**found["own"], "network": settings.own.function, "modules": modules}
    return fingerprint.digest(found)


def _result(run: Path) -> Sequence[Any]:
    try:
        summary = read_json(run / layout.METRICS)
        counted = {name: summary[name] for name in summary if name not in NOT_RESULTS}
        return layout.name_of(run), counted, sha256(run / layout.HISTORY)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{run} cannot be read: {error}") from error


def _runs(study: Configuration) -> Iterator[Path]:
    """Yield the folder of each run, finished or begun, that would judge the claims."""
    there = study.runs
    for variant in (name for name in study.variants_of_claims() if not study_of(name)[0]):
        for seed in planned_seeds(study):
            folder, begun = there.run(variant, seed), unfinished.folder_of(there, variant, seed)
            if any((folder / name).exists() for name in layout.RUN_FILES):
                yield folder
            elif (begun / unfinished.BEGUN).exists():
                yield begun
