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


# Jobs find the scripts by name from any working directory, and run them with the Python that runs Snakemake, whether its
# environment is activated or not; conda puts its own before it.
os.environ.update(PATH=os.pathsep.join([str(SCRIPTS), str(Path(sys.executable).parent), *os.get_exec_path()]))


wildcard_constraints:
    variant="|".join(configuration.variants),
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


def is_forced(rule, *outputs):
    """Return whether the command line forces a rule or one of its outputs."""
    asked = workflow.dag_settings
    forced = {*asked.forcerun, *(asked.targets if asked.forcetargets else ())}
    return asked.forceall or not forced.isdisjoint({rule, *outputs})


def training_inputs(wildcards):
    """Return what a stale or forced run waits for; a fresh one waits for nothing."""
    run = RESULTS / "runs" / wildcards.variant / f"seed{wildcards.seed}"
    forced = is_forced("train_variant", *(str(run / name) for name in fingerprint.RUN_FILES))
    if fingerprint.is_fresh(run, run_fingerprint(wildcards)) and not forced:
        return []
    return [*rules.prepare_dataset.output, *rules.create_store.output]


def step_digest(script):
    """Return the digest of a script's code and libraries: what, beside inputs and params, decides whether its outputs are stale."""
    return fingerprint.step_digest(SCRIPTS / f"{script}.py")
