"""Measure what planning costs: `snakemake` with nothing to do, and a dry-run, over the same with one trivial rule.

Needs finished results: `make run`, or `make report CONFIGFILE=config.reference.yaml`, whose configuration is then given here too.
Every round calls each side once, in alternating order; ratios are formed within a round.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compare_training import report, rounds

ROOT = Path(__file__).parents[1]
TRIVIAL = 'rule all:\n    output: "done"\n    shell: "touch {output}"\n'


def call(folder: Path, *options: str) -> float:
    """Call Snakemake in a folder where everything is made, and return the seconds it took."""
    started = time.monotonic()
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode or "Nothing to be done" not in done.stdout + done.stderr:
        raise SystemExit(f"the results are not finished: {done.stdout}{done.stderr}")
    return seconds


def main() -> None:
    """Measure both, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--configfile", nargs="*", default=[], help="as of snakemake")
    arguments = parser.parse_args()
    given = ["--configfile", *arguments.configfile] if arguments.configfile else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(TRIVIAL)
        subprocess.run([sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"], cwd=folder, check=True)
        for what, options in {"nothing to do": [], "dry-run": ["--dry-run"]}.items():
            sides = {"trivial": lambda options=options: call(folder, *options)}
            sides["workflow"] = lambda options=options: call(ROOT, *given, *options)
            measured = rounds(arguments.rounds, sides)
            report(f"{what}, workflow over trivial", [row["workflow"] / row["trivial"] for row in measured])


if __name__ == "__main__":
    main()
