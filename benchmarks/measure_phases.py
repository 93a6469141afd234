"""Say where the time of one training goes: runs the real script on the real data for a few epochs and times what it calls.

Prints a table of seconds, and the peak memory of the process. What a phase calls in another counts for the inner one only.
"""

import argparse
import functools
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "support")]
STARTED = time.perf_counter()

seconds: dict[str, float] = defaultdict(float)
_running: list[list[Any]] = []


def timed(phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its time added to a phase, less that of phases within."""

    @functools.wraps(function)
    def wrapper(*args: object, **kwargs: object) -> Any:  # noqa: ANN401
        entry = [phase, 0.0]
        _running.append(entry)
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            took = time.perf_counter() - started
            _running.pop()
            seconds[phase] += took - entry[1]
            if _running:
                _running[-1][1] += took

    return wrapper


def main() -> None:
    """Train, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="holds the prepared data set (default: %(default)s)")
    parser.add_argument("--variant", default="conv3_dropout05", help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=3, help="default: %(default)s")
    arguments = parser.parse_args()

    from training_jobs import write_job

    import train_variant
    from convnets import files
    from convnets.data import dataset
    from convnets.freshness import fingerprint
    from convnets.networks import builders as networks
    from convnets.runs.layout import Layout
    from convnets.study import configfiles, configuration
    from convnets.study.stores import Membership, Plan, Store
    from convnets.tracking import following, logged_models, presentation
    from convnets.tracking.connection import create_store
    from convnets.training import checkpoints
    from convnets.training import loop as training
    from convnets.workflow import one_run

    seconds["imports"] = time.perf_counter() - STARTED
    for phase, module, names in (
        ("data set: read and checked", dataset, ("load", "check")),
        ("network and optimizer", networks, ("build",)),
        ("training steps", training, ("_run_epoch",)),
        ("checkpoints", checkpoints, ("write", "read")),
        ("tracking: waiting for the follower", following.Follower, ("tell", "stop")),
        ("tracking: model", logged_models, ("log",)),
        ("tracking: figures and card", presentation, ("present",)),
        ("tracking: all else of the delivery", one_run, ("deliver",)),
        ("fingerprint and stamp", fingerprint, ("run_components",)),
    ):
        for name in names:
            setattr(module, name, timed(phase, getattr(module, name)))
    evaluation = training.evaluation_function
    training.evaluation_function = lambda *args: timed("validation and test", evaluation(*args))

    config = configfiles.read([ROOT / "config.yaml"])
    config["variants"][arguments.variant]["epochs"] = arguments.epochs
    resolved = configuration.resolve(config)
    settings = resolved.variants[arguments.variant]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(f"sqlite:///{folder}/mlflow.db", "benchmark")
        create_store(store, folder / "artifacts")
        Plan(store, False, {arguments.variant: Membership("label", {})}).write(folder / "plan.json")
        data, run = arguments.results / "data", Layout(folder / "results").run(arguments.variant, 1)
        inputs = {"dataset": data / "dataset.npz", "manifest": data / "manifest.json", "plan": folder / "plan.json"}
        split = fingerprint.of_manifest(files.read_json(inputs["manifest"]))
        write_job(folder / "job.json", run, settings, split, inputs)
        sys.argv = ["train_variant.py", str(folder / "job.json")]
        timed("all else", train_variant.main)()
        rate = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["images_per_second"]
    total = sum(seconds.values())
    for phase, took in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"{phase:34s} {took:8.2f} s {took / total:7.1%}")
    print(f"{'total':34s} {total:8.2f} s; {rate:,.0f} images/s with validation")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
