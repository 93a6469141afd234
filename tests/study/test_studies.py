"""A study is a file: defaults from the declaration, places of its own, and only the steps that it asks for."""

from pathlib import Path
from typing import Any

import pages
import pytest
import yaml
from conftest import ROOT

from convnets.errors import InputError
from convnets.report import texts
from convnets.study import configfiles, configuration
from convnets.study.places import name_of
from convnets.workflow import planning

SMALL: dict[str, Any] = {"variants": {"one": {"label": "one layer", "filters": [8]}, "two": {"label": "two layers"}}}
QUANTITIES = ["two.test_accuracy", "one.test_accuracy"]
CLAIM = {"section": "1", "statement": "Two are better.", "test": "greater", "quantities": QUANTITIES}


def written(folder: Path, name: str, **more: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**SMALL, **more}))
    return path


def test_the_name_of_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [name_of(study) for study in ("config.yaml", "./config.yaml", f"{tmp_path}/config.yaml")] == ["", "", ""]
    assert [name_of(study) for study in ("mine.yaml", "a/b.json", "examples/digits/study.yaml", "a/config.yaml")] == [
        *("mine", "b", "digits", "config")
    ]
    assert name_of("study.yaml") == tmp_path.name


def test_a_study_has_folders_and_an_experiment_of_its_own(tmp_path: Path) -> None:
    study = configuration.resolve(configfiles.read_study([written(tmp_path, "mine.yaml")]))
    places = {name: f"{name}/mine" for name in ("results", "logs", "benchmarks")}
    assert study.folders == {**places, "resources": "resources"}
    assert (study.store.experiment, study.title) == ("mine", "mine")
    assert study.store.uri.endswith("results/mine/mlflow/mlflow.db")
    given = {"pathvars": {"results": "elsewhere"}, "tracking": {"experiment": "other"}, "title": "A title"}
    study = configuration.resolve(configfiles.read_study([written(tmp_path, "mine.yaml", **given)]))
    assert (study.folders["results"], study.folders["logs"]) == ("elsewhere", "logs/mine")
    assert (study.store.experiment, study.title) == ("other", "A title")


def test_files_are_merged_over_a_study(tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    over.write_text("seeds: [3]\npathvars: {logs: l}\n")
    study = configuration.resolve(configfiles.read_study([written(tmp_path, "mine.yaml"), over]))
    assert (study.seeds, study.folders["results"], study.folders["logs"]) == ((3,), "results/mine", "l")


@pytest.mark.parametrize("name", ["runs", "tables", "reference", "mlflow"])
def test_a_study_whose_results_would_lie_within_others_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{name}.yaml would lie within those of config.yaml; name the file otherwise"):
        configuration.resolve(configfiles.read_study([written(tmp_path, f"{name}.yaml")]))
    configuration.resolve(configfiles.read_study([written(tmp_path, f"{name}.yaml", pathvars={"results": "mine"})]))


def test_a_file_that_names_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.yaml names a study; name it on the command line: make run STUDY=FILE"):
        configfiles.read([written(tmp_path, "mine.yaml", study="other.yaml")])


def test_an_erratum_needs_the_report(tmp_path: Path) -> None:
    claims = {"better": {**CLAIM, "erratum": "single_runs"}}
    with pytest.raises(InputError, match=r"claims\.better\.erratum .*set replicates: report2021"):
        configuration.resolve(configfiles.read_study([written(tmp_path, "mine.yaml", claims=claims)]))


def rules_of(study: Path) -> set[str]:
    return {key.split("/")[0] for key in planning.load([study]).all}


def test_a_study_has_only_the_steps_that_it_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    always = {
        *("prepare_dataset", "create_store", "train_variant", "publish_comparisons"),
        *("tabulate_variants", "tabulate_convergence", "write_overview"),
    }
    comparison = {"title": "Depth", "variants": ["one", "two"], "rows": [["validation"]]}
    memory = {"dense": "two", "conv1x1": "head"}
    head = {"label": "1x1 head", "head": "conv1x1"}
    assert rules_of(written(tmp_path, "a.yaml")) == always
    assert rules_of(written(tmp_path, "b.yaml", comparisons={"depth": comparison})) == always | {"plot_comparison"}
    assert rules_of(written(tmp_path, "c.yaml", claims={"better": CLAIM})) == always | {"tabulate_claims"}
    more = {"variants": {**SMALL["variants"], "head": head}, "memory": memory}
    assert rules_of(written(tmp_path, "d.yaml", **more)) == always | {"tabulate_memory"}
    assert rules_of(written(tmp_path, "e.yaml", replicates="report2021")) == always | {"tabulate_vgg16", "draw_vgg16"}
    steps = planning.load([tmp_path / "a.yaml"])
    (csv,) = steps["tabulate_variants"].outputs["csv"]
    assert csv == "results/a/tables/variants.csv"


def test_the_page_of_a_study_of_ones_own_does_not_speak_of_the_report() -> None:
    own = texts.read(ROOT / "report" / "texts.yaml", "Depth & width", is_own=True)
    assert own.labels["heading"].en == "Depth & width"
    assert own.sections == []
    shown = [*(text for name, text in own.labels.items() if name != "errata"), *own.captions.values()]
    assert "2021" not in " ".join(text.en + text.es for text in shown)
    assert "2021" in " ".join(text.en for text in pages.WRITTEN.labels.values())
