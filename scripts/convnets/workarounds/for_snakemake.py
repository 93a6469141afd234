"""Work-arounds for Snakemake, its interface for executors, and its executor for Slurm.

docs/workarounds.md describes the bugs, with their upstream threads.
"""

from collections.abc import Callable
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError

from convnets.workarounds import Workaround

SLURM = ("snakemake-executor-plugin-slurm", "==2.8.*")
CORES = Workaround("limit_cores", "snakemake", "==9.27.*")
ARRAYS = Workaround("refuse_arrays", *SLURM)
MIN_JOB_AGE = Workaround("remember_min_job_age", *SLURM)
INTERRUPT = Workaround("cancel_all_jobs", "snakemake-interface-executor-plugins", "==9.4.*")
IMPORT = Workaround("imported", "snakemake", ">=9.27,<10")


def limit_cores(workflow: Any, cores: int) -> bool:  # noqa: ANN401  (Snakemake ships no types)
    """Limit the cores that all jobs of a workflow use at once, and return whether that was possible. No public call does so."""
    if is_possible := CORES.applies():
        workflow.register_resource("_cores", cores)
    return is_possible


def imported(workflow: Any) -> tuple[bool, str, Callable[[str], str]]:  # noqa: ANN401
    """Return whether another workflow imports this one (`module`), with which prefix of paths, such as `part/`, and names of rules.

    A WorkflowError says that it replaces prefixes.
    """
    modifier = workflow.modifier
    if not IMPORT.applies() or modifier.is_main_snakefile():
        return False, "", str
    if modifier.path_modifier.modifies_prefixes:
        raise WorkflowError("replace_prefix: this workflow takes a prefix instead, or pathvars in its configuration")
    return True, str(modifier.modify_path("path")).removesuffix("path"), modifier.modify_rulename


def refuse_arrays() -> None:
    """Refuse arrays of Slurm jobs with Snakemake's WorkflowError, if the installed executor loses results in them."""
    if ARRAYS.applies():
        raise WorkflowError(
            f"slurm-array-jobs: with {ARRAYS.package} {ARRAYS.versions}, a job of an array that fails removes the results of "
            "another; use groups instead: uncomment their line in profiles/slurm/config.yaml (docs/clusters.md)"
        )


def remember_min_job_age() -> None:
    """Ask Slurm for MinJobAge until it answers, and keep the answer. The executor asks before each check of its jobs."""
    if not MIN_JOB_AGE.applies():
        return
    import snakemake_executor_plugin_slurm as plugin

    ask, known = plugin.get_min_job_age, list[int]()

    def min_job_age() -> int | None:
        if not known and (age := ask()) is not None:
            known.append(age)
        return known[0] if known else None

    plugin.get_min_job_age = min_job_age
    min_job_age()


def cancel_all_jobs() -> None:
    """Cancel every submitted job on an interrupt, also those whose state is being asked. Wait for a controller that is away."""
    if not INTERRUPT.applies():
        return
    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

    submitted: dict[int, object] = {}  # by identity, since jobs are mutable

    def follow(name: str, note: Callable[[object], object]) -> None:
        report = getattr(RemoteExecutor, name)

        def reported(executor: RemoteExecutor, job: object, *others: object, **options: object) -> None:
            note(job)
            report(executor, job, *others, **options)

        setattr(RemoteExecutor, name, reported)

    def cancel_submitted(executor: RemoteExecutor) -> None:
        if submitted:  # cluster-generic fails on an empty list
            executor.cancel_jobs(list(submitted.values()))

    def cancel(executor: RemoteExecutor) -> None:
        try:
            cancel_submitted(executor)
        except WorkflowError:  # the controller is away
            executor.shutdown()  # returns when the controller has answered
            cancel_submitted(executor)
        else:
            executor.shutdown()

    follow("report_job_submission", lambda job: submitted.update({id(job): job}))
    for end in ("report_job_success", "report_job_error"):
        follow(end, lambda job: submitted.pop(id(job), None))
    RemoteExecutor.cancel = cancel
