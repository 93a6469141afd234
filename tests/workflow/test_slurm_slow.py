"""The shipped profile on a real Slurm of one machine: whatever befalls a job, results are those of a local run. Slow: minutes."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import runs
from slurm import Slurm, slurm
from snakemake_executor_plugin_slurm import ExecutorSettings
from submitted import FOUR, PUBLISHED, RUNS_ALONE, TWO_RUNS, TWO_TO_THE_END, Submit, assert_finished, local, submitted
from waiting import wait_until

from convnets.runs.layout import Layout

__all__ = ["local", "submitted"]

# As shipped, but for how often Slurm is asked, which the size of the trainings decides (and asking_often.py).
OFTEN = ("--slurm-init-seconds-before-status-checks", "1", "--max-status-checks-per-second", "2")
SHOWN = ("--logger", "convnets")
OPTIONS = ("--profile", "profiles/slurm", *OFTEN)
pytestmark = pytest.mark.flaky(reruns=1)  # a busy machine may be too late for daemons that are not ours; the report says so


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with slurm(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Slurm) -> Iterator[Slurm]:
    """Slurm without the jobs of other tests."""
    yield running
    running.clean()


def job_of(cluster: Slurm, name: str) -> str:
    """Return the id of the running job of a training."""
    wanted = "train_variant_wildcards_{}_{}".format(*name.rsplit("-seed", 1))
    jobs = cluster.call("squeue", "--noheader", "--states", "running", "--format", "%i %k").splitlines()
    (job,) = [line.split()[0] for line in jobs if line.split()[1].endswith(wanted)]
    return job


def test_many_runs_in_one_job(cluster: Slurm, submitted: Submit, local: Path) -> None:
    """Several seeds of a variant share a submission: a line of the profile. Arrays, which would lose results, are refused."""
    workflow = submitted(FOUR, cluster.environment, *OPTIONS)
    done = workflow.snakemake("--slurm-array-jobs", "train_variant")
    assert done.returncode == 1
    assert "a job of an array that fails removes the results of another" in done.stdout + done.stderr
    assert "submitted" not in done.stdout + done.stderr
    workflow.edit("profiles/slurm/config.yaml", "# groups:", "groups:")
    process = workflow.submit()
    workflow.finish(process)
    assert workflow.output().count("has been submitted with SLURM jobid") == 1
    for run in Layout(workflow.results()).runs():
        assert "leaves a database in a file alone, so this run is brought to the store" in workflow.log("-".join(run.parts[-2:]))
    assert_finished(workflow, local)


def test_jobs_that_are_ended_and_a_controller_that_is_away(cluster: Slurm, submitted: Submit, local: Path) -> None:
    """Four trainings, all from two seeds of two variants.

    One takes too much memory; one stands still until its time limit; one is cancelled, one requeued, while the controller is away.
    """
    workflow = submitted(RUNS_ALONE, cluster.environment, *OPTIONS)
    growing = "conv2-seed1"
    workflow.let_grow(growing)
    process = workflow.submit(PUBLISHED)
    late, _ = workflow.hold(process, growing)
    cancelled, _ = workflow.hold(process, growing, late)
    requeued, _ = workflow.hold(process, growing, late, cancelled)
    # Not while the controller is away: each submission that fails is an attempt.
    again = "the one that has grown is submitted again"
    wait_until(lambda: workflow.output().count("has been submitted with SLURM jobid") > 4, again, process=process)
    cluster.kill_controller()
    asked = cluster.failed_questions()
    patience = ExecutorSettings().status_attempts  # after which the executor would forget its jobs, unless it is told otherwise
    wait_until(lambda: cluster.failed_questions() > asked + patience, "Snakemake has asked in vain", process=process)
    cluster.start_controller()
    cluster.call("scontrol", "update", f"JobId={job_of(cluster, late)}", "TimeLimit=1")
    cluster.call("scancel", job_of(cluster, cancelled))
    cluster.call("scontrol", "requeue", job_of(cluster, requeued))
    workflow.finish(process)
    for name in (growing, late, cancelled, requeued):
        assert "going on after epoch" in workflow.log(name), name
    assert "exceeded memory limit" in workflow.output()
    assert "mem_mb=4000" in workflow.output()
    for reason in ("TIMEOUT", "CANCELLED"):
        assert f"failed, SLURM status is: '{reason}'" in workflow.output()
    assert_finished(workflow, local, PUBLISHED)


def test_preemption_and_a_node_that_fails(cluster: Slurm, submitted: Submit, local: Path) -> None:
    """Slurm starts the jobs again by itself, each time; Snakemake sees no failure."""
    workflow = submitted(TWO_RUNS, cluster.environment, *OPTIONS)
    process = workflow.submit(PUBLISHED, *SHOWN)
    for disturb in (cluster.preempt_all, cluster.fail_node):
        held = dict([workflow.hold(process)])
        held |= [workflow.hold(process, *held)]
        disturb()
        wait_until(lambda: not any(map(runs, held.values())), "both have ended", process=process)  # noqa: B023
    workflow.finish(process)
    for name in held:
        assert "going on after epoch" in workflow.log(name), name
    assert " failed conv2" not in workflow.output()  # Snakemake warns of a node that fails, and goes on
    for run in ("conv2/seed1", "conv2_1x1/seed1"):
        assert f" training {run}\n" in workflow.output()
        assert f" finished {run}: validation 0." in workflow.output()
    assert_finished(workflow, local, PUBLISHED)


def test_an_interrupt_and_a_killed_snakemake(cluster: Slurm, submitted: Submit, local: Path) -> None:
    """An interrupt cancels the jobs, and the next call goes on. That is killed, and its jobs go on.

    A job of the call after it waits for the one that is still there, and takes what it has made.
    """
    workflow = submitted(TWO_RUNS, cluster.environment, *OPTIONS)
    process = workflow.submit(PUBLISHED, *SHOWN)
    interrupted, _ = workflow.hold(process)
    workflow.interrupt(process)
    wait_until(lambda: not cluster.call("squeue", "--noheader"), "all jobs are cancelled")
    process = workflow.submit(PUBLISHED, *SHOWN)
    resumed = f" resumed  {interrupted.replace('-seed', '/seed')} after epoch"
    wait_until(lambda: resumed in workflow.output(), "Snakemake says that it goes on", process=process)
    wait_until(lambda: "going on after epoch" in workflow.log(interrupted), "the next call goes on", process=process)
    held, process_id = workflow.hold(process)
    process.kill()
    process.wait()
    assert workflow.snakemake("--unlock").returncode == 0
    process = workflow.submit(PUBLISHED)
    wait_until(lambda: "waiting for that to end" in workflow.log(held), "the second job waits", process=process)
    os.kill(process_id, signal.SIGCONT)
    workflow.finish(process)
    assert "another process has finished this run" in workflow.log(held)
    assert_finished(workflow, local, PUBLISHED)


def test_a_gpu_is_asked_for(cluster: Slurm, submitted: Submit) -> None:
    """Slurm gives one, which is none: the training says so in one line instead of computing without."""
    workflow = submitted(TWO_RUNS, cluster.environment, *OPTIONS)
    process = workflow.submit("results/runs/conv2/seed1/metrics.json", "--set-resources", "train_variant:gpu=1")
    wait_until(lambda: "TensorFlow sees none here" in workflow.log("conv2-seed1"), "the training has looked", process=process)
    process.kill()
    jobs = [line for line in cluster.call("scontrol", "--oneliner", "show", "jobs").splitlines() if str(workflow.folder) in line]
    assert jobs
    assert all(re.search(r"TresPer\w+=gres:gpu:1 ", job) for job in jobs)


def test_an_interrupt_with_the_generic_profile(cluster: Slurm, submitted: Submit) -> None:
    """It ends what has just asked about a job, too."""
    workflow = submitted(TWO_RUNS, cluster.environment, "--profile", "profiles/generic")
    process = workflow.submit(PUBLISHED)
    workflow.hold(process)
    workflow.interrupt(process)
    wait_until(lambda: not cluster.call("squeue", "--noheader"), "all jobs are cancelled")


def test_the_generic_profile(cluster: Slurm, submitted: Submit, local: Path) -> None:
    """Snakemake is killed, and a job cancelled: a job of the next call waits for one of the former that still runs.

    That call makes all figures and tables, too.
    """
    workflow = submitted(TWO_TO_THE_END, cluster.environment, "--profile", "profiles/generic")
    process = workflow.submit(PUBLISHED)
    cancelled, _ = workflow.hold(process)
    held, process_id = workflow.hold(process, cancelled)
    process.kill()
    process.wait()
    cluster.call("scancel", workflow.jobs_of(cancelled)[0])
    assert workflow.snakemake("--unlock").returncode == 0
    process = workflow.submit()
    wait_until(lambda: "waiting for that to end" in workflow.log(held), "the second job waits", process=process)
    os.kill(process_id, signal.SIGCONT)
    workflow.finish(process)
    assert "another process has finished this run" in workflow.log(held)
    assert "going on after epoch" in workflow.log(cancelled)
    assert_finished(workflow, local)
