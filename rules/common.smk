# Configuration, and what rules derive from it.
import json
import os

from convnets import configuration as configurations, fingerprint
from convnets.errors import InputError
from snakemake.exceptions import WorkflowError

try:
    configuration = configurations.resolve(config)
except InputError as error:
    raise WorkflowError(str(error)) from None

SCRIPTS = Path(workflow.basedir) / "scripts"
RESULTS = Path(config["pathvars"]["results"])


def prepend(variable, folder):
    """Put a folder before those that an environment variable lists."""
    os.environ[variable] = os.pathsep.join(filter(None, [str(folder), os.environ.get(variable)]))


# Jobs run the Python that runs Snakemake, whether its environment is activated or not (conda puts its own before it), and
# find the scripts from any working directory: `python -m train_variant`.
prepend("PATH", Path(sys.executable).parent)
prepend("PYTHONPATH", SCRIPTS)


wildcard_constraints:
    variant="[a-z0-9][a-z0-9_]*",
    # Not any name, since figures/vgg16.svg is no comparison.
    comparison="|".join(configuration.comparisons) or "none",
    seed=r"\d+",


def files_of_runs(names, variants):
    """Return the paths of these files of each run of these variants, one run per seed."""
    return expand("<results>/runs/{variant}/seed{seed}/{name}", variant=variants, seed=configuration.seeds, name=names)


def comparison_histories(wildcards):
    """Return the histories that a comparison shows."""
    members = configuration.comparisons[wildcards.comparison].members
    return files_of_runs("history.csv", [member.variant for member in members])


def run_fingerprint(wildcards):
    """Return the digest of all that can change a run's result."""
    settings = configuration.variants[wildcards.variant]
    return fingerprint.run_fingerprint(settings, int(wildcards.seed), configuration.dataset)


def training_inputs(wildcards):
    """Return what a stale run waits for; a fresh one waits for nothing."""
    if fingerprint.is_fresh(RESULTS / "runs" / wildcards.variant / f"seed{wildcards.seed}", run_fingerprint(wildcards)):
        return []
    return [*rules.prepare_dataset.output, *rules.create_store.output]


def step_digest(script):
    """Return the digest of a script's code and libraries: what, beside inputs and params, decides whether its outputs are stale."""
    return fingerprint.step_digest(SCRIPTS / f"{script}.py")
