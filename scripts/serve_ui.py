#!/usr/bin/env python
"""Serve the MLflow user interface on the runs of a configuration, on 127.0.0.1, until it is interrupted."""

import os
import sys
from pathlib import Path

from convnets import command, configuration, files, tracking
from convnets.errors import InputError


def main() -> None:
    """Find the tracking store through the configuration and hand over to MLflow's server."""
    parser = command.parser(__doc__)
    command.add_configuration_options(parser)
    parser.add_argument("--port", type=int, default=5000, help="default: %(default)s")
    arguments = parser.parse_args()
    config = configuration.read(arguments.configfiles)
    folder = Path(config["pathvars"]["results"]) / "tracking"
    if not (folder / "plan.json").is_file():
        raise InputError(f"there are no runs under {folder.parent} yet; start them with make run")
    store = tracking.Plan.read(folder / "plan.json").store
    remote = store.uri.startswith(("http://", "https://"))
    root = store.uri if remote else f"http://127.0.0.1:{arguments.port}"
    print(f"The runs in MLflow's user interface: {root}/{tracking.runs_page(store.connect())}")
    if (folder / "published.json").is_file():
        print("Side by side:")
        for comparison, page in files.read_json(folder / "published.json")["compare_pages"].items():
            print(f"  {comparison}: {root}/{page}")
    if not remote:
        sys.stdout.flush()
        server = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri, "--host", "127.0.0.1"]
        os.execv(sys.executable, [*server, "--port", str(arguments.port)])  # noqa: S606


if __name__ == "__main__":
    command.run(main)
