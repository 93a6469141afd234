"""What a crate says of itself: `ro-crate-metadata.json`, as the profile Workflow Run Crate asks.

The same files give the same bytes: every time is one that a run recorded.
https://www.researchobject.org/workflow-run-crate/profiles/0.5/workflow_run_crate/
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from convnets.crate import content, trainings
from convnets.crate.trainings import Trained, named
from convnets.data import kinds
from convnets.files import read_json, sha256
from convnets.runs.layout import Layout
from convnets.study.configuration import Configuration

PYTHON = "https://www.python.org/"
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
WORKFLOW, TRAINER = "Snakefile", "scripts/train_variant.py"
OVERVIEW = f"{content.RESULTS}/report/overview.html"
CIFAR10 = {
    "name": "CIFAR-10",
    "creator": "Alex Krizhevsky",
    "url": "https://www.cs.toronto.edu/~kriz/cifar.html",
    "citation": "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    "description": "60,000 colour images of ten classes. Not in the crate. Its page names no licence; it asks to cite the report.",
}
FORMATS = {  # by the end of a file's name; of others, text/plain
    ".cff": "application/yaml",
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".npz": "application/octet-stream",
    ".png": "image/png",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
}
# By a pattern of the path: what the file holds. The first that fits counts.
HELD = {
    r"config\.yaml": "The study: networks, settings, seeds, comparisons and claims, with its runs taken from this crate.",
    r"requirements\.lock|installer\.lock": "The version and the digests of each package that code and workflow need.",
    r"CITATION\.cff": "How to cite the workflow.",
    r"README\.md": "How to make tables, figures and page again from this crate.",
    r".*/history\.csv": "One row per epoch of a training: losses, accuracies and seconds.",
    r".*/metrics\.json": "The summary of a run: its best epoch, losses and accuracies, parameters, speed.",
    r".*/record\.json": "How a run was trained: times, processor, memory, and the digests of images and weights.",
    r".*/stamp\.json": "What a run was made from: settings, seed, digests of data and code, libraries; "
    "and the digests of its files.",
    r".*/verified\.json": "What was compared when the run was verified against newer code or libraries.",
    r".*/data/manifest\.json": "The source of the images, and count, classes and digest of each split.",
    r"results/tables/claims\..*": "Each claim with what was measured, its interval and its verdict.",
    r"results/tables/variants\..*": "Mean and deviation of each metric of each network over its seeds.",
    r"results/tables/convergence\..*": "Iterations and seconds to given accuracies, overfitting, operations, speed and memory.",
    r"results/tables/curves\..*": "How far the runs are from curves that were read off published figures.",
    r"results/tables/errata\..*": "Where the published source is wrong, and what is right.",
    r"results/tables/memory\..*": "Memory of the networks with and without fully connected layers.",
    r"results/tables/vgg16\..*": "Parameters, bits and megabytes of VGG-16 by block.",
    r"results/figures/vgg16\..*": "The layers of VGG-16.",
    r"results/figures/.*": "Learning curves of the networks of a comparison: loss and accuracy against iterations.",
    r".*/overview\.html": "All findings on one page that loads nothing: verdicts, figures, tables, settings, hardware.",
}


@dataclass(frozen=True)
class Origin:
    """Who and what made a crate: the commit of the code and the name of a person, where known, and Snakemake's version."""

    snakemake: str
    commit: str | None = None
    agent: str | None = None


def write(folder: Path, study: Configuration, origin: Origin) -> None:
    """Write the metadata of the crate whose files are in a folder."""
    citation = yaml.safe_load((folder / "CITATION.cff").read_text(encoding="utf-8"))
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    data = content.place(images) if (images := content.own_images(study)) else None
    _add_files(crate, folder, data, origin)
    agent = [named(crate, "#agent", "Person", name=origin.agent)] if origin.agent else []
    spdx = citation["license"]
    licence = named(crate, f"https://spdx.org/licenses/{spdx}", "CreativeWork", name=f"{spdx} licence")
    authors = [_author(crate, number, author) for number, author in enumerate(citation["authors"], 1)]
    source = crate.get(data.as_posix()) if data else _outside(crate, study.data.kind, folder)

    layout = Layout(Path(content.RESULTS))
    runs = [trainings.read(folder, layout.run(*key)) for key in product(study.variants, study.seeds)]
    version = f"{citation['version']}{f' (commit {origin.commit})' if origin.commit else ''}"
    made_by = {"author": trainings.single(authors), "creator": trainings.single(authors)}
    url = {"url": citation["repository-code"]} if "repository-code" in citation else {}
    _describe_workflow(crate, {"name": citation["title"], "version": version, "license": licence, **made_by, **url})
    _describe_trainer(crate, version, runs)
    networks = {name: content.place(own.file) for name, settings in study.variants.items() if (own := settings.own).network}
    actions = [trainings.add(crate, run, networks.get(run.folder.parent.name), source, agent) for run in runs]
    whole = _whole(crate, runs, source, agent)
    _describe_root(crate, study, runs, [whole, *actions])
    crate.root_dataset["license"] = licence
    crate.root_dataset["author"] = trainings.single(agent or authors)
    crate.get("README.md")["about"] = crate.root_dataset
    crate.metadata.write(folder)


