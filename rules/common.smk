# The study, its steps, and what rules derive from them.
import sys
from dataclasses import asdict
from math import ceil
from pathlib import Path

from convnets import hardware
from convnets.errors import InputError
from convnets.networks import formulas
from convnets.study import configuration
from convnets.workflow import command, planning, submission
from convnets.workflow.steps import Steps
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

SCRIPTS = Path(workflow.basedir) / "scripts"
TEXTS = os.path.relpath(Path(workflow.basedir) / "report")  # a report shows paths, and not where it was made
TRAINING_MB = 2000  # of memory, with the Snakemakes around it in a batch system's job


def is_forced(names):
    """Return whether the command line forces one of these rules or files; whatever a batch system runs is to be made."""
    if not workflow.is_main_process:
        return True
    asked = workflow.dag_settings
    forced = {*asked.forcerun, *(asked.targets if asked.forcetargets else ())}
    return asked.forceall or not forced.isdisjoint(names)


try:
    study = configuration.resolve(config)
    if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
        planning.check_environments(Path(workflow.basedir) / "envs")
    if not workflow.is_main_process:
        planning.refuse_another_precision(config, study)
except InputError as error:
    raise WorkflowError(str(error)) from None

steps = Steps(rules, study, is_forced, plans=workflow.is_main_process)
planning.declare(steps)


def hold_cores_and_memory():
    """Run no more jobs at once than the machine has cores, and no more trainings than its memory suffices for."""
    asked, there = workflow.resource_settings.cores or 0, command.cores("all")
    if asked > there:
        print(f"--cores {asked} is more than the {there} that there are here; {there} are used", file=sys.stderr)
        workflow.register_resource("_cores", there)
    memory = hardware.available_memory()
    if memory is not None and memory < min(asked, there) * TRAINING_MB * 2**20 and "mem_mb" not in workflow.global_resources:
        workflow.register_resource("mem_mb", memory // 2**20)


if workflow.is_main_process and workflow.resource_settings.nodes is None:  # with a batch system, those of all jobs are elsewhere
    hold_cores_and_memory()


def prepare_slurm():
    """Let Slurm's executor endure a controller that is away, and refuse what it does not do safely."""
    submission.remember_minimal_age()
    if workflow.executor_settings.array_jobs:
        try:
            submission.refuse_arrays()
        except InputError as error:
            raise WorkflowError(str(error)) from None


onstart:
    planning.note_processor(study)
    if workflow.non_local_exec:
        submission.cancel_all_jobs()
    if workflow.executor_plugin.name == "slurm":
        prepare_slurm()


# Jobs find the scripts by name from any working directory, and run them with the Python that runs Snakemake, whether its
# environment is activated or not; conda puts its own before it.
os.environ.update(PATH=os.pathsep.join([str(SCRIPTS), str(Path(sys.executable).parent), *os.get_exec_path()]))


wildcard_constraints:
    variant="|".join(study.variants),
    # Not any name, since figures/vgg16.svg is no comparison.
    comparison="|".join(study.comparisons) or "none",
    seed=r"\d+",


def files_of(name, variants=study.variants, seeds=study.seeds):
    """Return the paths of a file of each run of these variants; of runs that are given, where it is there."""
    given = study.runs_from
    paths = expand(
        "{folder}/runs/{variant}/seed{seed}/{name}", folder=given or "<results>", variant=variants, seed=seeds, name=name
    )
    return [path for path in paths if not given or Path(path).exists()]


def histories_of_comparison(wildcards):
    """Return the histories that a comparison shows."""
    return files_of("history.csv", [member.variant for member in study.comparisons[wildcards.comparison].members])


def comparison_of(wildcards):
    """Return what a comparison shows, and how."""
    return asdict(study.comparisons[wildcards.comparison])


def title_of_comparison(wildcards):
    """Return what Snakemake's report calls the figure of a comparison."""
    comparison = study.comparisons[wildcards.comparison]
    return {"figure": f"{comparison.figure}: {comparison.title}" if comparison.figure else comparison.title}


def settings_of(variants):
    """Return what these variants are set to."""
    return {name: study.variants[name].canonical() for name in variants}


def training_cost(wildcards):
    """Return the operations that a run's training takes, in units of 10^9."""
    settings = study.variants[wildcards.variant]
    return study.images["train"] * settings.training.epochs * formulas.training_flops(settings.network) / 1e9


def training_minutes(wildcards, attempt):
    """Return the minutes that suffice for a run's training on a core that computes 10^10 operations a second, a slow one."""
    return (10 + ceil(training_cost(wildcards) / 10 / 60)) * attempt


def training_memory(wildcards, attempt):
    """Return the megabytes that a run's training asks for; more after an attempt that ran out."""
    return TRAINING_MB * attempt


def training_patience(wildcards):
    """Return the seconds for which a training waits for another process that trains the same."""
    return 60 * training_minutes(wildcards, 1)


def number_of_attempt(wildcards, attempt):
    """Return the number of an attempt, from 1."""
    return attempt
