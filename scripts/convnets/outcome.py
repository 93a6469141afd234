"""The outcome of a training: trained, summarised and written. What is done here counts in a run's fingerprint."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from convnets import files, records, training
from convnets.checkpoints import State
from convnets.dataset import Dataset
from convnets.records import Metrics, Record
from convnets.settings import Settings
from convnets.training import Result


@dataclass(frozen=True)
class Task:
    """A run that is to be made: which, set to what, and the folder of its files."""

    settings: Settings
    variant: str
    seed: int
    fingerprint: str
    folder: Path


def produce(
    task: Task,
    dataset: Dataset,
    observe: Callable[[State], None],
    resumed: State | None,
    is_to_stop: Callable[[], bool],
    record: Callable[[Result], Record],
) -> tuple[Result, Metrics]:
    """Train a run and write its files; return what the training yielded, and its summary.

    Parameters
    ----------
    task
        The run.
    dataset, observe, resumed, is_to_stop
        As of `training.train`, which says what it raises.
    record
        Returns how the run was trained.
    """
    result = training.train(task.settings, task.seed, dataset, observe, resumed, is_to_stop)
    metrics = result.summary(task.variant, task.seed, task.fingerprint)
    records.write_history(task.folder / records.HISTORY, result.history)
    with files.atomic_path(task.folder / records.MODEL) as temporary:
        result.model.save(temporary)
    records.write_record(task.folder / records.RECORD, record(result))
    records.write_metrics(task.folder / records.METRICS, metrics)
    return result, metrics
