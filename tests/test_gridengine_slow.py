"""The shipped profile on a real Grid Engine of one host: to the end although a job is deleted. Slow: minutes."""

import re
from collections.abc import Iterator

import pytest
from clusters import GridEngine, grid_engine
from submitted import TWO, Submit, Submitted, assert_finished, local, submitted
from waiting import wait_until

__all__ = ["local", "submitted"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GridEngine]:
    with grid_engine(tmp_path_factory.mktemp("gridengine")) as running:
        yield running


def test_to_the_end_although_a_job_is_deleted(cluster: GridEngine, submitted: Submit, local: Submitted) -> None:
    workflow = submitted(TWO, cluster.environment, "--profile", "profiles/sge")
    process = workflow.submit()
    held, _ = workflow.hold(process)
    job = workflow.job_of(held)
    assert job in cluster.call("qstat")
    cluster.call("qdel", job)
    workflow.finish(process)
    assert "going on after epoch" in workflow.log(held)
    assert workflow.job_of(held) != job
    assert_finished(workflow, local)
    logs = workflow.folder / "logs" / "sge"
    assert len(list(logs.iterdir())) >= 3


def test_a_time_limit_and_a_master_that_restarts(cluster: GridEngine, submitted: Submit, local: Submitted) -> None:
    """A training stands still until its minutes are over, and gets more in its next attempt; the master is away for a while."""
    workflow = submitted(TWO, cluster.environment, "--profile", "profiles/sge", "--cluster-generic-status-cmd", "./status.sh")
    asked = workflow.folder / "asked"
    (workflow.folder / "status.sh").write_text('#!/bin/sh\nprofiles/sge/status.sh "$1"\necho "$1" >> asked\n')
    (workflow.folder / "status.sh").chmod(0o755)
    process = workflow.submit("--set-resources", "train_variant:runtime=attempt")
    held, _ = workflow.hold(process)
    job = workflow.job_of(held)
    cluster.kill_master()
    before = asked.read_text().split() if asked.exists() else []
    wait_until(lambda: asked.exists() and len(asked.read_text().split()) >= len(before) + 4, "Snakemake has asked", process=process)
    cluster.start_master()
    workflow.finish(process)
    assert "going on after epoch" in workflow.log(held)
    record = cluster.call("qacct", "-j", job)
    failed = re.search(r"(?m)^failed +(\d+)", record)
    assert failed
    assert int(failed[1]) != 0, record
    assert re.search(r"h_rt=(60|120)\b", record)
    assert_finished(workflow, local)
