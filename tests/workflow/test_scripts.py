"""Every script: usable without the workflow, and one clear line when its input is at fault."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import pytest
from commands import assert_one_line, run
from conftest import ROOT

from convnets.files import write_json
from convnets.freshness import fingerprint, stamps
from convnets.runs import unfinished
from convnets.runs.unfinished import Begun
from convnets.study.stores import Store
from convnets.workflow import command

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_says_how_it_is_used(script: Path, tmp_path: Path) -> None:
    done = run(script.stem, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("usage:")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_can_be_started_by_its_name(script: Path) -> None:
    """The rules do so, from the PATH."""
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env python\n")


def test_get_cifar10_from_nowhere(tmp_path: Path) -> None:
    arguments = ["--source", "nowhere", "--folder", "out", "--provenance", "out/source.json", "--log", "logs/get.log"]
    done = run("get_cifar10", *arguments, cwd=tmp_path)
    assert_one_line(done, "nowhere does not exist", "auto, official, npm")
    assert "nowhere does not exist" in (tmp_path / "logs" / "get.log").read_text()
    assert not (tmp_path / "out" / "source.json").exists()


def store_arguments(settings: dict[str, Any]) -> list[str]:
    return ["--settings", json.dumps(settings), "--results", ".", "--plan", "plan.json", "--stamp", "plan.stamp.json"]


def plan(tmp_path: Path) -> Path:
    members = {"mlp100": {"label": "MLP", "comparisons": {}}}
    store = {"uri": f"sqlite:///{tmp_path}/mlflow.db", "experiment": "tests", "artifacts": f"{tmp_path}/artifacts"}
    done = run("create_store", *store_arguments({**store, "reuse": False, "members": members}), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "plan.json"


def test_create_store_closes_the_run_of_a_training_that_was_killed_when_it_had_just_ended(tmp_path: Path) -> None:
    """Whatever the configuration says by now: its folder, which goes, has the only record of that run."""
    settings = json.loads(plan(tmp_path).read_text())
    former = settings["store"]
    client = mlflow.MlflowClient(former["uri"])
    experiment = client.get_experiment_by_name("tests").experiment_id
    left = client.create_run(experiment, tags={"training": "a"}).info.run_id
    components = {"settings": {}}
    with stamps.stamping(tmp_path / "runs" / "gone" / "seed1" / "stamp.json", components, [], []):
        pass
    folder = tmp_path / "unfinished" / "gone-seed1"
    Begun("a", 1.0, fingerprint.digest(components), former["uri"], former["experiment"], is_open=True).write(folder)
    store = {"uri": former["uri"], "experiment": "another", "artifacts": None, "reuse": False, "members": {}}
    done = run("create_store", *store_arguments(store), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert client.get_run(left).info.status == "KILLED"
    assert not folder.exists()


def test_explain_steps_names_runs_that_are_open_in_former_stores(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "unfinished" / "gone-seed1"
    unfinished.begin(folder, "f", "http://former", "tests")
    unfinished.settle(folder / unfinished.BEGUN, is_closed=False)
    done = run("explain_steps", ROOT / "config.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "`make sync` tries to close them:\n         gone-seed1 in http://former (results/unfinished/open/gone-seed1/" in done.stdout
    )


def test_arguments_can_stand_in_a_file(tmp_path: Path) -> None:
    """A command line has 128 KiB, which the paths of a thousand runs exceed."""
    parser = command.parser(None)
    parser.add_argument("--runs", nargs="*")
    paths = [f"results/runs/a variant/seed{seed}/history.csv" for seed in range(5000)]
    (tmp_path / "arguments").write_text("\n".join(["--runs", *paths]))
    assert parser.parse_args([f"@{tmp_path}/arguments"]).runs == paths


def test_create_store_that_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    settings = {"uri": f"sqlite:///{tmp_path}/mlflow.db", "experiment": "x", "artifacts": None, "reuse": False, "members": {}}
    done = run("create_store", *store_arguments(settings), cwd=tmp_path)
    assert_one_line(done, "the tracking store sqlite://", "cannot be used")
    assert not (tmp_path / "plan.json").exists()


def test_create_store_on_a_server_that_is_away(tmp_path: Path) -> None:
    """The results are made all the same, and tracked later."""
    settings = {"uri": "http://127.0.0.1:9", "experiment": "x", "artifacts": None, "reuse": False, "members": {}}
    done = run("create_store", *store_arguments(settings), cwd=tmp_path)
    assert done.returncode == 0
    assert "http://127.0.0.1:9 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "plan.json").exists()


def test_serve_ui_before_there_are_runs(tmp_path: Path) -> None:
    (tmp_path / "overlay.yaml").write_text("pathvars: {results: out}\n")
    done = run("serve_ui", ROOT / "config.yaml", "overlay.yaml", cwd=tmp_path)
    assert_one_line(done, "no runs under out yet", "make run")


@pytest.mark.parametrize("is_its_own", [True, False])
def test_serve_ui_prints_the_addresses_of_its_own_store(
    is_its_own: bool, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not those that were published in a former one."""
    import serve_ui

    place = {"uri": store.uri if is_its_own else "http://elsewhere", "experiment": store.experiment}
    published = {"store": place, "curves": {"depth": "#/1"}, "compare": {"depth": "#/2"}}
    write_json(tmp_path / "out" / "tracking" / "published.json", published)
    overlay = {"pathvars": {"results": str(tmp_path / "out")}, "tracking": {"uri": store.uri, "experiment": store.experiment}}
    (tmp_path / "overlay.yaml").write_text(json.dumps(overlay))
    monkeypatch.setattr(serve_ui.os, "execv", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["serve_ui.py", str(ROOT / "config.yaml"), str(tmp_path / "overlay.yaml")])
    serve_ui.main()
    assert ("depth, learning curves: http://127.0.0.1:5000/#/1" in capsys.readouterr().out) == is_its_own


