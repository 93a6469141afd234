"""A training that was stopped and goes on is the one that never stopped, bit for bit."""

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
from short_trainings import LAYERS, settings_of, train, untimed

from convnets import device, hardware
from convnets.data.dataset import Dataset
from convnets.settings import Settings
from convnets.training import loop
from convnets.training.checkpoints import State


def interrupted(settings: Settings, data: Dataset, resumed: State | None, calls: int) -> State:
    """Train until the graph has been left so often, and return what may go on."""
    answers = iter([False] * (calls - 1) + [True])
    with pytest.raises(loop.StoppedError) as stopped:
        loop.train(settings, 1, data, lambda _: None, resumed, lambda: next(answers))
    return stopped.value.state


SCHEDULE = {"CosineDecay": {"initial_learning_rate": 0.001, "decay_steps": 15, "warmup_target": 0.01, "warmup_steps": 8}}


CRAFT = {
    "optimizer": {"name": "nadam", "learning_rate": SCHEDULE, "gradient_accumulation_steps": 4},
    "augmentation": {"horizontal_flip": "batch", "layers": LAYERS},
}


@pytest.mark.parametrize(("variant", "changes"), [("conv3_augment", {}), ("mlp100", {}), ("conv2_dropout05", CRAFT)])
def test_a_training_that_was_asked_to_stop_goes_on_within_the_epoch(
    variant: str, changes: dict[str, Any], config: dict[str, Any], synthetic: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of six iterations an epoch, four in one call and two in the next; it stops after each call but the third, which goes on."""
    monkeypatch.setattr(loop, "ITERATIONS_PER_CALL", 4)
    settings = settings_of(config, variant, **changes)
    whole = train(settings, synthetic)
    resumed: State | None = None
    for calls, epochs, iterations in ((1, 0, 4), (1, 0, 6), (2, 1, 6), (1, 2, 4)):
        before, started = resumed, time.perf_counter()
        resumed = interrupted(settings, synthetic, before, calls)
        assert resumed.part
        assert (len(resumed.history), resumed.part.iterations) == (epochs, iterations)
        if before and before.part and len(before.history) == epochs:
            assert before.part.seconds < resumed.part.seconds < before.part.seconds + time.perf_counter() - started
            assert before.part.core_seconds < resumed.part.core_seconds
    ended = loop.train(settings, 1, synthetic, lambda _: None, resumed)
    assert untimed(ended) == untimed(whole)
    assert resumed
    assert resumed.part
    assert ended.history[-1].seconds > resumed.part.seconds
    assert (ended.best.epoch, ended.test) == (whole.best.epoch, whole.test)
    for one, other in zip(ended.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


RESUMED = {
    "conv2_dropout05": {},
    "conv3_augment": {"augmentation": {"horizontal_flip": "batch", "channel_offset": 0.5, "accumulate": True}},
    "conv3_1x1": {"optimizer": {"name": "adam", "learning_rate": 0.001}},
    "mlp100": {"optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9}},
    "conv1_dropout05": {"precision": "mixed_bfloat16"},
    "conv2_dropout00": CRAFT,
}


@pytest.mark.parametrize("variant", RESUMED)
def test_a_training_that_goes_on_is_the_one_that_never_stopped(variant: str, config: dict[str, Any], synthetic: Dataset) -> None:
    settings = settings_of(config, variant, **RESUMED[variant])
    states: list[State] = []
    whole = loop.train(settings, 1, synthetic, states.append)
    assert len(states) == 3
    for state in states:
        later: list[State] = []
        resumed = loop.train(settings, 1, synthetic, later.append, dataclasses.replace(state, processors=("another",)))
        record = resumed.record("token", 0, device.Device("CPU", 1, deterministic=True), "float32", {}, {})
        assert record.processor == f"another, then {hardware.processor()}"
        assert untimed(resumed) == untimed(whole)
        assert resumed.history[: len(state.history)] == state.history  # with the seconds that they took
        assert resumed.usage[: len(state.usage)] == state.usage
        assert (resumed.best.epoch, resumed.test) == (whole.best.epoch, whole.test)
        for one, other in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        for name in ("weights", "optimizer", "best"):
            for one, other in zip(getattr([state, *later][-1], name), getattr(states[-1], name), strict=True):
                np.testing.assert_array_equal(one, other)
