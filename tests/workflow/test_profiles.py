"""The shell lines of the shipped profiles, with stand-ins for the programs of a batch system."""

import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT
from waiting import SECONDS

SUBMIT = {"sge": "qsub", "generic": "sbatch"}


def stand_in(folder: Path, program: str, script: str) -> None:
    """Put a program of this name in place of the real one."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / program).write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin" / program).chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "profiles").symlink_to(ROOT / "profiles")
    stand_in(tmp_path, "sleep", "echo slept >> asleep")
    return tmp_path


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
    done = ["sh", "-c", command]
    return subprocess.run(done, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)


def submit(folder: Path, profile: str, gpu: int = 0) -> subprocess.CompletedProcess[str]:
    """Submit as Snakemake does, which puts the job's script behind the command."""
    settings = yaml.safe_load((ROOT / "profiles" / profile / "config.yaml").read_text())
    resources = SimpleNamespace(mem_mb=2000, runtime=12, gpu=gpu)
    command = settings["cluster-generic-submit-cmd"].format(rule="train_variant", threads=1, resources=resources)
    return shell(folder, f'{command} "/a/job script"')


@pytest.mark.parametrize(("profile", "option"), [("sge", "-l gpu=1"), ("generic", "--gpus=1")], ids=str)
def test_a_gpu_is_asked_for_where_the_rule_wants_one(profile: str, option: str, folder: Path) -> None:
    stand_in(folder, SUBMIT[profile], 'echo "$@"')
    without, with_one = (submit(folder, profile, gpu).stdout for gpu in (0, 1))
    assert "gpu" not in without
    assert "2000" in without
    assert with_one == without.replace("/a/job", f"{option} /a/job")


@pytest.mark.parametrize("profile", SUBMIT)
def test_a_submission_waits_for_the_batch_system(profile: str, folder: Path) -> None:
    for program in (SUBMIT[profile], "qstat", "sinfo"):  # away, until somebody has waited three times
        stand_in(folder, program, '[ "$(cat asleep 2>/dev/null | wc -l)" -ge 3 ] || { echo away >&2; exit 1; }\necho 17')
    done = submit(folder, profile)
    assert (done.returncode, done.stdout) == (0, "17\n")


@pytest.mark.parametrize("profile", SUBMIT)
def test_a_submission_that_is_refused_is_not_repeated_for_an_hour(profile: str, folder: Path) -> None:
    stand_in(folder, SUBMIT[profile], "echo refused >> tried; exit 1")
    for program in ("qstat", "sinfo"):
        stand_in(folder, program, "exit 0")
    assert submit(folder, profile).returncode == 1
    assert (folder / "tried").read_text().split() == ["refused"] * 2
    assert not (folder / "asleep").exists()


@pytest.mark.parametrize(
    ("profile", "programs"),
    [
        ("sge", {"qstat": "echo header", "qacct": "exit 1"}),
        ("generic", {"scontrol": "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"}),
    ],
    ids=["sge", "generic"],
)
def test_a_job_that_is_found_nowhere_counts_as_running_for_some_minutes(
    profile: str, programs: dict[str, str], folder: Path
) -> None:
    for program, script in programs.items():
        stand_in(folder, program, script)

    def status() -> str:
        return shell(folder, f"profiles/{profile}/status.sh '17'").stdout

    assert [status(), status()] == ["running\n"] * 2
    (folder / "logs" / profile / "17.missed").write_text(f"{time.time() - 200:.0f}\n")
    assert status() == "running\n"
    (folder / "logs" / profile / "17.missed").write_text(f"{time.time() - 301:.0f}\n")
    assert status() == "failed\n"


@pytest.mark.parametrize(("failed", "status", "said"), [("0", "0", "success"), ("0", "137", "failed"), ("100", "0", "failed")])
def test_what_has_ended_is_in_the_accounting_file(failed: str, status: str, said: str, folder: Path) -> None:
    stand_in(folder, "qstat", "echo header")
    stand_in(folder, "qacct", f"echo 'failed 37'; echo 'exit_status 1'; echo 'failed {failed}'; echo 'exit_status {status}'")
    assert shell(folder, "profiles/sge/status.sh '17'").stdout == f"{said}\n"
    assert not list((folder / "logs").glob("**/*.missed"))
