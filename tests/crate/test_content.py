"""The files of a crate: where they lie, and what of the machine is kept out of them."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import frozen_studies
import pytest
import yaml
from conftest import ROOT
from edited import forget
from own_data import write_arrays
from studies import REFERENCE

import write_crate
from convnets.crate import content
from convnets.errors import InputError
from convnets.files import write_json
from convnets.runs import layout, reading
from convnets.study import configuration
from convnets.study.configuration import Configuration
from convnets.workflow import freezing

MARK = "marked-name"


@pytest.fixture(autouse=True)
def in_a_marked_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / MARK / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)


def texts(folder: Path) -> dict[str, str]:
    return {path.as_posix(): (folder / path).read_bytes().decode("latin-1") for path in content.paths(folder)}


def own(tmp_path: Path) -> dict[str, Any]:
    """Return a study with data and a network from outside the working directory, and its runs."""
    outside = tmp_path / MARK / "outside"
    outside.mkdir()
    (outside / "nets.py").write_text("import beside\n\n\ndef net(input_shape, classes): ...\n")
    (outside / "beside.py").write_text("WIDTH = 4\n")
    write_arrays(outside / "images.npz")
    (outside / "curves.csv").write_text((ROOT / "report" / "curves2021.csv").read_text())
    network = f"{outside}/nets.py:net"
    for seed in (1, 2):
        run = Path("results") / "runs" / "mine" / f"seed{seed}"
        run.mkdir(parents=True)
        (run / "history.csv").write_text("epoch\n1\n")
        write_json(run / "metrics.json", {"variant": "mine", "seed": seed})
        write_json(run / "stamp.json", {"components": {"settings": {"own": {"network": network}}}, "outputs": {"model.keras": "1"}})
        (run / "model.keras").write_text("a model")
        write_json(run / "tracked.json", {"uri": "sqlite:///secret"})
    write_json(Path("results/data/manifest.json"), {"source": f"{outside}/images.npz", "classes": ["/", "a"]})
    return {
        "dataset": {"kind": "arrays", "source": f"{outside}/images.npz"},
        "seeds": [1, 2],
        "tracking": {"uri": "https://secret.example.org"},
        "training": {"batch_size": 8},
        "variants": {"mine": {"label": "mine", "network": network}},
        "comparisons": {
            "all": {
                "title": "All",
                "variants": ["mine"],
                "rows": [["validation"]],
                "published": {"curves": f"{outside}/curves.csv", "figures": ["1"]},
            }
        },
    }


def write(config: dict[str, Any], folder: Path) -> Configuration:
    study = configuration.resolve(config)
    content.write(config, study, folder)
    return study


def test_files_keep_their_place_and_those_from_outside_get_one_without_names(tmp_path: Path) -> None:
    assert content.place(Path("mine/nets.py")) == Path("mine/nets.py")
    assert content.place(Path.cwd() / "mine" / "nets.py") == Path("mine/nets.py")
    outside = content.place(Path("../other/nets.py"))
    assert outside.parts[0] == "elsewhere"
    assert outside.name == "nets.py"
    assert MARK not in str(outside)
    assert outside == content.place(tmp_path / MARK / "other" / "nets.py")


def test_a_study_with_own_files_is_resolved_in_its_crate_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = own(tmp_path)
    study = write(config, tmp_path / "crate")
    found = texts(tmp_path / "crate")
    assert [path for path, text in found.items() if MARK in text or MARK in path] == []
    assert [path for path, text in found.items() if "secret.example" in text or "sqlite:///secret" in text] == []
    assert not any(path.endswith((".keras", "tracked.json", ".pyc")) for path in found)
    assert {"Snakefile", "rules/common.smk", "scripts/stage.py", "requirements.lock", "LICENSE"} <= set(found)
    monkeypatch.chdir(tmp_path / "crate")
    forget()
    again = configuration.resolve({**yaml.safe_load(found["config.yaml"]), "study": "config.yaml"})
    assert again.data.identity == study.data.identity
    assert (again.title, again.seeds, again.labels) == (study.title, study.seeds, study.labels)
    network = again.variants["mine"].own
    assert network.file.is_file()
    assert (network.file.parent / "beside.py").read_text() == "WIDTH = 4\n"
    (curves,) = again.published
    assert Path(curves).is_file()
    stamp = json.loads(found["results/runs/mine/seed1/stamp.json"])
    assert stamp["components"]["settings"]["own"]["network"] == network.network
    assert json.loads(found["results/data/manifest.json"]) == {"source": again.data.source, "classes": ["/", "a"]}


def test_files_without_paths_are_the_same_bytes(config: dict[str, Any], tmp_path: Path) -> None:
    config |= {"runs_from": os.path.relpath(REFERENCE.parent), "seeds": [11, 12]}
    config["dataset"] = {**config["dataset"], "source": str(tmp_path / MARK / "cifar-10-binary.tar.gz")}
    write(config, tmp_path / "crate")
    found = texts(tmp_path / "crate")
    written = yaml.safe_load((tmp_path / "crate" / "config.yaml").read_text(encoding="utf-8"))
    assert (written["dataset"]["source"], written["runs_from"], written["pathvars"]["results"]) == ("auto", "results", "again")
    assert MARK not in "".join(found.values())
    runs = [path for path in found if path.startswith("results/runs/")]
    assert len(runs) == 8 * 2 * 4
    for path in runs:
        assert found[path] == (REFERENCE.parents[1] / "reference" / path.removeprefix("results/")).read_bytes().decode("latin-1")


def test_runs_of_other_studies_come_along(config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shutil.copytree(REFERENCE.parent, tmp_path / MARK / "before")
    quantities = ["before:mlp100.test_accuracy", "mlp100.test_accuracy"]
    claim = {"section": "1", "statement": "As before.", "test": "equivalent", "quantities": quantities, "margin": 0.01}
    given = {"runs_from": os.path.relpath(REFERENCE.parent), "seeds": [11, 12], "studies": {"before": str(before)}}
    study = write({**config, **given, "claims": {"as_before": claim}}, tmp_path / "crate")
    assert MARK not in "".join(texts(tmp_path / "crate").values())
    named = reading.runs_elsewhere(study.variants_elsewhere(), study.studies)
    monkeypatch.chdir(tmp_path / "crate")
    again = configuration.resolve(yaml.safe_load(Path("config.yaml").read_text()))
    runs = reading.runs_elsewhere(again.variants_elsewhere(), again.studies)
    assert [layout.name_of(run) for run in runs] == [layout.name_of(run) for run in named] != []
    assert (again.studies["before"] / "data" / "manifest.json").is_file()


def test_only_tables_of_the_study_get_into_its_crate(tmp_path: Path) -> None:
    crate, tables = tmp_path / "crate", tmp_path / "tables"
    for folder in (crate / "again" / "tables", crate / "again" / "report", crate / "results", crate / ".snakemake", tables):
        folder.mkdir(parents=True)
    (crate / "again" / "tables" / "claims.csv").write_text("claim,verdict\n")
    (crate / "again" / "report" / "overview.html").write_text("the page")
    (tables / "claims.csv").write_text("claim,verdict\nmine,reproduced\n")
    (tables / "gate.csv").write_text("of a command of its own\n")
    with pytest.raises(InputError, match=r"claims\.csv is not the table that the runs give; remove it, and make run"):
        write_crate.adopt(crate, tables)
    (tables / "claims.csv").write_text("claim,verdict\n")
    write_crate.adopt(crate, tables)
    assert {path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()} == {
        "results/tables/claims.csv",
        "results/report/overview.html",
    }
    assert not (crate / ".snakemake").exists()


def test_frozen_claims_come_along_and_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    config = frozen_studies.digits(outside)
    config["variants"]["resnet"]["network"] = f"{outside}/networks.py:resnet"
    frozen_studies.freeze(config)
    write(config, tmp_path / "crate")
    monkeypatch.chdir(tmp_path / "crate")
    forget()
    found = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    standing = freezing.standing(configuration.resolve({**found, "runs_from": None}))
    assert standing
    assert standing.differences == []
