"""Checkpoints: read back to the last bit, bounded in number, of use to one fingerprint, and never trusted when damaged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convnets.runs.records import Epoch, Usage
from convnets.training import checkpoints
from convnets.training.checkpoints import Part, State


def state(epochs: int) -> State:
    rng = np.random.default_rng(epochs)
    history = tuple(Epoch(n, 10 * n, 1 / 3, 0.1, 1e-9, 0.2, 0.5) for n in range(1, epochs + 1))
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((3, 4), (5,), ())]
    usage = tuple(Usage(1e9 + n / 3, 99.5, 2**30 + n) for n in range(1, epochs + 1))
    return State(
        history,
        usage,
        ("digest",) * len(history),
        arrays,
        [np.int64(7), *arrays],
        [array + 1 for array in arrays],
        ("one", "another"),
    )


def assert_equal(one: State | None, other: State) -> None:
    assert one is not None
    assert (one.history, one.usage, one.part, one.processors) == (other.history, other.usage, other.part, other.processors)
    for name in checkpoints.ARRAYS:
        first, second = getattr(one, name), getattr(other, name)
        assert len(first) == len(second)
        for a, b in zip(first, second, strict=True):
            assert a.dtype == np.asarray(b).dtype
            np.testing.assert_array_equal(a, b)


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("removed_meanwhile")
def test_a_training_that_has_just_ended_has_none(tmp_path: Path) -> None:
    assert checkpoints.epochs_done(tmp_path, "f") == 0


def test_the_newest_is_read_back_and_two_are_kept(tmp_path: Path) -> None:
    assert checkpoints.read(tmp_path, "f") is None
    for epochs in (1, 2, 3, 12):
        checkpoints.write(tmp_path, "f", state(epochs))
        assert_equal(checkpoints.read(tmp_path, "f"), state(epochs))
        assert checkpoints.epochs_done(tmp_path, "f") == epochs
    assert checkpoints.epochs_done(tmp_path, "g") == 0
    assert written(tmp_path) == ["checkpoint-000003.npz", "checkpoint-000012.npz"]


def test_one_within_an_epoch_takes_the_place_of_that_before_it(tmp_path: Path) -> None:
    for epochs in (0, 1, 2):
        part = Part(50, 1 / 3, 1_234, 5.5, 6.5)
        generators = [np.array([2**32 - 1, epochs], np.uint32), np.array([0, 7], np.uint32)]
        within = replace(state(epochs), part=part, generators=generators)
        assert within.seconds == pytest.approx(0.5 * epochs + 5.5)
        assert str(within) == f"epoch {epochs} and 50 iterations of the next"
        checkpoints.write(tmp_path, "f", within)
        assert_equal(checkpoints.read(tmp_path, "f"), within)
        assert checkpoints.epochs_done(tmp_path, "f") == epochs
    assert written(tmp_path) == ["checkpoint-000001.npz", "checkpoint-000002.npz"]
    checkpoints.write(tmp_path, "f", state(3))
    assert_equal(checkpoints.read(tmp_path, "f"), state(3))


def test_a_new_one_outlives_older_ones_that_are_further_and_cannot_be_read(tmp_path: Path) -> None:
    for epochs in (29, 30):
        checkpoints.write(tmp_path, "f", state(epochs))
    for path in tmp_path.iterdir():
        path.write_bytes(b"damaged")
    assert checkpoints.read(tmp_path, "f") is None
    for epochs in (1, 2, 3):
        checkpoints.write(tmp_path, "f", state(epochs))
        assert_equal(checkpoints.read(tmp_path, "f"), state(epochs))
    assert written(tmp_path) == ["checkpoint-000002.npz", "checkpoint-000003.npz"]


def test_those_of_another_fingerprint_are_removed(tmp_path: Path) -> None:
    checkpoints.write(tmp_path, "f", state(2))
    assert checkpoints.read(tmp_path, "g") is None
    assert written(tmp_path) == []


@pytest.mark.parametrize("damage", ["cut", "empty", "byte", "other file"])
def test_a_damaged_one_costs_an_epoch(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for epochs in (4, 5):
        checkpoints.write(tmp_path, "f", state(epochs))
    newest = tmp_path / "checkpoint-000005.npz"
    content = bytearray(newest.read_bytes())
    middle = content.index(np.asarray(state(5).weights[0]).tobytes())
    content[middle] ^= 1
    newest.write_bytes(
        {"cut": content[:-200], "empty": b"", "byte": bytes(content), "other file": b"PK\x03\x04 no archive"}[damage]
    )
    assert_equal(checkpoints.read(tmp_path, "f"), state(4))
    assert "checkpoint-000005.npz cannot be read" in caplog.text
    assert "going on from the one before" in caplog.text


@given(position=st.floats(0, 1), value=st.integers(0, 255))
def test_no_damage_to_a_byte_passes_or_raises(position: float, value: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever the zip archive's own structure makes of it: the state as it was, or none."""
    folder = tmp_path_factory.mktemp("damaged")
    checkpoints.write(folder, "f", state(3))
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    content[int(position * (len(content) - 1))] = value
    path.write_bytes(content)
    found = checkpoints.read(folder, "f")
    if found is not None:
        assert_equal(found, state(3))
    assert checkpoints.epochs_done(folder, "f") in (0, 3)


def test_a_write_that_fails_leaves_the_former_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.write(tmp_path, "f", state(1))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.write(tmp_path, "f", state(2))
    assert written(tmp_path) == ["checkpoint-000001.npz"]
