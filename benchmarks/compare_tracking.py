"""Measure what tracking costs trainings: whole `train_variant.py` processes, one per core at once, by the store that they have.

- `untracked`: an SQLite store that is gone, so that each attempt is refused at once;
- `sqlite`: an SQLite store that all of them write to;
- `server`: an `mlflow server` on PostgreSQL, on this machine, whose work counts;
- `hanging`: a server that takes connections and never answers.

Takes the variant whose epochs are the shortest, so that tracking has the most to do. Every round trains with each store once, in
alternating order; ratios are formed within a round: of wall time, from the start of the processes to the end of the last, and of
the epochs' seconds by themselves. Needs a prepared data set, and PostgreSQL.
"""

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from compare_training import CORES, ROOT, report, rounds

sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests"), str(ROOT / "tests" / "support")]

from convnets import files
from convnets.freshness import fingerprint
from convnets.runs import reading
from convnets.runs.layout import HISTORY, Layout
from convnets.settings import Settings
from convnets.study import configfiles, configuration
from convnets.study.stores import Membership, Plan, Store
from convnets.tracking.connection import create_store

UNTRACKED = "untracked"


def train(settings: Settings, variant: str, dataset: Path, store: Store) -> tuple[float, float]:
    """Train once per core, at once; return the wall time and the mean seconds of the epochs of a training."""
    from training_jobs import write_job

    folder = Path(tempfile.mkdtemp())
    inputs = {"dataset": dataset, "manifest": dataset.parent / "manifest.json", "plan": folder / "plan.json"}
    split = fingerprint.of_manifest(files.read_json(inputs["manifest"]))
    runs = partial(Layout(folder / "results").run, variant)
    Plan(store, False, {variant: Membership(variant, {})}).write(inputs["plan"])
    try:
        started = time.monotonic()
        processes = []
        for seed in range(1, CORES + 1):
            job = folder / f"job{seed}.json"
            write_job(job, runs(seed), settings, split, inputs)
            command = [sys.executable, ROOT / "scripts" / "train_variant.py", job]
            with (folder / f"log{seed}").open("w") as log:
                processes.append(subprocess.Popen(list(map(str, command)), stdout=log, stderr=log))
        statuses = [process.wait() for process in processes]
        if any(statuses):
            raise SystemExit((folder / "log1").read_text())
        seconds = time.monotonic() - started
        histories = [reading.read_history(runs(seed) / HISTORY) for seed in range(1, CORES + 1)]
        return seconds, sum(epoch.seconds for history in histories for epoch in history) / CORES
    finally:
        shutil.rmtree(folder)


def addresses(folder: Path, stack: ExitStack) -> dict[str, str]:
    """Start what the stores need, until the stack is closed, and return their addresses."""
    from servers import mlflow_server, postgres

    silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
    server = stack.enter_context(mlflow_server(folder / "server", stack.enter_context(postgres())))
    return {
        UNTRACKED: f"sqlite:///{folder}/gone.db",
        "sqlite": f"sqlite:///{folder}/mlflow.db",
        "server": server.uri,
        "hanging": f"http://127.0.0.1:{silent.getsockname()[1]}",
    }


def main() -> None:
    """Measure, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, default=ROOT / "results" / "data" / "dataset.npz", help="default: %(default)s")
    parser.add_argument("--variant", default="mlp100", help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=50, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    arguments = parser.parse_args()
    config = configfiles.read([ROOT / "config.yaml"])
    config["variants"][arguments.variant]["epochs"] = arguments.epochs
    settings = configuration.resolve(config).variants[arguments.variant]
    epochs: dict[str, list[float]] = defaultdict(list)
    folder = Path(tempfile.mkdtemp())

    def measure(name: str, uri: str) -> float:
        store = Store(uri, uuid.uuid4().hex)  # an experiment of its own, so that nothing is superseded
        if name in ("sqlite", "server"):
            create_store(store, folder / "artifacts" if name == "sqlite" else None)
        seconds, of_epochs = train(settings, arguments.variant, arguments.dataset.resolve(), store)
        epochs[name].append(of_epochs)
        return seconds

    try:
        with ExitStack() as stack:
            stores = addresses(folder, stack)
            sides = {name: lambda name=name, uri=uri: measure(name, uri) for name, uri in stores.items()}
            measured = rounds(arguments.rounds, sides)
    finally:
        shutil.rmtree(folder)
    for name in stores:
        if name != UNTRACKED:
            report(f"seconds of wall time, {name} less {UNTRACKED}", [row[name] - row[UNTRACKED] for row in measured])
            report(f"wall time, {name} over {UNTRACKED}", [row[name] / row[UNTRACKED] for row in measured])
            ratios = [one / other for one, other in zip(epochs[name], epochs[UNTRACKED], strict=True)]
            report(f"seconds of the epochs, {name} over {UNTRACKED}", ratios)


if __name__ == "__main__":
    main()
