"""The steps of the workflow and what each is made from: which are stale, and why.

The rules declare how steps depend on each other's files; this module decides whether a step has to be made (again), from the
stamps alone. Snakemake's own memory and the files' time stamps play no part, so that neither a checkout nor a lost
`.snakemake` folder makes or hides a difference.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from convnets import fingerprint, records, stamps, stores, unfinished
from convnets.configuration import Configuration
from convnets.files import read_json, sha256
from convnets.fingerprint import Components
from convnets.layout import Layout

SCRIPTS = Path(__file__).parents[1]
TEXTS = SCRIPTS.parent / "report"
OVERVIEW_TEXTS = ("overview.css", "overview.html.jinja", "texts.yaml")
DOWNLOAD = "get_cifar10"  # no step: the batches have digests of their own
# Steps that read runs, and those that also read what need not come with runs that are given.
READ_RUNS = (
    "plot_comparison", "tabulate_variants", "tabulate_memory", "tabulate_claims", "tabulate_convergence", "write_overview",
)  # fmt: skip
READ_RECORDS = ("tabulate_claims", "tabulate_convergence", "write_overview")
PICTURES, TEXTUAL = ("svg", "png"), ("csv", "md")  # the kinds of files of figures and tables
TRAINING, DATA, STORE, PUBLISHING = "train_variant", "prepare_dataset", "create_store", "publish_comparisons"


@dataclass(frozen=True)
class Step:
    """One job of the workflow: what it is made from beside files, what it leaves, and the steps whose files it reads."""

    rule: str
    settings: Mapping[str, Any]
    components: Components
    outputs: tuple[Path, ...]
    stamp: Path
    after: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """The digest of the components."""
        return fingerprint.digest(self.components)


class Steps:
    """All steps of a configuration, by rule and wildcards: `train_variant/mlp100/seed1`, `tabulate_variants`."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.layout = Layout(configuration.results)
        self.all: dict[str, Step] = {}
        self._stale: dict[str, bool] = {}
        self._reasons: dict[str, list[str]] = {}
        self._declare()

    def _declare(self) -> None:
        config, layout = self.configuration, self.layout
        seeds, labels = list(config.seeds), config.labels
        if config.runs_from is None:
            self._declare_training()
        for name, comparison in config.comparisons.items():
            chosen = self._runs([member.variant for member in comparison.members])
            outputs = [layout.figure(name, kind) for kind in PICTURES]
            self._add("plot_comparison", {"comparison": asdict(comparison), "seeds": seeds}, outputs, chosen, name)
        every = self._runs(config.variants)
        outputs = [layout.table("variants", kind) for kind in TEXTUAL]
        self._add("tabulate_variants", {"labels": labels, "seeds": seeds}, outputs, every)
        networks = {head: {"variant": variant, "label": labels[variant]} for head, variant in config.memory.items()}
        outputs = [layout.table("memory", kind) for kind in TEXTUAL]
        first = [run for variant in config.memory.values() for run in self._runs([variant])[:1]]
        self._add("tabulate_memory", {"networks": networks, "seed": seeds[0]}, outputs, first)
        self._declare_claims()
        self._add("tabulate_vgg16", {}, [layout.table("vgg16")])
        self._add("draw_vgg16", {}, [layout.figure("vgg16", kind) for kind in PICTURES])
        if config.runs_from is None:
            drawn = [f"plot_comparison/{name}" for name in config.comparisons]
            published = {"variants": list(config.variants), "seeds": seeds, "comparisons": list(config.comparisons)}
            self._add(PUBLISHING, published, [layout.published], [STORE, *every, *drawn])
        self._declare_overview()

    def _declare_training(self) -> None:
        """Declare the trainings, and what comes before them."""
        config, data = self.configuration, self.layout.results / "data"
        members = {name: asdict(member) for name, member in config.plan.members.items()}
        self._add(DATA, config.dataset, [data / "manifest.json", data / "cifar10.npz"], [DOWNLOAD])
        self._add(STORE, {**config.tracking, "members": members}, [self.layout.plan])
        for variant, settings in config.variants.items():
            for seed in config.seeds:
                folder = self.layout.run(variant, seed)
                self.all[key_of(TRAINING, variant=variant, seed=seed)] = Step(
                    rule=TRAINING,
                    settings=asdict(settings),
                    components=fingerprint.run_components(settings, seed, config.dataset),
                    outputs=tuple(folder / name for name in records.RUN_FILES),
                    stamp=folder / stamps.STAMP,
                )

    def _declare_claims(self) -> None:
        """Declare what is concluded from the runs: the tables of claims, of errata and of convergence."""
        config = self.configuration
        settings = {name: asdict(value) for name, value in config.variants.items()}
        seeds, images = list(config.seeds), config.images
        named = config.variants_of_claims()
        claims = {"claims": [asdict(claim) for claim in config.claims], "variants": {name: settings[name] for name in named}}
        outputs = {name: [self.layout.table(name, kind) for kind in TEXTUAL] for name in ("claims", "errata", "convergence")}
        self._add("tabulate_claims", {**claims, "seeds": seeds, "images": images}, outputs["claims"], self._runs(named))
        wrong = {claim.id: claim.errata for claim in config.claims if claim.errata}
        self._add("tabulate_errata", {"claims": wrong}, outputs["errata"], ["tabulate_claims"])
        convergence = {"variants": settings, "labels": config.labels, "seeds": seeds, "accuracies": config.accuracies}
        self._add("tabulate_convergence", convergence, outputs["convergence"], self._runs(config.variants))

    def _declare_overview(self) -> None:
        """Declare the page that tells it all, which is made from all tables, figures and runs and from its own texts."""
        config = self.configuration
        settings = {
            "claims": [asdict(claim) for claim in config.claims],
            "variants": {name: asdict(value) for name, value in config.variants.items()},
            "labels": config.labels,
            "comparisons": [asdict(comparison) for comparison in config.comparisons.values()],
            "seeds": list(config.seeds),
            "dataset": config.dataset,
            "images": config.images,
            "accuracies": config.accuracies,
            "memory": config.memory,
            "interface": config.store.uri if config.store.is_server else None,
            "trained": config.runs_from is None,
            "texts": {name: sha256(TEXTS / name)[:16] for name in OVERVIEW_TEXTS},
        }
        before = [key for key, step in self.all.items() if step.rule not in (DATA, STORE)]
        self._add("write_overview", settings, [self.layout.results / "report" / "overview.html"], before)

    def _add(
        self, rule: str, settings: Mapping[str, Any], outputs: list[Path], after: list[str] | None = None, name: str = ""
    ) -> None:
        given = self.configuration.runs_from
        if given and rule in READ_RUNS:  # files of the same name in another folder are other runs
            settings = {**settings, "runs_from": str(given)}
        if given and rule in READ_RECORDS:
            settings = {**settings, "without": self._files_not_given}
        components = fingerprint.step_components(SCRIPTS / f"{rule}.py", settings)
        key = f"{rule}/{name}" if name else rule
        self.all[key] = Step(rule, settings, components, tuple(outputs), self.layout.stamp(rule, name), tuple(after or ()))

    @cached_property
    def _files_not_given(self) -> list[str]:
        """Which of the files that may come with runs that are given are not there; so one that is added or removed counts."""
        config = self.configuration
        given = config.runs_from or Path()
        runs = (Layout(given).run(variant, seed) for variant in config.variants for seed in config.seeds)
        files = (run / name for run in runs for name in (records.RECORD, stamps.STAMP))
        return [file.relative_to(given).as_posix() for file in files if not file.exists()]

    def _runs(self, variants: Iterable[str]) -> list[str]:
        """Return the trainings of these variants; none where runs are taken as they are."""
        keys = (key_of(TRAINING, variant=variant, seed=seed) for variant in variants for seed in self.configuration.seeds)
        return [key for key in keys if key in self.all]

    def reasons(self, key: str) -> list[str]:
        """Say why a step is stale by itself; nothing means that it is fresh."""
        if key not in self._reasons:
            self._reasons[key] = self._find_reasons(key)
        return self._reasons[key]

    def _find_reasons(self, key: str) -> list[str]:
        step = self.all[key]
        outputs = step.outputs
        if key == DATA and not self.data_is_needed:
            outputs = outputs[:1]
        # The data set's content is looked at whenever it is about to be trained on.
        found = stamps.reasons(step.stamp, step.components, step.fingerprint, outputs, thorough=key == DATA)
        if key == STORE and not found:
            found += self._store_reasons()
        if key == PUBLISHING and not found:
            found += self._publishing_reasons()
        return found

    def _store_reasons(self) -> Iterator[str]:
        """Yield what the store is to be opened for although its settings are the same."""
        database = self.configuration.store.database
        if database and not database.is_file():
            yield f"the tracking store {database} is missing"
        elif not self.configuration.store.is_server and not stores.Plan.read(self.all[STORE].outputs[0]).is_open:
            yield f"the tracking store {self.configuration.store.uri} could not be opened yet"
        for (variant, seed), folder in unfinished.folders(self.layout.trainings).items():
            training = unfinished.begun(folder)
            if training is None or unfinished.is_held(folder):
                continue
            if self.is_finished(variant, seed, training.fingerprint):
                yield f"the training {folder.name} was killed when it had just ended"
            elif training.is_open:
                yield f"the training {folder.name} was killed, and its tracked run may be open"
        for record, training in unfinished.left_open(self.layout.trainings).items():
            if self._is_here(training):
                yield f"the training {record.parent.name} was killed, and its tracked run could not be closed yet"

    def _is_here(self, training: unfinished.Begun) -> bool:
        """Return whether a training's run is in the store that is configured now."""
        return stores.Store(training.uri, training.experiment) == self.configuration.store

    def open_elsewhere(self) -> dict[Path, unfinished.Begun]:
        """Return the records of runs that killed trainings left open in former stores, which have not answered since.

        They make nothing stale, since a former store may be gone for good.
        """
        records_of_runs = unfinished.left_open(self.layout.trainings)
        return {record: training for record, training in records_of_runs.items() if not self._is_here(training)}

    def is_finished(self, variant: str, seed: str, wanted: str) -> bool:
        """Return whether the results hold a run with this fingerprint."""
        stamp = stamps.read(self.layout.run(variant, seed) / stamps.STAMP)
        return stamp is not None and stamp.fingerprint == wanted

    def _publishing_reasons(self) -> Iterator[str]:
        """Yield what is not in the store yet."""
        store = self.configuration.store
        for key in self.untracked():
            yield f"{key.removeprefix(TRAINING + '/')} is not in the tracking store {store.uri} yet"
        with suppress(OSError, ValueError, KeyError, TypeError):
            problem = read_json(self.layout.published)["problem"]
            if problem:
                yield f"publishing did not end: {problem}"

    def untracked(self) -> list[str]:
        """Return the finished runs that were not brought to the store."""
        runs = [(key, step) for key, step in self.all.items() if step.rule == TRAINING and not self.reasons(key)]
        store = self.configuration.store
        return [key for key, step in runs if not stores.is_tracked(step.stamp.parent, store, step.fingerprint)]

    @cached_property
    def data_is_needed(self) -> bool:
        """Whether any run is stale, so that the prepared data set has to be there."""
        return any(self.reasons(key) for key, step in self.all.items() if step.rule == TRAINING)

    def is_stale(self, key: str) -> bool:
        """Return whether a step, or one that it reads from, is stale."""
        if key not in self._stale:
            before = [name for name in self.all[key].after if name in self.all]
            self._stale[key] = bool(self.reasons(key)) or any(map(self.is_stale, before))
        return self._stale[key]

    def dated_after(self, seconds: float) -> list[Path]:
        """Return the files of the results whose time stamp is later than this time, in seconds since 1970."""
        files = (file for step in self.all.values() for file in (*step.outputs, step.stamp) if file.exists())
        return [file for file in files if file.stat().st_mtime > seconds]

    def left(self) -> list[Path]:
        """Return what the configuration no longer asks for: folders of runs, finished or not, and the files of comparisons."""
        if self.configuration.runs_from:
            return []
        wanted = {step.stamp.parent for step in self.all.values() if step.rule == TRAINING}
        begun = unfinished.folders(self.layout.trainings)
        held = {self.layout.run(*run) for run, folder in begun.items() if unfinished.is_held(folder)}
        found = [folder for folder in self.layout.runs() if folder not in wanted | held]
        found += [folder for run, folder in begun.items() if self.layout.run(*run) not in wanted | held]
        stamped = {step.stamp for step in self.all.values()}
        for stamp in self.layout.stamp("plot_comparison", "*").parent.glob("*.json"):
            if stamp not in stamped:
                found += [stamp, *(path for kind in PICTURES if (path := self.layout.figure(stamp.stem, kind)).exists())]
        return sorted(found)


def key_of(rule: str, **wildcards: object) -> str:
    """Return the key of the step that a rule makes with these wildcards."""
    return "/".join([rule, *(f"seed{value}" if name == "seed" else str(value) for name, value in wildcards.items())])
