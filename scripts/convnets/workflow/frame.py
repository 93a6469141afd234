"""What the scripts of steps share: argument, log, stamp and errors.

A step's script takes one argument, a JSON file that describes its job. The workflow writes it:

    {"rule": "tabulate_variants", "fingerprint": "...",
     "components": {"version": 5, "settings": {...}, "inputs": {...}, "outputs": {...}},
     "inputs": {"metrics": ["results/runs/mlp100/seed1/metrics.json"]},
     "outputs": {"csv": ["results/tables/variants.csv"], "stamp": ["results/stamps/tabulate_variants.json"]}}
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from convnets.errors import InputError
from convnets.freshness import code, stamps
from convnets.freshness.fingerprint import Components
from convnets.workflow import command

HELP = "JSON: the rule, its settings, its inputs and outputs by name; the workflow writes it to .snakemake/convnets/"


class Job(BaseModel, frozen=True):
    """The job of a script: its input and output files by name, and the components of its fingerprint without the code.

    `uncounted` holds the params of the rule that are no part of the fingerprint.
    """

    rule: str
    fingerprint: str
    components: Components
    inputs: Mapping[str, tuple[Path, ...]]
    outputs: Mapping[str, tuple[Path, ...]]
    uncounted: Mapping[str, Any] = {}

    @staticmethod
    def read(path: Path) -> "Job":
        """Read a job; an InputError if the file cannot be read or describes none."""
        try:
            return Job.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(f"{path} describes no job: {' '.join(str(error).split())}") from error

    @property
    def settings(self) -> Mapping[str, Any]:
        """The params of the rule."""
        settings: Mapping[str, Any] = self.components["settings"]
        return settings

    def input(self, name: str) -> Path:
        """Return the only input of this name."""
        (path,) = self.inputs[name]
        return path

    def folders(self, name: str) -> list[Path]:
        """Return the folders of the runs that are inputs of this name, each once."""
        return list(dict.fromkeys(path.parent for path in self.inputs[name]))

    def output(self, name: str) -> Path:
        """Return the only output of this name."""
        (path,) = self.outputs[name]
        return path


def step(main: Callable[[Job], None]) -> None:
    """Run a step's script: read its job, call `main`, and write its stamp."""
    parser = command.parser(main.__globals__["__doc__"])
    parser.add_argument("job", type=Path, help=HELP)

    def run() -> None:
        job = Job.read(parser.parse_args().job)
        components = {**job.components, **code.code_of(job.rule)}
        read = [file for files in job.inputs.values() for file in files]
        written = [file for name, files in job.outputs.items() if name != "stamp" for file in files]
        with stamps.stamping(job.output("stamp"), components, read, written):
            main(job)

    command.run(run)
