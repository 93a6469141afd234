"""What an epoch adds to a training: offsets that accumulate, and the evaluation of training images."""

from typing import Any

import numpy as np
import pytest
from short_trainings import settings_of, train

from convnets.data.dataset import Dataset
from convnets.settings import Augmentation
from convnets.training import loop
from convnets.training.augmentation import Offsets


def test_offsets_that_accumulate_are_sums_over_the_epochs() -> None:
    """Of 192 images, 150 are trained on in each epoch: only these get an offset, and it stays."""
    augmentation = Augmentation(channel_offset=0.5, accumulate=True)
    offsets, again = (Offsets(augmentation, 7, (192, 3)) for _ in range(2))
    sums, rng = [], np.random.default_rng(1)
    orders = [rng.permutation(192)[:150].reshape(3, 50) for _ in range(40)]
    for number, order in enumerate(orders, start=1):
        before = offsets.variable.numpy()
        offsets.add(number, order)
        changed = (offsets.variable.numpy() != before).all(1)
        assert sorted(order.ravel()) == list(np.flatnonzero(changed))
        sums.append(offsets.variable.numpy())
    counts = np.bincount(np.concatenate([order.ravel() for order in orders]), minlength=192)
    scaled = sums[-1] / (0.5 * np.sqrt(counts[:, None]))
    assert abs(scaled.std() - 1) < 4 * np.sqrt(0.5 / scaled.size)
    assert abs(scaled.mean()) < 4 / np.sqrt(scaled.size)
    for number, order in enumerate(orders, start=1):
        again.add(number, order)
    np.testing.assert_array_equal(again.variable.numpy(), sums[-1])


def test_offsets_that_accumulate_are_trained_on(config: dict[str, Any], synthetic: Dataset) -> None:
    """A network that stands still sees images drift away from those that it is evaluated on."""
    still = {"dropout": 0.0, "epochs": 6, "optimizer": {"name": "sgd", "learning_rate": 1e-30}}
    kept, fresh = (
        [
            epoch.train_loss - epoch.train_eval_loss
            for epoch in train(settings_of(config, "conv2_dropout05", augmentation=each, **still), synthetic).history
        ]
        for each in ({"channel_offset": 2.0, "accumulate": True}, {"channel_offset": 2.0})
    )
    assert abs(kept[0] / fresh[0] - 1) < 0.3
    assert kept[5] > 1.8 * kept[0]
    assert abs(fresh[5] / fresh[0] - 1) < 0.3


def test_accumulate_has_no_effect_without_an_offset(config: dict[str, Any]) -> None:
    without = settings_of(config, "mlp100", augmentation={"horizontal_flip": True, "accumulate": True})
    assert without == settings_of(config, "mlp100", augmentation={"horizontal_flip": True})
    assert not Offsets(without.training.augmentation, 1, (192, 3)).variable


@pytest.mark.parametrize("count", [5000, 100])
def test_training_images_are_evaluated_as_validation_is(
    count: int, config: dict[str, Any], synthetic: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first images, with the epoch's weights, without dropout and augmentation; all of them if there are fewer."""
    monkeypatch.setattr(loop, "EVALUATED_IMAGES", count)
    settings = settings_of(config, "conv3_augment", epochs=2)
    result = train(settings, synthetic)
    best, few = result.best, synthetic.train.images[:count]
    evaluated = result.model.evaluate(few.astype(np.float32), synthetic.train.labels[:count], verbose=0)
    assert [best.train_eval_loss, best.train_eval_accuracy] == pytest.approx(evaluated, rel=1e-4)
    assert best.train_eval_loss != best.train_loss
