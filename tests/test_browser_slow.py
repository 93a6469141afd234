"""MLflow's user interface in a real browser: what a reader sees behind the links that are published. Slow: a minute.

Screenshots go to the folder that SCREENSHOTS names, or to pytest's own.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from browser import PATIENCE_MS, WIDTH, chromium
from finished_runs import write_run
from servers import mlflow_server
from waiting import wait_until

from convnets import figures, pages, publishing, tracking
from convnets.publishing import Published
from convnets.stores import Membership, Plan, Store

# Of a chart: the name of each line, its number of points and its last value.
LINES = "chart => chart.data.map(line => [line.name, line.y.length, line.y[line.y.length - 1]])"
DEPTH, DROPOUT = "Number of layers", "Dropout, two layers"
MEMBERS = {
    "conv1": Membership("1 conv layer", {"depth": DEPTH}),
    "conv2": Membership("2 conv layers", {"depth": DEPTH, "dropout": DROPOUT}),
    "conv3": Membership("3 conv layers", {"depth": DEPTH}),
    "conv2_dropout00": Membership("2 conv layers, no dropout", {"dropout": DROPOUT}),
}
LAST = {"val_loss": 1.9 / 12, "val_accuracy": 0.1 * 12, "train_loss": 2 / 12, "train_accuracy": 0.1 * 12}  # as `epochs` makes them
ACCURACIES = {"conv1": 0.6125, "conv2": 0.7031, "conv3": 0.7344, "conv2_dropout00": 0.6953}


class Interface:
    """A served store with four runs in two comparisons, and a browser page to look at it."""

    def __init__(self, root: str, published: Published, runs: dict[str, Any], page: Any, screenshots: Path) -> None:
        self.root, self.published, self.runs, self.page, self.screenshots = root, published, runs, page, screenshots

    def open(self, address: str, *texts: str) -> Any:
        """Open a page of the interface and wait until it shows these texts."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.root}/{address}")
        for text in texts:
            self.page.get_by_text(text, exact=False).first.wait_for(timeout=PATIENCE_MS)
        return self.page

    def follow(self, page: Any, link: str) -> Any:
        """Click a link of a description, which opens a page of its own, and return that."""
        with page.context.expect_page(timeout=PATIENCE_MS) as opened:
            page.get_by_role("link", name=link, exact=True).first.click()
        return opened.value

    def keep(self, name: str, page: Any = None) -> None:
        (page or self.page).screenshot(path=self.screenshots / f"{name}.png")


@pytest.fixture(scope="module")
def interface(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Interface]:
    folder = tmp_path_factory.mktemp("interface")
    screenshots = Path(os.environ.get("SCREENSHOTS", folder / "screenshots"))
    screenshots.mkdir(parents=True, exist_ok=True)
    shutil.copy(template / "mlflow.db", folder)
    store = Store(f"sqlite:///{folder}/mlflow.db", "tests")
    runs = [
        write_run(
            folder, template / "model.keras", name, dropout=0.0 if name.endswith("00") else 0.5, count=12, best_val_accuracy=value
        )
        for name, value in ACCURACIES.items()
    ]
    drawn = {name: folder / f"{name}.svg" for name in ("depth", "dropout")}
    for name, path in drawn.items():
        figures.save(figures.learning_curves(pd.read_csv(runs[0].folder / "history.csv"), name), path)
    published = publishing.publish(Plan(store, False, MEMBERS), [run.folder for run in runs], drawn, folder / "unfinished")
    assert published.problem == ""
    tracked = {run.data.tags["variant"]: run for run in tracking.connect(store).runs()}
    with chromium("MLflow's user interface") as browser, mlflow_server(folder / "server", store.uri) as server:
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        yield Interface(server.uri, published, tracked, page, screenshots)


def lines_in(page: Any) -> list[list[list[Any]]]:
    """Return each chart's lines: a name, the number of points, the last value; what marks the points is not counted again."""
    charts = [chart.evaluate(LINES) for chart in page.locator(".js-plotly-plot").all()]
    return [sorted({name: [name, *numbers] for name, *numbers in lines}.values()) for lines in charts]


def placed(found: Any, axis: str) -> list[str]:
    """Return what elements say, in the order of their places along an axis; nothing while the page draws them anew."""
    shown = [(one.bounding_box(), one.inner_text().strip()) for one in found.all()]
    return [text for _, text in sorted((box[axis], text) for box, text in shown)] if all(box for box, _ in shown) else []


