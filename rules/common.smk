# The study, its steps, and helper functions of the rules.
from convnets.workarounds import for_snakemake

is_imported, prefix, renamed = for_snakemake.imported(workflow)
if not is_imported:  # the environment is the business of a workflow that imports this one; each script sets the stage for itself
    import stage

import sys
from dataclasses import asdict
from functools import cache
from math import ceil
from pathlib import Path

from convnets import hardware
from convnets.errors import InputError
from convnets.runs import reading
from convnets.study import configfiles, configuration
from convnets.workflow import command, freezing, planning
from convnets.workflow.declarations import Declarations
from convnets.workflow.steps import Steps
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

# Of a user's own network that has not been trained yet, or with layers whose operations are not known.
UNKNOWN_COST, UNKNOWN_MINUTES = 10**9, 120
FIGURES_FIRST = UNKNOWN_COST + 1  # the priority of a figure: it takes two seconds, and is there as soon as its runs are
TRAINING_MB = 2000  # memory of a training, with the two Snakemakes around it in a batch system's job


def is_forced(names):
    """Return whether the command line forces one of these rules or files; whatever a batch system runs is to be made."""
    if not workflow.is_main_process:
        return True
    asked = workflow.dag_settings
    if is_imported and {trigger.name for trigger in asked.rerun_triggers} != {"MTIME"}:
        raise WorkflowError("start Snakemake with --rerun-triggers mtime: stamps tell what is stale, and other triggers disagree")
    forced = {*asked.forcerun, *(asked.targets if asked.forcetargets else ())}
    return asked.forceall or not forced.isdisjoint({*names, *map(renamed, names)})


try:
    if "study" in config and not Path(str(config["study"])).is_file():
        raise InputError(f"the study {config['study']} does not exist in {Path.cwd()}")
    if is_imported:
        config = configfiles.merged_over_study(config)
    else:
        if workflow.is_main_process:
            configfiles.read(map(Path, workflow.configfiles))  # refuses what Snakemake has read otherwise than it was meant
        config.update(configfiles.from_command_line(config, workflow.config_settings.config))
    study = configuration.resolve(config, prefix)
    TERMS = freezing.terms(study) if study.frozen.is_file() else None  # of the claims as they are now, beside those frozen
    if not is_imported:
        config["pathvars"] = dict(study.folders)  # for Snakemake's report
    if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
        planning.check_environments(BASE / "envs")
    if not workflow.is_main_process:
        planning.refuse_another_precision(study)
except InputError as error:
    is_read = Path("config.yaml").is_file() or " is missing" not in str(error)
    raise WorkflowError(
        str(error) if is_read else f"{error}\n(there is no config.yaml in {Path.cwd()}, so none was read)"
    ) from None

# Snakemake itself puts the prefix of an import before paths.
FOLDERS = {name: os.path.relpath(folder, prefix) if prefix else folder for name, folder in study.folders.items()}
STUDIES = {name: str(folder) for name, folder in study.studies.items()}
FROZEN = [local(str(study.frozen))] if TERMS else []

plans = workflow.is_main_process and not planning.is_loading
steps = Steps(Declarations(rules, study, prefix), is_forced, plans=plans, is_dry=workflow.output_settings.dryrun)
planning.declare(steps)


# Limit concurrent jobs to the machine's cores, and concurrent trainings to its memory. A batch system runs jobs on other machines,
# and a workflow that imports this one has its own limits.
if workflow.is_main_process and workflow.resource_settings.nodes is None and not is_imported:
    asked, there = workflow.resource_settings.cores or 0, command.cores("all")
    if asked > there and for_snakemake.limit_cores(workflow, there):
        print(f"--cores {asked} is more than the {there} cores of this machine; {there} are used", file=sys.stderr)
    memory = hardware.available_memory()
    if memory < min(asked, there) * TRAINING_MB * 2**20 and "mem_mb" not in workflow.global_resources:
        workflow.register_resource("mem_mb", memory // 2**20)


onstart:
    planning.note_processor(study)
    if workflow.non_local_exec:
        for_snakemake.cancel_all_jobs()
    if workflow.executor_plugin.name == "slurm":
        for_snakemake.remember_min_job_age()
        if workflow.executor_settings.array_jobs:
            for_snakemake.refuse_arrays()


# Rules call scripts by name. Put scripts/ on the PATH, and the Python that runs Snakemake, whose environment may not be activated.
# conda puts its own Python first.
os.environ.update(PATH=os.pathsep.join([str(BASE / "scripts"), str(Path(sys.executable).parent), *os.get_exec_path()]))


wildcard_constraints:
    variant="|".join(study.variants),
    # Only these names: figures/vgg16.svg is no comparison.
    comparison="|".join(study.comparisons) or "none",
    seed=r"\d+",


def runs_of(variants=study.variants, seeds=study.seeds):
    """Return the stamp of each run of those variants that are of this study; it vouches for the run's files.

    Of given runs (`runs_from`), return all files that count.
    """
    given = study.runs_from
    names = reading.FILES if given else "stamp.json"
    own = [variant for variant in variants if ":" not in variant]
    folder = given or "<results>"
    paths = expand("{folder}/runs/{variant}/seed{seed}/{name}", folder=folder, variant=own, seed=seeds, name=names)
    return [local(path) for path in paths if Path(path).exists()] if given else paths


def runs_elsewhere(subjects):
    """Return the files of the runs of other studies among these variants (`study:variant`)."""
    folders = reading.runs_elsewhere(subjects, study.studies)
    return [local(str(folder / name)) for folder in folders for name in reading.FILES]


def variants_drawn(wildcards):
    """Return the variants in a comparison."""
    return [member.variant for member in study.comparisons[wildcards.comparison].members]


def text(name):
    """Return the path of a file of texts, relative, since Snakemake's report prints it, and without an import's prefix."""
    return local(os.path.relpath(BASE / "report" / name))


def published_curves(names):
    """Return the paths of files of published curves; the empty name stands for that of the report that is replicated."""
    return [local(name) if name else text("curves2021.csv") for name in names]


def published_in_comparison(wildcards):
    """Return the file of published curves in a comparison, if it has any."""
    published = study.comparisons[wildcards.comparison].published
    return published_curves([published.curves] if published else [])


def in_report(caption, category, labels):
    """Return how an output is shown in Snakemake's report."""
    return {"caption": f"../report/captions/{caption}.rst", "category": category, "labels": labels}


def title_of_comparison(wildcards):
    """Return the label of a comparison's figure in Snakemake's report."""
    comparison = study.comparisons[wildcards.comparison]
    title = f"{comparison.figure}: {comparison.title}" if comparison.figure else comparison.title
    return {"figure": title.replace("{", "{\N{WORD JOINER}")}  # Snakemake would take {name} for a wildcard


def settings_of(variants):
    """Return the settings of these variants."""
    return {name: study.variants[name].canonical() for name in variants if name in study.variants}


@cache
def cost_of(variant):
    """Return the floating-point operations of a training of a variant, in units of 10^9; `UNKNOWN_COST` if they are not known."""
    operations = study.training_operations(variant)
    return UNKNOWN_COST if operations is None else operations / 1e9


def training_minutes(wildcards, attempt):
    """Return the minutes that a training needs on a slow core, of 10^10 operations a second, times the attempt."""
    cost = cost_of(wildcards.variant)
    return (UNKNOWN_MINUTES if cost == UNKNOWN_COST else 10 + ceil(cost / 10 / 60)) * attempt
