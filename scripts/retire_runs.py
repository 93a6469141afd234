#!/usr/bin/env python
"""Remove the results that the configuration no longer asks for, and retire their runs in MLflow.

A retired run is tagged with the reason and moved to MLflow's bin, from which it can be restored. The command lists what it will do
and asks first.
"""

import stage

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from convnets.errors import InputError
from convnets.runs import unfinished
from convnets.runs.layout import run_of
from convnets.tracking.connection import AbsentError, bin_run, close_abandoned, connect, reached
from convnets.workflow import command, leftovers, planning
from convnets.workflow.steps import Steps


def main() -> None:
    """Find what has left the configuration, ask, retire and remove it."""
    parser = command.study_parser(__doc__)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    steps = planning.load(arguments.configfiles)
    if not (left := leftovers.left(steps)):
        print("nothing has left the configuration")
        return
    print("no longer in the configuration:", *map(os.path.relpath, left), sep="\n  ")
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise InputError("nothing was removed; say --yes (make retire YES=1) to remove these and retire their tracked runs")
        if input("remove them and retire their tracked runs? [y/N] ").strip().lower() != "y":
            return
    _retire(steps, [path for path in left if path.is_dir()])
    for path in left:
        if path.is_file():
            path.unlink()
        elif path.parent == steps.study.layout.trainings:
            unfinished.remove(path)
        else:
            shutil.rmtree(path)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()


def _retire(steps: Steps, folders: Sequence[Path]) -> None:
    """Retire the tracked runs of these folders, finished or not. An error ends the command before any file is removed."""
    store, trainings = steps.study.store, steps.study.layout.trainings
    close_abandoned(store, trainings)
    begun = {path: run for run, path in unfinished.folders(trainings).items()}
    if not folders:
        return
    try:
        connection = connect(store, create=False)
    except AbsentError as error:
        print(f"no tracked run is retired: {error}")
        return
    with reached(store):
        for path in folders:
            variant, seed = begun.get(path) or run_of(path)
            for run in list(connection.runs(variant=variant, seed=seed)):
                bin_run(connection, run, retired_because="it left the configuration")


if __name__ == "__main__":
    command.run(main)
