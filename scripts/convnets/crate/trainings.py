"""What a crate says of each training: when it ran, on what hardware, what it read, and what it made."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from convnets.crate import content
from convnets.freshness import stamps
from convnets.freshness.stamps import Stamp
from convnets.runs import reading
from convnets.runs.layout import MODEL, RECORD, STAMP, run_of
from convnets.runs.records import Record

COMPLETED = "http://schema.org/CompletedActionStatus"
HOMEPAGES = {"tensorflow": "https://www.tensorflow.org/", "keras": "https://keras.io/", "numpy": "https://numpy.org/"}


@dataclass(frozen=True)
class Trained:
    """A run in a crate: its folder relative to the crate, how it was trained and what it was made from, where that is known."""

    folder: Path
    record: Record | None
    stamp: Stamp | None

    @property
    def name(self) -> str:
        """The variant and the seed, for readers."""
        variant, seed = run_of(self.folder)
        return f"{variant}, seed {seed}"

    @property
    def id(self) -> str:
        """The end of the identifiers of what belongs to this run."""
        return "-seed".join(run_of(self.folder))

    @property
    def ended(self) -> float | None:
        """The end of the last epoch in seconds since 1970."""
        return self.record.usage[-1].ended if self.record and self.record.usage else None

    @property
    def libraries(self) -> Mapping[str, str]:
        """The versions of the libraries that computed it."""
        if self.record and self.record.libraries:
            return self.record.libraries
        return self.stamp.components.get("libraries", {}) if self.stamp else {}


def read(crate: Path, folder: Path) -> Trained:
    """Read a run of a crate."""
    record = crate / folder / RECORD
    return Trained(folder, reading.read_record(record) if record.is_file() else None, stamps.read(crate / folder / STAMP))


def add(crate: ROCrate, run: Trained, network: Path | None, source: Entity, agent: list[Entity]) -> Entity:
    """Add the action that trained a run, with its images, its hardware and its model, and return it.

    `network` is the place of the file of a network of the user's own, `source` what the images were taken from.
    """
    read = [crate.get(content.CONFIG), *([crate.get(network.as_posix())] if network else [])]
    made = [crate.get((run.folder / name).as_posix()) for name in content.KEPT]
    return named(
        crate,
        f"#training-{run.id}",
        "CreateAction",
        name=f"Training of {run.name}",
        description=_described(run),
        instrument=crate.get("scripts/train_variant.py"),
        object=[*read, *(_images(crate, run.record, source) if run.record else [source])],
        result=[*filter(None, made), *_model(crate, run)],
        resourceUsage=list(_hardware(crate, run)),
        actionStatus=COMPLETED,
        agent=agent,
        **times(run.record.began if run.record else None, run.ended),
    )


def named(crate: ROCrate, identifier: str, kind: str, **properties: object) -> Entity:
    """Add an entity that is no file, without those of its properties that are empty, and return it."""
    kept = {name: single(value) for name, value in properties.items() if value not in (None, [], "")}
    entity: Entity = crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **kept}))
    return entity


def single(value: object) -> object:
    """Return the only item of a list of one, as RO-Crate 1.1 wants it; else the value itself."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def times(began: float | None, ended: float | None) -> dict[str, str | None]:
    """Return the two times of an action in ISO 8601, UTC, of seconds since 1970."""
    return {"startTime": iso(began) if began else None, "endTime": iso(ended) if ended else None}


def iso(seconds: float) -> str:
    """Return a time in ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def software(crate: ROCrate, runs: Iterable[Trained]) -> list[Entity]:
    """Add the libraries that computed these runs and return them; several versions of one are listed together."""
    found = sorted({library for run in runs for library in run.libraries.items()})
    added = []
    for name, several in groupby(found, key=itemgetter(0)):
        told = {"name": name, "url": HOMEPAGES.get(name), "softwareVersion": [version for _, version in several]}
        added.append(named(crate, HOMEPAGES.get(name, f"#library-{name}"), "SoftwareApplication", **told))
    return added


def _described(run: Trained) -> str:
    record = run.record
    if record is None:
        return "How this run was trained is not recorded."
    threads = f"{record.threads} thread{'' if record.threads == 1 else 's'}"
    code = f" The code is that of commit {record.commit}." if record.commit else ""
    return f"Trained on {threads} of {record.processor} ({record.device}). Settings and digests of the code are in its stamp.{code}"


def _images(crate: ROCrate, record: Record, source: Entity) -> list[Entity]:
    return [
        named(
            crate,
            f"#images-{split}-{digest[:8]}",
            "CreativeWork",
            name=f"{split} images and labels",
            description="Not in the crate. The digest is that of the images and labels as arrays, as record.json has it.",
            isBasedOn=source,
            sha256=digest,
        )
        for split, digest in record.data.items()
    ]


def _model(crate: ROCrate, run: Trained) -> Iterator[Entity]:
    if run.stamp and MODEL in run.stamp.outputs:
        yield named(
            crate,
            f"#model-{run.id}",
            "CreativeWork",
            name=f"{MODEL} of {run.name}",
            description="The model of the best epoch. Not in the crate.",
            contentSize=str(run.stamp.sizes.get(MODEL, "")),
            sha256=run.stamp.outputs[MODEL],
        )


def _hardware(crate: ROCrate, run: Trained) -> Iterator[Entity]:
    if not (record := run.record):
        return
    device = f"{record.device}, {record.threads} thread{'' if record.threads == 1 else 's'}"
    for name, value in (("processor", record.processor), ("device", device)):
        slug = re.sub(r"\W+", "-", value.lower()).strip("-")
        yield named(crate, f"#{name}-{slug}", "PropertyValue", name=name, value=value)
    memory = record.peak_memory_bytes
    yield named(crate, f"#memory-{run.id}", "PropertyValue", name="peak memory", value=memory, unitText="byte")
