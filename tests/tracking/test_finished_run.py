"""A finished run, read from its files."""

from pathlib import Path

import pytest
from finished_runs import write_run

from convnets.errors import InputError
from convnets.tracking.finished_run import Finished


@pytest.mark.parametrize("name", ["metrics.json", "history.csv", "record.json", "stamp.json"])
@pytest.mark.parametrize("text", [None, "", "{", "[]", "a,b\n1,2\n"])
def test_files_that_are_missing_or_damaged_are_named(name: str, text: str | None, model: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path, model).folder
    (folder / name).unlink()
    if text is not None:
        (folder / name).write_text(text)
    with pytest.raises(InputError, match=rf"{name} is missing or damaged.*run the workflow again"):
        Finished.read(folder)
