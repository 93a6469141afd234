"""The job of a training, as the workflow writes it for the script that trains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convnets.files import write_json
from convnets.freshness import fingerprint, stamps
from convnets.runs.layout import HISTORY, METRICS, MODEL, RECORD, run_of
from convnets.settings import Settings

OUTPUTS = {"history": HISTORY, "metrics": METRICS, "model": MODEL, "record": RECORD, "stamp": stamps.STAMP}


def write_job(path: Path, run: Path, settings: Settings, split: Mapping[str, Any], inputs: Mapping[str, Path]) -> str:
    """Write the job of a run, whose folder tells variant and seed, and return its fingerprint.

    `split` says how the data set is split; `inputs` names the files `dataset`, `manifest` and `plan`.
    """
    components = fingerprint.run_components(settings, int(run_of(run)[1]), split)
    job = {
        "rule": "train_variant",
        "fingerprint": fingerprint.digest(components),
        "components": {name: part for name, part in components.items() if name not in ("modules", "libraries")},
        "inputs": {name: [str(file)] for name, file in inputs.items()},
        "outputs": {name: [str(run / file)] for name, file in OUTPUTS.items()},
    }
    write_json(path, job)
    return fingerprint.digest(components)
