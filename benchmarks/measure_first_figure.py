"""Measure the time from a clone to the first figure with trained curves, in the smoke configuration, and say where it goes.

Works in a fresh clone of the committed project, which is removed at the end. Packages come from the caches of uv and pip if these
are warm (two clones in a row make them so); the data set is downloaded, unless --batches names a folder that holds it.
"""

import argparse
import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path("results/smoke")
POLL_S = 0.1


def main() -> None:
    """Time each phase by the files that end it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--cores", default="2", help="default: %(default)s")
    parser.add_argument("--batches", type=Path, help="a folder with the six batches of CIFAR-10, to leave the download out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        clone, marks = Path(scratch) / "clone", [("", time.monotonic())]
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        marks.append(("clone", time.monotonic()))
        if arguments.batches:
            (clone / "resources").mkdir()
            shutil.copytree(arguments.batches, clone / "resources" / "cifar10")
            marks[-1] = ("clone", time.monotonic())
        subprocess.run(["make", "setup"], cwd=clone, check=True, stdout=sys.stderr)
        marks.append(("environment", time.monotonic()))
        run = ["make", "run", f"CORES={arguments.cores}", "CONFIGFILE=config.smoke.yaml"]
        with subprocess.Popen(run, cwd=clone, stdout=sys.stderr) as process:
            try:
                for phase, is_over in _phases(clone).items():
                    while not is_over():
                        if process.poll():
                            sys.exit(f"make run has failed during {phase}")
                        time.sleep(POLL_S)
                    marks.append((phase, time.monotonic()))
            finally:
                process.wait()
        marks.append(("all else", time.monotonic()))
    for (_, began), (phase, ended) in itertools.pairwise(marks):
        print(f"{phase:<24}{ended - began:7.1f} s, in all {ended - marks[0][1]:7.1f} s")


def _phases(clone: Path) -> dict[str, Callable[[], bool]]:
    """Return, by phase, whether it is over."""

    def a_figure() -> bool:
        return any(figure.stem != "vgg16" for figure in (clone / RESULTS / "figures").glob("*.svg"))

    return {
        "download": (clone / "resources" / "cifar10" / "source.json").is_file,
        "preparation": (clone / RESULTS / "data" / "dataset.npz").is_file,
        "training": lambda: any((clone / RESULTS / "runs").glob("*/*/stamp.json")),
        "to the first figure": a_figure,
    }


if __name__ == "__main__":
    main()
