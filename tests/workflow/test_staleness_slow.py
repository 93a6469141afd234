"""What Snakemake makes after a change, for real on a finished small workflow: the steps that are stale, and no others.

Of each kind of change one; `test_staleness.py` asks the library about the others. The exact set of jobs is checked each time, that
`make why` names the same, and that nothing is planned once they ran. Each test starts from what the one before it left, finished.
"""

import os
import shutil
import time
from pathlib import Path

import pytest
from staleness import ALL_RUNS, FIGURES, SMALL, active_runs, audited, finished, put, settle, trainings
from workflow import Workflow, copy_project

from convnets.data import batches


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Workflow:
    return finished(tmp_path_factory, real_batches, SMALL)


def test_the_audit_passes(workflow: Workflow) -> None:
    audited(workflow)


def test_touched_files(workflow: Workflow) -> None:
    sources = [path for path in workflow.folder.rglob("*") if path.is_file() and not {"results", "resources"} & set(path.parts)]
    assert {"Snakefile", "Makefile", "builders.py", "theory.smk"} <= {path.name for path in sources}
    for path in [*sources, *workflow.results("data").iterdir(), *workflow.results("runs").rglob("history.csv")]:
        path.touch()
    settle(workflow, set())


def test_a_fresh_checkout_beside_copied_results(workflow: Workflow, real_batches: Path) -> None:
    """The default store's address is absolute, so it is opened again where it is now; nothing else is made."""
    other = workflow.folder.parent / "checkout"
    copy_project(other, real_batches, workflow.folder)
    shutil.copytree(workflow.folder / "results", other / "results", copy_function=shutil.copyfile)  # with new time stamps
    shutil.rmtree(workflow.folder)
    workflow.folder = other
    settle(workflow, {"create_store", "publish_comparisons"})


def test_everything_is_moved(workflow: Workflow) -> None:
    """The project with its .snakemake to another folder, and the results to another in it."""
    workflow.folder = workflow.folder.rename(workflow.folder.with_name("moved"))
    (workflow.folder / "results").rename(workflow.folder / "elsewhere")
    workflow.config["pathvars"] = {**workflow.config["pathvars"], "results": "elsewhere"}
    settle(workflow, {"create_store", "publish_comparisons"})
    audited(workflow)
    for run in active_runs(workflow):
        artifacts = Path(run.info.artifact_uri.removeprefix("file://"))
        assert artifacts.is_relative_to(workflow.results().resolve())
        assert (artifacts / "figures" / "learning_curves.png").is_file()


def test_snakemakes_memory_is_lost(workflow: Workflow) -> None:
    """Also when a setting of one variant and a colour of one figure have changed."""
    shutil.rmtree(workflow.folder / ".snakemake")
    settle(workflow, set())
    shutil.rmtree(workflow.folder / ".snakemake")
    put(workflow.config, "variants.mlp.dropout", 0.3)
    put(workflow.config, "comparisons.depth.colors.conv1", "black")
    settle(workflow, trainings(["mlp"]) | {"plot_comparison/depth", "publish_comparisons"})


def test_edits_of_the_code(workflow: Workflow) -> None:
    builders = "scripts/convnets/networks/builders.py"
    workflow.edit(builders, '"""Yield the layers from standardised images to logits."""', '"""Yield."""')
    workflow.edit("rules/theory.smk", "tabulate_memory.py {params.job:q} >", "tabulate_memory.py  {params.job:q}  >")
    settle(workflow, set())
    workflow.edit("scripts/convnets/report/figures.py", "LABEL_HEIGHT = 0.062", "LABEL_HEIGHT = 0.07")
    workflow.edit("rules/theory.smk", "labels={head:", "names={head:")
    workflow.edit("scripts/tabulate_memory.py", '["labels"]', '["names"]')
    why = settle(workflow, {*FIGURES, "publish_comparisons", "tabulate_memory"})
    assert why["plot_comparison/head"] == ["code: convnets.report.figures changed"]
    workflow.edit(builders, "CONVOLUTION_BIAS = 0.05", "CONVOLUTION_BIAS = 0.06")
    why = settle(workflow, ALL_RUNS)
    assert why["train_variant/mlp/seed1"] == ["code: convnets.networks.builders changed"]


def test_files_are_deleted(workflow: Workflow) -> None:
    """Nothing needs the data set while all runs are fresh."""
    workflow.results("data", "dataset.npz").unlink()
    settle(workflow, set())
    workflow.results("data", "manifest.json").unlink()
    settle(workflow, {"prepare_dataset"})
    workflow.results("data", "dataset.npz").unlink()
    for name in ("runs/conv1/seed1/model.keras", "figures/head.png", "tables/claims.csv", "stamps/tabulate_vgg16.json"):
        workflow.results(name).unlink()
    expected = {"plot_comparison/head", "tabulate_claims", "tabulate_errata", "tabulate_vgg16"}
    why = settle(workflow, {"prepare_dataset", *trainings(["conv1"]), *expected})
    assert why["train_variant/conv1/seed1"] == ["model.keras is missing"]


def test_a_file_is_edited_by_hand(workflow: Workflow) -> None:
    path = workflow.results("runs", "mlp", "seed1", "history.csv")
    path.write_text(path.read_text().replace("0", "1", 1))
    why = settle(workflow, trainings(["mlp"]))
    assert why["train_variant/mlp/seed1"] == ["history.csv is not as it was written"]


def test_outputs_dated_in_the_future(workflow: Workflow) -> None:
    """As copied from a machine whose clock is ahead: what is stale is made again all the same."""
    ahead = time.time() + 3600
    for path in workflow.results().rglob("*"):
        if path.is_file():
            os.utime(path, (ahead, ahead))
    put(workflow.config, "variants.mlp.dropout", 0.25)
    put(workflow.config, "comparisons.head.title", "Another title")
    settle(workflow, trainings(["mlp"]) | {"plot_comparison/head", "create_store"})


def test_official_batches_survive_being_forced_offline(workflow: Workflow, real_batches: Path) -> None:
    put(workflow.config, "dataset.source", "/nowhere")
    workflow.run("--forcerun", "get_cifar10", "--until", "prepare_dataset")
    batches.check(real_batches, str(real_batches))
    assert "holds the official batches already" in (workflow.folder / "logs" / "get_cifar10.log").read_text()
    put(workflow.config, "dataset.source", "auto")
    settle(workflow, set())


def test_a_byte_of_the_data_set_changes(workflow: Workflow) -> None:
    """Fresh runs do not need the data set; before anything is trained on it, it is prepared again."""
    path = workflow.results("data", "dataset.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    settle(workflow, set())
    put(workflow.config, "variants.mlp.dropout", 0.2)
    settle(workflow, {"prepare_dataset", *trainings(["mlp"])})


def pretend_version(workflow: Workflow, library: str, version: str) -> None:
    """Put metadata of another version before the real one: a stand-in for an upgrade, which would take another environment."""
    metadata = workflow.folder / "scripts" / f"{library}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: {version}\n")


def test_a_librarys_version(workflow: Workflow) -> None:
    pretend_version(workflow, "matplotlib", "99.1")
    why = settle(workflow, {*FIGURES, "draw_vgg16", "publish_comparisons"})
    assert why["draw_vgg16"][0].startswith('library matplotlib: "3.')
    assert why["draw_vgg16"][0].endswith('-> "99.1"')


def test_the_audit_passes_after_all_that(workflow: Workflow) -> None:
    audited(workflow)
