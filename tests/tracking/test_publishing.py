"""Publishing into a real SQLite store: the comparisons' tags, figures and pages, and the best models."""

import base64
import json
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
from finished_runs import write_run
from publications import MEMBERS, Results, results, without_figures

from convnets.runs import records
from convnets.runs.records import Metrics
from convnets.study.stores import Membership
from convnets.tracking.connection import connect, create_store
from convnets.tracking.interface import VIEW_TAG, compare_page
from convnets.tracking.publishing import Summary, described, side_by_side, varying_settings

__all__ = ["results", "without_figures"]


def view_in(tag: str) -> dict[str, Any]:
    """Return the view that a tag of the experiment holds."""
    packed = json.loads(tag)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_runs_and_comparisons_are_published(results: Results) -> None:
    published = results.publish()
    assert (list(published.pending), published.problem) == ([], "")
    runs = results.tracked()
    mlp, conv = runs["mlp100"].info.run_id, runs["conv1"].info.run_id
    experiment = runs["mlp100"].info.experiment_id
    assert published.compare == {"depth": compare_page([mlp, conv], experiment), "mlp": compare_page([mlp], experiment)}
    assert published.compare["mlp"] == (
        f"#/compare-runs?runs=%5B%22{mlp}%22%5D&experiments=%5B%22{experiment}%22%5D&workflowType=machine_learning"
    )
    client = mlflow.MlflowClient(results.plan.store.uri)
    assert {item.path for item in client.list_artifacts(mlp, "figures")} >= {"figures/depth.svg", "figures/mlp.svg"}
    assert "figures/mlp.svg" not in {item.path for item in client.list_artifacts(conv, "figures")}
    note = runs["conv1"].data.tags["mlflow.note.content"]
    assert note.startswith("**1 layer**")
    links = f"[curves]({published.curves['depth']}), [side by side]({published.compare['depth']})"
    assert f"- Layers (no setting differs): {links}" in note
    assert f"#/experiments/{experiment}/runs/{conv}/artifacts/figures/depth.svg" in note
    tags = client.get_experiment(experiment).tags
    first, *_ = tags["mlflow.note.content"].splitlines()
    assert first.startswith(f"Compare: [depth]({published.curves['depth']}) · [mlp]({published.curves['mlp']})")
    views = {key.removeprefix(VIEW_TAG): view_in(value) for key, value in tags.items() if key.startswith(VIEW_TAG)}
    assert {name: view["searchFilter"] for name, view in views.items()} == {
        "overview": "",
        "depth": "tags.`comparison.depth` LIKE '%'",
        "mlp": "tags.`comparison.mlp` LIKE '%'",
    }
    assert all(len(value) <= 5000 for value in tags.values())


def test_a_comparison_of_other_studies_alone_has_nothing_to_publish(results: Results) -> None:
    results.figures["elsewhere"] = results.figures["mlp"]
    published = results.publish()
    assert (list(published.pending), published.problem) == ([], "")
    assert list(published.compare) == list(published.curves) == ["depth", "mlp"]


def test_what_differs_between_the_runs_of_a_comparison_is_said(results: Results) -> None:
    results.runs[1] = write_run(results.folder, results.model, "conv1", dropout=0.25)
    results.publish()
    runs = results.tracked()
    assert "- Layers (dropout = 0.5): " in runs["mlp100"].data.tags["mlflow.note.content"]
    assert "- Layers (dropout = 0.25): " in runs["conv1"].data.tags["mlflow.note.content"]


def test_an_experiment_may_have_a_name_that_no_model_may_have(results: Results) -> None:
    store = replace(results.plan.store, experiment="team/it's: a test")
    create_store(store, results.folder / "artifacts")
    assert results.publish(replace(results.plan, store=store)).problem == ""
    client = mlflow.MlflowClient(store.uri)
    assert client.get_model_version_by_alias("team_it_s_ a test-depth", "best").run_id


def test_the_best_model_of_each_comparison_is_registered(results: Results) -> None:
    results.publish()
    runs = results.tracked()
    client = mlflow.MlflowClient(results.plan.store.uri)
    for comparison, best in {"depth": "conv1", "mlp": "mlp100"}.items():
        version = client.get_model_version_by_alias(f"tests-{comparison}", "best")
        assert version.run_id == runs[best].info.run_id
        assert version.description.startswith(f"# {MEMBERS[best].label}, seed 1\n")
        assert "float32, values 0 to 255" in version.description
        assert mlflow.keras.load_model(f"models:/tests-{comparison}@best").count_params() == 12_342
    results.publish()
    assert len(client.search_model_versions("name = 'tests-depth'")) == 1
    results.runs[0] = write_run(results.folder, results.model, "mlp100", dropout=0.3, best_val_accuracy=0.9)
    results.publish()
    assert client.get_model_version_by_alias("tests-depth", "best").run_id == results.tracked()["mlp100"].info.run_id


