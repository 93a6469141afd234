#!/usr/bin/env python
"""Remove the results that the configuration no longer asks for, and retire their runs in MLflow.

A retired run is tagged with the reason and moved to MLflow's bin, where it can be restored. Lists what it will do and asks first.
"""

import os
import shutil
import sys

from convnets import command, configuration, tracking
from convnets.errors import InputError
from convnets.steps import Steps


def main() -> None:
    """Find what has left the configuration, ask, retire and remove it."""
    parser = command.parser(__doc__)
    command.add_configuration_options(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    steps = Steps(configuration.resolve(configuration.read(arguments.configfiles)))
    left = steps.left()
    if not left:
        print("nothing has left the configuration")
        return
    print("no longer in the configuration:")
    for path in left:
        print(f"  {os.path.relpath(path)}")
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise InputError("nothing was removed; say --yes (make retire YES=1) to remove these and retire their tracked runs")
        if input("remove them and retire their tracked runs? [y/N] ").strip().lower() != "y":
            return
    plan = steps.results / "tracking" / "plan.json"
    store = tracking.Plan.read(plan).store if plan.is_file() else None
    for path in left:
        if path.is_file():
            path.unlink()
            continue
        variant, seed = path.parts[-2:] if path.parent.parent.name == "runs" else path.name.rsplit("-", 1)
        tracking.close_abandoned(path)
        if store:
            tracking.retire(store, variant, seed.removeprefix("seed"), "it left the configuration")
        shutil.rmtree(path)
        if path.parent.name == variant and not any(path.parent.iterdir()):
            path.parent.rmdir()


if __name__ == "__main__":
    command.run(main)
