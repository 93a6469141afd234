"""The digests of the files of a data set, remembered so that planning does not read them each time."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from convnets.files import atomic_path, read_json, sha256

MEMORY = Path(".snakemake") / "digests"
# A file that has just been written may be written again under the same time stamp, so its digest is not remembered yet.
SETTLED_NS = 2 * 10**9


@contextmanager
def remembered(source: str) -> Iterator[Callable[[Path], str]]:
    """Yield a function that returns the SHA-256 of a file, computed once while its path, size and time stamp stay.

    `source` names the data set, whose digests are one file in the working directory. It keeps those asked for this time.
    """
    memory = MEMORY / f"{hashlib.sha256(source.encode(errors='surrogateescape')).hexdigest()[:16]}.json"
    known, found = _read(memory), dict[str, list[int | str]]()

    def digest(path: Path) -> str:
        status = path.stat()
        mark, before = [status.st_size, status.st_mtime_ns], known.get(str(path), [])
        value = str(before[2]) if before[:2] == mark else sha256(path)
        if time.time_ns() - status.st_mtime_ns > SETTLED_NS:
            found[str(path)] = [*mark, value]
        return value

    yield digest
    if found and found != known:
        with suppress(OSError), atomic_path(memory) as temporary:  # a folder that cannot be written to costs time only
            temporary.write_text(json.dumps(found), encoding="utf-8")


def _read(memory: Path) -> dict[str, list[int | str]]:
    """Return what is remembered; nothing where the memory is missing or damaged."""
    with suppress(OSError, ValueError):
        entries = read_json(memory)
        if isinstance(entries, dict) and all(isinstance(entry, list) and len(entry) == 3 for entry in entries.values()):
            return entries
    return {}
