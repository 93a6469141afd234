"""Measure what tracking costs a training: the same one without it, followed into an SQLite store, and into a server that is away.

Takes the variant whose epochs are the shortest, so that tracking has the most to do. Every round trains each side once, in
alternating order; ratios of the epochs' seconds are formed within a round. Needs a prepared data set, and
`scripts` on the PYTHONPATH.
"""

import argparse
import shutil
import tempfile
import time
import uuid
from pathlib import Path

from compare_training import ROOT, report, rounds

from convnets import backend, configuration, dataset, following, tracking, training
from convnets.checkpoints import State
from convnets.delivery import Identity
from convnets.settings import Settings
from convnets.stores import Membership, Store


def followed(settings: Settings, data: dataset.Dataset, store: Store | None) -> float:
    """Train and return the seconds of the epochs after the first, which warms up."""
    if store is None:
        result = training.train(settings, 1, data, lambda _: None)
    else:
        identity = Identity("benchmark", 1, "f" * 64, uuid.uuid4().hex, time.time())
        follower = following.Follower(store, identity, Membership("label", {}), settings.flat())

        def observe(state: State) -> None:
            follower.tell(state.history, state.usage)

        with following.followed(follower):
            result = training.train(settings, 1, data, observe)
    return sum(epoch.seconds for epoch in result.history[1:])


def main() -> None:
    """Measure, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, default=ROOT / "results" / "data" / "cifar10.npz", help="default: %(default)s")
    parser.add_argument("--variant", default="mlp100", help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=11, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    arguments = parser.parse_args()
    backend.configure(1)
    config = configuration.read([ROOT / "config.yaml"])
    config["variants"][arguments.variant]["epochs"] = arguments.epochs
    settings = configuration.resolve(config).variants[arguments.variant]
    data = dataset.load(arguments.dataset)
    folder = Path(tempfile.mkdtemp())
    try:
        sqlite = Store(f"sqlite:///{folder}/mlflow.db", "benchmark")
        tracking.create_store(sqlite, folder / "artifacts")
        stores = {"none": None, "sqlite": sqlite, "away": Store("http://127.0.0.1:9", "benchmark")}
        sides = {name: lambda store=store: followed(settings, data, store) for name, store in stores.items()}
        measured = rounds(arguments.rounds, sides)
    finally:
        shutil.rmtree(folder)
    for name in ("sqlite", "away"):
        report(f"seconds of the epochs, tracked ({name}) over untracked", [row[name] / row["none"] for row in measured])


if __name__ == "__main__":
    main()
