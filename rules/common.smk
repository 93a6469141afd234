# Configuration, the steps it asks for, and what rules derive from them.
import os
import time
from functools import cache
from math import ceil

from convnets import configuration as configurations, fingerprint, hardware, hosts, layers, records, stamps, submission
from convnets import steps as workflow_steps
from convnets.command import cores as cores_of_machine
from convnets.errors import InputError
from convnets.files import atomic_path, read_json, write_json
from convnets.stores import pending_text
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

try:
    configuration = configurations.resolve(config)
    if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
        submission.check_environments(Path(workflow.basedir) / "envs")
except InputError as error:
    raise WorkflowError(str(error)) from None

SCRIPTS = Path(workflow.basedir) / "scripts"
# Newer than whatever is stale: an input of every stale job, so that Snakemake runs it. Its text says when this was found, and why they
# are: with the text of last time, Snakemake would take it for unchanged.
MARKER = Path(".snakemake") / "stale.txt"
FIGURES = [*configuration.comparisons, "vgg16"]
TABLES = ["variants", "memory", "claims", "errata", "convergence"]  # as CSV and as Markdown; that of VGG-16 is CSV only
TRAINING_MB = 2000  # of memory, with the Snakemakes around it in a batch system's job
RUN_FILES = [*records.RUN_FILES, stamps.STAMP]

