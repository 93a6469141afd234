"""Publishing into a real SQLite store: whatever it lacks, the comparisons' tags, figures and pages, and the best models."""

import base64
import errno
import json
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
from finished_runs import all_runs, points, stand_in, write_run

from convnets.runs import records
from convnets.runs.records import Metrics
from convnets.runs.unfinished import Begun
from convnets.study.stores import Membership, Plan, Store, Tracked, is_tracked
from convnets.tracking import delivery, presentation, publishing
from convnets.tracking.connection import TRAINING_TAG, Connection, StoreError, connect, create_store
from convnets.tracking.finished_run import Finished
from convnets.tracking.interface import VIEW_TAG, compare_page
from convnets.tracking.publishing import Published, Summary, described, side_by_side, varying_settings

MEMBERS = {
    "mlp100": Membership("MLP", {"depth": "Layers", "mlp": "An MLP"}),
    "conv1": Membership("1 layer", {"depth": "Layers"}),
}


def view_in(tag: str) -> dict[str, Any]:
    """Return the view that a tag of the experiment holds."""
    packed = json.loads(tag)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


class Results:
    """Two finished runs, two figures, and a store."""

    def __init__(self, folder: Path, template: Path) -> None:
        shutil.copy(template / "mlflow.db", folder)
        self.folder = folder
        self.plan = Plan(Store(f"sqlite:///{folder}/mlflow.db", "tests"), False, MEMBERS)
        self.model = template / "model.keras"
        self.runs = [
            write_run(folder, self.model, "mlp100", best_val_accuracy=0.6),
            write_run(folder, self.model, "conv1", best_val_accuracy=0.7),
        ]
        self.figures = {}
        for name in ("depth", "mlp"):
            self.figures[name] = folder / f"{name}.svg"
            self.figures[name].write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")

    def publish(self, plan: Plan | None = None, others: Sequence[Path] = (), *, thorough: bool = False) -> Published:
        folders = [run.folder for run in self.runs]
        trainings = self.folder / "unfinished"
        return publishing.publish(plan or self.plan, folders, self.figures, trainings, others, thorough=thorough)

    def tracked(self) -> dict[str, Any]:
        return {run.data.tags["variant"]: run for run in connect(self.plan.store).runs()}


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presentation, "present", lambda _run, _label, folder: stand_in(folder))


@pytest.fixture
def results(tmp_path: Path, template: Path) -> Results:
    return Results(tmp_path, template)


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


def test_a_run_that_a_killed_training_left_open_is_closed_on_the_way(results: Results) -> None:
    connection = connect(results.plan.store)
    left = connection.client.create_run(connection.experiment, tags={TRAINING_TAG: "a"}).info.run_id
    begun = Begun("a", 1.0, "f", results.plan.store.uri, results.plan.store.experiment, is_open=True)
    begun.write(results.folder / "unfinished" / "mlp100-seed1")
    assert results.publish().problem == ""
    assert all_runs(results.plan.store)[left].info.status == "KILLED"


