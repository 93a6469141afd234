"""What makes a study on own data stale, and that the manifest and the plan agree on what the data are."""

import contextlib
import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import jobs
import own_data
import pytest
from edited import edit, forget, nothing_remembered, package, run_fingerprint

from convnets.data import kinds, readers
from convnets.errors import InputError
from convnets.freshness import code, fingerprint
from convnets.study import configuration

__all__ = ["nothing_remembered", "package"]
KINDS = ("arrays", "images")


def write(kind: str, folder: Path) -> Path:
    if kind == "arrays":
        return own_data.write_arrays(folder / "data.npz")
    return own_data.write_pictures(folder / "pictures")


def fingerprints(config: dict[str, Any], folder: Path) -> dict[str, str]:
    """Return the fingerprint of each step."""
    forget()
    return {key: step.fingerprint for key, step in jobs.steps_of(config, folder).all.items()}


def dataset_of(config: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(configuration.resolve(config).dataset))  # type: ignore[no-any-return]


def test_kinds_and_readers_are_the_same() -> None:
    assert {name: module.__name__ for name, module in readers.READERS.items()} == kinds.KINDS


@pytest.mark.parametrize(("kind", "standardise", "split_seed"), [*itertools.product(KINDS, ("pixel", "channel"), (3, "seed"))])
def test_the_manifest_tells_the_data_that_were_planned(kind: str, standardise: str, split_seed: int | str, tmp_path: Path) -> None:
    size = {"size": [6, 5]} if kind == "images" else {}
    config = own_data.study(kind, write(kind, tmp_path), standardise=standardise, split_seed=split_seed, **size)
    config["seeds"] = [4, 5]
    manifest = json.loads(jobs.make("prepare_dataset", config, tmp_path).output("manifest").read_text())
    assert fingerprint.of_manifest(manifest) == dataset_of(config)
    assert ("standardise" in manifest) == (standardise == "channel")
    assert manifest["split_seed"] == split_seed
    assert list(manifest["splits"]) == (["train", "validation", "test"] if split_seed == 3 else ["seed4", "seed5"])
    assert manifest["shape"] == ([6, 5, 1] if size else [12, 10, 1])
    assert manifest["classes"] == list(own_data.NAMES)


def test_neutral_values_are_left_out(config: dict[str, Any]) -> None:
    config["dataset"] |= {"standardise": "pixel", "size": None}
    before = dataset_of(config)
    assert set(before) == {"batches", "validation_fraction", "split_seed", "subset"}
    config["dataset"]["standardise"] = "channel"
    assert dataset_of(config) == {**before, "standardise": "channel"}
    config["dataset"] |= {"standardise": "pixel", "split_seed": "seed"}
    assert dataset_of(config) == {**before, "split_seed": "seed"}


@pytest.mark.parametrize("kind", KINDS)
def test_another_place_and_other_time_stamps_do_not_count(kind: str, tmp_path: Path) -> None:
    source = write(kind, tmp_path)
    config = own_data.study(kind, source)
    before = fingerprints(config, tmp_path)
    for path in [source, *source.rglob("*")]:
        os.utime(path, (1, 1))
    assert fingerprints(config, tmp_path) == before
    config["dataset"]["source"] = "moved"
    shutil.move(source, tmp_path / "moved")
    assert fingerprints(config, tmp_path) == before


@pytest.mark.parametrize("kind", KINDS)
def test_one_byte_counts_for_what_depends_on_it(kind: str, tmp_path: Path) -> None:
    source = write(kind, tmp_path)
    config = own_data.study(kind, source)
    before = fingerprints(config, tmp_path)
    file = source if kind == "arrays" else next(source.rglob("*.png"))
    if kind == "arrays":
        changed = own_data.arrays()["x_test"].copy()
        changed[0, 0, 0] ^= 1
        own_data.write_arrays(file, x_test=changed)
    else:
        shutil.copy(next(path for path in source.rglob("*.png") if path != file), file)
    after = fingerprints(config, tmp_path)
    stale = {key for key in before if after[key] != before[key]}
    assert stale == {"prepare_dataset", "train_variant/conv2/seed1", "train_variant/conv2_1x1/seed1", "write_overview"}


def test_one_seed_more_is_one_split_more(tmp_path: Path) -> None:
    """Runs of former seeds stay as they are."""
    config = own_data.study("arrays", write("arrays", tmp_path), split_seed="seed")
    before = fingerprints(config, tmp_path)
    config["seeds"] = [1, 2]
    after = fingerprints(config, tmp_path)
    assert {key for key in before if key.startswith("train_") and after[key] != before[key]} == set()
    assert after["prepare_dataset"] != before["prepare_dataset"]


