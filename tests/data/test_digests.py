"""The digests of files, remembered by path, size and time stamp."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from convnets.data import digests
from convnets.files import sha256

OLD = 10**18  # nanoseconds since 1970, long ago


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The files that are read for their digest."""
    found: list[Path] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digests, "sha256", lambda path: found.append(path) or sha256(path))
    return found


def written(name: str, content: str, when: int = OLD) -> Path:
    path = Path(name)
    path.write_text(content)
    os.utime(path, ns=(when, when))
    return path


def digest(*paths: Path) -> list[str]:
    with digests.remembered("source") as found:
        return [found(path) for path in paths]


def test_a_file_is_read_once_while_size_and_time_stamp_stay(read: list[Path]) -> None:
    one, other = written("a", "one"), written("b", "other")
    first = digest(one, other)
    assert first == [sha256(one), sha256(other)]
    assert digest(one, other) == first
    assert read == [one, other]
    written("a", "One", OLD + 1)
    assert digest(one, other) == [sha256(one), first[1]]
    assert read == [one, other, one]
    written("a", "One more", OLD + 1)
    assert digest(one, other) == [sha256(one), first[1]]
    assert len(read) == 4


def test_what_has_just_been_written_is_read_again(read: list[Path]) -> None:
    """Another change could bear the same time stamp."""
    path = written("a", "one", time.time_ns() + 10**9)
    assert digest(path) == digest(path) == [sha256(path)]
    assert read == [path, path]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": []}'])
def test_a_damaged_memory_is_made_again(content: str, read: list[Path]) -> None:
    path = written("a", "one")
    digest(path)
    (memory,) = digests.MEMORY.iterdir()
    memory.write_text(content)
    assert digest(path) == digest(path) == [sha256(path)]
    assert read == [path, path]


def test_a_folder_that_cannot_be_written_to_costs_time_only(read: list[Path]) -> None:
    path = written("a", "one")
    Path(".snakemake").touch()
    assert digest(path) == digest(path) == [sha256(path)]
    assert read == [path, path]


def test_files_that_are_gone_are_forgotten(read: list[Path]) -> None:
    one, other = written("a", "one"), written("b", "other")
    digest(one, other)
    digest(other)
    (memory,) = digests.MEMORY.iterdir()
    assert '"a"' not in memory.read_text()
    assert '"b"' in memory.read_text()
    assert read == [one, other]
