"""The shipped profile on a real Grid Engine of one host: to the end, whatever befalls a job. Slow: minutes."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from clusters import runs
from gridengine import GridEngine, grid_engine
from submitted import PUBLISHED, RUNS_ALONE, TWO_TO_THE_END, Submit, assert_finished, local, submitted
from waiting import wait_until

__all__ = ["local", "submitted"]

SUBMIT = "cluster-generic-submit-cmd"
pytestmark = pytest.mark.flaky(reruns=1)  # a busy machine may be too late for daemons that are not ours; the report says so


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GridEngine]:
    with grid_engine(tmp_path_factory.mktemp("gridengine")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: GridEngine) -> Iterator[GridEngine]:
    """Grid Engine without the jobs of other tests."""
    yield running
    running.clean()


def ending(record: str) -> tuple[int, int, int]:
    """Return how the last execution of a job failed, its exit status and its seconds, from the accounting file's records of it."""
    found = [re.findall(rf"(?m)^{name} +(\d+)", record) for name in ("failed", "exit_status", "ru_wallclock")]
    assert all(found), record
    failed, status, seconds = (int(values[-1]) for values in found)
    return failed, status, seconds


def test_jobs_that_are_ended_and_a_master_that_is_away(cluster: GridEngine, submitted: Submit, local: Path) -> None:
    """Four trainings, all from two seeds of two variants.

    The master is away when the first is submitted. One is refused the memory that it wants, by a limit such as sites set. One
    stands still until its minutes are over. One is deleted. The master is away again for a while.
    """
    options = ("--profile", "profiles/sge", "--cluster-generic-status-cmd", "./status.sh")
    workflow = submitted(RUNS_ALONE, cluster.environment, *options)
    asked = workflow.folder / "asked"
    asked.touch()
    (workflow.folder / "status.sh").write_text('#!/bin/sh\nprofiles/sge/status.sh "$1"\necho "$1" >> asked\n')
    (workflow.folder / "status.sh").chmod(0o755)
    # Of addresses, a limit of thrice the memory leaves a training enough.
    profile = workflow.folder / "profiles" / "sge" / "config.yaml"
    settings = yaml.safe_load(profile.read_text())
    settings[SUBMIT] += " -l h_vmem=$((3 * {resources.mem_mb}))M"
    profile.write_text(yaml.safe_dump(settings, width=1000))
    growing = "conv2-seed1"
    workflow.let_grow(growing)
    cluster.kill_master()
    process = workflow.submit(PUBLISHED, "--set-resources", "train_variant:runtime=4*attempt")
    wait_until(lambda: "unable to send message to qmaster" in workflow.output(), "a submission fails", process=process)
    cluster.start_master()
    late, late_id = workflow.hold(process, growing)
    deleted, deleted_id = workflow.hold(process, growing, late)
    # Of those that stand still the last, should a machine in need have ended one before.
    jobs = {growing: workflow.jobs_of(growing)[0], **{name: workflow.jobs_of(name)[-1] for name in (late, deleted)}}
    assert jobs[deleted] in cluster.call("qstat")
    cluster.call("qdel", jobs[deleted])
    wait_until(lambda: not any(map(runs, (late_id, deleted_id))), "both have ended", process=process)
    for job in jobs.values():  # before the master is killed: it might then never write down that one has ended
        wait_until(lambda job=job: cluster.call("qacct", "-j", job, check=False), "the end of a job is recorded")
    _, process_id = workflow.hold(process)  # so that there is one to ask about
    cluster.kill_master()
    before = len(asked.read_text().split())
    wait_until(lambda: len(asked.read_text().split()) >= before + 4, "Snakemake has asked in vain", process=process)
    cluster.start_master()
    os.kill(process_id, signal.SIGCONT)
    workflow.finish(process)
    records = {name: cluster.call("qacct", "-j", job) for name, job in jobs.items()}
    for name, record in records.items():
        assert "going on after epoch" in workflow.log(name), workflow.output() + record
        assert len(workflow.jobs_of(name)) > 1
        assert ending(record)[:2] != (0, 0), name
    limit = re.search(r"h_rt=(\d+)", records[late])
    assert limit
    assert ending(records[late])[2] >= int(limit[1])
    assert ending(records[growing])[:2] == (0, 1)
    assert "error: not enough memory" in workflow.output()
    assert "mem_mb=4000" in workflow.output()
    assert_finished(workflow, local, PUBLISHED)
    assert len(list((workflow.folder / "logs" / "sge").iterdir())) >= 7


def test_two_runs_in_one_job(cluster: GridEngine, submitted: Submit, local: Path) -> None:
    workflow = submitted(TWO_TO_THE_END, cluster.environment, "--profile", "profiles/sge")
    workflow.edit("profiles/sge/config.yaml", "# groups:", "groups:")
    process = workflow.submit()
    workflow.finish(process)
    assert workflow.output().count("Submitted group job") == 1
    assert_finished(workflow, local)
