"""Which stale runs can be verified, and what a verification writes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convnets import device, hardware
from convnets.errors import InputError
from convnets.freshness import fingerprint, stamps
from convnets.runs import records
from convnets.runs.layout import METRICS, MODEL, RECORD, RUN_FILES, VERIFIED
from convnets.runs.records import Metrics, Record
from convnets.training import verification
from convnets.workflow import verify
from convnets.workflow.declarations import Step

OLD: dict[str, Any] = {
    "version": fingerprint.VERSION,
    "settings": {"epochs": 2},
    "seed": 1,
    "data": {},
    "modules": {"a": "1"},
    "libraries": {},
}
NEW = {**OLD, "modules": {"a": "2"}}
METRICS_OF_RUN = Metrics("mlp", 1, 10, 2, 4, 1, *[0.5] * 10, fingerprint.digest(OLD), None)


class Study:
    """Stands in for the steps of a study with one run, which was made from `OLD` and is planned from other components."""

    def __init__(self, folder: Path, wanted: dict[str, Any]) -> None:
        self.folder = folder / "mlp" / "seed1"
        files = {name: (str(self.folder / name),) for name in RUN_FILES} | {"stamp": (str(self.folder / "stamp.json"),)}
        self.step = Step("train_variant", "train_variant/mlp/seed1", wanted, {}, files)
        record = Record("t", 0.0, hardware.processor(), "CPU", 1, True, 1, {}, [], [])
        with stamps.stamping(self.step.stamp, OLD, [], [self.folder / name for name in RUN_FILES]):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "history.csv").write_text("epoch\n")
            (self.folder / MODEL).write_text("weights")
            records.write_record(self.folder / RECORD, record)
            records.write_metrics(self.folder / METRICS, METRICS_OF_RUN)

    def trainings(self) -> list[Step]:
        return [self.step]

    def reasons(self, key: str) -> list[str]:
        assert key == self.step.key
        return stamps.reasons(self.step.stamp, self.step.components, self.step.fingerprint, self.step.files)

    def obstacle(self, wanted: str | None = None) -> str:
        ((_, obstacle),) = verify.candidates(self, wanted)  # type: ignore[arg-type]
        return obstacle


def test_new_code_alone_is_no_obstacle(tmp_path: Path) -> None:
    assert Study(tmp_path, NEW).obstacle() == ""


def test_another_version_of_the_fingerprint_is_none_either(tmp_path: Path) -> None:
    assert Study(tmp_path, {**NEW, "version": fingerprint.VERSION + 1}).obstacle() == ""


@pytest.mark.parametrize("changed", [{"settings": {"epochs": 3}}, {"seed": 2}, {"data": {"split_seed": 2}}])
def test_what_no_verification_can_replace(changed: dict[str, Any], tmp_path: Path) -> None:
    assert Study(tmp_path, {**NEW, **changed}).obstacle().startswith("it is stale for another reason: ")


def test_a_file_that_was_edited(tmp_path: Path) -> None:
    study = Study(tmp_path, NEW)
    (study.folder / MODEL).write_text("others")
    assert study.obstacle() == "it is stale for another reason: model.keras is not as it was written"
    (study.folder / MODEL).unlink()
    assert study.obstacle() == ""  # the rest can be compared


@pytest.mark.parametrize(
    ("changes", "text"), [({"processor": "another"}, "it was trained on another; on "), ({"device": "A GPU"}, "A GPU")]
)
def test_another_processor_tells_nothing(changes: dict[str, str], text: str, tmp_path: Path) -> None:
    study = Study(tmp_path, NEW)
    record = Record("t", 0.0, hardware.processor(), "CPU", 1, True, 1, {}, [], [])
    stamp = stamps.read(study.step.stamp)
    assert stamp
    with stamps.stamping(study.step.stamp, OLD, [], [study.folder / name for name in RUN_FILES]):
        records.write_record(study.folder / RECORD, replace(record, **changes))
    assert text in study.obstacle()


def test_only_what_is_asked_for_and_stale(tmp_path: Path) -> None:
    fresh = Study(tmp_path, OLD)
    assert list(verify.candidates(fresh)) == []  # type: ignore[arg-type]
    assert fresh.obstacle("mlp/seed1") == "it is fresh"
    with pytest.raises(InputError, match=r"mlp/seed2 is no run of this study; a run is written variant/seedN, such as mlp/seed1"):
        fresh.obstacle("mlp/seed2")


def test_a_verified_run_is_fresh_and_nothing_that_read_it_is_stale(tmp_path: Path) -> None:
    study = Study(tmp_path, NEW)
    inputs = [study.folder / name for name in (METRICS, RECORD, "stamp.json")]
    with stamps.stamping(tmp_path / "table.json", {}, inputs, []):
        pass
    stamp = stamps.read(study.step.stamp)
    assert stamp
    found = {"history": [], "weights": None}
    for _ in range(2):  # a second verification is noted after the first
        verify._renew(study.step, stamp, METRICS_OF_RUN, found)
    assert study.reasons(study.step.key) == []
    assert stamps.reasons(tmp_path / "table.json", {}, fingerprint.digest({}), []) == []
    assert json.loads((study.folder / METRICS).read_text())["fingerprint"] == study.step.fingerprint
    first, second = json.loads((study.folder / VERIFIED).read_text())["verifications"]
    assert (first["from"], first["to"]) == (fingerprint.digest(OLD), fingerprint.digest(NEW))
    assert (first["changes"], first["equal"], first["not_compared"]) == (["code: a changed"], ["history"], ["weights"])
    assert (second["processor"], second["to"]) == (hardware.processor(), fingerprint.digest(NEW))


def test_a_verified_run_without_its_model_is_not_verified_again(tmp_path: Path) -> None:
    """Its first verification compared the rest; only a training brings the model."""
    study = Study(tmp_path, NEW)
    (study.folder / MODEL).unlink()
    assert study.obstacle() == ""
    stamp = stamps.read(study.step.stamp)
    assert stamp
    verify._renew(study.step, stamp, METRICS_OF_RUN, {"history": [], MODEL: None})
    assert study.obstacle() == "it is stale for another reason: model.keras is missing"


@pytest.mark.parametrize("texts", [[], ["val_loss: 1.0 -> 1.1"]])
def test_a_run_that_differs_stays_stale(texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data, device and comparison are stand-ins; `test_recipes_slow.py` has the real ones."""
    study = Study(tmp_path, NEW)
    kept = study.step.stamp.read_bytes()
    monkeypatch.setattr(device, "configure", lambda _: None)
    monkeypatch.setattr(verify.settings, "from_dict", lambda value: value)
    monkeypatch.setattr(verify.reading, "read_history", lambda _: [])
    monkeypatch.setattr(verify.dataset, "load", lambda *_: None)
    monkeypatch.setattr(verify.dataset, "SPLITS", ())
    monkeypatch.setattr(verification, "differences", lambda *_: {"first epoch": texts, "weights": None})
    result = verify.verify(study.step, tmp_path)
    assert result == verify.Verification(tuple(f"first epoch: {text}" for text in texts), ("weights",))
    assert bool(study.reasons(study.step.key)) == bool(texts)
    assert (study.step.stamp.read_bytes() == kept) == bool(texts)
