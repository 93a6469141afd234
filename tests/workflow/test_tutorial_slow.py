"""What the tutorial says, done for real from top to bottom in a copy of the project. Slow: minutes."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import workflow
from conftest import ROOT
from edited import forget
from sklearn.datasets import load_digits

from convnets.study import configfiles, configuration
from convnets.study.configuration import Configuration

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(console|yaml)\n(.*?)```", TUTORIAL, re.DOTALL)
STUDY = "mine/study.yaml"
NAMED = re.compile(r"# (mine/\w+\.yaml)\n")  # the first line of a block that is a file of its own


def resolved(study: str) -> Configuration:
    return configuration.resolve(configfiles.read_study([Path(study)]))


def test_it_builds_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the place of the network's file, which does not count."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    text = "".join(block for kind, block in BLOCKS if kind == "yaml" and not NAMED.match(block))
    (tmp_path / STUDY).write_text(text)
    (tmp_path / "mine" / "networks.py").write_text((ROOT / "examples/digits/networks.py").read_text())
    monkeypatch.chdir(tmp_path)
    mine, example = resolved(STUDY), resolved("examples/digits/study.yaml")
    for name in ("title", "labels", "comparisons", "claims", "seeds", "described", "dataset", "images"):
        assert getattr(mine, name) == getattr(example, name), name
    text = json.dumps({name: settings.canonical() for name, settings in mine.variants.items()})
    theirs = {name: settings.canonical() for name, settings in example.variants.items()}
    assert json.loads(text.replace("mine/", "examples/digits/")) == json.loads(json.dumps(theirs))
    assert len(mine.variants) * len(mine.seeds) <= 15
    forget()


def test_the_data_are_those_of_scikit_learn() -> None:
    digits = load_digits()
    with np.load(ROOT / "examples" / "digits" / "digits.npz") as data:
        np.testing.assert_array_equal(np.concatenate([data["x_train"], data["x_test"]]), digits.images)
        np.testing.assert_array_equal(np.concatenate([data["y_train"], data["y_test"]]), digits.target)


def test_it_is_done_from_top_to_bottom(tmp_path: Path, real_batches: Path) -> None:
    """Each block of YAML is appended to the file it names, or to the study; each command ends well, and says the lines below it."""
    folder = tmp_path / "clone"
    workflow.copy_project(folder, real_batches)
    for name in ("config.smoke.yaml", "LICENSE", "installer.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "mine").mkdir()
    for kind, block in BLOCKS:
        if kind == "yaml":
            with (folder / (named[1] if (named := NAMED.match(block)) else STUDY)).open("a") as file:
                file.write(block)
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *expected = part.splitlines()
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            said = iter(done.stdout.splitlines())
            for line in expected:
                assert any(one.startswith(line) for one in said), f"{command} does not say {line!r}:\n{done.stdout}"
            if shlex.split(command)[:2] == ["make", "run"] and STUDY in command:
                again = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
                assert "nothing to do: all that was asked for is fresh" in again.stderr
    made = {path.relative_to(folder / "results" / "mine").as_posix() for path in (folder / "results" / "mine").rglob("*")}
    assert {
        "tables/variants.md",
        "tables/claims.md",
        "tables/gate.csv",
        "figures/networks.svg",
        "report/overview.html",
        "report.html",
    } <= made
    assert (folder / "mine" / "study.frozen.json").is_file()
    assert (folder / "results" / "smoke" / "report" / "overview.html").is_file()
    assert {"mlp", "resnet", "width__width_8", "width__width_24"} == {
        path.name for path in (folder / "results" / "mine" / "runs").iterdir()
    }
