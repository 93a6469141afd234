"""What is stale after files have changed, gone or moved, and the reason: asked of a made-up study."""

import os
import shutil
import time

import pytest
from made_up import MadeUp, is_said, made_up, study
from staleness import CLAIMS, put, trainings, with_overview

from convnets.runs import unfinished

__all__ = ["made_up", "study"]
PUBLISHED = {"create_store", "publish_comparisons"}


DELETED = {
    **{f"runs/conv1/seed1/{name}": trainings(["conv1"]) for name in ("history.csv", "metrics.json", "model.keras", "stamp.json")},
    "figures/head.png": {"plot_comparison/head", "publish_comparisons"},
    "figures/vgg16.svg": {"draw_vgg16"},
    "tables/variants.csv": {"tabulate_variants"},
    "tables/memory.md": {"tabulate_memory"},
    "tables/claims.csv": CLAIMS,
    "tables/errata.md": {"tabulate_errata"},
    "stamps/tabulate_vgg16.json": {"tabulate_vgg16"},
    "data/manifest.json": {"prepare_dataset"},
    "tracking/plan.json": PUBLISHED,
    "data/dataset.npz": set(),  # nothing needs it while all runs are fresh
    "mlflow/mlflow.db": PUBLISHED,
}


@pytest.mark.parametrize("name", DELETED)
def test_a_file_is_deleted(name: str, study: MadeUp) -> None:
    path = study.results(name)
    path.unlink()
    why = study.stale()
    assert set(why) == with_overview(DELETED[name])
    assert not why or is_said(why, f"the tracking store {path} is missing" if path.suffix == ".db" else f"{path.name} is missing")


EDITED = {
    "runs/mlp/seed1/metrics.json": trainings(["mlp"]),
    "runs/mlp/seed1/history.csv": trainings(["mlp"]),
    "figures/depth.svg": {"plot_comparison/depth", "publish_comparisons"},
    "tables/memory.csv": {"tabulate_memory"},
}


@pytest.mark.parametrize("name", EDITED)
def test_a_file_is_edited_by_hand(name: str, study: MadeUp) -> None:
    """What is no longer as it was written is not a result, and is made again."""
    path = study.results(name)
    path.write_text(path.read_text().replace("a", "b", 1))
    assert is_said(study.settle(EDITED[name]), f"{path.name} is not as it was written")


def test_data_that_is_gone_or_damaged_is_prepared_again_before_a_training(study: MadeUp) -> None:
    path = study.results("data", "dataset.npz")
    put(study.config, "variants.mlp.dropout", 0.25)
    path.write_text(path.read_text().replace("a", "b", 1))
    study.settle({"prepare_dataset", *trainings(["mlp"])})
    put(study.config, "variants.mlp.dropout", 0.3)
    path.unlink()
    study.settle({"prepare_dataset", *trainings(["mlp"])})


def test_time_stamps_and_places_do_not_count(study: MadeUp) -> None:
    """Nor does a new clone beside results that were copied; the default store's address is absolute, so it is opened again."""
    for number, path in enumerate(sorted(path for path in study.folder.rglob("*") if path.is_file())):
        stamp = time.time() + 3600 * (-1) ** number
        os.utime(path, (stamp, stamp))
    assert study.stale() == {}
    (study.folder / "results").rename(study.folder / "elsewhere")
    study.config["pathvars"] = {**study.config["pathvars"], "results": "elsewhere"}
    study.settle(PUBLISHED)
    shutil.rmtree(study.folder / ".snakemake", ignore_errors=True)
    assert study.stale() == {}


def test_a_training_that_was_killed_when_it_had_just_ended(study: MadeUp) -> None:
    step = study.steps().all["train_variant/mlp/seed1"]
    unfinished.begin(study.results("unfinished", "mlp-seed1"), step.fingerprint, "sqlite:///elsewhere.db", "tests")
    why = study.stale()
    assert set(why) == with_overview(PUBLISHED)
    assert why["create_store"] == ["the training mlp-seed1 was killed when it had just ended"]
    (study.results("unfinished", "mlp-seed1") / unfinished.BEGUN).unlink()  # which is the first to go when the folder is removed
    assert study.stale() == why
