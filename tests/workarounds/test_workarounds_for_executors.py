"""Bugs of Snakemake's executors, as `test_workarounds_for_snakemake.py` shows those of Snakemake itself."""

import asyncio
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from waiting import SECONDS, wait_until

from convnets.workarounds import for_snakemake

GONE = "no longer needed: remove this work-around"


class Submitting:
    """What the methods of Slurm's executor that submit arrays need of an executor."""

    def __init__(self, folder: Path) -> None:
        self.array_jobs, self.max_array_size, self.submitted = {"all"}, 1000, list[Any]()
        settings = SimpleNamespace(disable_memory_fudge=True, pass_command_as_script=False)
        self.workflow = SimpleNamespace(dag=object(), executor_settings=settings, workdir_init=folder)
        self.logger, self.slurm_logdir, self.run_uuid = mock.Mock(), folder, "uuid"
        self._main_event_loop, self._failed_nodes, self._submitted_job_clusters = None, set[str](), set[str]()
        self._submit_job = self._submit_array_jobs = self.submitted.append
        self.get_account_arg, self.get_partition_arg = lambda _: iter([""]), lambda _: ""
        self._report_job_submission_threadsafe = lambda info: self.submitted.append(info.job.name)

    @staticmethod
    def format_job_exec(job: Any) -> str:
        """Return the command of a job."""
        return f"snakemake --target-jobs {job.wildcards}"


def jobs_of_a_rule(count: int) -> list[Any]:
    rule = SimpleNamespace(name="train")
    return [
        SimpleNamespace(name="train", rule=rule, jobid=number, wildcards=f"seed={number}", resources={}, is_group=lambda: False)
        for number in range(1, count + 1)
    ]


def test_jobs_of_an_array_take_the_outputs_of_the_first_for_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of all jobs is that of the first; its Snakemake checks and removes outputs, whichever job it then starts."""
    calls = []

    def submit(call: str, **_: Any) -> Any:
        calls.append(call)
        return SimpleNamespace(returncode=0, communicate=lambda **_: ("17", ""))

    monkeypatch.setattr(plugin.subprocess, "Popen", submit)
    for name, value in {"get_submit_command": "sbatch", "set_gres_string": "", "get_job_wildcards": ""}.items():
        monkeypatch.setattr(plugin, name, lambda *_, value=value, **__: value)
    monkeypatch.setattr(plugin, "validate_slurm_extra", lambda _: None)
    executor = Submitting(tmp_path)
    plugin.Executor.run_array_jobs(executor, jobs_of_a_rule(2))
    assert executor.submitted == ["train", "train"], executor.logger.mock_calls
    (call,) = calls
    assert " --array=1-2 " in call, GONE
    assert "snakemake --target-jobs seed=1" in call, GONE
    assert "seed=2" not in call, GONE
    with pytest.raises(WorkflowError, match=r"slurm-array-jobs: with .* that fails removes the results of another"):
        for_snakemake.refuse_arrays()


def test_jobs_of_an_array_are_dropped_while_others_are_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Submitting(tmp_path)
    monkeypatch.setattr(plugin, "pending_jobs_for_rule", lambda *_: 3)
    plugin.Executor.run_jobs(executor, jobs_of_a_rule(2))
    assert executor.submitted == [], GONE
    with pytest.raises(WorkflowError, match="slurm-array-jobs"):
        for_snakemake.refuse_arrays()


def test_slurms_executor_forgets_what_the_controller_has_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def settings_of_slurm() -> Callable[..., str]:
        answers = iter([None, "MinJobAge = 300 sec", None])

        def ask(command: list[str], **_: Any) -> str:
            assert command == ["scontrol", "show", "config"]
            if (answer := next(answers, None)) is None:
                raise subprocess.CalledProcessError(1, command)
            return answer

        return ask

    monkeypatch.setattr(plugin, "get_min_job_age", plugin.get_min_job_age)  # put back afterwards
    monkeypatch.setattr(subprocess, "check_output", settings_of_slurm())
    assert [plugin.get_min_job_age() for _ in range(3)] == [None, 300, None], GONE
    monkeypatch.setattr(subprocess, "check_output", settings_of_slurm())
    for_snakemake.remember_min_job_age()
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
        if self.is_away:
            self.is_away = False
            self.answers.set()
            raise WorkflowError("no controller")
        assert active_jobs or not self.is_cured
        self.cancelled += [job.name for job in active_jobs]

    def run_job(self, job: object) -> None:
        raise NotImplementedError

    is_cured = True

    def start(self) -> "Asking":
        """Submit the jobs, and return when their first status check runs."""
        for job in self.jobs:
            self.report_job_submission(job, register_job=False)
        self.wait_thread.start()
        assert self.asks.wait(SECONDS)
        return self


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Asking:
    """An executor that asks about jobs, with the work-around."""
    for name in ("report_job_submission", "report_job_success", "report_job_error", "cancel"):
        monkeypatch.setattr(RemoteExecutor, name, getattr(RemoteExecutor, name))  # put back afterwards
    for_snakemake.cancel_all_jobs()
    return Asking().start()


def interrupt(executor: Asking) -> list[str]:
    """Interrupt an executor that asks about its jobs, and return the names of those that it cancels before there is an answer."""
    thread = threading.Thread(target=executor.cancel)
    thread.start()
    wait_until(lambda: not executor.wait, "the executor is to end")
    cancelled = list(executor.cancelled)
    executor.answers.set()
    thread.join()
    assert executor.cancelled == cancelled
    return cancelled


def test_an_interrupt_misses_jobs_that_are_asked_about() -> None:
    executor = Asking()
    executor.is_cured = False
    assert interrupt(executor.start()) == [], GONE


def test_an_interrupt_while_the_controller_is_away_cancels_nothing() -> None:
    executor = Asking()
    executor.is_cured, executor.is_away = False, True
    executor.start()
    with pytest.raises(WorkflowError):
        executor.cancel()
    assert executor.cancelled == [], GONE
    executor.shutdown()


def test_an_interrupt_cancels_jobs_that_are_asked_about(executor: Asking) -> None:
    assert interrupt(executor) == ["ends", "fails", "goes on"]


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
