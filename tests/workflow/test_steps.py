"""What the configuration no longer asks for, what is finished or open, and what planning reads and writes."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from made_up import MadeUp, finish, made_up, study, track
from staleness import put

from convnets.freshness import stamps
from convnets.runs import unfinished
from convnets.study.stores import Store, Tracked
from convnets.workflow import leftovers, pending, planning
from convnets.workflow.declarations import TRAINING
from convnets.workflow.steps import Steps

__all__ = ["made_up", "study"]
STORE, RUN = "create_store", f"{TRAINING}/mlp100/seed1"


@pytest.fixture
def steps(config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """The steps of the default configuration, before anything was made but the store."""
    monkeypatch.setenv("PATH", os.environ["PATH"])
    config["pathvars"]["results"] = str(tmp_path / "results")
    (tmp_path / "results" / "mlflow").mkdir(parents=True)
    (tmp_path / "results" / "mlflow" / "mlflow.db").touch()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    yield planning.load([tmp_path / "config.yaml"])
    assert not (tmp_path / ".snakemake").exists()


def test_folders_count_whatever_their_spelling(config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config["pathvars"]["results"] = "./out/"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    steps = planning.load([tmp_path / "config.yaml"])
    assert steps[STORE].components["outputs"]["plan"] == "<results>/tracking/plan.json"
    assert steps[RUN].stamp == Path("out/runs/mlp100/seed1/stamp.json")
    comparison = next(iter(steps.study.comparisons.values()))
    runs = [f"{TRAINING}/{member.variant}/seed{seed}" for member in comparison.members for seed in steps.study.seeds]
    assert sorted(steps.before(f"plot_comparison/{comparison.id}")) == sorted(runs)


# What has left, what is open, what is tracked


def test_what_left_is_listed_unless_it_still_trains(steps: Steps) -> None:
    results = steps.study.results
    gone, wanted = results / "runs" / "gone" / "seed1", results / "runs" / "mlp100" / "seed1"
    for folder in (gone, wanted, results / "runs" / "gone" / "seed1.bak", results / "unfinished"):
        folder.mkdir(parents=True)
    (results / "unfinished" / ".DS_Store").touch()
    (results / "unfinished" / "no training").mkdir()
    assert leftovers.left(steps) == [gone]
    assert steps.study.layout.runs() == [gone, wanted]
    begun = results / "unfinished" / "gone-seed1"
    with unfinished.claimed(begun):
        assert leftovers.left(steps) == []
    assert leftovers.left(steps) == [gone]
    begun.mkdir()
    assert leftovers.left(steps) == [gone, begun]


def test_figures_of_a_comparison_that_left_are_listed(steps: Steps) -> None:
    layout = steps.study.layout
    figures = [layout.figure("gone").with_suffix(kind) for kind in (".png", ".svg")]
    stamp = layout.results / "stamps" / "plot_comparison" / "gone.json"
    with stamps.stamping(stamp, {}, [], figures):
        for figure in figures:
            figure.parent.mkdir(exist_ok=True)
            figure.touch()
    assert leftovers.left(steps) == [*figures, stamp]


def test_a_read_only_results_folder_can_be_looked_at(steps: Steps, tmp_path: Path) -> None:
    """Nothing is written on the way, so nothing can fail (that the folder is read-only could not be tested as root)."""
    (steps.study.layout.trainings / "mlp100-seed1").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    for key in steps.all:
        steps.reasons(key)
    leftovers.left(steps)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_store_is_opened_again_for_killed_trainings_only(steps: Steps) -> None:
    finish(steps, STORE)
    assert steps.again().reasons(STORE) == []
    folder = steps.study.layout.trainings / "mlp100-seed1"
    unfinished.begin(folder, steps.all[RUN].fingerprint, steps.study.store.uri, steps.study.store.experiment)
    assert steps.again().reasons(STORE) == ["the training mlp100-seed1 was killed, and its tracked run may be open"]
    finish(steps, RUN)
    assert steps.again().reasons(STORE) == ["the training mlp100-seed1 was killed when it had just ended"]
    with unfinished.claimed(folder):
        assert steps.again().reasons(STORE) == []


def test_a_run_left_open_in_a_former_store_makes_nothing_stale(steps: Steps) -> None:
    """That store may be gone for good; the present one is opened for it."""
    finish(steps, STORE)
    folder = steps.study.layout.trainings / "gone-seed1"
    for store, names in ((Store("http://former", "tests"), []), (steps.study.store, ["gone-seed1"])):
        unfinished.begin(folder, "f", store.uri, store.experiment)
        reasons = steps.again().reasons(STORE)
        assert reasons == [f"the training {name} was killed, and its tracked run may be open" for name in names]
        assert list(pending.open_runs(steps)) == names


def test_a_store_that_could_not_be_opened_is_opened_again(steps: Steps) -> None:
    finish(steps, STORE, is_open=False)
    assert steps.again().reasons(STORE) == [f"the tracking store {steps.study.store.uri} could not be opened yet"]
    finish(steps, STORE)
    assert steps.again().reasons(STORE) == []


def test_a_run_is_untracked_until_the_configured_store_has_it(steps: Steps) -> None:
    def untracked() -> list[str]:
        return [step.key for step in pending.untracked(steps.again())]

    folder = finish(steps, RUN)
    assert untracked() == [RUN]
    store, mark = steps.study.store, steps.all[RUN].fingerprint
    for tracked in (Tracked("http://elsewhere", store.experiment, mark, "1"), Tracked(store.uri, store.experiment, "f" * 64, "1")):
        tracked.write(folder)
        assert untracked() == [RUN]
    assert f"pending: 1 run (mlp100/seed1): not brought to {store.uri} yet" in pending.line(steps.again())
    track(steps, steps.all[RUN])
    assert untracked() == []
    assert pending.line(steps.again()) == ""
    (folder / "tracked.json").write_text("[]")
    assert untracked() == [RUN]


def test_stamps_of_former_versions_can_be_read(steps: Steps) -> None:
    """As the committed runs have them."""
    for former in sorted((ROOT / "results" / "reference" / "runs" / "mlp100").glob("seed*/stamp.json")):
        version = stamps.read(former).components["version"]  # type: ignore[union-attr]
        stamp = steps.all[RUN].stamp
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_bytes(former.read_bytes())
        found = steps.again().reasons(RUN)
        if version != 5:
            assert f"what a fingerprint covers: version {version} -> 5" in found
        assert not [text for text in found if "damaged" in text or text.startswith(("code", "setting", "library"))]


# What planning reads and writes


def jobs(study: MadeUp, *arguments: str) -> set[str]:
    return {key.split("/")[0] for key in study.planned(*arguments)}


def test_fresh_trainings_do_not_ask_for_data_and_forced_ones_do(study: MadeUp) -> None:
    for name in ("dataset.npz", "manifest.json"):
        study.results("data", name).unlink()
    assert study.planned() == {"prepare_dataset"}  # for the manifest, which users are promised
    study.make(study.steps())
    study.results("data", "dataset.npz").unlink()
    assert study.planned() == set()
    target = "results/runs/mlp/seed1/metrics.json"
    for force in (["--forcerun", TRAINING], ["--forcerun", target], ["--force", target], ["--forceall"]):
        assert {TRAINING, "prepare_dataset"} <= jobs(study, *force), force
    assert TRAINING not in jobs(study, "--forcerun", STORE)


def test_snakemake_makes_what_is_stale_and_what_depends_on_it(study: MadeUp) -> None:
    put(study.config, "comparisons.head.title", "The head")
    put(study.config, "convergence.accuracies", [0.1])
    stale = {"create_store", "plot_comparison/head", "publish_comparisons", "tabulate_convergence", "write_overview"}
    assert set(study.stale()) == stale
    assert study.planned() == stale
    put(study.config, "variants.conv2.dropout", 0.4)
    assert study.planned() >= stale | {f"{TRAINING}/conv2/seed1", "tabulate_variants", "tabulate_claims"}


def state(study: MadeUp) -> dict[Path, tuple[float, bytes]]:
    """Return the time stamp and the content of every file of the project, apart from what Snakemake keeps for itself."""
    kept, ours = study.folder / ".snakemake", ("stale.txt", "convnets")
    files = [path for path in study.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    files = [path for path in files if not path.is_relative_to(kept) or path.relative_to(kept).parts[0] in ours]
    return {path: (path.stat().st_mtime, path.read_bytes()) for path in files}


def test_planning_raises_time_stamps_where_needed_and_writes_nothing_else(study: MadeUp) -> None:
    """The outputs of a fresh step get the time of its inputs, and none is dated in the future; nothing else is touched."""
    base = time.time() - 1000
    for path in (*study.folder.rglob("*"), *(study.folder / "resources" / "cifar10").iterdir()):
        os.utime(path, (base, base))
    newer = study.results("runs", "conv1", "seed1", "stamp.json")
    os.utime(newer, (base + 500, base + 500))
    ahead = study.results("figures", "vgg16.png")
    os.utime(ahead, (base + 5000, base + 5000))
    files = [Path(name) for name in study.configfiles()]
    before = state(study)
    steps = planning.load(files)
    assert study.stale(steps) == {}
    assert state(study) == before  # who only asks writes nothing
    assert study.planned() == set()
    descriptions = study.folder / ".snakemake" / "convnets"  # of jobs, which planning may write
    after = {path: value for path, value in state(study).items() if path.parent != descriptions}
    assert {path: content for path, (_, content) in after.items()} == {path: content for path, (_, content) in before.items()}
    changed = {path for path in after if after[path] != before[path]} - {study.folder / "config.yaml"}
    changed.remove(ahead)
    assert base + 900 < after[ahead][0] < time.time()
    name = str(newer.relative_to(study.folder))
    readers = {key for key, step in steps.all.items() if any(name in files for files in step.inputs.values())}
    later = {key for key in steps.all if readers & {key, *steps.before(key)}}
    assert {"tabulate_variants", "publish_comparisons", "write_overview"} <= later
    assert changed == {study.folder / path for key in later for path in (*steps.all[key].files, steps.all[key].stamp)}
    assert [after[path][0] for path in changed] == pytest.approx([base + 500] * len(changed))


def test_a_job_of_a_batch_system_does_not_look_at_all_steps(study: MadeUp) -> None:
    """It neither raises time stamps nor moves the marker that tells Snakemake what is stale."""
    study.config["variants"]["mlp"]["dropout"] = 0.25
    for path in study.results("tables").iterdir():
        os.utime(path, (1e9, 1e9))
    config = study.folder / study.configfiles()[0]
    before = state(study)
    target = "results/runs/mlp/seed1/stamp.json"
    done = study.snakemake("--mode", "remote", "--dry-run", "--force", "--allowed-rules", TRAINING, "--", target)
    assert re.search(r"(?m)^rule train_variant:", done.stdout + done.stderr), done.stdout + done.stderr
    after = state(study) | {config: before[config]}
    assert {path: after[path] for path in before} == before
    assert {path.parent.name for path in after.keys() - before.keys()} <= {"convnets"}  # the description of its own job