def test_sync_runs_before_there_are_runs(tmp_path: Path) -> None:
    (tmp_path / "overlay.yaml").write_text("pathvars: {results: out}\n")
    done = run("sync_runs", ROOT / "config.yaml", "overlay.yaml", cwd=tmp_path)
    assert_one_line(done, "no finished runs under out yet", "make run")
    assert not (tmp_path / "out").exists()


def test_explain_steps_whose_reader_goes_away(tmp_path: Path) -> None:
    command = f"{sys.executable} {ROOT}/scripts/explain_steps.py {ROOT}/config.yaml 2> errors | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("stale  prepare_dataset")
    assert (tmp_path / "errors").read_text() == ""


@pytest.mark.parametrize("cores", ["0", "-1", "many"])
def test_explain_steps_for_a_number_of_cores_that_is_none(cores: str, tmp_path: Path) -> None:
    done = run("explain_steps", f"--cores={cores}", ROOT / "config.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{cores!r} is not a number of cores; give one from 1, or all" in done.stderr


def test_retire_runs_without_a_store(tmp_path: Path) -> None:
    """What has left the configuration goes, and no store is made for it: figures first, which no run is behind, then a run."""
    figure, stamp = tmp_path / "results" / "figures" / "gone.svg", tmp_path / "results" / "stamps" / "plot_comparison" / "gone.json"
    for path in (figure, stamp):
        path.parent.mkdir(parents=True)
        path.touch()
    done = run("retire_runs", "--yes", ROOT / "config.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert not figure.exists()
    assert not stamp.exists()
    left = tmp_path / "results" / "runs" / "gone" / "seed1"
    left.mkdir(parents=True)
    done = run("retire_runs", "--yes", ROOT / "config.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no tracked run is retired: the tracking store sqlite:///" in done.stdout
    assert not left.exists()
    assert not (tmp_path / "results" / "mlflow").exists()
