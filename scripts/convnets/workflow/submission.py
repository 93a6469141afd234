"""What executors have to be helped with."""

from typing import NoReturn

from convnets.errors import InputError


def refuse_arrays() -> NoReturn:
    """Refuse what would lose results: arrays as version 2.8 of Slurm's executor makes them.

    Each job of an array takes the files of the first for its own (issue 447 of snakemake-executor-plugin-slurm): one that fails
    removes them, one that ends before the first does misses them and counts as failed. And the executor waits for ever where fewer
    jobs are handed to it at once than are ready (issue 473).
    """
    raise InputError(
        "slurm-array-jobs: with version 2.8 of Snakemake's executor for Slurm, a job of an array that fails removes the results of "
        "another; group runs instead, which is a line in profiles/slurm/config.yaml (docs/clusters.md)"
    )


def remember_minimal_age() -> None:
    """Let Slurm's executor ask but once how long Slurm remembers jobs (MinJobAge).

    Version 2.8 asks before each look at its jobs. A controller that is away makes it ask the accounting database about them
    instead, and where there is none, it goes on doing so when the controller is back.
    """
    import snakemake_executor_plugin_slurm as plugin

    ask, known = plugin.get_min_job_age, list[int]()

    def minimal_age() -> int | None:
        if not known and (age := ask()) is not None:
            known.append(age)
        return known[0] if known else None

    plugin.get_min_job_age = minimal_age
    minimal_age()


def cancel_all_jobs() -> None:
    """Let an interrupt cancel all jobs that are under way.

    Version 9.4 of Snakemake's interface for executors cancels those on a list, from which it takes them all while it asks about
    them: for as long as a controller is away.
    """
    from snakemake_interface_common.exceptions import WorkflowError
    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

    under_way: dict[int, object] = {}  # by their identity: they are mutable
    submitted, succeeded, failed = (getattr(RemoteExecutor, f"report_job_{what}") for what in ("submission", "success", "error"))

    def report_job_submission(executor: RemoteExecutor, job: object, *others: object, **options: object) -> None:
        under_way[id(job)] = job
        submitted(executor, job, *others, **options)

    def report_job_success(executor: RemoteExecutor, job: object) -> None:
        under_way.pop(id(job), None)
        succeeded(executor, job)

    def report_job_error(executor: RemoteExecutor, job: object, *others: object, **options: object) -> None:
        under_way.pop(id(job), None)
        failed(executor, job, *others, **options)

    def cancel_under_way(executor: RemoteExecutor) -> None:
        if under_way:  # the executor for other batch systems fails where there is none
            executor.cancel_jobs(list(under_way.values()))

    def cancel(executor: RemoteExecutor) -> None:
        try:
            cancel_under_way(executor)
        except WorkflowError:  # the controller is away
            executor.shutdown()  # when it has answered
            cancel_under_way(executor)
        else:
            executor.shutdown()

    for method in (report_job_submission, report_job_success, report_job_error, cancel):
        setattr(RemoteExecutor, method.__name__, method)
