"""Comparison of a finished run with the present code: trains its first epoch and evaluates its stored model again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convnets.data.dataset import Dataset
from convnets.networks import builders
from convnets.runs.records import Epoch, Metrics, Record
from convnets.settings import Settings
from convnets.training import loop
from convnets.training.graphs import evaluation_function

FIRST_EPOCH, WEIGHTS, MODEL = "the first epoch's history", "the first epoch's weights", "the stored model's evaluation"


def differences(
    settings: Settings,
    seed: int,
    dataset: Dataset,
    history: Sequence[Epoch],
    metrics: Metrics,
    record: Record,
    model: Path,
) -> Mapping[str, list[str] | None]:
    """Compare a run with the present code and libraries, bit for bit.

    Parameters
    ----------
    settings, seed, dataset
        The settings, seed and data of the run.
    history, metrics, record, model
        What the run recorded, and the file of its model.

    Returns
    -------
    For each thing that is compared, its differences; None where the run lacks what a comparison needs.
    """
    once = settings.updated({"training": {"epochs": 1}})
    result = loop.train(once, seed, dataset, lambda _: None)
    (again,) = result.history
    recorded = {name: value for name, value in vars(history[0]).items() if value is not None}
    found: dict[str, list[str] | None] = {FIRST_EPOCH: _unequal(recorded, vars(again), ignored={"seconds"})}
    found[WEIGHTS] = _unequal({"digest": record.weights[0]}, {"digest": result.weights[0]}) if record.weights else None
    found[MODEL] = _evaluated(settings, dataset, history, metrics, record, model) if model.is_file() else None
    return found


def _evaluated(
    settings: Settings, dataset: Dataset, history: Sequence[Epoch], metrics: Metrics, record: Record, model: Path
) -> list[str]:
    """Return what differs when the stored model is evaluated by the present code."""
    classifier = builders.build(
        settings.network, dataset.mean, dataset.deviation, len(dataset.classes), settings.training.precision, settings.own
    )
    classifier.logits.set_weights(builders.load(model).get_weights())
    best = history[metrics.best_epoch - 1]
    validation = evaluation_function(classifier, dataset.validation)()
    test = evaluation_function(classifier, dataset.test)()
    was = {
        **{"val_loss": best.val_loss, "val_accuracy": best.val_accuracy},
        **{"test_loss": metrics.test_loss, "test_accuracy": metrics.test_accuracy},
        "confusion": [list(row) for row in record.confusion],
    }
    now = {
        **{"val_loss": validation.loss, "val_accuracy": validation.accuracy},
        **{"test_loss": test.loss, "test_accuracy": test.accuracy},
        "confusion": [list(row) for row in test.confusion],
    }
    return _unequal(was, now)


def _unequal(was: Mapping[str, Any], now: Mapping[str, Any], ignored: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Name each value that differs, with both."""
    return [f"{name} {was[name]!r} -> {now[name]!r}" for name in was if name not in ignored and was[name] != now[name]]
