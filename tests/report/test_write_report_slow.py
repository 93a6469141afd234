"""The command that writes the report: refused, and interrupted."""

import copy
import os
import signal
import subprocess
import sys
from pathlib import Path

from terminals import answer_interrupts
from waiting import SECONDS, wait_until
from workflow import CONFIG, Workflow


def test_runs_that_are_not_finished_have_no_report(tmp_path: Path) -> None:
    (tmp_path / "batches").mkdir()
    project = Workflow(tmp_path / "project", tmp_path / "batches", copy.deepcopy(CONFIG))
    done = project.script("write_report")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "8 runs are missing or stale, and the report trains nothing: make run first" in done.stderr
    assert "conv1_dropout05/seed1: not made yet" in done.stderr
    assert "and 3 more" in done.stderr
    assert not project.results().exists()


STOPPED = """
import sys
sys.path.insert(0, "scripts")
from convnets.workflow import command

command.run(lambda: command.snakemake(["empty.yaml"], 1, "--snakefile", "Lasting", "--quiet", "all"))
"""


def test_a_report_that_is_interrupted_leaves_nothing_locked(tmp_path: Path) -> None:
    project = Workflow(tmp_path / "project", tmp_path / "batches", copy.deepcopy(CONFIG))
    (project.folder / "empty.yaml").write_text("{}")
    (project.folder / "Lasting").write_text('rule all:\n    output: "made"\n    shell: "touch begun; sleep 60; touch made"\n')
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED],
        cwd=project.folder,
        process_group=0,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=answer_interrupts,
    )
    wait_until((project.folder / "begun").exists, "the job runs", process=process)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signal.SIGINT, said
    assert not list(project.folder.glob(".snakemake/locks/*")), said