def test_the_list_of_runs_shows_names_and_numbers_best_first(interface: Interface) -> None:
    page = interface.open(interface.published.runs, "conv3-seed1", "best_val_accu", "4 matching runs")
    interface.keep("runs")
    expected = ["conv3-seed1", "conv2-seed1", "conv2_dropout00-seed1", "conv1-seed1"]  # by validation accuracy
    wait_until(lambda: placed(page.get_by_role("link", name=re.compile("-seed1$")), "y") == expected, "all runs, the best first")
    text = page.inner_text("body")
    for value in ("0.7344", "0.7031", "0.6953", "0.6125"):
        assert value in text
    for title in (DEPTH, DROPOUT):
        assert page.get_by_role("link", name=title).count() == 1
    headers = placed(page.locator(".ag-header-cell"), "x")
    assert headers[1:8] == ["Run Name", "Created", "Duration", "variant", "seed", "best_val_accuracy", "test_accuracy"]


def test_each_comparison_is_offered_among_the_views(interface: Interface) -> None:
    page = interface.open(interface.published.runs, "4 matching runs")
    page.get_by_test_id("saved-views-trigger").click()
    page.get_by_role("menu").get_by_text(DROPOUT).click()
    page.get_by_text("2 matching runs").wait_for(timeout=PATIENCE_MS)
    interface.keep("views")


def test_a_comparison_is_one_click_away_and_draws_its_curves(interface: Interface) -> None:
    page = interface.follow(interface.open(interface.published.runs, "4 matching runs"), DEPTH)
    page.get_by_text("3 matching runs").wait_for(timeout=PATIENCE_MS)
    curves = [[f"{name}-seed1", 12, LAST[metric]] for metric in pages.CURVES for name in ("conv1", "conv2", "conv3")]
    wait_until(lambda: [line for chart in lines_in(page)[: len(pages.CURVES)] for line in chart] == curves, "all curves are drawn")
    interface.keep("curves", page)
    text = page.inner_text("body")
    for section in pages.SECTIONS.values():
        assert section in text
    assert re.findall(r"^(conv\w+)-seed1$", text, re.MULTILINE)[:3] == ["conv1", "conv2", "conv3"]
    assert "conv2_dropout00" not in text


def test_the_compare_page_sets_exactly_its_runs_side_by_side(interface: Interface) -> None:
    page = interface.open(interface.published.compare["dropout"], "Comparing 2 Runs from 1 Experiment", "conv2_dropout00-seed1")
    interface.keep("compare")
    text = page.inner_text("body")
    assert re.findall(r"(conv\w+)-seed1", text)[:2] == ["conv2", "conv2_dropout00"]
    assert "conv3" not in text
    assert "0.6953" in text or "0.695" in text


def test_a_run_says_what_it_is_and_leads_to_its_comparisons(interface: Interface) -> None:
    run = interface.runs["conv2_dropout00"]
    page = interface.open(f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}", "2 conv layers, no dropout")
    interface.keep("run")
    text = page.inner_text("body")
    assert f"{DROPOUT} (dropout = 0.0): curves, side by side, figure" in text
    assert "Finished" in text
    opened = interface.follow(page, "side by side")
    opened.get_by_text("Comparing 2 Runs").wait_for(timeout=PATIENCE_MS)
    opened.close()


def test_a_runs_charts_and_system_metrics_are_drawn(interface: Interface) -> None:
    run = interface.runs["conv3"]
    address = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    page = interface.open(f"{address}/model-metrics", "val_loss")
    page.locator(".js-plotly-plot").first.wait_for(timeout=PATIENCE_MS)
    interface.keep("metrics")
    page = interface.open(f"{address}/system-metrics", "cpu_utilization_percentage", "process_memory_usage_megabytes")
    drawn = [[12, 99.5], [12, (2**30 + 12) / 1e6]]
    wait_until(lambda: sorted(line[1:] for chart in lines_in(page) for line in chart) == drawn, "both metrics are drawn")
    interface.keep("system")


def test_a_comparisons_figure_is_shown_among_the_artifacts(interface: Interface) -> None:
    run = interface.runs["conv1"]
    page = interface.open(pages.figure_page(run.info.experiment_id, run.info.run_id, "depth"), "depth.svg")
    picture = page.locator("img[src^='blob:'], img[src*='depth.svg'], img[src^='data:image']").first
    picture.wait_for(timeout=PATIENCE_MS)
    assert picture.evaluate(WIDTH) > 300
    interface.keep("artifact")
