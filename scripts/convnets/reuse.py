"""Reuse: a run that the store has finished, with the fingerprint that is wanted, fetched instead of trained again."""

import logging
import tempfile
from pathlib import Path

import mlflow

from convnets import delivery, stamps, tracking
from convnets.delivery import Finished
from convnets.errors import InputError
from convnets.records import RUN_FILES
from convnets.stores import Store, Tracked
from convnets.tracking import StoreError

logger = logging.getLogger(__name__)


def fetch(store: Store, variant: str, seed: int, fingerprint: str, folder: Path, planned_on: str | None = None) -> bool:
    """Fetch a run's files, check them by digest and put them into a folder, the stamp last; return whether that was possible.

    Whatever is missing, damaged or of another run is refused, with a line that says so. `planned_on` is as of `tracking.connect`.
    """
    try:
        connection = tracking.connect(store, planned_on)
        with tracking.reached(store):
            found = [run for run in connection.runs(variant, seed, fingerprint=fingerprint) if run.info.status == "FINISHED"]
            if not found:
                return False
            run_id = found[0].info.run_id
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetched-", dir=folder) as scratch:
                files = Path(
                    mlflow.artifacts.download_artifacts(
                        run_id=run_id, artifact_path=delivery.FILES, dst_path=scratch, tracking_uri=store.uri
                    )
                )
                _check(files, variant, seed, fingerprint)
                for name in (*RUN_FILES, stamps.STAMP):
                    (files / name).replace(folder / name)
    except StoreError as error:
        logger.warning("%s, seed %d: not fetched, so it is trained: %s", variant, seed, error)
        return False
    Tracked(store.uri, store.experiment, fingerprint, run_id).write(folder)
    logger.info(
        "%s, seed %d: fetched from the run %s in %s, checked by digest; nothing was trained", variant, seed, run_id, store.uri
    )
    return True


def _check(files: Path, variant: str, seed: int, fingerprint: str) -> None:
    """Check that a folder holds all files of a run, as its training wrote them.

    Raises
    ------
    InputError
        Naming what is wrong.
    """
    finished = Finished.read(files)
    found = (finished.metrics.variant, finished.metrics.seed, finished.metrics.fingerprint, finished.stamp.fingerprint)
    if found != (variant, seed, fingerprint, fingerprint):
        raise InputError("the files are those of another run")
    if set(finished.stamp.outputs) != set(RUN_FILES):
        raise InputError(f"the stamp does not record {', '.join(sorted(set(RUN_FILES) - set(finished.stamp.outputs)))}")
    if damage := stamps.damage(files / stamps.STAMP, finished.stamp):
        raise InputError("; ".join(damage))