def test_pillow_counts_for_pictures_alone(tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    studies = {kind: own_data.study(kind, write(kind, tmp_path)) for kind in KINDS}
    before = {kind: run_fingerprint(study, "conv2") for kind, study in studies.items()}
    reports = run_fingerprint(config)
    real = code.library_version
    assert real("PIL") == code.version("pillow")
    forget()
    monkeypatch.setattr(code, "library_version", lambda name: "9.9" if name == "PIL" else real(name))
    assert {kind for kind, study in studies.items() if run_fingerprint(study, "conv2") != before[kind]} == {"images"}
    assert run_fingerprint(config) == reports


def test_the_code_that_reads_counts_for_its_kind_alone(tmp_path: Path, config: dict[str, Any], package: Path) -> None:
    studies = {kind: own_data.study(kind, write(kind, tmp_path)) for kind in KINDS}
    before = {kind: run_fingerprint(study, "conv2") for kind, study in studies.items()}
    reports = run_fingerprint(config)
    edit(package / "data" / "pictures.py", 'FILTER = "BICUBIC"', 'FILTER = "LANCZOS"')
    assert {kind for kind, study in studies.items() if run_fingerprint(study, "conv2") != before[kind]} == {"images"}
    edit(package / "data" / "digests.py", "SETTLED_NS = 2", "SETTLED_NS = 3")
    assert run_fingerprint(studies["arrays"], "conv2") == before["arrays"]
    assert run_fingerprint(config) == reports


@pytest.mark.parametrize("kind", KINDS)
def test_data_that_change_after_planning_are_refused(kind: str, tmp_path: Path) -> None:
    source = write(kind, tmp_path)
    step = jobs.steps_of(own_data.study(kind, source), tmp_path)["prepare_dataset"]
    job = jobs.Job.read(jobs.write_job(step, tmp_path))
    file = source if kind == "arrays" else next(source.rglob("*.png"))
    if kind == "arrays":
        own_data.write_arrays(file, x_test=own_data.arrays()["x_test"] // 2)
    else:
        file.rename(file.with_name("renamed.png"))
    import prepare_dataset

    with (
        contextlib.chdir(tmp_path),
        pytest.raises(InputError, match="has changed since the workflow was planned; run the workflow"),
    ):
        prepare_dataset.main(job)
    assert not (tmp_path / "results" / "data" / "dataset.npz").exists()
    assert not (tmp_path / "results" / "data" / "manifest.json").exists()


REFUSED = {
    "no file": ({"kind": "arrays"}, "dataset.source auto is no file; it should be an .npz file"),
    "no folder": (
        {"kind": "images", "source": "gone"},
        "gone/train is no folder; dataset.source should be a folder with train/CLASS/",
    ),
    "size of arrays": ({"kind": "arrays", "size": [8, 8]}, "dataset.size has no effect with dataset.kind arrays; remove it"),
    "size of CIFAR-10": (
        {"kind": "cifar10", "source": "auto", "size": [8, 8]},
        "dataset.size has no effect with dataset.kind cifar",
    ),
    "one side": ({"kind": "images", "size": [8]}, "dataset.size is [8]; it should be two numbers, height and width"),
    "no pixels": ({"kind": "images", "size": [0, 8]}, "dataset.size.0 is 0; it should be greater than or equal to 1"),
    "another way": ({"standardise": "image"}, "dataset.standardise is \"image\"; it should be 'channel' or 'pixel'"),
    "another split": ({"split_seed": "run"}, "dataset.split_seed is \"run\"; it should be 'seed'"),
    "negative split": ({"split_seed": -1}, "dataset.split_seed is -1; it should be greater than or equal to 0"),
    "too many filters": ({"kind": "arrays"}, "variants.conv2.filters has 4 blocks, but 10 pixels can be halved only 3 times"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, expected = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    config = own_data.study("arrays", write("arrays", tmp_path))
    if case == "no file":
        config["dataset"]["source"] = "auto"
    if case == "too many filters":
        config["variants"] = {**config["variants"], "conv2": {**config["variants"]["conv2"], "filters": [4, 4, 4, 4]}}
    config["dataset"] = {**config["dataset"], **changes}
    with pytest.raises(InputError) as caught:
        configuration.resolve(config)
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_a_second_plan_reads_no_picture_but_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = own_data.write_pictures(tmp_path / "pictures")
    for path in source.rglob("*.png"):
        os.utime(path, (1, 1))
    config = own_data.study("images", "pictures")
    before = configuration.resolve(config).dataset
    for path in source.rglob("*.png"):
        if path.name != "000.png":
            size = path.stat().st_size
            path.write_bytes(bytes(size))
            os.utime(path, (1, 1))
    assert configuration.resolve(config).dataset == before  # of the same names, sizes and time stamps
    os.utime(path, (2, 2))
    assert configuration.resolve(config).dataset != before
