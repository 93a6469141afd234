"""A finished run compared with the code and the libraries of now."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from convnets import device
from convnets.data.dataset import Dataset
from convnets.runs.records import Epoch, Metrics, Record
from convnets.settings import Settings
from convnets.study import configfiles, configuration
from convnets.training import loop, verification
from convnets.training.verification import FIRST_EPOCH, MODEL, WEIGHTS


@dataclass(frozen=True)
class Finished:
    """A run of two epochs as its files hold it."""

    settings: Settings
    data: Dataset
    history: tuple[Epoch, ...]
    metrics: Metrics
    record: Record
    model: Path

    def differences(self, **changes: Any) -> dict[str, list[str] | None]:
        run = replace(self, **changes)
        return dict(verification.differences(run.settings, 1, run.data, run.history, run.metrics, run.record, run.model))


@pytest.fixture(scope="module")
def finished(synthetic: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    config = configfiles.read([Path(__file__).parents[2] / "config.yaml"])
    chosen = configuration.resolve(config).variants["mlp100"].updated({"training": {"epochs": 2, "batch_size": 32}})
    result = loop.train(chosen, 1, synthetic, lambda _: None)
    model = tmp_path_factory.mktemp("verification") / "model.keras"
    result.model.save(model)
    record = result.record("token", 0.0, device.Device("CPU", 1, deterministic=True), "float32", {}, {})
    return Finished(chosen, synthetic, result.history, result.summary("mlp100", 1, "f" * 64), record, model)


def test_the_same_code_gives_the_same_bits(finished: Finished) -> None:
    assert finished.differences() == {FIRST_EPOCH: [], WEIGHTS: [], MODEL: []}


def test_what_differs_is_named_with_both_values(finished: Finished) -> None:
    first, second = finished.history
    doctored = finished.differences(history=(replace(first, val_loss=9.0, seconds=9.0), replace(second, seconds=9.0)))
    (text,) = doctored[FIRST_EPOCH] or ()
    assert text == f"val_loss 9.0 -> {first.val_loss!r}"  # and no word of the seconds
    other = finished.differences(
        record=replace(finished.record, weights=("0" * 64, "")), metrics=replace(finished.metrics, test_loss=9.0)
    )
    assert other[WEIGHTS] == [f"digest {'0' * 64!r} -> {finished.record.weights[0]!r}"]
    assert other[MODEL] == [f"test_loss 9.0 -> {finished.metrics.test_loss!r}"]


def test_another_setting_is_another_first_epoch(finished: Finished) -> None:
    changed = finished.settings.updated({"training": {"optimizer": {"learning_rate": 0.001}}})
    found = finished.differences(settings=changed)
    assert found[FIRST_EPOCH]
    assert found[WEIGHTS]
    assert found[MODEL] == []


def test_what_a_run_does_not_hold_is_not_compared(finished: Finished, tmp_path: Path) -> None:
    found = finished.differences(record=replace(finished.record, weights=()), model=tmp_path / "model.keras")
    assert found == {FIRST_EPOCH: [], WEIGHTS: None, MODEL: None}
