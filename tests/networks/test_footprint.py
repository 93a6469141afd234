"""The memory of a training step, by formula."""

from typing import Any

from images import FORMAT

from convnets.networks import formulas
from convnets.settings import Network
from convnets.study import configuration


def test_activations_by_hand() -> None:
    two = 3072 + (32 * 32 * 16 + 16 * 16 * 16) + (16 * 16 * 32 + 8 * 8 * 32)
    assert (
        formulas.activations(Network(filters=(16, 32), kernel_size=5, head="dense", dense_units=(50,), dropout=0.5), FORMAT)
        == two + 3 * 50 + 10
    )
    assert (
        formulas.activations(Network(filters=(16, 32), kernel_size=5, head="dense", dense_units=(50,), dropout=0.0), FORMAT)
        == two + 50 + 10
    )
    assert (
        formulas.activations(Network(filters=(16, 32), kernel_size=5, head="conv1x1", dense_units=(), dropout=0.0), FORMAT)
        == two + 8 * 8 * 10 + 10
    )
    assert (
        formulas.activations(Network(filters=(), kernel_size=0, head="dense", dense_units=(100,), dropout=0.5), FORMAT)
        == 3072 + 300 + 10
    )


def test_bytes_follow_the_precision_of_activations_only(config: dict[str, Any]) -> None:
    chosen = configuration.resolve(config).variants["conv3_1x1"]
    low = chosen.updated({"training": {"precision": "mixed_bfloat16"}})
    values = formulas.activations(chosen.network, FORMAT)
    assert (
        formulas.activation_bytes(values, chosen.training) == 2 * formulas.activation_bytes(values, low.training) == values * 64 * 4
    )
    assert formulas.optimizer_bytes(chosen.training.optimizer, 65_962) == 65_962 * 4
