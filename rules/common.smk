# Configuration, and what rules derive from it.
import json
import os
import shlex

from convnets import configuration as configurations, fingerprint
from convnets.errors import InputError
from snakemake.exceptions import WorkflowError

try:
    configuration = configurations.resolve(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

SCRIPTS = Path(workflow.basedir) / "scripts"

# Jobs run the Python that runs Snakemake, whether its environment is activated or not; conda puts its own before it.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ["PATH"]]
)


wildcard_constraints:
    variant="[a-z0-9][a-z0-9_]*",
    comparison="|".join(configuration.comparisons) or "none",
    seed=r"\d+",


def runs_of(path, variants):
    """Return the path of each run of these variants, one per seed."""
    return expand(path, variant=variants, seed=configuration.seeds)


def comparison_histories(wildcards):
    """Return the histories that a comparison shows."""
    members = configuration.comparisons[wildcards.comparison].members
    return runs_of(
        "<results>/runs/{variant}/seed{seed}/history.csv",
        [member.variant for member in members],
    )


def step_digest(script, **values):
    """Return what decides, beside its inputs, whether a script's outputs are stale: its code, libraries and values."""
    return fingerprint.step_digest(SCRIPTS / f"{script}.py", values)
