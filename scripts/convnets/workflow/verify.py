"""Verification of runs that are stale only because code, a library or the fingerprint's version changed.

The first epoch is trained again and the stored model evaluated again. If both are equal bit for bit, the run gets the fingerprint
that is wanted now. An equal first epoch does not prove an equal last one, so the run's folder keeps a note of the verification.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convnets import hardware, settings
from convnets.data import dataset
from convnets.errors import InputError
from convnets.files import read_json, write_json
from convnets.freshness import fingerprint, stamps
from convnets.runs import reading, records, unfinished
from convnets.runs.layout import HISTORY, METRICS, MODEL, RECORD, VERIFIED, Layout, name_of, run_of
from convnets.workflow.declarations import Step
from convnets.workflow.steps import Steps

EQUAL = ("settings", "seed", "data")  # the components that must not have changed


@dataclass(frozen=True)
class Verification:
    """The outcome for one run. Without differences, it has its new fingerprint. `not_compared` names what the run lacks."""

    differences: tuple[str, ...]
    not_compared: tuple[str, ...]


def candidates(steps: Steps, wanted: str | None = None) -> Iterator[tuple[Step, str]]:
    """Yield each stale run that has a stamp, and why it cannot be verified; empty if it can.

    `wanted` is the one run that is asked for, `variant/seedN`; an InputError if the study has no such run.
    """
    names = {name_of(step.stamp.parent): step for step in steps.trainings()}
    if wanted and wanted not in names:
        raise InputError(f"{wanted} is no run of this study; a run is written variant/seedN, such as {next(iter(names))}")
    for name, step in names.items():
        stamp = stamps.read(step.stamp)
        if wanted in (None, name) and steps.reasons(step.key) and stamp is not None:
            yield step, _obstacle(step, stamp)
        elif name == wanted:
            yield step, "it is fresh" if stamp else "it is not made yet"


def _obstacle(step: Step, stamp: stamps.Stamp) -> str:
    """Return why a run cannot be verified; empty if it can."""
    folder = step.stamp.parent
    old, new = ({name: components.get(name) for name in EQUAL} for components in (stamp.components, step.components))
    damage = stamps.damage(step.stamp, stamp)
    if stamp.fingerprint != step.fingerprint:  # otherwise it is verified, and only a training brings what is missing
        damage = [text for text in damage if text != f"{MODEL} is missing"]
    if others := [*fingerprint.changes(old, new), *damage]:
        return f"it is stale for another reason: {others[0]}"
    record = reading.read_record(folder / RECORD)
    if record.processor != hardware.processor():
        return f"it was trained on {record.processor}; on {hardware.processor()} other bits would tell nothing"
    if record.device != "CPU":
        return f"it was trained on {record.device}; only runs of a processor can be verified"
    return ""


def be_quiet() -> None:
    """Discard standard error, to which TensorFlow describes the machine. Errors reach the caller as exceptions."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def verify(step: Step, data: Path) -> Verification:
    """Compare a run with the present code and libraries. If nothing differs, give it the fingerprint that is wanted now.

    Call it once per process, since it configures the device as the run's training did.
    """
    folder = step.stamp.parent
    stamp = stamps.read(step.stamp)
    if stamp is None:
        raise InputError(f"{step.stamp} is missing or damaged")
    chosen = settings.from_dict(step.components["settings"])
    metrics, record = reading.read_metrics(folder / METRICS), reading.read_record(folder / RECORD)
    from convnets import device  # TensorFlow takes seconds to import
    from convnets.training import verification

    device.configure(record.threads)
    history, model = reading.read_history(folder / HISTORY), folder / MODEL
    seed = int(run_of(folder)[1])
    prepared = dataset.load(data, seed)
    digests = {split: prepared.split(split).sha256() for split in dataset.SPLITS}
    if digests != record.data:
        return Verification(("the data: the splits are not those that it was trained on",), ())
    found = verification.differences(chosen, seed, prepared, history, metrics, record, model)
    differences = tuple(f"{name}: {text}" for name, texts in found.items() for text in texts or ())
    missing = tuple(name for name, texts in found.items() if texts is None)
    if not differences:
        try:
            with unfinished.claimed(unfinished.folder_of(Layout(folder.parents[2]), *run_of(folder))):
                if stamps.read(step.stamp) != stamp:
                    raise InputError("it was made again meanwhile")
                _renew(step, stamp, metrics, found)
        except InputError as error:
            differences = (str(error),)
    return Verification(differences, missing)


def _renew(step: Step, stamp: stamps.Stamp, metrics: records.Metrics, found: Mapping[str, Any]) -> None:
    """Give a run its new fingerprint: note what was compared, then write the summary, then the stamp."""
    folder = step.stamp.parent
    note = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": hardware.processor(),
        "from": stamp.fingerprint,
        "to": step.fingerprint,
        "changes": fingerprint.changes(stamp.components, step.components),
        "equal": [name for name, texts in found.items() if texts is not None],
        "not_compared": [name for name, texts in found.items() if texts is None],
    }
    path = folder / VERIFIED
    write_json(path, {"verifications": [*(read_json(path)["verifications"] if path.is_file() else []), note]})
    records.write_metrics(folder / METRICS, replace(metrics, fingerprint=step.fingerprint))
    outputs = {name: stamps.content_digest(file) for name in stamp.outputs if (file := folder / name).is_file()}
    sizes = {name: (folder / name).stat().st_size for name in outputs}
    files = {"outputs": {**stamp.outputs, **outputs}, "sizes": {**stamp.sizes, **sizes}}
    renewed = stamp.model_copy(update={"fingerprint": step.fingerprint, "components": step.components, **files})
    write_json(step.stamp, renewed.model_dump())
