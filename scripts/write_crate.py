#!/usr/bin/env python
"""Write the crate from finished runs: an RO-Crate of code, configuration, runs, tables, figures and page.

It trains nothing, and stops if any run is missing or stale. Tables, figures and page are made in the crate, from nothing else, and
the tables have to be those of the study.
"""

import stage

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from convnets.crate import content, metadata
from convnets.errors import InputError
from convnets.study import configfiles
from convnets.workflow import command, planning, version_control


def main() -> None:
    """Bring the study up to date, write the crate beside its place, and put it there when it is complete."""
    parser = command.study_parser(__doc__, cores_for="for tables and figures")
    parser.add_argument("--agent", help="the name of the person who ran the workflow, for the crate; nobody, if not given")
    arguments = parser.parse_args()
    study = planning.load_finished(arguments.configfiles, arguments.cores, "the crate").study
    crate = study.results / "crate"
    partial = crate.with_name(".crate.partial")
    shutil.rmtree(partial, ignore_errors=True)
    content.write(configfiles.read_study(arguments.configfiles), study, partial)
    make_again(partial, arguments.cores)
    adopt(partial, study.results / "tables")
    origin = metadata.Origin(version("snakemake"), version_control.commit(), arguments.agent)
    metadata.write(partial, study, origin)
    former = crate.with_name(".crate.former")
    shutil.rmtree(former, ignore_errors=True)
    if crate.exists():
        crate.rename(former)
    partial.rename(crate)
    shutil.rmtree(former, ignore_errors=True)
    print(f"{crate} ({sum(path.stat().st_size for path in crate.rglob('*') if path.is_file()) / 1e6:.1f} MB)")


def make_again(crate: Path, cores: int) -> None:
    """Make tables, figures and page in a crate, from the crate alone."""
    page = f"{content.AGAIN}/report/overview.html"
    making = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all", "--", page]
    done = subprocess.run(making, cwd=crate, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"the tables cannot be made from {crate} alone:\n{done.stderr}")


def adopt(crate: Path, tables: Path) -> None:
    """Move what was made in a crate to its results; an `InputError` if a table is not one of those in the folder `tables`."""
    again = crate / content.AGAIN
    for table in sorted((again / "tables").iterdir()):
        if table.read_bytes() != (tables / table.name).read_bytes():
            raise InputError(f"{tables / table.name} is not the table that the runs give; remove it, and make run")
    for name in ("tables", "figures", "report"):
        if (again / name).is_dir():  # a study without comparisons has no figures
            (again / name).rename(crate / content.RESULTS / name)
    shutil.rmtree(again)
    shutil.rmtree(crate / ".snakemake")


if __name__ == "__main__":
    command.run(main)
