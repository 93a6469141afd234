"""The shipped profile on a real Grid Engine of one host: to the end although a job is deleted. Slow: minutes."""

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
