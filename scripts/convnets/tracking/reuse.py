"""Reuse: fetches a finished run with the wanted fingerprint from the store instead of training it."""

import logging
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

from convnets.errors import InputError
from convnets.freshness import stamps
from convnets.freshness.fingerprint import digest
from convnets.runs import layout, records
from convnets.runs.layout import RUN_FILES
from convnets.study.stores import Store, Tracked
from convnets.tracking.connection import StoreError, connect, reached, supersede
from convnets.tracking.delivery import COPIED, FILES
from convnets.tracking.finished_run import Finished

logger = logging.getLogger(__name__)


def fetch(store: Store, variant: str, seed: int, fingerprint: str, folder: Path) -> bool:
    """Fetch a run's files, check their digests and move them into a folder, the stamp last; return whether that succeeded.

    Files that are missing, damaged or of another run are refused, and a log line says so. A run of a variant with another name and
    the same settings serves as well. It becomes a run of its own.
    """
    try:
        connection = connect(store)
        with reached(store):
            found = [run for run in connection.runs(seed=seed, fingerprint=fingerprint) if run.info.status == "FINISHED"]
            if not found:
                return False
            run = next((run for run in found if run.data.tags.get("variant") == variant), found[0])
            run_id, name = run.info.run_id, str(run.data.tags.get("variant"))
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetched-", dir=folder) as scratch:
                files = Path(connection.client.download_artifacts(run_id, FILES, scratch))
                finished = _check(files, name, seed, fingerprint)
                if name == variant:
                    # A run that was begun here meanwhile is not needed.
                    supersede(connection, run_id, variant, seed, finished.stamp.components)
                else:
                    _rename(finished, variant)
                for file in COPIED:
                    (files / file).replace(folder / file)
    except StoreError as error:
        logger.warning("%s, seed %d: not fetched, so it is trained: %s", variant, seed, error)
        return False
    if name == variant:
        Tracked(store.uri, store.experiment, fingerprint, run_id).write(folder)
    text = "%s, seed %d: fetched from the run %s in %s, checked by digest; nothing was trained"
    logger.info(text, variant, seed, run_id, store.uri)
    return True


def _rename(finished: Finished, variant: str) -> None:
    """Rewrite the files for a variant of another name, with a new training token."""
    stamp, folder = finished.stamp, finished.folder
    outputs = [folder / name for name in RUN_FILES]
    with stamps.stamping(folder / stamps.STAMP, stamp.components, [], outputs, stamp.seconds):
        records.write_metrics(folder / layout.METRICS, replace(finished.metrics, variant=variant, mlflow_run_id=None))
        records.write_record(folder / layout.RECORD, replace(finished.record, training=uuid.uuid4().hex))


def _check(files: Path, variant: str, seed: int, fingerprint: str) -> Finished:
    """Return the run in a folder; an InputError if it does not hold all files of a run as its training wrote them."""
    finished = Finished.read(files)
    found = (finished.metrics.variant, finished.metrics.seed, finished.metrics.fingerprint, finished.stamp.fingerprint)
    if found != (variant, seed, fingerprint, fingerprint):
        raise InputError("the files are those of another run")
    if digest(finished.stamp.components) != fingerprint:
        raise InputError("the stamp contradicts itself: its fingerprint is not that of what it says the run was made from")
    if set(finished.stamp.outputs) != set(RUN_FILES):
        raise InputError(f"the stamp does not record {', '.join(sorted(set(RUN_FILES) - set(finished.stamp.outputs)))}")
    if damage := stamps.damage(files / stamps.STAMP, finished.stamp):
        raise InputError("; ".join(damage))
    return finished
