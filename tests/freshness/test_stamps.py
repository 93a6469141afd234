"""Stamps: what they record, and every reason why a step is no longer fresh."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from convnets.freshness import fingerprint, stamps

COMPONENTS = {"version": fingerprint.VERSION, "settings": {"epochs": 30}}


class Made:
    """A step that read one file, wrote a small and a large one, and left its stamp."""

    def __init__(self, folder: Path) -> None:
        self.stamp, self.read = folder / "stamps" / "step.json", folder / "runs" / "history.csv"
        self.small, self.large = folder / "small.csv", folder / "large.keras"
        self.read.parent.mkdir()
        self.read.write_text("1,2\n")
        with stamps.stamping(self.stamp, COMPONENTS, [self.read], [self.small, self.large], seconds=10.0):
            self.small.write_text("a,b\n")
            self.large.write_bytes(bytes(stamps.HASHED_WHEN_PLANNING + 1))

    def reasons(self, components: dict[str, Any] = COMPONENTS, thorough: Collection[Path] = ()) -> list[str]:
        wanted = fingerprint.digest(components)
        return stamps.reasons(self.stamp, components, wanted, [self.small, self.large], thorough)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_a_step_that_nothing_happened_to_is_fresh(made: Made) -> None:
    assert made.reasons() == made.reasons(thorough=[made.small, made.large]) == []
    stamp = stamps.read(made.stamp)
    assert stamp is not None
    assert (stamp.fingerprint, set(stamp.inputs)) == (fingerprint.digest(COMPONENTS), {"../runs/history.csv"})
    assert stamp.sizes == {"../runs/history.csv": 4, "../small.csv": 4, "../large.keras": stamps.HASHED_WHEN_PLANNING + 1}
    assert 10.0 <= stamp.seconds < 20.0


def test_another_setting(made: Made) -> None:
    assert made.reasons({**COMPONENTS, "settings": {"epochs": 31}}) == ["setting epochs: 30 -> 31"]


def test_what_was_read_has_changed(made: Made) -> None:
    """As after a call that ended between a training and the figure that shows it."""
    made.read.write_text("1,3\n")
    (reason,) = made.reasons()
    assert reason.endswith("runs/history.csv has changed")


def test_what_was_written_has_changed_or_is_gone(made: Made) -> None:
    made.small.write_text("a,c\n")
    assert made.reasons() == ["small.csv is not as it was written"]
    made.small.unlink()
    assert made.reasons() == ["small.csv is missing"]


def test_large_files_are_compared_by_size_unless_thoroughly(made: Made) -> None:
    made.large.write_bytes(b"\1" + bytes(stamps.HASHED_WHEN_PLANNING))
    assert made.reasons() == []
    assert made.reasons(thorough=[made.small]) == []
    assert made.reasons(thorough=[made.large]) == ["large.keras is not as it was written"]
    stamp = stamps.read(made.stamp)
    assert stamp is not None
    assert stamps.damage(made.stamp, stamp) == ["../large.keras is not as it was written"]
    made.large.write_bytes(b"cut")
    assert made.reasons() == ["large.keras is not as it was written"]


def test_where_a_run_is_tracked_does_not_count(tmp_path: Path) -> None:
    summary = tmp_path / "metrics.json"
    with stamps.stamping(tmp_path / "stamp.json", COMPONENTS, [], [summary]):
        summary.write_text('{"seed": 1, "mlflow_run_id": null}')
    wanted = fingerprint.digest(COMPONENTS)

    def reasons() -> list[str]:
        return stamps.reasons(tmp_path / "stamp.json", COMPONENTS, wanted, [summary], thorough=[summary])

    summary.write_text('{"seed": 1, "mlflow_run_id": "0123456789abcdef"}\n')
    assert reasons() == []
    for damaged in ('{"seed": 2, "mlflow_run_id": null}', '{"seed": 1', "[1]"):
        summary.write_text(damaged)
        assert reasons() == ["metrics.json is not as it was written"]


def test_a_stamp_that_is_gone_or_damaged(made: Made) -> None:
    made.stamp.write_text(json.dumps({"fingerprint": "of an earlier version"}))
    assert made.reasons() == ["step.json is damaged"]
    made.stamp.unlink()
    assert made.reasons() == ["step.json is missing"]
    made.small.unlink()
    made.large.unlink()
    assert made.reasons() == ["not made yet"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fingerprint", None), ("components", []), ("components", {"modules": [1]}), ("components", {"inputs": 1}),
        ("components", {"settings": "text"}), ("components", {"libraries": []}), ("inputs", None), ("inputs", {"a": 1}),
        ("outputs", []), ("outputs", {"small.csv": None}), ("sizes", {"small.csv": "text"}), ("sizes", 4), ("seconds", None),
        ("seconds", "text"),
    ],
)  # fmt: skip
def test_a_stamp_that_was_edited_by_hand_is_damaged(field: str, value: object, made: Made) -> None:
    made.stamp.write_text(json.dumps({**json.loads(made.stamp.read_text()), field: value}))
    assert made.reasons() == ["step.json is damaged"]


def test_a_step_that_fails_leaves_no_stamp(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), stamps.stamping(tmp_path / "stamp.json", COMPONENTS, [], []):
        raise ValueError("broken")
    assert list(tmp_path.iterdir()) == []


def test_a_stamp_of_a_former_version_can_be_read(made: Made) -> None:
    """It told code apart by definitions, and had no sizes of inputs."""
    former = json.loads(made.stamp.read_text())
    former["components"] = {**COMPONENTS, "version": 4, "modules": {"layers": {"feature_map": "0123456789abcdef"}}, "rule": {}}
    former["fingerprint"] = fingerprint.digest(former["components"])
    del former["sizes"]["../runs/history.csv"]
    made.stamp.write_text(json.dumps(former))
    found = [f"what a fingerprint covers: version 4 -> {fingerprint.VERSION}"]
    assert made.reasons() == found
    made.read.write_text("1,3\n")
    assert made.reasons()[0] == found[0]


def test_large_inputs_are_compared_by_size(tmp_path: Path) -> None:
    large = tmp_path / "large.npz"
    large.write_bytes(bytes(stamps.HASHED_WHEN_PLANNING + 1))
    with stamps.stamping(tmp_path / "stamp.json", COMPONENTS, [large], []):
        pass

    def reasons() -> list[str]:
        return stamps.reasons(tmp_path / "stamp.json", COMPONENTS, fingerprint.digest(COMPONENTS), [])

    large.write_bytes(b"\1" + bytes(stamps.HASHED_WHEN_PLANNING))
    assert reasons() == []
    large.write_bytes(b"cut")
    assert reasons() == [f"{large} has changed"]
