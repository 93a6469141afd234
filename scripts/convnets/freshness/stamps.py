"""Stamps: files that record what a step was made from, and what it made.

A step writes its stamp last. The step is fresh while the stamp bears the wanted fingerprint, and outputs and inputs have the
content recorded. Stamps lie beside the results and move with them.
"""

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from convnets.files import read_json, sha256, write_json
from convnets.freshness import fingerprint
from convnets.runs import layout

STAMP = layout.STAMP
NOT_MADE = "not made yet"  # the reason of a step without outputs
SECTIONS = ("settings", "data", "inputs", "outputs", "modules", "libraries")  # of the components, those that are mappings
# Keys of a run's files that may change without changing the result: where it is tracked, and its fingerprint after a verification.
NOT_COUNTED = {layout.METRICS: ("mlflow_run_id", "fingerprint"), STAMP: ("fingerprint", "components", "sizes")}
# Larger files are compared by size when a run is planned, and by content when the results are audited.
HASHED_WHEN_PLANNING = 1_000_000


class Stamp(BaseModel, frozen=True):
    """What a step was made from and what it made.

    `inputs` and `outputs` hold the digest (`content_digest`) of each file by its path relative to the stamp; `sizes` the bytes of
    each. `seconds` is the wall time that the step took.
    """

    fingerprint: str
    components: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    sizes: Mapping[str, int]
    seconds: float


@contextmanager
def stamping(
    path: Path, components: fingerprint.Components, inputs: Iterable[Path], outputs: Iterable[Path], seconds: float = 0.0
) -> Iterator[None]:
    """Write a step's stamp when the block has succeeded.

    Inputs are recorded with their content at the start of the block. `seconds` are those that the step took before.
    """
    started = time.monotonic()
    read = {_relative(file, path): file for file in inputs}
    digests = {name: content_digest(file) for name, file in read.items()}
    sizes = {name: file.stat().st_size for name, file in read.items()}
    yield
    written = {_relative(file, path): file for file in outputs}
    stamp = Stamp(
        fingerprint=fingerprint.digest(components),
        components=components,
        inputs=digests,
        outputs={name: content_digest(file) for name, file in written.items()},
        sizes=sizes | {name: file.stat().st_size for name, file in written.items()},
        seconds=round(seconds + time.monotonic() - started, 3),
    )
    write_json(path, stamp.model_dump())


def read(path: Path) -> Stamp | None:
    """Return the stamp, or None if there is none or it is damaged."""
    try:
        stamp = Stamp.model_validate_json(path.read_bytes(), strict=True)
    except (OSError, ValueError):
        return None
    return stamp if all(isinstance(stamp.components.get(name, {}), Mapping) for name in SECTIONS) else None


def reasons(
    path: Path, components: fingerprint.Components, wanted: str, outputs: Sequence[Path], thorough: Collection[Path] = ()
) -> list[str]:
    """Return why a step is stale; empty if it is fresh.

    `components` and their digest `wanted` are those wanted now. Of the outputs, all of which have to be there, those in `thorough`
    are compared by content whatever their size.
    """
    present = [file for file in outputs if file.is_file()]
    found = [f"{file.name} is missing" for file in outputs if file not in present]
    stamp = read(path)
    if stamp is None:
        if not present:
            return [NOT_MADE]
        if not path.is_file():
            found.append(f"{path.name} is missing")
        return found or [f"{path.name} is damaged"]
    if stamp.fingerprint != wanted:
        found += fingerprint.changes(stamp.components, components) or [f"{path.name} contradicts itself"]
    for file in present:
        name = _relative(file, path)
        if not _is_as_recorded(file, stamp.outputs.get(name), stamp.sizes.get(name, 0), thorough=file in thorough):
            found.append(f"{file.name} is not as it was written")
    for name, recorded in stamp.inputs.items():
        file = path.parent / name
        if file.is_file() and not _is_as_recorded(file, recorded, stamp.sizes.get(name, 0), thorough=False):
            found.append(f"{os.path.normpath(file)} has changed")
    return found


def damage(path: Path, stamp: Stamp) -> list[str]:
    """Return which of the outputs that a stamp records are missing or have other content."""
    files = {name: path.parent / name for name in stamp.outputs}
    missing = [f"{name} is missing" for name, file in files.items() if not file.is_file()]
    present = [(name, file) for name, file in files.items() if file.is_file()]
    return missing + [f"{name} is not as it was written" for name, file in present if not _has_content(file, stamp.outputs[name])]


def _is_as_recorded(file: Path, recorded: str | None, size: int, *, thorough: bool) -> bool:
    if size > HASHED_WHEN_PLANNING and not thorough:
        return file.stat().st_size == size
    return _has_content(file, recorded)


_contents: dict[tuple[Path, int, int], str] = {}


def _has_content(file: Path, recorded: str | None) -> bool:
    """Return whether a file has the content recorded. Its digest is computed once while its size and time stamp stay."""
    status = file.stat()
    key = (file, status.st_size, status.st_mtime_ns)
    if key not in _contents:
        _contents[key] = content_digest(file)
    # Older stamps hold the digest of a summary with its fingerprint.
    return recorded == _contents[key] or (
        file.name == layout.METRICS and recorded == content_digest(file, NOT_COUNTED[file.name][:1])
    )


def content_digest(file: Path, ignored: Sequence[str] | None = None) -> str:
    """Return the SHA-256 of a file's content, without the keys in `NOT_COUNTED`, or those that are given.

    A run is finished before it is tracked, and it may be tracked elsewhere or verified later. Neither changes its result.
    """
    names = NOT_COUNTED.get(file.name, ()) if ignored is None else ignored
    if names:
        with suppress(ValueError):
            value = read_json(file)
            if isinstance(value, dict):
                return fingerprint.digest({key: entry for key, entry in value.items() if key not in names})
    return sha256(file)


def _relative(file: Path, stamp: Path) -> str:
    return Path(os.path.relpath(file, stamp.parent)).as_posix()
