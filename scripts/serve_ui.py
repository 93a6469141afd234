#!/usr/bin/env python
"""Serve the MLflow user interface on the runs of a configuration, on 127.0.0.1, until it is interrupted."""

import stage

import os
import sys
from dataclasses import asdict

from convnets import files
from convnets.errors import InputError
from convnets.study import configfiles, configuration
from convnets.tracking.connection import connect
from convnets.tracking.interface import runs_page
from convnets.workflow import command


def main() -> None:
    """Find the tracking store through the configuration and hand over to MLflow's server."""
    parser = command.study_parser(__doc__)
    parser.add_argument("--port", type=int, default=5000, help="default: %(default)s")
    arguments = parser.parse_args()
    config = configuration.resolve(configfiles.read_study(arguments.configfiles))
    config.require_own_runs()
    store, published = config.store, config.layout.published
    if store.database and not store.database.is_file():
        raise InputError(f"there are no runs under {config.results} yet; start them with make run")
    connection = connect(store, create=False)
    root = store.uri if store.is_server else f"http://127.0.0.1:{arguments.port}"
    print(f"All runs: {root}/{runs_page(connection.experiment)}")
    addresses = files.read_json(published) if published.is_file() else {}
    if addresses.get("store") == asdict(store):  # not addresses in a former store
        for comparison, page in addresses["curves"].items():
            print(f"{comparison}, learning curves: {root}/{page}")
            print(f"{comparison}, side by side: {root}/{addresses['compare'][comparison]}")
    if not store.is_server:
        sys.stdout.flush()
        server = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri, "--host", "127.0.0.1"]
        os.execv(sys.executable, [*server, "--port", str(arguments.port)])  # noqa: S606


if __name__ == "__main__":
    command.run(main)
