"""The rules: what `all` asks for, what is submitted to a batch system, and what holds the jobs of one machine."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from made_up import finish
from workflow import CONFIG, Workflow, wildcards_of

from convnets import hardware
from convnets.files import write_json
from convnets.freshness import fingerprint
from convnets.workflow import command, planning


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[set[str], set[str]]]:
    """Return inputs and outputs of every job of the default configuration, as Snakemake plans them when all is forced."""
    done = project(tmp_path_factory.mktemp("rules")).snakemake("--dry-run", "--forceall")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for rule, text in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", done.stdout + done.stderr, re.MULTILINE):
        lists = dict(re.findall(r"^    (input|output): (.*)$", text.replace(" (update)", ""), re.MULTILINE))
        found["/".join([rule, *wildcards_of(text)])] = tuple(set(lists.get(key, "").split(", ")) for key in ("input", "output"))
    return found


def project(folder: Path, config: dict[str, object] = CONFIG) -> Workflow:
    (folder / "batches").mkdir()
    return Workflow(folder / "project", folder / "batches", config)


def test_every_result_is_asked_for(jobs: dict[str, tuple[set[str], set[str]]]) -> None:
    """Each job leaves something that `all` or the overview reads; its stamp vouches for the rest, so that nothing is forgotten."""
    asked = jobs["all"][0] | jobs["write_overview"][0]
    assert {key for key, (_, outputs) in jobs.items() if not outputs & asked} == {"all", "get_cifar10", "create_store"}


def test_every_job_but_the_download_is_a_step(jobs: dict[str, tuple[set[str], set[str]]]) -> None:
    """So whatever Snakemake makes, the library can say why it is stale; and each step is made from what others make."""
    steps = planning.load([ROOT / "config.yaml"])
    assert set(jobs) == {*steps.all, "get_cifar10", "all"}
    made_by = {output: key for key, (_, outputs) in jobs.items() for output in outputs}
    for key, step in steps.all.items():
        inputs, outputs = jobs[key]
        assert outputs == {str(path) for path in (*step.files, step.stamp)}, key
        before = {made_by[path] for path in inputs if path in made_by}
        waited_for = {"create_store", "prepare_dataset"} if step.rule == "train_variant" else set()
        assert before - waited_for - {"get_cifar10"} == set(steps.before(key)), key


def test_trainings_alone_are_submitted_to_a_batch_system(jobs: dict[str, tuple[set[str], set[str]]]) -> None:
    files = [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")]
    rules = [found for file in files for found in re.findall(r"(?m)^( *)rule (\w+):\n((?:\1 +\S.*\n|\n)*)", file.read_text())]
    assert {name for _, name, _ in rules} == {*(key.split("/")[0] for key in jobs), "write_paper"}
    assert {name for _, name, text in rules if "    localrule: True\n" not in text} == {"train_variant"}


def test_no_more_jobs_run_at_once_than_there_are_cores(tmp_path: Path) -> None:
    workflow = project(tmp_path)
    target = "results/tables/vgg16.csv"  # made in a moment
    for cores, used in (("1", 1), ("999", command.cores("all"))):
        done = workflow.snakemake("--cores", cores, "--force", target)
        assert done.returncode == 0, done.stderr
        assert f"Provided cores: {used}" in done.stdout + done.stderr
        assert ("--cores 999 is more than the" in done.stderr) == (cores == "999")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--configfile", "own.yaml"], "(there is no config.yaml in {folder}, so none was read)"),
        (
            [],
            "Workflow defines configfile config.yaml but it is not present or accessible",
        ),
    ],
)
def test_a_folder_without_a_configuration_is_named(options: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("seeds: [2]\n")
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--snakefile", ROOT / "Snakefile", *options]
    done = subprocess.run(snakemake, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said.format(folder=tmp_path) in done.stdout + done.stderr


def test_trainings_that_memory_does_not_suffice_for_wait(tmp_path: Path) -> None:
    """On a machine that has memory for one of them, as a made-up reading of its control group has it."""
    workflow = project(tmp_path)
    workflow.edit("rules/common.smk", "memory = hardware.available_memory()", "memory = 2500 * 2**20")
    done = workflow.snakemake("--force", "results/tables/vgg16.csv")
    assert done.returncode == 0, done.stderr
    assert 'Provided resources: mem_mb=Resource("mem_mb", 2500)' in done.stdout + done.stderr


def test_a_workflow_that_fails_says_what_is_not_tracked(tmp_path: Path) -> None:
    config = copy.deepcopy(CONFIG)
    config["dataset"]["source"] = "nowhere"
    config["pathvars"] |= {"results": str(tmp_path / "results"), "resources": str(tmp_path / "resources")}
    workflow = project(tmp_path, config)
    files = [workflow.folder / name for name in workflow.configfiles()]
    finish(planning.load(files), "train_variant/mlp100/seed1")
    done = workflow.snakemake("--", f"{tmp_path}/results/data/manifest.json")
    assert done.returncode == 1
    store = f"sqlite:///{tmp_path}/results/mlflow/mlflow.db"
    assert f"pending: 1 run (mlp100/seed1): not brought to {store} yet (make sync)" in done.stdout


def test_a_job_on_a_host_of_another_precision_is_refused(tmp_path: Path) -> None:
    """What `auto` means is decided where the workflow runs; the run of another precision would be stale there for ever."""
    config = copy.deepcopy(CONFIG)
    workflow = project(tmp_path, config)
    name = fingerprint.digest({"results": str(workflow.results().resolve())})[:16]
    note = workflow.folder / ".snakemake" / f"planned-{name}.json"
    write_json(note, {"bfloat16": not hardware.native_bfloat16()})
    as_a_job = ("--mode", "subprocess", "--dry-run")
    done = workflow.snakemake(*as_a_job)
    assert done.returncode == 0, done.stdout + done.stderr
    config["variants"]["mlp100"]["precision"] = "auto"
    refusal = "training.precision is auto, which means another precision on this host than on the one that runs the workflow"
    for _ in range(2):
        done = workflow.snakemake(*as_a_job)
        assert done.returncode == 1
        assert refusal in done.stdout + done.stderr
        note.unlink(missing_ok=True)  # what it means there is not known then
    assert workflow.snakemake("--dry-run").returncode == 0


def test_the_host_that_runs_the_workflow_notes_its_precision(tmp_path: Path) -> None:
    workflow = project(tmp_path)
    workflow.run("--force", "results/tables/vgg16.csv")
    (note,) = (workflow.folder / ".snakemake").glob("planned-*.json")
    assert f"{hardware.native_bfloat16()}".lower() in note.read_text()


def test_a_job_of_a_batch_system_is_told_so(tmp_path: Path) -> None:
    """It writes to no database in a file."""
    workflow = project(tmp_path)
    done = workflow.snakemake("--mode", "remote", "--dry-run", "--printshellcmds")
    assert done.stdout.count(" --submitted ") + done.stderr.count(" --submitted ") == len(CONFIG["variants"])
    done = workflow.snakemake("--dry-run", "--printshellcmds")
    assert "--submitted" not in done.stdout + done.stderr
