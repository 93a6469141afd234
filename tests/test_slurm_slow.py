"""The shipped profile on a real Slurm of one machine: whatever befalls a job, results are those of a local run. Slow: minutes."""

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest
from clusters import Slurm, slurm
from submitted import CONFIG, TWO, Submit, Submitted, assert_finished, local, submitted
from waiting import SECONDS, wait_until

__all__ = ["local", "submitted"]

# As shipped, but for how often Slurm is asked, which the size of the trainings decides.
OPTIONS = ("--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with slurm(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Slurm) -> Iterator[Slurm]:
    """Slurm without the jobs of other tests, even of one that failed while a job stood still."""
    yield running
    running.cancel_all()


def job_of(cluster: Slurm, variant: str) -> str:
    """Return the id of the running job of a variant."""
    jobs = cluster.call("squeue", "--noheader", "--states", "running", "--format", "%i %k").splitlines()
    (job,) = [line.split()[0] for line in jobs if line.split()[1].endswith(f"train_variant_wildcards_{variant}_1")]
    return job


def test_to_the_end_as_an_array(cluster: Slurm, submitted: Submit, local: Submitted) -> None:
    options = (*OPTIONS, "--slurm-array-jobs", "train_variant")
    workflow = submitted(CONFIG, cluster.environment, *options)
    process = workflow.submit()
    workflow.finish(process)
    assert "Submitted array job" in workflow.output()
    assert workflow.output().count("Submitted array job") == 1
    assert_finished(workflow, local)


def test_jobs_that_are_ended_and_a_controller_that_restarts(cluster: Slurm, submitted: Submit, local: Submitted) -> None:
    """One training stands still until its time limit, one is cancelled, one requeued, while the controller is away for a while."""
    workflow = submitted(CONFIG, cluster.environment, *OPTIONS)
    process = workflow.submit()
    late, _ = workflow.hold(process)
    cluster.call("scontrol", "update", f"JobId={job_of(cluster, late)}", "TimeLimit=1")
    cancelled, _ = workflow.hold(process, late)
    cluster.kill_controller()
    cluster.start_controller()
    cluster.call("scancel", job_of(cluster, cancelled))
    requeued, _ = workflow.hold(process, late, cancelled)
    cluster.call("scontrol", "requeue", job_of(cluster, requeued))
    workflow.finish(process)
    for variant in (late, cancelled, requeued):
        assert "going on after epoch" in workflow.log(variant), variant
    for reason in ("TIMEOUT", "CANCELLED"):
        assert f"failed, SLURM status is: '{reason}'" in workflow.output()
    assert_finished(workflow, local)


@pytest.mark.parametrize("disturb", [Slurm.preempt_all, Slurm.fail_node])
def test_preemption_and_a_node_that_fails(
    disturb: Callable[[Slurm], None], cluster: Slurm, submitted: Submit, local: Submitted
) -> None:
    """Slurm starts the jobs again by itself; Snakemake sees no failure."""
    workflow = submitted(TWO, cluster.environment, *OPTIONS)
    process = workflow.submit()
    first, _ = workflow.hold(process)
    second, _ = workflow.hold(process, first)
    disturb(cluster)
    workflow.finish(process)
    for variant in (first, second):
        assert "going on after epoch" in workflow.log(variant), variant
    assert "SLURM status is" not in workflow.output()
    assert_finished(workflow, local)


def test_too_little_memory_and_a_killed_snakemake(cluster: Slurm, submitted: Submit, local: Submitted) -> None:
    """Jobs that are killed for memory get more. Then Snakemake is killed, and its jobs go on.

    That of the next call waits for the one that is still there, and takes what it has made.
    """
    workflow = submitted(TWO, cluster.environment, *OPTIONS)
    process = workflow.submit("--set-resources", "train_variant:mem_mb=700*attempt")
    held, pid = workflow.hold(process)
    assert "exceeded memory limit" in workflow.output()
    assert "mem_mb=1400" in workflow.output()
    process.kill()
    process.wait()
    assert workflow.snakemake("--unlock").returncode == 0
    process = workflow.submit()
    wait_until(lambda: "waiting for that to end" in workflow.log(held), "the second job waits", process=process)
    os.kill(pid, signal.SIGCONT)
    workflow.finish(process)
    assert "another process has finished this run" in workflow.log(held)
    assert_finished(workflow, local)


def test_a_gpu_is_asked_for(cluster: Slurm, submitted: Submit) -> None:
    """Slurm gives one, which is none: the training says so in one line instead of computing without."""
    workflow = submitted(TWO, cluster.environment, *OPTIONS)
    process = workflow.submit("results/runs/conv2/seed1/metrics.json", "--set-resources", "train_variant:gpu=1")
    assert process.wait(timeout=900) == 1
    jobs = [line for line in cluster.call("scontrol", "--oneliner", "show", "jobs").splitlines() if str(workflow.folder) in line]
    assert jobs
    assert all(re.search(r"TresPer\w+=gres:gpu:1 ", job) for job in jobs)
    assert "TensorFlow sees none here" in workflow.log("conv2")


def test_an_interrupt_cancels_the_jobs(cluster: Slurm, submitted: Submit) -> None:
    workflow = submitted(TWO, cluster.environment, *OPTIONS)
    process = workflow.submit()
    held, _ = workflow.hold(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=SECONDS) == 1
    wait_until(lambda: not cluster.call("squeue", "--noheader"), "all jobs are cancelled")
    assert list(workflow.results("unfinished", f"{held}-seed1").glob("checkpoint-*"))


def test_the_generic_profile(cluster: Slurm, submitted: Submit, local: Submitted) -> None:
    """A job is cancelled, and Snakemake killed: a job of the next call waits for one of the former that still runs."""
    workflow = submitted(TWO, cluster.environment, "--profile", "profiles/generic")
    process = workflow.submit()
    cancelled, _ = workflow.hold(process)
    held, pid = workflow.hold(process, cancelled)
    cluster.call("scancel", workflow.job_of(cancelled))
    process.kill()
    process.wait()
    assert workflow.snakemake("--unlock").returncode == 0
    process = workflow.submit()
    wait_until(lambda: "waiting for that to end" in workflow.log(held), "the second job waits", process=process)
    os.kill(pid, signal.SIGCONT)
    workflow.finish(process)
    assert "another process has finished this run" in workflow.log(held)
    assert "going on after epoch" in workflow.log(cancelled)
    assert_finished(workflow, local)
