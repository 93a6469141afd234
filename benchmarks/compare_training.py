"""Measure the training against its two yardsticks, in turn on the same machine, and print the ratios with their spread.

- `throughput`: images a second of the plain Keras script on all cores, and of one training process of one thread per core; of
  epochs with their validation, but for the first, so that neither side's start-up or model logging counts.
- `step`: the share of the cores' measured matrix-product peak that training steps reach, by the operations they need.
- `workflow`: wall time of `snakemake` over all variants, in float32 and with `precision: auto`, and of the plain script over them
  one after the other, all epochs scaled.

Every round measures each side once, in alternating order; ratios are formed within a round, so that a machine whose speed
drifts does not bias them. Needs a prepared data set: `make run CONFIGFILE=...` once, or the path of one.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
EPOCHS, MLP_EPOCHS = 29, 49  # of config.yaml and of plain_keras.py
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plain(dataset: Path, variants: Sequence[str], scale: float) -> list[dict[str, float]]:
    """Run the plain script and return what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "benchmarks/plain_keras.py", "--dataset", dataset, "--folder", folder]
        command += ["--variants", *variants, "--scale", str(scale)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def side_by_side(mode: str, dataset: Path, variant: str, precision: str, amount: int) -> list[float]:
    """Run one process of `measure_training.py` per core at once and return what each printed."""
    command = [sys.executable, "benchmarks/measure_training.py", mode, "--dataset", str(dataset)]
    command += ["--variant", variant, "--precision", precision, "--amount", str(amount)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) for _ in range(CORES)]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit(f"failed: {' '.join(command)}")
    return [float(output) for output in outputs]


def workflow(folder: Path, scale: float, precision: str) -> float:
    """Run the whole workflow in a folder of its own with the epochs scaled, and return its wall time.

    The data set is prepared before, as it is for the plain script.
    """
    overlay = folder / "overlay.yaml"
    epochs = {
        "training": {"epochs": max(1, round(EPOCHS * scale)), "precision": precision},
        "variants": {"mlp100": {"epochs": max(1, round(MLP_EPOCHS * scale))}},
    }
    places = {name: str(folder / name) for name in ("results", "logs", "benchmarks")}
    overlay.write_text(json.dumps({"pathvars": places, **epochs}))
    command = [sys.executable, "-m", "snakemake", "--cores", str(CORES), "--configfile", str(overlay), "--quiet", "all"]

    def run(*targets: str) -> float:
        started = time.monotonic()
        subprocess.run([*command, "--", *targets], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - started

    run(f"{folder}/results/data/manifest.json")
    return run()


def rounds(count: int, sides: dict[str, Callable[[], float]]) -> list[dict[str, float]]:
    """Measure every side `count` times, each round in the opposite order of the one before."""
    measured = []
    for number in range(count):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        measured.append({name: sides[name]() for name in order})
        print(f"  round {number + 1}: " + ", ".join(f"{name} {measured[-1][name]:,.1f}" for name in sides), flush=True)
    return measured


def report(name: str, ratios: Sequence[float]) -> None:
    """Print the median and the range of some ratios."""
    print(f"{name}: median {statistics.median(ratios):.3f}, range {min(ratios):.3f} to {max(ratios):.3f}, n = {len(ratios)}")


def measure_throughput(arguments: argparse.Namespace) -> None:
    """Compare images a second."""
    epochs = 3  # beside the first

    def of_plain() -> float:
        return plain(arguments.dataset, [arguments.variant], (1 + epochs) / EPOCHS)[0]["images_per_second"]

    def ours(precision: str) -> float:
        return sum(side_by_side("throughput", arguments.dataset, arguments.variant, precision, epochs))

    sides = {"plain": of_plain, "float32": lambda: ours("float32"), "bfloat16": lambda: ours("mixed_bfloat16")}
    measured = rounds(arguments.rounds, sides)
    for precision in ("float32", "bfloat16"):
        report(f"throughput, {precision} over plain float32", [row[precision] / row["plain"] for row in measured])


def measure_step(arguments: argparse.Namespace) -> None:
    """Compare training steps with matrix products, in GFLOP/s."""
    for precision in ("float32", "mixed_bfloat16"):
        sides = {
            name: lambda name=name, precision=precision: (
                sum(side_by_side(name, arguments.dataset, arguments.variant, precision, arguments.steps)) / 1e9
            )
            for name in ("peak", "step")
        }
        measured = rounds(arguments.rounds, sides)
        report(f"step, share of the {precision} peak", [row["step"] / row["peak"] for row in measured])


def measure_workflow(arguments: argparse.Namespace) -> None:
    """Compare wall times over all variants."""
    names = ["conv1_dropout05", "conv2_dropout00", "conv2_dropout05", "conv3_dropout05", "mlp100", "conv3_1x1"]
    names += ["conv3_augment", "conv3_textbook"]

    def of_plain() -> float:
        started = time.monotonic()
        plain(arguments.dataset, names, arguments.scale)
        return time.monotonic() - started

    def ours(precision: str) -> float:
        folder = Path(tempfile.mkdtemp())
        try:
            return workflow(folder, arguments.scale, precision)
        finally:
            shutil.rmtree(folder)

    sides = {"plain": of_plain, "float32": lambda: ours("float32"), "auto": lambda: ours("auto")}
    measured = rounds(arguments.rounds, sides)
    for precision in ("float32", "auto"):
        report(f"wall time, workflow in {precision} over plain", [row[precision] / row["plain"] for row in measured])


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    measures = {"throughput": measure_throughput, "step": measure_step, "workflow": measure_workflow}
    parser.add_argument("measure", choices=list(measures))
    parser.add_argument("--dataset", type=Path, default=ROOT / "results" / "data" / "dataset.npz", help="default: %(default)s")
    parser.add_argument("--variant", default="conv3_dropout05", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=400, help="of each process, for `step` (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=0.2, help="of the protocol's epochs, for `workflow` (default: %(default)s)")
    arguments = parser.parse_args()
    arguments.dataset = arguments.dataset.resolve()
    if not arguments.dataset.is_file():
        parser.error(f"{arguments.dataset} does not exist; to make one: .venv/bin/snakemake --cores 2 results/data/dataset.npz")
    measures[arguments.measure](arguments)


if __name__ == "__main__":
    main()
