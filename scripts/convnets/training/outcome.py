"""Training a run, summarising it and writing its files. A run's fingerprint covers this module and those it imports."""

from collections.abc import Callable
from pathlib import Path

from convnets import files
from convnets.data.dataset import Dataset
from convnets.runs import records
from convnets.runs.layout import HISTORY, METRICS, MODEL, RECORD, run_of
from convnets.runs.records import Metrics, Record
from convnets.settings import Settings
from convnets.training import loop
from convnets.training.checkpoints import State
from convnets.training.result import Result


def produce(
    folder: Path,
    settings: Settings,
    fingerprint: str,
    dataset: Dataset,
    observe: Callable[[State], None],
    resumed: State | None,
    is_to_stop: Callable[[], bool],
    record: Callable[[Result], Record],
) -> tuple[Result, Metrics]:
    """Train a run and write its files; return the training's result and its summary.

    Parameters
    ----------
    folder
        The folder of the run, `{variant}/seed{seed}`.
    settings, fingerprint
        The settings and the fingerprint of the run.
    dataset, observe, resumed, is_to_stop
        As in `loop.train`, whose errors are raised here too.
    record
        Returns how the run was trained.
    """
    variant, seed = run_of(folder)
    result = loop.train(settings, int(seed), dataset, observe, resumed, is_to_stop)
    metrics = result.summary(variant, int(seed), fingerprint)
    records.write_history(folder / HISTORY, result.history)
    with files.atomic_path(folder / MODEL) as temporary:
        result.model.save(temporary)
    records.write_record(folder / RECORD, record(result))
    records.write_metrics(folder / METRICS, metrics)
    return result, metrics