def _add_files(crate: ROCrate, folder: Path, data: Path | None, origin: Origin) -> None:
    """Add each file with its digest; a folder of pictures is described as a whole."""
    pictures = data if data and (folder / data).is_dir() else None
    if pictures:
        crate.add_dataset(dest_path=f"{pictures.as_posix()}/", properties={"name": "the study's images, by split and class"})
    for path in content.paths(folder):
        if pictures and path.is_relative_to(pictures):
            continue
        properties: dict[str, Any] = {
            "name": path.as_posix(),
            "encodingFormat": FORMATS.get(path.suffix, "text/plain"),
            "contentSize": str((folder / path).stat().st_size),
            "sha256": sha256(folder / path),
        }
        if text := next((text for pattern, text in HELD.items() if re.fullmatch(pattern, path.as_posix())), None):
            properties["description"] = text
        if path.as_posix() == WORKFLOW:
            version = origin.snakemake
            crate.add_workflow(dest_path=path, properties=properties, main=True, lang="snakemake", lang_version=version)
        else:
            crate.add_file(dest_path=path, properties=properties)


def _author(crate: ROCrate, number: int, author: Mapping[str, str]) -> Entity:
    """Add an author as CITATION.cff names it: a person, or a group."""
    name = author.get("name") or f"{author.get('given-names', '')} {author.get('family-names', '')}".strip()
    kind = "Organization" if "name" in author else "Person"
    return named(crate, author.get("orcid", f"#author-{number}"), kind, name=name)


def _outside(crate: ROCrate, kind: str, folder: Path) -> Entity:
    """Add the data set that is not in the crate, with the source that delivered it if the manifest tells."""
    manifest = Layout(folder / content.RESULTS).manifest
    source = f" The source was: {read_json(manifest)['source']}." if manifest.is_file() else ""
    if kind == kinds.NEUTRAL:
        return named(crate, CIFAR10["url"], "CreativeWork", **{**CIFAR10, "description": CIFAR10["description"] + source})
    return named(crate, "#images", "CreativeWork", name=kind, description=f"Images that the code brings.{source}")


def _describe_workflow(crate: ROCrate, properties: Mapping[str, Any]) -> None:
    workflow, config, page = crate.get(WORKFLOW), crate.get(content.CONFIG), crate.get(OVERVIEW)
    for name, value in properties.items():
        workflow[name] = value
    for name, slot, example, text in (
        ("configfile", "input", config, "The study, and files merged over it (--configfile)."),
        ("overview", "output", page, "The page with all findings."),
    ):
        kind, text_of = "FormalParameter", {"name": name, "description": text}
        parameter = named(crate, f"#{name}", kind, additionalType="File", workExample=example, **text_of)
        workflow[slot] = parameter
        example["exampleOfWork"] = parameter


def _describe_trainer(crate: ROCrate, version: str, runs: Sequence[Trained]) -> None:
    trainer = crate.get(TRAINER)
    trainer.properties()["@type"] = ["File", "SoftwareSourceCode"]
    trainer["version"] = version
    trainer["description"] = (
        "Trains one network from one seed. The stamp of a run tells by digests which code trained it; that may be older."
    )
    trainer["softwareRequirements"] = trainings.single(trainings.software(crate, runs))
    trainer["programmingLanguage"] = named(crate, PYTHON, "ComputerLanguage", name="Python", url=PYTHON)


def _whole(crate: ROCrate, runs: Sequence[Trained], source: Entity, agent: list[Entity]) -> Entity:
    """Add the action of the whole workflow: all runs, then figures, tables and page."""
    results = [entity for entity in crate.data_entities if entity.id.startswith(f"{content.RESULTS}/")]
    return named(
        crate,
        "#workflow-run",
        "CreateAction",
        name="Run of the whole workflow",
        description="Trains each network from each seed, then makes tables, figures and page. Times are those of the trainings.",
        instrument=crate.get(WORKFLOW),
        object=[crate.get(content.CONFIG), source],
        result=results,
        actionStatus=trainings.COMPLETED,
        agent=agent,
        **trainings.times(min((run.record.began for run in runs if run.record), default=None), _ended(runs)),
    )


def _ended(runs: Sequence[Trained]) -> float | None:
    """Return the end of the last training in seconds since 1970; None if no record tells."""
    return max((run.ended for run in runs if run.ended), default=None)


def _describe_root(crate: ROCrate, study: Configuration, runs: Sequence[Trained], actions: Sequence[Entity]) -> None:
    root = crate.root_dataset
    root["name"] = study.title
    root["description"] = (
        f"A comparison of {len(study.variants)} networks with {len(runs)} trainings: code, configuration, runs, tables, figures, "
        "and the verdicts on its claims. Tables and page can be made again from the crate alone."
    )
    root["datePublished"] = trainings.iso(_ended(runs) or 0)[:10]
    root["conformsTo"] = [
        named(crate, profile, "CreativeWork", name=name, version=profile.rpartition("/")[2]) for profile, name in PROFILES.items()
    ]
    root["mentions"] = list(actions)
