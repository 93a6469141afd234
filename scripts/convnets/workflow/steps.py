"""The steps of the workflow. A step is a job of a rule that writes a stamp. Its rule and the study declare it.

A rule calls two methods of `Steps`. `marker`, as an input, names a file that is newer than any output if the step is stale. `job`,
as one of the params, hands the step to its script. (`when_stale` is a marker with inputs that only a stale step needs.)

The other params are the step's settings. Stamps alone decide whether a step is stale: Snakemake's own metadata plays no part, and
`settle_times` makes time stamps agree with the stamps before Snakemake reads them.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from snakemake.io import local

from convnets.files import atomic_path
from convnets.freshness import fingerprint, stamps
from convnets.workflow.declarations import MARK, TRAINING, Declarations, Step, key_of, listed

# Newer than any stale output. Snakemake takes a small file with the same content as last time for unchanged, so the content is the
# time.
MARKER = Path(".snakemake") / "stale.txt"
JOBS = Path(".snakemake") / "convnets"

Check = Callable[["Steps"], Iterable[str]]


class Steps:
    """All steps of a study, by rule and wildcards: `train_variant/mlp100/seed1`, `tabulate_variants`.

    `is_forced` returns whether the command line forces one of some rules or files. `plans`: whether this process plans the
    workflow, and is neither a job of it nor a command that only asks what is stale; only then are time stamps and the marker
    written. `is_dry`: whether nothing will be run, so no job has to be handed to a script.
    """

    def __init__(
        self, declared: Declarations, is_forced: Callable[[set[str]], bool], *, plans: bool = True, is_dry: bool = False
    ) -> None:
        self.study, self._declared, self._is_forced = declared.study, declared, is_forced
        self._reasons: dict[str, list[str]] = {}
        self._stale: dict[str, bool] = {}
        self._plans, self._is_dry, self._is_marked = plans, is_dry, False

    # For rules

    def marker(self, rule: str, check: Check | None = None, *, is_extra: bool = False) -> Callable[[Any], list[str]]:
        """Return an input function that names the marker where the rule's step is stale.

        `check` returns further reasons for that. `is_extra`: whether the step is made only where it is asked for, so that the study
        is complete without it.
        """
        if not is_extra:
            self._declared.checks[rule] = check

        def stale(wildcards: Any) -> list[str]:  # noqa: ANN401
            return [self._mark()] if self.reasons(key_of(rule, wildcards)) else []

        return stale

    def when_stale(self, rule: str, may_be_missing: str, **files: str) -> Callable[[Any], Mapping[str, str]]:
        """Return an input function, to be unpacked, that names the files and the marker only if the rule's step has to run.

        So a change of these files does not run a fresh step again. `may_be_missing` names a file that only trainings need: it may
        be missing while all of them are fresh.
        """
        self._declared.checks[rule] = None
        self._declared.may_be_missing = self._declared.path(files[may_be_missing])

        def needed(wildcards: Any) -> Mapping[str, str]:  # noqa: ANN401
            return {**files, MARK: self._mark()} if self._is_to_be_made(key_of(rule, wildcards)) else {}

        return needed

    def _is_to_be_made(self, key: str) -> bool:
        """Return whether a step has to run: it is stale by itself, or the command line forces it."""
        step = self[key]
        is_forced = self._is_forced({step.rule, *(file for files in step.outputs.values() for file in files)})
        return is_forced or bool(self.reasons(key))

    def made_by(self, verb: str) -> list[str]:
        """Return what the rules declared so far make whose names begin with a verb: the rest of their names."""
        return [rule.removeprefix(verb) for rule in self._declared.checks if rule.startswith(verb)]

    def job(self, rule: str) -> Callable[[Any, Any, Any], str]:
        """Return a params function that writes the job file of a step and returns its path."""

        def write(wildcards: Any, input: Any, output: Any) -> str:  # noqa: ANN401
            step = self[key_of(rule, wildcards)]
            if rule == TRAINING and not self._is_to_be_made(step.key):
                return ""  # Snakemake asks for the params of each job that it plans
            value = {
                "rule": rule,
                "fingerprint": step.fingerprint,
                "components": {name: part for name, part in step.components.items() if name not in ("modules", "libraries")},
                "inputs": {name: listed(files) for name, files in input.items() if name != MARK},
                "outputs": {name: listed(files) for name, files in output.items()},
                "uncounted": step.uncounted,
            }
            # The name holds a digest, so that another call of Snakemake cannot change the file that this call has named.
            path = JOBS / f"{step.key.replace('/', '-')}-{fingerprint.digest(value)[:16]}.json"
            if not self._is_dry and not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_suffix(f".{os.getpid()}")
                temporary.write_text(fingerprint.to_json(value), encoding="utf-8")
                temporary.replace(path)
            return str(path)

        return write

    def _mark(self) -> str:
        """Write the marker, once, and return its path."""
        if self._plans and not self._is_marked:
            self._is_marked = True
            with atomic_path(MARKER) as temporary:
                temporary.write_text(f"{time.time_ns()}\n")
        marker: str = local(str(MARKER))
        return marker

    # For commands and tests

    def again(self) -> "Steps":
        """Return the same steps, with their state read again."""
        return Steps(self._declared, self._is_forced, plans=False)

    @cached_property
    def all(self) -> Mapping[str, Step]:
        """Every step of the whole study."""
        return {key: self[key] for rule in self._declared.checks for key in self._declared.keys(rule)}

    def __getitem__(self, key: str) -> Step:
        """Return the step with this key."""
        return self._declared.step(key)

    def reasons(self, key: str) -> list[str]:
        """Return why a step is stale by itself; empty if it is not."""
        if key not in self._reasons:
            step = self[key]
            rare = [file for file in step.files if str(file) == self._declared.may_be_missing]
            needed = rare if rare and self.trainings(stale=True) else []
            outputs = [file for file in step.files if file not in rare or file in needed]
            found = stamps.reasons(step.stamp, step.components, step.fingerprint, outputs, needed)
            check = self._declared.checks.get(step.rule)
            self._reasons[key] = found or (list(check(self)) if check else [])
        return self._reasons[key]

    def trainings(self, *, stale: bool | None = None) -> list[Step]:
        """Return the trainings; if `stale` is given, those that are stale, or those that are not."""
        trainings = [step for step in self.all.values() if step.rule == TRAINING]
        return trainings if stale is None else [step for step in trainings if bool(self.reasons(step.key)) == stale]

    @cached_property
    def _maker(self) -> Mapping[str, str]:
        return {file: key for key, step in self.all.items() for files in step.outputs.values() for file in files}

    def before(self, key: str) -> list[str]:
        """Return the keys of the steps whose outputs a step reads. A training has none: it is stale by itself alone."""
        files = (file for files in self[key].inputs.values() for file in files)
        return list(dict.fromkeys(self._maker[file] for file in files if file in self._maker))

    def is_stale(self, key: str) -> bool:
        """Return whether a step, or one that it reads from, is stale."""
        if key not in self._stale:
            self._stale[key] = bool(self.reasons(key)) or any(map(self.is_stale, self.before(key)))
        return self._stale[key]

    def settle_times(self) -> None:
        """Make the outputs of fresh steps no older than their inputs, so that these steps are fresh for Snakemake, too.

        Outputs are older after a checkout, or after a copy that did not keep time stamps. Files from a machine whose clock is ahead
        get the present time, since Snakemake refuses a new output that is older than its inputs.
        """
        if not self._plans:
            return
        now = time.time()
        for step in self.in_order():
            for file in (*step.files, step.stamp):
                if _time(file) > now:
                    os.utime(file, (now, now))
            newest = max((_time(file) for files in step.inputs.values() for file in files), default=0.0)
            older = [file for file in (*step.files, step.stamp) if 0 < _time(file) < newest]
            if older and not self.reasons(step.key):
                for file in older:
                    os.utime(file, (newest, newest))

    def in_order(self) -> Iterator[Step]:
        """Yield every step after those that it reads from."""
        done: set[str] = set()

        def visit(key: str) -> Iterator[Step]:
            if key not in done:
                done.add(key)
                for before in self.before(key):
                    yield from visit(before)
                yield self[key]

        for key in self.all:
            yield from visit(key)


def _time(file: str | Path) -> float:
    """Return a file's time stamp, 0 where it is not there."""
    try:
        return os.stat(file).st_mtime  # noqa: PTH116  (a tenth of the time of a path's, for tens of thousands of files)
    except OSError:
        return 0.0
