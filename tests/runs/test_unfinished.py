"""Folders of trainings that are not finished: claimed by one process, and read whatever stands in them."""

from pathlib import Path

import pytest
from finished_runs import epochs

from convnets.runs import reading, unfinished

NO_STORE = '{"training": "a", "began": 1.0, "fingerprint": "f", "uri": null, "experiment": "tests", "is_open": true}'


@pytest.mark.parametrize("text", ["", "{", "[]", '{"uri": "of an earlier version"}', NO_STORE])
def test_a_record_that_cannot_be_read_stops_nothing(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "unfinished" / "mlp100-seed1"
    folder.mkdir(parents=True)
    for name in (unfinished.BEGUN, unfinished.FAILURE):
        (folder / name).write_text(text)
    assert unfinished.begun(folder) is None
    assert unfinished.failure_of(folder, "f") is None
    assert unfinished.abandoned(tmp_path / "unfinished") == {}


def test_a_training_keeps_its_token_while_its_fingerprint_stays(tmp_path: Path) -> None:
    first = unfinished.begin(tmp_path, "f", "uri", "tests")
    again = unfinished.begin(tmp_path, "f", "another uri", "tests")
    assert (again.training, again.began, again.uri) == (first.training, first.began, "another uri")
    assert unfinished.begin(tmp_path, "g", "uri", "tests").training != first.training


def test_a_training_that_leaves_the_store_alone_opens_no_run_there(tmp_path: Path) -> None:
    assert not unfinished.begin(tmp_path, "f", "uri", "tests", is_open=False).is_open
    assert unfinished.begin(tmp_path, "f", "uri", "tests").is_open
    assert unfinished.begin(tmp_path, "f", "uri", "tests", is_open=False).is_open  # what a former attempt has opened


def test_looking_for_trainings_changes_nothing(tmp_path: Path) -> None:
    assert not unfinished.is_held(tmp_path / "nothing")
    for name in (".DS_Store", "no name of a training"):
        (tmp_path / name).touch()
    (tmp_path / "mlp100-seed1").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert unfinished.folders(tmp_path) == {("mlp100", "1"): tmp_path / "mlp100-seed1"}
    assert not unfinished.is_held(tmp_path / "mlp100-seed1")
    assert unfinished.abandoned(tmp_path) == {}
    assert sorted(tmp_path.rglob("*")) == before


def test_a_claim_holds_until_the_training_ends(tmp_path: Path) -> None:
    folder = tmp_path / "mlp100-seed1"
    with unfinished.claimed(folder):
        (folder / ".history.17.partial.csv").touch()
        assert unfinished.is_held(folder)
        assert not unfinished.remove(folder)
    assert not folder.exists()
    with pytest.raises(ValueError, match="broken"), unfinished.claimed(folder):
        (folder / "checkpoint").touch()
        raise ValueError("broken")
    assert (folder / "checkpoint").exists()
    assert not unfinished.is_held(folder)
    assert unfinished.remove(folder)
    assert not folder.exists()


@pytest.mark.parametrize("files_removed", range(4))
def test_a_removal_that_is_cut_off_leaves_no_token(files_removed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the training would be repeated with its old token, and its run in the store would get all points a second time."""
    removals, remove = iter(range(files_removed)), Path.unlink

    def unlink(path: Path, **options: bool) -> None:
        if next(removals, None) is None:
            raise KeyboardInterrupt
        remove(path, **options)

    unfinished.begin(tmp_path, "f", "uri", "tests")
    checkpoints = [tmp_path / name for name in ("a checkpoint", "z checkpoint")]
    for path in checkpoints:
        path.touch()
    with pytest.raises(KeyboardInterrupt), unfinished.claimed(tmp_path):
        monkeypatch.setattr(Path, "unlink", unlink)
    assert (unfinished.begun(tmp_path) is None) == (files_removed > 0)
    assert sum(path.exists() for path in checkpoints) == min(3 - files_removed, 2)


def test_the_history_so_far_is_noted_now_and_then(tmp_path: Path) -> None:
    history = epochs(3)[0]
    unfinished.note(tmp_path, history[:1])
    unfinished.note(tmp_path, history[:2])
    assert reading.read_history(tmp_path / "history.csv") == history[:1]
    unfinished.note(tmp_path, history, pause=0)
    assert reading.read_history(tmp_path / "history.csv") == history
    unfinished.note(tmp_path / "nowhere", history)  # stops nothing


def test_the_history_of_another_fingerprint_goes_when_a_training_begins(tmp_path: Path) -> None:
    unfinished.begin(tmp_path, "f", "uri", "tests")
    unfinished.note(tmp_path, epochs(3)[0])
    unfinished.begin(tmp_path, "f", "uri", "tests")
    assert (tmp_path / "history.csv").is_file()
    unfinished.begin(tmp_path, "g", "uri", "tests")
    assert not (tmp_path / "history.csv").exists()
