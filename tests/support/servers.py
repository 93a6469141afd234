"""The real parts that slow tests of tracking need: a PostgreSQL cluster, an MLflow server, a faulty proxy, a browser.

Each is private to its test, on free ports of 127.0.0.1. Where a part cannot be had, the test is skipped and says so.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psycopg2
import pytest
from waiting import SECONDS

DRAWN: set[int] = set()  # the ports of this process's servers


def free_port() -> int:
    """Return a port that nobody listens on, below those that outgoing connections take, so that it is still free in a while.

    Each process that tests draws from other ones, so that none takes the port of a server of another that is being restarted.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 10_000 + 5_500 * (worker % 4)
    while True:
        port = random.randrange(first, first + 5_500)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in DRAWN:
                DRAWN.add(port)
                return port


def wait_until_up(port: int, path: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        assert process.poll() is None, f"the server on port {port} has ended"
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        assert time.monotonic() < deadline, f"the server on port {port} does not answer"
        time.sleep(0.2)


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL cluster with an empty database; yield its address. PostgreSQL refuses to run as root."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or not (programs[-1] / "initdb").is_file():
        pytest.skip("NOT TESTED: a store in PostgreSQL, since Debian's package postgresql is not installed")
    prefix: list[str] = []
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    if os.geteuid() == 0:
        prefix = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    data, port = folder / "data", free_port()

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(programs[-1] / program), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run("initdb", "--pgdata", str(data), "--username", "mlflow", "--auth", "trust", "--no-sync", "--encoding", "UTF8")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    patience = ["--wait", "--timeout", str(int(SECONDS))]
    run("pg_ctl", "start", "--pgdata", str(data), *patience, "--log", str(folder / "log"), "--options", options)
    try:
        run("createdb", "--host", "127.0.0.1", "--port", str(port), "--username", "mlflow", "mlflow")
        yield f"postgresql://mlflow@127.0.0.1:{port}/mlflow"
    finally:
        run("pg_ctl", "stop", "--pgdata", str(data), "--mode", "immediate", *patience)
        shutil.rmtree(folder)


class MlflowServer:
    """An `mlflow server` that passes artifacts on, in a process group of its own."""

    def __init__(self, folder: Path, backend: str, *options: str, **environment: str) -> None:
        folder.mkdir(exist_ok=True)
        self.port, self.folder, self.backend = free_port(), folder, backend
        self.options, self.environment = options, environment
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "2"]
        command += ["--backend-store-uri", self.backend, "--artifacts-destination", str(self.folder / "artifacts")]
        # As docs/tracking.md has it. The Host header names the proxy's port when a request came through one.
        command += ["--serve-artifacts", "--allowed-hosts", "127.0.0.1:*,localhost:*", "--cors-allowed-origins", self.uri]
        # One that a busy machine keeps from answering within 5 s would be killed, and what it was asked lost.
        command += ["--uvicorn-opts", "--timeout-worker-healthcheck 600", *self.options]
        # What tests set for clients is not the server's, nor does it behave as MLflow does within pytest. It needs no jobs, which
        # are eight processes more.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "PYTEST"))}
        environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **self.environment}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_until_up(self.port, "/health", self.process)

    def lose_everything(self) -> None:
        """Lose the database and the artifacts, and start again on an empty database of the same name."""
        self.kill()
        with closing(psycopg2.connect(f"{self.backend.removesuffix('/mlflow')}/postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("DROP DATABASE mlflow WITH (FORCE)")
                cursor.execute("CREATE DATABASE mlflow")
        shutil.rmtree(self.folder / "artifacts")
        self.start()

    def everything(self) -> str:
        """Return what all tables of the database in PostgreSQL hold, as text."""
        with closing(psycopg2.connect(self.backend)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            rows = []
            for (table,) in cursor.fetchall():
                cursor.execute(f'SELECT t::text FROM "{table}" t')
                rows += cursor.fetchall()
        return "\n".join(text for (text,) in rows)

    def kill(self) -> None:
        """End the server and its workers at once, as a crash would."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def mlflow_server(folder: Path, backend: str, *options: str, **environment: str) -> Iterator[MlflowServer]:
    server = MlflowServer(folder, backend, *options, **environment)
    try:
        yield server
    finally:
        server.kill()
