"""`make ui`: MLflow's real server, and a browser that is asked to open the runs. Slow: half a minute."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import requests
from servers import free_port
from waiting import SECONDS, wait_until
from workflow import ROOT

from convnets.study.stores import Store
from convnets.tracking import interface as pages
from convnets.tracking.connection import connect


def test_a_browser_opens_on_the_runs_once_they_are_served(template: Path, tmp_path: Path) -> None:
    """The browser is a script that notes what it is to open, as BROWSER may name one. Ctrl-C ends the server."""
    store, port, noted = Store(f"sqlite:///{template}/mlflow.db", "tests"), free_port(), tmp_path / "opened"
    (tmp_path / "overlay.yaml").write_text(json.dumps({"tracking": {"uri": store.uri, "experiment": store.experiment}}))
    (tmp_path / "browser").write_text(f'#!/bin/sh\necho "$1" > {noted}.part; mv {noted}.part {noted}\n')
    (tmp_path / "browser").chmod(0o755)
    command = [sys.executable, ROOT / "scripts" / "serve_ui.py", f"--port={port}", ROOT / "config.yaml", tmp_path / "overlay.yaml"]
    environment = {**os.environ, "BROWSER": f"{tmp_path}/browser"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, process_group=0) as serving:
        try:
            wait_until(noted.is_file, "the browser is asked to open a page", process=serving)
            assert requests.get(f"http://127.0.0.1:{port}/health", timeout=SECONDS).status_code == 200
        finally:
            os.killpg(serving.pid, signal.SIGINT)
        printed = serving.communicate(timeout=SECONDS)[0]
    page = noted.read_text().strip()
    assert page == f"http://127.0.0.1:{port}/{pages.runs_page(connect(store).experiment)}"
    assert printed.startswith(f"All runs: {page}\n")