def test_a_run_that_the_store_refuses_keeps_no_other_away(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver = publishing.delivery.deliver

    def refuse(connection: Connection, run: Finished, *others: Any, again: bool) -> str:
        if run.metrics.variant == "mlp100":
            raise StoreError("the tracking store takes no such run")
        return deliver(connection, run, *others, again=again)

    monkeypatch.setattr(publishing.delivery, "deliver", refuse)
    published = results.publish()
    assert (published.pending, published.problem) == (["mlp100/seed1"], "mlp100/seed1: the tracking store takes no such run")
    assert set(results.tracked()) == {"conv1"}
    monkeypatch.undo()
    assert results.publish().problem == ""
    assert set(results.tracked()) == {"conv1", "mlp100"}


def test_a_disk_that_is_full_leaves_a_run_pending(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is in the store then, and what would say so is not in its folder."""
    real = publishing.delivery.Tracked.write

    def write(tracked: Tracked, folder: Path) -> None:
        if folder.parent.name == "mlp100":
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        real(tracked, folder)

    monkeypatch.setattr(delivery.Tracked, "write", write)
    published = results.publish()
    assert list(published.pending) == ["mlp100/seed1"]
    assert published.problem.startswith("mlp100/seed1: [Errno 28] No space left on device")
    monkeypatch.undo()
    assert results.publish().problem == ""


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


def test_runs_beside_the_comparisons_are_brought_too(results: Results) -> None:
    other = write_run(results.folder, results.model, "left", best_val_accuracy=0.99)
    published = results.publish(others=[other.folder])
    assert (published.problem, list(published.pending)) == ("", [])
    assert results.tracked()["left"].info.status == "FINISHED"
    assert results.tracked()["left"].info.run_id not in str(published.compare)
    version = mlflow.MlflowClient(results.plan.store.uri).get_model_version_by_alias("tests-depth", "best")
    assert version.run_id == results.tracked()["conv1"].info.run_id


def test_a_run_beside_displaces_no_finished_one(results: Results, caplog: pytest.LogCaptureFixture) -> None:
    """What is stale here may be what another user has trained anew."""
    mine = write_run(results.folder / "mine", results.model, "mlp100", dropout=0.4)
    results.publish()
    before = results.tracked()["mlp100"].info.run_id
    results.runs = results.runs[1:]
    del results.figures["mlp"]  # a comparison is published when it is drawn, of all its runs
    published = results.publish(others=[mine.folder])
    assert (published.problem, list(published.pending), list(published.left_out)) == ("", [], ["mlp100/seed1"])
    assert results.tracked()["mlp100"].info.run_id == before
    assert f"{mine.folder} is left out: it is not what is asked for now" in caplog.text


def test_runs_beside_that_cannot_be_read_keep_no_other_away(results: Results, caplog: pytest.LogCaptureFixture) -> None:
    old, other = (write_run(results.folder, results.model, name) for name in ("old", "other"))
    stamp = json.loads((old.folder / "stamp.json").read_text())
    del stamp["components"]["settings"]["training"]["precision"]  # as a former version wrote it
    (old.folder / "stamp.json").write_text(json.dumps(stamp))
    copy = shutil.copytree(other.folder, other.folder.with_name("seed7"))
    published = results.publish(others=[old.folder, other.folder, copy])
    assert (published.problem, list(published.pending), list(published.left_out)) == ("", [], ["old/seed1", "other/seed7"])
    assert set(results.tracked()) == {"conv1", "mlp100", "other"}
    assert f"{old.folder} is left out: {old.folder / 'stamp.json'} is missing or damaged (precision missing)" in caplog.text
    assert f"{copy} is left out: it holds the files of other/seed1" in caplog.text


def test_the_registry_of_a_former_version_is_taken_over(results: Results) -> None:
    """And a model of a user's own, which bears a like tag, is left alone."""
    connection = connect(results.plan.store)
    client, experiment = connection.client, connection.experiment
    client.create_registered_model("tests-depth", {"experiment": "another"})
    client.create_registered_model("mine", {"experiment": experiment})
    assert results.publish().problem == ""
    assert client.get_registered_model("tests-depth").tags == {"experiment": experiment, "comparison": "depth"}
    assert client.get_registered_model("mine").tags == {"experiment": experiment}


def test_artifacts_that_were_lost_are_brought_again_when_it_is_looked_for_them(results: Results) -> None:
    results.publish()
    ids = {variant: run.info.run_id for variant, run in results.tracked().items()}
    shutil.rmtree(Path(results.tracked()["conv1"].info.artifact_uri.removeprefix("file://")).parents[1])
    connection = connect(results.plan.store)
    assert results.publish().problem == ""
    folders = {run.metrics.variant: run.folder for run in results.runs}
    assert delivery.missing(connection, ids["conv1"], folders["conv1"])
    assert results.publish(thorough=True).problem == ""
    assert {variant: run.info.run_id for variant, run in results.tracked().items()} == ids
    for variant, run_id in ids.items():
        assert delivery.missing(connection, run_id, folders[variant]) == []
    for comparison in ("depth", "mlp"):
        assert mlflow.keras.load_model(f"models:/tests-{comparison}@best").count_params() == 12_342


def test_publishing_again_changes_nothing(results: Results) -> None:
    first = results.publish()
    before = {run_id: run.to_dictionary() for run_id, run in all_runs(results.plan.store).items()}
    assert results.publish() == first
    assert {run_id: run.to_dictionary() for run_id, run in all_runs(results.plan.store).items()} == before


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


def test_a_lost_store_is_filled_again_from_the_files(results: Results, template: Path) -> None:
    results.publish()
    before = {name: points(results.plan.store, run.info.run_id, "val_loss") for name, run in results.tracked().items()}
    other = Store(f"sqlite:///{results.folder}/other.db", "tests")
    shutil.copy(template / "mlflow.db", results.folder / "other.db")
    results.plan = replace(results.plan, store=other)
    assert results.publish().problem == ""
    assert {name: points(other, run.info.run_id, "val_loss") for name, run in results.tracked().items()} == before
    ids = {run.metrics.mlflow_run_id for run in (Finished.read(run.folder) for run in results.runs)}
    assert ids == {run.info.run_id for run in results.tracked().values()}


def test_a_store_that_was_moved_is_known_under_its_new_address(results: Results) -> None:
    results.publish()
    ids = set(all_runs(results.plan.store))
    moved = Store(f"sqlite:///{results.folder}/moved.db", "tests")
    shutil.copy(results.folder / "mlflow.db", results.folder / "moved.db")
    assert results.publish(replace(results.plan, store=moved)).problem == ""
    assert set(all_runs(moved)) == ids
    assert all(is_tracked(run.folder, moved, run.metrics.fingerprint) for run in results.runs)


def test_a_store_that_is_away_leaves_everything_pending(results: Results) -> None:
    published = results.publish(replace(results.plan, store=Store("http://127.0.0.1:9", "tests")))
    assert list(published.pending) == ["mlp100/seed1", "conv1/seed1"]
    assert published.problem.startswith("the tracking store http://127.0.0.1:9 cannot be used: ")
    assert "\n" not in published.problem
    assert published.curves == published.compare == {}


def test_a_store_that_goes_away_leaves_the_rest_pending(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = mlflow.MlflowClient.log_artifacts, []

    def once(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) > 1:
            raise ConnectionError("connection reset")
        real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_artifacts", once)
        published = results.publish()
    assert list(published.pending) == ["conv1/seed1"]
    assert "connection reset" in published.problem
    assert results.publish().problem == ""
    assert {run.info.status for run in results.tracked().values()} == {"FINISHED"}
