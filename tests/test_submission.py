"""What is checked before trainings are submitted, and what executors are helped with."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
import snakemake_executor_plugin_slurm as plugin
from conftest import ROOT
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from waiting import SECONDS, wait_until

from convnets.workflow import submission
from convnets.errors import InputError


def test_the_minimal_age_is_what_the_controller_said_when_it_last_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([None, 300, None])
    monkeypatch.setattr(plugin, "get_min_job_age", lambda: next(answers))
    submission.remember_minimal_age()
    assert [plugin.get_min_job_age() for _ in range(3)] == [300, 300, 300]


class Asking(RemoteExecutor):
    """A stand-in for an executor of a batch system: it asks about its jobs until it is told the answer."""

    def __init__(self) -> None:  # without Snakemake's workflow around it
        common = SimpleNamespace(init_seconds_before_status_checks=0)
        remote = SimpleNamespace(seconds_between_status_checks=0.01, immediate_submit=True)
        scheduler = mock.Mock()
        self.workflow = SimpleNamespace(
            executor_plugin=SimpleNamespace(common_settings=common), remote_execution_settings=remote, scheduler=scheduler
        )
        self._next_seconds_between_status_checks = None
        self.asks, self.answers, self.cancelled = threading.Event(), threading.Event(), list[str]()
        self.is_away = False
        self.jobs = [SimpleNamespace(name=name, job=mock.Mock(), external_jobid=None) for name in ("ends", "fails", "goes on")]
        self.active_jobs, self.lock, self.wait = [], threading.Lock(), True
        self.wait_thread = threading.Thread(target=self._wait_thread, daemon=True)

    async def check_active_jobs(self, active_jobs: list[SimpleNamespace]) -> AsyncIterator[SimpleNamespace]:
        """Say of each job what its name says."""
        self.asks.set()
        while not self.answers.is_set():
            await asyncio.sleep(0.01)
        for job in active_jobs:
            if job.name == "ends":
                self.report_job_success(job)
            elif job.name == "fails":
                self.report_job_error(job)
            else:
                yield job

    def cancel_jobs(self, active_jobs: list[SimpleNamespace]) -> None:
        assert active_jobs
        if self.is_away:
            self.is_away = False
            self.answers.set()
            raise WorkflowError("no controller")
        self.cancelled += [job.name for job in active_jobs]

    def run_job(self, job: object) -> None:
        raise NotImplementedError


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Asking:
    """An executor that asks about jobs, as Snakemake is helped to cancel them."""
    for name in ("report_job_submission", "report_job_success", "report_job_error", "cancel"):
        monkeypatch.setattr(RemoteExecutor, name, getattr(RemoteExecutor, name))  # put back afterwards
    submission.cancel_all_jobs()
    executor = Asking()
    for job in executor.jobs:
        executor.report_job_submission(job, register_job=False)
    executor.wait_thread.start()
    assert executor.asks.wait(SECONDS)
    return executor


def test_an_interrupt_cancels_jobs_that_are_asked_about(executor: Asking) -> None:
    interrupt = threading.Thread(target=executor.cancel)
    interrupt.start()
    wait_until(lambda: not executor.wait, "the executor is to end")
    assert executor.cancelled == ["ends", "fails", "goes on"]
    executor.answers.set()
    interrupt.join()
    assert executor.cancelled == ["ends", "fails", "goes on"]


def test_jobs_that_cannot_be_cancelled_are_once_there_is_an_answer(executor: Asking) -> None:
    """Those that have not ended meanwhile."""
    executor.is_away = True
    executor.cancel()
    assert executor.cancelled == ["goes on"]


def test_where_all_jobs_have_ended_there_is_none_to_cancel(executor: Asking) -> None:
    executor.answers.set()
    wait_until(lambda: executor.workflow.scheduler.error_callback.called, "two have ended")
    executor.report_job_success(executor.jobs[2])
    executor.cancel()
    assert executor.cancelled == []


def test_environments_of_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on Python 3.12, whose lock has another NumPy."""
    pinned = {"numpy": "2.4.6", "keras": "3.15.1"}
    (tmp_path / "envs").mkdir()
    lines = "".join(f"      - {name}=={version}\n" for name, version in pinned.items())
    (tmp_path / "envs" / "training.yaml").write_text(f"dependencies:\n  - pip:\n{lines}")
    here = {**dict.fromkeys(submission.LIBRARIES, "1"), **pinned}
    monkeypatch.setattr(submission, "library_version", lambda name: here[name])
    submission.check_environments(tmp_path / "envs")
    here["numpy"] = "2.5.5"
    with pytest.raises(InputError, match=r"\(envs/\*\.yaml\) have numpy 2\.4\.6 and not 2\.5\.5, .*PYTHON=python3\.11"):
        submission.check_environments(tmp_path / "envs")


def test_the_pins_of_the_environments_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "library_version", lambda _: "0")
    with pytest.raises(InputError) as refused:
        submission.check_environments(ROOT / "envs")
    assert all(f"{library} " in str(refused.value) for library in submission.LIBRARIES)
