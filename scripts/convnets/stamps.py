"""Stamps: what a step was made from, and what it made.

A step writes its stamp last. It is fresh as long as the stamp bears the fingerprint that is wanted now, what it wrote is still
there and what it read has the content recorded. So what decides stands beside the results and moves with them.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convnets import fingerprint, records
from convnets.files import read_json, sha256, write_json

STAMP = "stamp.json"  # that of a run, in its folder
# Larger files are compared by size when a run is planned, and by content when the results are audited.
HASHED_WHEN_PLANNING = 1_000_000


@dataclass(frozen=True)
class Stamp:
    """What a step was made from and what it made.

    `inputs` and `outputs` hold the digest (`content_digest`) of each file by its path relative to the stamp; `sizes` the bytes of
    each output.
    `seconds` is the wall time that the step took.
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
    """Write a step's stamp once the step has ended well.

    Parameters
    ----------
    path
        The stamp.
    components
        What the step is made from, beside its inputs.
    inputs, outputs
        The files that it reads and writes. Inputs count with the content that they have at the start.
    seconds
        What the step took before.
    """
    started = time.monotonic()
    read = {_relative(file, path): content_digest(file) for file in inputs}
    yield
    files = [(_relative(file, path), file) for file in outputs]
    stamp = Stamp(
        fingerprint=fingerprint.digest(components),
        components=components,
        inputs=read,
        outputs={name: content_digest(file) for name, file in files},
        sizes={name: file.stat().st_size for name, file in files},
        seconds=round(seconds + time.monotonic() - started, 3),
    )
    write_json(path, asdict(stamp))


def read(path: Path) -> Stamp | None:
    """Return the stamp, or None if there is none or it is damaged."""
    try:
        stamp = Stamp(**read_json(path))
    except (OSError, ValueError, TypeError):
        return None
    return stamp if _is_sound(stamp) else None


def _is_sound(stamp: Stamp) -> bool:
    """Return whether what was read has the types that are declared; of the components, the sections that are looked into."""
    if not all(isinstance(value, Mapping) for value in (stamp.components, stamp.inputs, stamp.outputs, stamp.sizes)):
        return False
    sections = [stamp.components.get(name, {}) for name in ("settings", "data", "libraries", "rule", "modules")]
    if not all(isinstance(value, Mapping) for value in sections):
        return False
    digests = [stamp.fingerprint, *stamp.inputs.values(), *stamp.outputs.values()]
    return (
        all(isinstance(value, str) for value in digests)
        and all(isinstance(definitions, Mapping) for definitions in sections[-1].values())
        and all(records.is_number(value) for value in (*stamp.sizes.values(), stamp.seconds))
    )


def reasons(
    path: Path, components: fingerprint.Components, wanted: str, outputs: Iterable[Path], *, thorough: bool = False
) -> list[str]:
    """Say why a step is stale; nothing means that it is fresh.

    Parameters
    ----------
    path
        The step's stamp.
    components, wanted
        What the step would be made from now, and the digest of it.
    outputs
        The files that it is to leave.
    thorough
        Compare the content of large files too.
    """
    outputs = tuple(outputs)
    present = [file for file in outputs if file.is_file()]
    stamp = read(path)
    if stamp is None:
        if not present:
            return ["not made yet"]
        missing = [file.name for file in outputs if file not in present]
        return [f"{name} is missing" for name in [*missing, *([] if path.is_file() else [path.name])]] or [
            f"{path.name} is damaged"
        ]
    found = [f"{file.name} is missing" for file in outputs if file not in present]
    if stamp.fingerprint != wanted:
        found += fingerprint.changes(stamp.components, components) or [f"{path.name} contradicts itself"]
    for file in present:
        name = _relative(file, path)
        if not _is_as_recorded(file, stamp.outputs.get(name), stamp.sizes.get(name), thorough=thorough):
            found.append(f"{file.name} is not as it was written")
    for name, recorded in stamp.inputs.items():
        file = path.parent / name
        if file.is_file() and _content(file) != recorded:
            found.append(f"{os.path.normpath(file)} has changed")
    return found


def damage(path: Path, stamp: Stamp) -> list[str]:
    """Say which of the outputs that a stamp records are missing or have another content."""
    files = {name: path.parent / name for name in stamp.outputs}
    missing = [f"{name} is missing" for name, file in files.items() if not file.is_file()]
    present = [(name, file) for name, file in files.items() if file.is_file()]
    return missing + [f"{name} is not as it was written" for name, file in present if _content(file) != stamp.outputs[name]]


def _is_as_recorded(file: Path, recorded: str | None, size: int | None, *, thorough: bool) -> bool:
    if recorded is None or size is None:
        return False
    if size > HASHED_WHEN_PLANNING and not thorough:
        return file.stat().st_size == size
    return _content(file) == recorded


_contents: dict[tuple[Path, int, int], str] = {}


def _content(file: Path) -> str:
    """Return a file's digest, computed once while its size and time stamp stay."""
    status = file.stat()
    key = (file, status.st_size, status.st_mtime_ns)
    if key not in _contents:
        _contents[key] = content_digest(file)
    return _contents[key]


def content_digest(file: Path) -> str:
    """Return the SHA-256 of a file's content; that of a run's summary leaves out the id of its tracked run.

    A run is finished before it is tracked, and may be tracked elsewhere later: neither makes it another run.
    """
    if file.name == records.METRICS:
        with suppress(ValueError):
            value = read_json(file)
            if isinstance(value, dict):
                return fingerprint.digest({key: entry for key, entry in value.items() if key != "mlflow_run_id"})
    return sha256(file)


def _relative(file: Path, stamp: Path) -> str:
    return Path(os.path.relpath(file, stamp.parent)).as_posix()


def to_json(value: Mapping[str, Any]) -> str:
    """Return settings as the canonical JSON text that scripts take."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