def test_a_comparison_that_has_left_is_no_longer_offered(results: Results) -> None:
    results.publish()
    client = mlflow.MlflowClient(results.plan.store.uri)
    experiment = client.get_experiment_by_name("tests").experiment_id
    of_user = '{"name": "saved by a user", "createdAt": 1790000000000, "state": ""}'
    client.set_experiment_tag(experiment, f"{VIEW_TAG}mine", of_user)
    del results.figures["mlp"]
    members = {"mlp100": Membership("MLP", {"depth": "Layers"}), "conv1": MEMBERS["conv1"]}
    results.publish(replace(results.plan, members=members))
    tags = client.get_experiment(experiment).tags
    assert {key.removeprefix(VIEW_TAG) for key in tags if key.startswith(VIEW_TAG)} == {
        "overview",
        "depth",
        "mine",
    }
    assert {model.name: bool(model.aliases) for model in client.search_registered_models()} == {
        "tests-depth": True,
        "tests-mlp": False,
    }
    assert "comparison.mlp" not in results.tracked()["mlp100"].data.tags


def test_the_registry_of_a_former_version_is_taken_over(results: Results) -> None:
    """And a model of a user's own, which bears a like tag, is left alone."""
    connection = connect(results.plan.store)
    client, experiment = connection.client, connection.experiment
    client.create_registered_model("tests-depth", {"experiment": "another"})
    client.create_registered_model("mine", {"experiment": experiment})
    assert results.publish().problem == ""
    assert client.get_registered_model("tests-depth").tags == {"experiment": experiment, "comparison": "depth"}
    assert client.get_registered_model("mine").tags == {"experiment": experiment}


def summaries(variants: int, seeds: int) -> list[Summary]:
    numbers: dict[str, Any] = dict.fromkeys(records.NUMBER_COLUMNS, 1)
    return [
        Summary(Path(), f"{variant} {seed}", Metrics(f"v{variant}", seed, **numbers, fingerprint="", mlflow_run_id=None), {})
        for variant in range(variants)
        for seed in range(1, seeds + 1)
    ]


@pytest.mark.parametrize(
    ("variants", "seeds", "shown"),
    [
        (4, 5, list(range(20))),
        (4, 6, [6 * variant + seed for variant in range(4) for seed in range(5)]),
        (300, 2, range(0, 40, 2)),
    ],
)
def test_as_many_seeds_as_fit_are_set_side_by_side(variants: int, seeds: int, shown: Sequence[int]) -> None:
    runs = summaries(variants, seeds)
    assert [run.training for run in side_by_side(runs)] == [runs[number].training for number in shown]


def test_settings_that_vary() -> None:
    params = [{"dropout": 0.5, "head": "dense", "epochs": 30}, {"dropout": 0.0, "head": "dense", "epochs": 50}]
    assert varying_settings(params) == ["dropout", "epochs"]
    assert varying_settings(params[:1]) == []


def test_settings_that_only_some_runs_have() -> None:
    """As the arguments of a network of one's own beside the filters of the project's."""
    params = [{"filters": [4], "epochs": 30}, {"network": "a.py:f", "arguments.width": 8, "epochs": 30}]
    names = varying_settings(params)
    assert names == ["filters", "network", "arguments.width"]
    assert [described(each, names) for each in params] == ["filters = [4]", "network = a.py:f, arguments.width = 8"]


def test_a_run_in_more_comparisons_than_a_description_holds(results: Results) -> None:
    names = [f"comparison{number}" for number in range(100)]
    figure = results.figures["depth"]
    results.figures = {name: shutil.copy(figure, figure.with_stem(name)) for name in names}
    many = Membership("MLP", dict.fromkeys(names, "A title"))
    assert results.publish(replace(results.plan, members={"mlp100": many, "conv1": many})).problem == ""
    note = results.tracked()["mlp100"].data.tags["mlflow.note.content"]
    assert 7000 < len(note) <= 8000
    assert note.endswith(".svg?workflowType=machine_learning)")


def test_comparisons_that_changed_are_brought_up_to_date(results: Results) -> None:
    results.publish()
    del results.figures["mlp"]
    members = {**MEMBERS, "mlp100": Membership("another label", {"depth": "Another title"})}
    results.publish(replace(results.plan, members=members))
    tags = results.tracked()["mlp100"].data.tags
    assert {key: value for key, value in tags.items() if key.startswith("comparison.")} == {"comparison.depth": "Another title"}
    assert tags["mlflow.note.content"].startswith("**another label**")
