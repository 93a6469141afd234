"""What is done with the variables and files that could steer a library from outside."""

import stage

import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from hostile import hostile

DOCS = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[("KERAS_HOME", "set"), ("PYTHONHASHSEED", "set"), ("MLFLOW_TRACKING_TOKEN", "allowed"), ("LD_LIBRARY_PATH", "allowed")],
        *[("MLFLOW_TRACKING_URI", "cleared"), ("TF_OF_TOMORROW", "cleared"), ("LD_PRELOAD", "cleared"), ("CUDA_X", "cleared")],
        *[("HOME", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("https_proxy", ""), ("SLURM_JOB_ID", "")],
    ],
)
def test_decisions(name: str, expected: str) -> None:
    assert stage.decision(name) == expected


def test_setting_the_stage_twice_changes_nothing_more() -> None:
    once = stage.staged({"TF_X": "1", "HOME": "/home/a", "OMP_NUM_THREADS": "8"})
    assert once == {"HOME": "/home/a", **stage.SET}
    assert stage.staged(once) == once


@pytest.mark.parametrize(("title", "entries"), [("Set", stage.SET), ("Allowed", stage.ALLOWED), ("Cleared", stage.CLEARED)])
def test_each_entry_stands_in_the_docs_with_its_reason(title: str, entries: Any) -> None:
    rows = [line.split(" | ") for line in DOCS.split(f"## {title}\n")[1].split("\n## ")[0].splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`([^`]+)`", row[0])) == sorted(entries)
    assert all(row[-1].removesuffix(" |") for row in rows)


def test_every_script_sets_the_stage_first() -> None:
    for path in (ROOT / "scripts").glob("*.py"):
        if path.name != "stage.py":
            code = re.sub(r'(?s)^(#!.*?\n)?""".*?"""\n+', "", path.read_text(encoding="utf-8"), count=1)
            assert code.startswith("import stage\n"), path.name


def test_ctrl_c_during_the_imports_of_a_script_ends_it_without_a_traceback() -> None:
    code = "import os, signal, sys; sys.argv[0] = {!r}; import stage; os.kill(os.getpid(), signal.SIGINT); print('went on')"
    command = [sys.executable, "-c", code.format(str(ROOT / "scripts" / "a_script.py"))]
    clean = {**stage.staged(os.environ), stage.MARK: "1", "PATH": os.environ["PATH"]}
    answers = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # even where the tests themselves run in the background
    done = subprocess.run(command, env=clean, cwd=ROOT / "scripts", capture_output=True, text=True, check=False, preexec_fn=answers)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_variables_of_mlflow_that_are_set_aside_are_named_once(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "scripts" / "explain_steps.py", "--help"]
    done = subprocess.run(command, env=hostile(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [
        "not used, since the configuration says where runs are tracked: MLFLOW_EXPERIMENT_ID, MLFLOW_RUN_ID, MLFLOW_TRACKING_URI"
    ]


def test_a_figure_and_numbers_are_the_same_in_a_hostile_environment(tmp_path: Path) -> None:
    """With a `matplotlibrc` in the working directory, too."""
    script = ROOT / "scripts" / "draw_vgg16.py"
    found = []
    for name in ("plain", "hostile"):
        folder = tmp_path / name
        outputs = {kind: [str(folder / f"vgg16.{kind}")] for kind in ("svg", "png")} | {"stamp": [str(folder / "stamp.json")]}
        folder.mkdir()
        job = {"rule": "draw_vgg16", "fingerprint": "", "components": {"settings": {}}, "inputs": {}, "outputs": outputs}
        (folder / "job.json").write_text(json.dumps(job))
        environment = dict(os.environ)
        if name == "hostile":
            environment = hostile(tmp_path / "home")
            (folder / "matplotlibrc").write_text("lines.linewidth: 9\naxes.formatter.use_locale: True\n")
        done = subprocess.run([sys.executable, script, "job.json"], env=environment, cwd=folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append([Path(outputs[kind][0]).read_bytes() for kind in ("svg", "png")])
    assert found[0] == found[1]
