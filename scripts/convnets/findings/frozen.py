"""Claims that were frozen before the runs, beside those of the study as it is now.

`make freeze` writes down the terms of each claim: all that can change its verdict, apart from the project's code. Sections, order
and labels are none of it. The file bears a digest of itself, so that an edit by hand is refused; Git tells when it was committed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from convnets.errors import InputError
from convnets.files import read_json
from convnets.freshness import fingerprint
from convnets.runs.run import Run

UNCHANGED, CHANGED, ADDED, OTHER = "yes", "changed", "added", "other seeds"  # in the table of claims
DIGEST, NETWORKS = "digest", "networks"
NAMES = {"judged_together": "claims judged together"}  # of terms, in words
SHOWN = 12  # characters of a commit
FEW = 4  # runs that are named

Terms = Mapping[str, Any]  # `seeds` and `looks` of the study, and `claims`: the terms of each by id, with their digest


@dataclass(frozen=True)
class Standing:
    """How claims stand to those frozen.

    `marks` holds `UNCHANGED`, `CHANGED` or `ADDED` for each claim of the study, `changes` says of each changed one what changed.
    If the study has none of the seeds frozen, each claim has the mark `OTHER`, and nothing else is said.
    `removed` are the claims that were frozen and are no longer in the study. `seeds` says how the seeds differ from those frozen;
    it is empty if they do not. `early` are the runs of the study that began before the claims were frozen, where runs are given.
    """

    time: str
    commit: str
    marks: Mapping[str, str]
    changes: Mapping[str, str]
    removed: tuple[str, ...]
    seeds: str
    early: tuple[str, ...] = ()

    @property
    def is_other(self) -> bool:
        """Whether the study has none of the seeds frozen."""
        return OTHER in self.marks.values()

    @property
    def added(self) -> list[str]:
        """The claims of the study that were not frozen."""
        return [name for name, mark in self.marks.items() if mark == ADDED]

    @property
    def differences(self) -> list[str]:
        """What is no longer as it was frozen, in words, one entry each."""
        changed = [f"changed after: {name}: {change}" for name, change in self.changes.items()]
        added = [f"added after: {name}" for name in self.added]
        removed = [f"removed after: {name}" for name in self.removed]
        early = [f"runs that began before: {', '.join(self.early)}"] if self.early else []
        return [*([f"other seeds: {self.seeds}"] if self.seeds else []), *early, *changed, *added, *removed]

    @property
    def described(self) -> str:
        """When the claims were frozen, and how many of the study's are as they were then."""
        kept = sum(mark == UNCHANGED for mark in self.marks.values())
        at = f" at commit {self.commit}" if self.commit else ""
        if self.is_other:
            return f"Claims were frozen on {self.time}{at}, but for other seeds than these."
        return f"Claims were frozen on {self.time}{at}; {kept} of {len(self.marks)} are unchanged since."


def read(path: Path) -> Terms:
    """Return what `make freeze` wrote, without its digest; an InputError if it cannot be read, or is not as it was written."""
    try:
        found = dict(read_json(path))
        digest = found.pop(DIGEST)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is no file of `make freeze` ({error!r}); restore it: git checkout -- {path}") from error
    if digest != fingerprint.digest(found):
        raise InputError(f"{path} was edited after `make freeze` wrote it; restore it: git checkout -- {path}")
    return found


def compare(frozen: Terms, now: Terms, runs: Sequence[Run] = ()) -> Standing:
    """Compare the terms of the study as it is now, and its runs, with what was frozen."""
    old, new = frozen["claims"], now["claims"]
    marks = {
        name: ADDED if name not in old else UNCHANGED if terms[DIGEST] == old[name][DIGEST] else CHANGED
        for name, terms in new.items()
    }
    changes = {name: "; ".join(_differences(old[name], new[name])) for name, mark in marks.items() if mark == CHANGED}
    plans = [f"{in_words(terms['seeds'])}{_planned(terms['looks'])}" for terms in (now, frozen)]
    seeds = "" if plans[0] == plans[1] else f"{plans[0]} (frozen: {plans[1]})"
    removed = tuple(name for name in old if name not in new)
    is_other = set(now["seeds"]).isdisjoint(frozen["seeds"])
    if is_other:
        marks, changes, removed = dict.fromkeys(new, OTHER), {}, ()
    sha, dash, dirty = (frozen["commit"] or "").partition("-")
    commit = f"{sha[:SHOWN]}{dash}{dirty}"
    time = datetime.fromisoformat(frozen["time"]).timestamp()
    judging = {name for terms in new.values() for name in terms.get(NETWORKS, {})}  # none for a claim about formulas
    early = [run for run in runs if run.variant in judging and run.record and run.record.began < time and not is_other]
    names = [run.name for run in early]
    shown = names if len(names) <= FEW else [*names[: FEW - 1], f"{len(names) - FEW + 1} others"]
    return Standing(frozen["time"], commit, marks, changes, removed, seeds, tuple(shown))


def of_step(files: Sequence[Path], now: Terms, runs: Sequence[Run]) -> Standing | None:
    """Return how the claims of a step stand to those in the file among its inputs; None if there is none."""
    return compare(read(files[0]), now, runs) if files else None


def in_words(numbers: list[int]) -> str:
    """Return seeds in ascending order in words: "11 to 15" where each follows the one before, else all of them."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))


def _planned(looks: list[int]) -> str:
    return f" in looks of {', '.join(map(str, looks))}" if looks else ""


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield each term of a claim that differs, in words."""
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if before == after or name == DIGEST:
            continue
        if name == NETWORKS:
            before, after = before or {}, after or {}
            yield from (f"network {one}" for one in {**before, **after} if before.get(one) != after.get(one))
        else:
            values = [value if name == "seeds" else json.dumps(value, ensure_ascii=False) for value in (after, before)]
            yield name if name == "data" else "{} {} (frozen: {})".format(NAMES.get(name, name), *values)
