"""The shipped profile on a real Grid Engine of one host: to the end although a job is deleted. Slow: minutes."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import GridEngine, grid_engine
from submitted import TWO, Submitted, assert_finished, local

__all__ = ["local"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GridEngine]:
    with grid_engine(tmp_path_factory.mktemp("gridengine")) as running:
        yield running


def test_to_the_end_although_a_job_is_deleted(cluster: GridEngine, tmp_path: Path, real_batches: Path, local: Submitted) -> None:
    workflow = Submitted(tmp_path / "project", real_batches, TWO, cluster.environment, "--profile", "profiles/sge")
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
    assert len(list(logs.iterdir())) == 3


def test_a_time_limit_and_a_master_that_restarts(cluster: GridEngine, tmp_path: Path, real_batches: Path, local: Submitted) -> None:
    """A training stands still until its minute is over, and gets two in its next attempt; the master is away for a while."""
    workflow = Submitted(tmp_path / "project", real_batches, TWO, cluster.environment, "--profile", "profiles/sge")
    process = workflow.submit("--set-resources", "train_variant:runtime=attempt")
    held, _ = workflow.hold(process)
    job = workflow.job_of(held)
    cluster.kill_master()
    time.sleep(15)  # Snakemake asks for its jobs meanwhile
    cluster.start_master()
    workflow.finish(process)
    assert "going on after epoch" in workflow.log(held)
    assert "failed" in cluster.call("qacct", "-j", job)
    assert re.search(r"hard resource_list:.*h_rt=60\b|category.*h_rt=60\b", cluster.call("qacct", "-j", job))
    assert_finished(workflow, local)