steps = workflow_steps.Steps(configuration)
if workflow.is_main_process:  # not a job of it on another host, which has nothing to plan
    MARKER.parent.mkdir(exist_ok=True)
    reasons = [f"{key}: {'; '.join(steps.reasons(key))}\n" for key in steps.all if steps.reasons(key)]
    for path in steps.dated_after(time.time()):  # from a machine whose clock is ahead; Snakemake takes such files amiss
        os.utime(path, (time.time() - 2, time.time() - 2))  # clocks of file systems may be as coarse, and the marker must be newer
    MARKER.write_text("".join([f"{time.time_ns()}\n", *reasons]))
    if workflow.resource_settings.nodes is None:  # with a batch system, cores and memory are those of all jobs, elsewhere
        asked, there = workflow.resource_settings.cores or 0, cores_of_machine("all")
        if asked > there:
            print(f"--cores {asked} is more than the {there} that there are here; {there} are used", file=sys.stderr)
            workflow.register_resource("_cores", there)
        memory = hardware.available_memory()
        if memory is not None and memory < min(asked, there) * TRAINING_MB * 2**20 and "mem_mb" not in workflow.global_resources:
            workflow.register_resource("mem_mb", memory // 2**20)

# What jobs on other hosts are told of the one that runs the workflow for these results. One that is not told takes it for another.
HERE = {"host": hosts.this_host(), "bfloat16": hardware.native_bfloat16()}
UNKNOWN = {"host": "the host that runs the workflow", "bfloat16": None}
PLANNED = MARKER.parent / f"planned-{fingerprint.digest({'results': str(configuration.results.resolve())})[:16]}.json"
if workflow.is_main_process:
    planned = HERE
else:
    planned = read_json(PLANNED) if PLANNED.is_file() else UNKNOWN
if planned["bfloat16"] != HERE["bfloat16"] and configurations.precision_depends_on_host(config):
    raise WorkflowError(
        f"training.precision is auto, which is another on {HERE['host']} than on {planned['host']}, where this was planned; "
        "name float32 or mixed_bfloat16"
    )


def prepare_slurm():
    """Let Slurm's executor endure a controller that is away, and refuse what it does not do safely."""
    submission.remember_minimal_age()
    if workflow.executor_settings.array_jobs:
        try:
            submission.refuse_arrays()
        except InputError as error:
            raise WorkflowError(str(error)) from None


onstart:
    write_json(PLANNED, HERE)
    if workflow.non_local_exec:
        submission.cancel_all_jobs()
    if workflow.executor_plugin.name == "slurm":
        prepare_slurm()


# Jobs find the scripts by name from any working directory, and run them with the Python that runs Snakemake, whether its
# environment is activated or not; conda puts its own before it.
os.environ.update(PATH=os.pathsep.join([str(SCRIPTS), str(Path(sys.executable).parent), *os.get_exec_path()]))


wildcard_constraints:
    variant="|".join(configuration.variants),
    # Not any name, since figures/vgg16.svg is no comparison.
    comparison="|".join(configuration.comparisons) or "none",
    seed=r"\d+",


def files_of_runs(names, variants):
    """Return the paths of these files of each run of these variants, one run per seed; of runs that are given, those there are."""
    given = configuration.runs_from
    paths = expand(
        "{folder}/runs/{variant}/seed{seed}/{name}",
        folder=given or "<results>",
        variant=variants,
        seed=configuration.seeds,
        name=names,
    )
    return [path for path in paths if not given or Path(path).exists()]


def trained():
    """Return what training leaves for the user; nothing where runs are given."""
    if configuration.runs_from:
        return []
    runs = files_of_runs(RUN_FILES, configuration.variants)
    return ["<results>/data/manifest.json", *runs, "<results>/tracking/published.json"]


def shown_in_overview():
    """Return the tables and figures that the overview shows."""
    tables = expand("<results>/tables/{table}.csv", table=[*TABLES, "vgg16"])
    return tables + expand("<results>/figures/{figure}.svg", figure=FIGURES)


def title_of_comparison(wildcards):
    """Return what Snakemake's report calls the figure of a comparison."""
    comparison = configuration.comparisons[wildcards.comparison]
    return {"figure": f"{comparison.figure}: {comparison.title}" if comparison.figure else comparison.title}


def comparison_histories(wildcards):
    """Return the histories that a comparison shows."""
    members = configuration.comparisons[wildcards.comparison].members
    return files_of_runs("history.csv", [member.variant for member in members])


def step_of(rule, wildcards):
    """Return the key of the step that a rule makes with these wildcards."""
    return workflow_steps.key_of(rule, **dict(wildcards.items()))


def is_forced(rule, outputs):
    """Return whether the command line forces a rule or one of its outputs."""
    asked = workflow.dag_settings
    forced = {*asked.forcerun, *(asked.targets if asked.forcetargets else ())}
    return asked.forceall or not forced.isdisjoint({rule, *map(str, outputs)})


@cache
def is_due(key):
    """Return whether a step is stale or forced by the command line, or one that it reads from is."""
    if key == workflow_steps.DOWNLOAD:
        return is_forced(key, rules.get_cifar10.output)
    step = steps.all[key]
    return steps.is_stale(key) or is_forced(step.rule, [*step.outputs, step.stamp]) or any(map(is_due, step.after))


def read_by(rule, files, made_by=None):
    """Return an input function for what a rule reads.

    While the step is fresh, the files are ancient, so that their time stamps do not matter. Those that are missing, or that a step
    is about to make again without this one being due, are not asked for: Snakemake 9.27 does not look whether a job is stale once
    one that it depends on runs, be it over ancient files.

    Parameters
    ----------
    rule
        The rule that reads.
    files
        Paths, or a function of the wildcards that returns them.
    made_by
        The step that makes them, where the reading step stays fresh when they are made again.
    """

    def inputs(wildcards):
        paths = [str(path) for path in (files(wildcards) if callable(files) else files)]
        if is_due(step_of(rule, wildcards)):
            return paths
        if made_by and is_due(made_by):
            return []
        return [ancient(path) for path in paths if Path(workflow.pathvars.apply(path)).exists()]

    return inputs


def marker_of(rule):
    """Return an input function that names the marker when the rule's step is stale."""
    return lambda wildcards: [str(MARKER)] if steps.is_stale(step_of(rule, wildcards)) else []


def settings_of(rule):
    """Return a params function for a step's settings, as JSON. (One that takes `input` stays out of Snakemake's own comparison.)"""
    return lambda wildcards, input: stamps.to_json(steps.all[step_of(rule, wildcards)].settings)


def arguments_of(rule, *options):
    """Return a params function that writes a step's settings and its inputs of these names into a file, and names it as `@file`.

    Scripts take such a file in place of arguments: those of some hundred runs exceed the 128 KiB of a command line.
    """

    def write(wildcards, input):
        key = step_of(rule, wildcards)
        lists = [(option, [value] if isinstance(value := input[option], str) else value) for option in options]
        lines = [line for option, paths in lists for line in (f"--{option}", *paths)]
        text = "\n".join(["--settings", stamps.to_json(steps.all[key].settings), *lines])
        # Another call, for other results or only planning, cannot change what this one has named.
        digest = fingerprint.digest({"arguments": text})[:16]
        path = MARKER.parent / "arguments" / f"{'-'.join(Path(key).parts)}-{digest}.txt"
        if not path.is_file():
            with atomic_path(path) as temporary:
                temporary.write_text(text)
        return f"@{path}"

    return write


def training_cost(wildcards):
    """Return the operations that a run's training takes, in units of 10^9."""
    settings = configuration.variants[wildcards.variant]
    images = configuration.images["train"] * settings.training.epochs
    return images * layers.training_flops(settings.network) / 1e9


def training_minutes(wildcards):
    """Return the minutes that suffice for a run's training on a core that computes 10^10 operations a second, a slow one."""
    return 10 + ceil(training_cost(wildcards) / 10 / 60)


def pending_runs():
    """Return a line that says which of the finished runs the tracking store lacks, or nothing."""
    now = workflow_steps.Steps(configuration)
    pending = [key.removeprefix(f"{workflow_steps.TRAINING}/") for key in now.untracked()]
    published = now.layout.published
    problem = read_json(published)["problem"] if published.is_file() else ""
    if not pending and not problem:
        return ""
    text = pending_text(pending, problem or f"not brought to {configuration.store.uri} yet")
    return f"Not all is tracked yet; {text} (make sync)\n"
