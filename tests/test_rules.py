"""The rules and the steps that decide what is stale declare the same graph: the same jobs, outputs and inputs."""

import copy
import re
from pathlib import Path

import pytest
from conftest import ROOT
from convnets.freshness.steps import DATA, DOWNLOAD, STORE, TRAINING, Steps
from test_steps import finish
from workflow import CONFIG, Workflow, wildcards_of

from convnets import hardware
from convnets.files import write_json
from convnets.freshness import fingerprint
from convnets.study import configuration
from convnets.workflow import command, hosts


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[set[str], set[str]]]:
    """Return inputs and outputs of every job of the default configuration, as Snakemake plans them when all is forced."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "batches").mkdir()
    done = Workflow(folder / "project", folder / "batches", CONFIG).snakemake("--dry-run", "--forceall")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for rule, text in re.findall(r"^rule (\w+):\n((?:    .*\n)*)", done.stdout + done.stderr, re.MULTILINE):
        lists = dict(re.findall(r"^    (input|output): (.*)$", text.replace(" (update)", ""), re.MULTILINE))
        found["/".join([rule, *wildcards_of(text)])] = tuple(set(lists.get(key, "").split(", ")) for key in ("input", "output"))
    return found


def test_jobs_outputs_and_inputs_are_those_of_the_steps(jobs: dict[str, tuple[set[str], set[str]]]) -> None:
    steps = Steps(configuration.resolve(CONFIG))
    assert set(jobs) == {*steps.all, DOWNLOAD, "all"}
    made_by = {output: key for key, (_, outputs) in jobs.items() for output in outputs}
    for key, step in steps.all.items():
        inputs, outputs = jobs[key]
        assert outputs == {str(path) for path in (*step.outputs, step.stamp)}, key
        before = {made_by[path] for path in inputs if path in made_by}
        # A training waits for the store and the data, whose being made again does not make it stale.
        assert before - ({STORE, DATA} if step.rule == TRAINING else set()) == set(step.after), key
    everything, _ = jobs["all"]
    assert {made_by[path] for path in everything} >= {key for key, step in steps.all.items() if key != STORE and step.stamp}


def test_every_result_is_asked_for(jobs: dict[str, tuple[set[str], set[str]]]) -> None:
    """Whatever a step leaves for the user is an input of `all`, so that nothing is made on the way only and forgotten."""
    asked, _ = jobs["all"]
    made = {output for _, outputs in jobs.values() for output in outputs if output}
    internal = {path for path in made if "/stamps/" in path or path.startswith("resources")}
    assert made - internal - asked == {"results/data/cifar10.npz", str(Path("results/tracking/plan.json"))}


def test_trainings_alone_are_submitted_to_a_batch_system() -> None:
    rules = [name for path in (ROOT / "rules").glob("*.smk") for name in re.findall(r"(?m)^rule (\w+):", path.read_text())]
    (listed,) = re.findall(r"(?m)^localrules:\n((?:    \w+,\n)+)", (ROOT / "Snakefile").read_text())
    assert {*rules, "all"} - set(re.findall(r"\w+", listed)) == {"train_variant"}


def test_no_more_jobs_run_at_once_than_there_are_cores(tmp_path: Path) -> None:
    (tmp_path / "batches").mkdir()
    workflow = Workflow(tmp_path / "project", tmp_path / "batches", CONFIG)
    target = "results/tables/vgg16.csv"  # made in a moment
    for cores, used in (("1", 1), ("999", command.cores("all"))):
        done = workflow.snakemake("--cores", cores, "--force", target)
        assert done.returncode == 0, done.stderr
        assert f"Provided cores: {used}" in done.stdout + done.stderr
        assert ("--cores 999 is more than the" in done.stderr) == (cores == "999")


def test_trainings_that_memory_does_not_suffice_for_wait(tmp_path: Path) -> None:
    """On a machine that has memory for one of them, as a made-up reading of its control group has it."""
    (tmp_path / "batches").mkdir()
    workflow = Workflow(tmp_path / "project", tmp_path / "batches", CONFIG)
    workflow.edit("rules/common.smk", "memory = hardware.available_memory()", "memory = 2500 * 2**20")
    done = workflow.snakemake("--force", "results/tables/vgg16.csv")
    assert done.returncode == 0, done.stderr
    assert 'Provided resources: mem_mb=Resource("mem_mb", 2500)' in done.stdout + done.stderr


def test_a_workflow_that_fails_says_what_is_not_tracked(tmp_path: Path) -> None:
    (tmp_path / "batches").mkdir()
    config = copy.deepcopy(CONFIG)
    config["dataset"]["source"] = "nowhere"
    config["pathvars"] |= {"results": str(tmp_path / "results"), "resources": str(tmp_path / "resources")}
    project = Workflow(tmp_path / "project", tmp_path / "batches", config)
    finish(Steps(configuration.resolve(config)), "train_variant/mlp100/seed1")
    done = project.snakemake("--", f"{tmp_path}/results/data/manifest.json")
    assert done.returncode == 1
    store = f"sqlite:///{tmp_path}/results/mlflow/mlflow.db"
    assert f"pending: 1 run (mlp100/seed1): not brought to {store} yet (make sync)" in done.stdout


def test_a_job_on_a_host_of_another_precision_is_refused(tmp_path: Path) -> None:
    """What `auto` means is decided where the workflow runs; the run of another precision would be stale there for ever."""
    (tmp_path / "batches").mkdir()
    config = copy.deepcopy(CONFIG)
    project = Workflow(tmp_path / "project", tmp_path / "batches", config)
    name = fingerprint.digest({"results": str(project.results().resolve())})[:16]
    elsewhere = {"host": "elsewhere", "bfloat16": not hardware.native_bfloat16()}
    write_json(project.folder / ".snakemake" / f"planned-{name}.json", elsewhere)
    as_a_job = ("--mode", "subprocess", "--dry-run")
    done = project.snakemake(*as_a_job)
    assert done.returncode == 0, done.stdout + done.stderr
    config["variants"]["mlp100"]["precision"] = "auto"
    done = project.snakemake(*as_a_job)
    assert done.returncode == 1
    assert "training.precision is auto, which is another on" in done.stdout + done.stderr
    assert "than on elsewhere, where this was planned" in done.stdout + done.stderr
    for path in project.folder.glob(".snakemake/planned-*.json"):
        path.unlink()
    done = project.snakemake(*as_a_job)
    assert done.returncode == 1
    assert "than on the host that runs the workflow, where this was planned" in done.stdout + done.stderr
    assert project.snakemake("--dry-run").returncode == 0


def test_a_job_that_is_not_told_where_it_was_planned_takes_that_for_another_host(tmp_path: Path) -> None:
    (tmp_path / "batches").mkdir()
    project = Workflow(tmp_path / "project", tmp_path / "batches", CONFIG)
    done = project.snakemake("--mode", "remote", "--dry-run", "--printshellcmds")
    assert "--planned-on 'the host that runs the workflow'" in done.stdout + done.stderr, done.stderr
    done = project.snakemake("--dry-run", "--printshellcmds")
    assert f"--planned-on {hosts.this_host()} " in done.stdout + done.stderr
