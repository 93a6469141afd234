"""Where a study lies and where its files go: paths as a configuration gives them, and the name of a study."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from convnets.settings.section import Section, Text

STUDY = "config.yaml"  # the file of the study where none is given


def _expanded(path: str) -> str:
    """Return a path with `~` and variables as a shell expands them."""
    found = os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111  (a name that is no path stays as it is)
    if "$" in found or found.startswith("~"):
        raise ValueError(f"it should be a path; what {found} names is not set here")
    return found


def _literal(path: str) -> str:
    if "$" in path or path.startswith("~"):
        raise ValueError("it should be the whole path; Snakemake expands neither ~ nor variables here")
    return path


def _without_names(path: str) -> str:
    if found := set("{}<>") & set(path):
        raise ValueError(f"it should be a path without {' and '.join(sorted(found))}, in which Snakemake expects a name")
    return path


GivenPath = Annotated[Text, AfterValidator(_expanded)]
GivenFolder = Annotated[GivenPath, AfterValidator(_without_names)]
Folder = Annotated[Text, AfterValidator(_literal), AfterValidator(_without_names)]


class Pathvars(Section):
    """Folders that rules write to, as Snakemake's pathvars."""

    results: Folder = Field("results", description="folder of data, runs, figures, tables and the default tracking store")
    logs: Folder = Field("logs", description="folder of each job's log")
    benchmarks: Folder = Field("benchmarks", description="folder of each training's time and memory")
    resources: Folder = Field("resources", description="folder of the downloaded data set")


def frozen_of(study: str) -> Path:
    """Return the file beside a study that holds its claims as they were frozen, to be committed with it."""
    return Path(os.path.relpath(study)).with_suffix(".frozen.json")


def name_of(study: str) -> str:
    """Return the name of a study by its file: empty for `config.yaml`, the folder's for a `study.yaml`, else the file's."""
    path = Path(study).absolute()
    if path == Path(STUDY).absolute():
        return ""
    return path.parent.name if path.stem == "study" else path.stem
