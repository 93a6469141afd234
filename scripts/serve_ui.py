#!/usr/bin/env python
"""Open the MLflow user interface on a study's runs, served on 127.0.0.1 until it is interrupted, unless the store is a server.

A browser opens on the list of runs if there is one: on a desktop, or where BROWSER names it.
"""

import stage

import os
import socket
import subprocess
import sys
import time
import webbrowser
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import urllib3

from convnets import files
from convnets.errors import InputError
from convnets.study import configfiles, configuration
from convnets.tracking.connection import connect
from convnets.tracking.interface import runs_page
from convnets.workflow import command

HOST = "127.0.0.1"
INTERRUPTED = 130
PATIENCE_S = 60  # with a worker of the server that does not answer; by default it is killed after 5 s, as on a busy machine
DESKTOP = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")  # variables, one of which is set where a browser can open


def main() -> None:
    """Find the tracking store through the configuration, print the addresses, serve them and open a browser."""
    parser = command.study_parser(__doc__)
    parser.add_argument("--port", type=int, default=5000, help="default: %(default)s")
    arguments = parser.parse_args()
    config = configuration.resolve(configfiles.read_study(arguments.configfiles))
    config.require_own_runs()
    store, published = config.store, config.layout.published
    if store.database and not store.database.is_file():
        raise InputError(f"there are no runs under {config.results} yet; start them with make run")
    connection = connect(store, create=False)
    root = store.uri if store.is_server else f"http://{HOST}:{arguments.port}"
    runs = f"{root}/{runs_page(connection.experiment)}"
    print(f"All runs: {runs}")
    addresses = files.read_json(published) if published.is_file() else {}
    if addresses.get("store") == asdict(store):  # not addresses in a former store
        for comparison, page in addresses["curves"].items():
            print(f"{comparison}, learning curves: {root}/{page}")
            print(f"{comparison}, side by side: {root}/{addresses['compare'][comparison]}")
    if store.is_server:
        _open(runs)
    else:
        _serve(store.uri, arguments.port, runs, Path(config.folders["logs"]) / "serve_ui.log")


def _serve(uri: str, port: int, page: str, log: Path) -> None:
    """Serve the interface and open a page of it once it answers. What MLflow prints goes to a log.

    An InputError says that another program uses the port, or that the server has ended.
    """
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise InputError(f"port {port} of {HOST} is in use; name another, as make ui PORT={port + 1} does")
    server = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", HOST, "--port", str(port)]
    server += ["--uvicorn-opts", f"--timeout-worker-healthcheck {PATIENCE_S}"]
    print("MLflow is starting ...", flush=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    # In a session of its own, so that Ctrl-C ends this process alone, which ends the server in good order.
    with log.open("w") as output, subprocess.Popen(server, stdout=output, stderr=output, start_new_session=True) as process:
        try:
            while not (is_up := _answers(port)) and process.poll() is None:
                time.sleep(0.2)
            if is_up:
                print(f"MLflow answers at http://{HOST}:{port}; Ctrl-C ends it", flush=True)
                _open(page)
            process.wait()
        except SystemExit as stop:
            print("MLflow is ending, which takes some seconds", flush=True)
            process.terminate()
            if stop.code != INTERRUPTED:
                raise
            return
    raise InputError(f"MLflow has ended; {log} says why")


def _answers(port: int) -> bool:
    with suppress(urllib3.exceptions.HTTPError):
        return urllib3.request("GET", f"http://{HOST}:{port}/health", timeout=2, retries=False).status == 200
    return False


def _open(page: str) -> None:
    """Open a page in the browser, if there is one."""
    if sys.platform == "darwin" or any(map(os.environ.get, DESKTOP)):
        webbrowser.open(page)


if __name__ == "__main__":
    command.run(main)
