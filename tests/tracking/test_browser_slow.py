"""MLflow's user interface in a real browser: what a reader sees behind the links that are published. Slow: a minute.

Screenshots go to the folder that SCREENSHOTS names, or to pytest's own.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from browser import PATIENCE_MS, chromium
from finished_runs import write_run
from servers import mlflow_server
from waiting import wait_until
from workflow import CONFIG

from convnets import style
from convnets.report import figures
from convnets.study import configuration
from convnets.study.stores import Store
from convnets.tracking import interface as pages
from convnets.tracking import publishing
from convnets.tracking.connection import connect
from convnets.tracking.finished_run import Finished
from convnets.tracking.publishing import Publication

# Of each chart: what its x axis is, and the name and the points of each line.
LINES = """charts => charts.map(chart => [
    chart.layout.xaxis.title ? chart.layout.xaxis.title.text : null,
    chart.data.map(line => [line.name, Array.from(line.x ?? []), Array.from(line.y ?? [])]),
])"""
# Of each element: where it is, and what it says.
SHOWN = """all => all.map(one => {
    const box = one.getBoundingClientRect();
    return {x: box.x, y: box.y, text: one.innerText.trim()};
})"""
# The widths of all pictures on a page, in pixels; 0 of one that is not there yet.
PICTURES = "() => Array.from(document.images, image => image.naturalWidth)"
# Whether a click on the middle of an element would reach it: it is neither cut off nor covered.
IS_HIT = """link => {
    const box = link.getBoundingClientRect();
    return link.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
}"""
CONFIGURATION = configuration.resolve(CONFIG)
DEPTH, DROPOUT = (CONFIGURATION.comparisons[name].title for name in ("depth", "dropout"))
COMPARED = [f"conv{number}_dropout05" for number in (1, 2, 3)]  # in depth
ACCURACIES = {
    **{"conv1_dropout05": 0.6125, "conv2_dropout00": 0.6953, "conv2_dropout05": 0.7031, "conv3_1x1": 0.7309},
    **{"conv3_augment": 0.7422, "conv3_dropout05": 0.7344, "conv3_textbook": 0.7461, "mlp100": 0.4531},
}
EPOCHS = 12
AS_SEEN, TALL = {"width": 1600, "height": 1000}, {"width": 1600, "height": 3000}  # the interface draws the charts in sight only

pytestmark = pytest.mark.flaky(reruns=1)  # a busy machine may be too late for a page that is not ours; the report says so


class Interface:
    """A served store with a run of each variant in the five comparisons of the report, and a browser page to look at it."""

    def __init__(self, root: str, published: Publication, finished: dict[str, Finished], runs: dict[str, Any]) -> None:
        self.root, self.published, self.finished, self.runs = root, published, finished, runs
        self.width = 0  # of a figure, in pixels
        self.page: Any = None
        self.screenshots = Path()

    def curve(self, variant: str, metric: str, axis: str) -> list[list[float]]:
        """Return x and y of a run's curve, as its files have it."""
        run = self.finished[variant]
        times = [used.ended - run.record.usage[0].ended for used in run.record.usage]
        x = [float(epoch.iteration) for epoch in run.history] if axis == "Step" else times
        return [x, [getattr(epoch, metric) for epoch in run.history]]

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
    finished = {
        name: write_run(
            *(folder, template / "model.keras", name, 1, 0.0 if name.endswith("00") else 0.5, EPOCHS, number),
            best_val_accuracy=accuracy,
        )
        for number, (name, accuracy) in enumerate(ACCURACIES.items())
    }
    drawn = {name: folder / f"{name}.svg" for name in CONFIGURATION.in_report}
    for name, path in drawn.items():
        style.save(figures.learning_curves(pd.read_csv(finished["mlp100"].folder / "history.csv"), name), path)
    plan = replace(CONFIGURATION.plan, store=store)
    published = publishing.publish(plan, [run.folder for run in finished.values()], drawn, folder / "unfinished")
    assert published.problem == ""
    tracked = {run.data.tags["variant"]: run for run in connect(store).runs()}
    with mlflow_server(folder / "server", store.uri) as server, chromium("MLflow's user interface") as browser:
        interface = Interface(server.uri, published, finished, tracked)
        (points,) = {float(re.findall(r'<svg [^>]*width="([\d.]+)pt"', path.read_text())[0]) for path in drawn.values()}
        interface.width = round(points * 96 / 72)
        interface.page, interface.screenshots = browser.new_page(viewport=AS_SEEN), screenshots
        interface.page.set_default_timeout(PATIENCE_MS)
        yield interface


def charts_in(page: Any) -> list[list[Any]]:
    """Return of each chart its x axis and its lines: a name, x and y; what marks the points is not counted again."""
    charts = page.locator(".js-plotly-plot").evaluate_all(LINES)
    return [[axis, sorted({name: [name, x, y] for name, x, y in lines}.values())] for axis, lines in charts]


def placed(found: Any, axis: str) -> list[str]:
    """Return what elements say, in the order of their places along an axis."""
    return [one["text"] for one in sorted(found.evaluate_all(SHOWN), key=lambda one: one[axis])]


def test_the_list_of_runs_shows_names_and_numbers_best_first(interface: Interface) -> None:
    page = interface.open(interface.published.runs, "conv3_augment-seed1", "best_val_accu", "8 matching runs")
    expected = [f"{name}-seed1" for name in sorted(ACCURACIES, key=lambda name: -ACCURACIES[name])]
    wait_until(lambda: placed(page.get_by_role("link", name=re.compile("-seed1$")), "y") == expected, "all runs, the best first")
    interface.keep("runs")
    columns = ["Run Name", "Created", "Duration", "variant", "seed", "best_val_accuracy", "test_accuracy"]
    wait_until(lambda: placed(page.locator(".ag-header-cell"), "x")[1:8] == columns, "the columns in their order")
    wait_until(lambda: all(str(value) in page.inner_text("body") for value in ACCURACIES.values()), "all accuracies")


def test_each_comparison_is_one_click_away_in_a_small_window(interface: Interface) -> None:
    """MLflow shows the first line of a description, as far as it fits."""
    interface.page.set_viewport_size({"width": 1280, "height": 800})
    page = interface.open(interface.published.runs, "8 matching runs")
    for name in (*CONFIGURATION.in_report, "all runs"):
        link = page.get_by_role("link", name=name, exact=True)
        wait_until(lambda link=link: link.count() == 1 and link.evaluate(IS_HIT), f"the link {name} can be clicked")
    interface.keep("links")
    opened = interface.follow(page, "conv1x1")  # the last
    opened.get_by_text("2 matching runs").wait_for(timeout=PATIENCE_MS)
    opened.close()
    page.set_viewport_size(AS_SEEN)


def test_each_comparison_is_offered_among_the_views(interface: Interface) -> None:
    page = interface.open(interface.published.runs, "8 matching runs")
    page.get_by_test_id("saved-views-trigger").click()
    page.get_by_role("menu").get_by_text(DROPOUT).click()
    page.get_by_text("2 matching runs").wait_for(timeout=PATIENCE_MS)
    interface.keep("views")


def test_a_comparison_draws_its_curves_over_iterations_and_over_time(interface: Interface) -> None:
    interface.page.set_viewport_size(TALL)
    page = interface.open(interface.published.curves["depth"], "3 matching runs", *pages.SECTIONS.values())
    expected = [
        [axis, [[f"{name}-seed1", *interface.curve(name, metric, axis)] for name in COMPARED]]
        for axis in ("Step", "Relative Time")
        for metric in pages.CURVES
    ]
    wait_until(lambda: charts_in(page) == expected, "all curves are drawn")
    interface.keep("curves")
    page.set_viewport_size(AS_SEEN)
    text = page.inner_text("body")
    assert re.findall(r"^(conv\w+)-seed1$", text, re.MULTILINE)[:3] == COMPARED
    assert "conv2_dropout00" not in text


def test_the_compare_page_sets_exactly_its_runs_side_by_side(interface: Interface) -> None:
    page = interface.open(interface.published.compare["dropout"], "Comparing 2 Runs from 1 Experiment", "conv2_dropout00-seed1")
    wait_until(lambda: re.search(r"\n0\.695\d*\n0\.703\d*\n", page.inner_text("body")), "both accuracies")
    interface.keep("compare")
    text = page.inner_text("body")
    assert re.findall(r"(\w+)-seed1", text) == ["conv2_dropout00", "conv2_dropout05"]
    assert re.findall(r"^dropout\t(\S+)\t(\S+)$", text, re.MULTILINE) == [("0.0", "0.5")]


def test_a_run_says_what_it_is_and_leads_to_its_comparisons(interface: Interface) -> None:
    run, label = interface.runs["conv2_dropout00"], CONFIGURATION.labels["conv2_dropout00"]
    page = interface.open(f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}", label)
    for text in (f"{DROPOUT} (dropout = 0.0): curves, side by side, figure", "Finished"):
        wait_until(lambda text=text: text in page.inner_text("body"), f"the page says {text}")
    interface.keep("run")
    opened = interface.follow(page, "side by side")
    opened.get_by_text("Comparing 2 Runs").wait_for(timeout=PATIENCE_MS)
    opened.close()


def test_a_runs_charts_and_system_metrics_are_drawn(interface: Interface) -> None:
    name = "conv3_dropout05"
    run = interface.runs[name]
    address = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    interface.page.set_viewport_size(TALL)
    page = interface.open(f"{address}/model-metrics", "val_loss")
    curves = [interface.curve(name, metric, "Step") for metric in sorted(pages.CURVES)]

    def drawn() -> list[Any]:
        """Return x and y of the lines; bars have no such x."""
        lines = [line for axis, lines in charts_in(page) for line in lines if axis == "Step"]
        return [[x, y] for _, x, y in lines]

    wait_until(lambda: all(curve in drawn() for curve in curves), "the run's curves are drawn")
    interface.keep("metrics")
    page = interface.open(f"{address}/system-metrics", "cpu_utilization_percentage", "process_memory_usage_megabytes")
    used = interface.finished[name].record.usage
    values = [[use.cpu_percent for use in used], [use.memory_bytes / 1e6 for use in used]]
    wait_until(lambda: [y for _, lines in charts_in(page) for *_, y in lines] == values, "both metrics are drawn")
    interface.keep("system")
    page.set_viewport_size(AS_SEEN)


def test_a_comparisons_figure_is_shown_among_the_artifacts(interface: Interface) -> None:
    run = interface.runs["conv1_dropout05"]
    figure = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/figures/depth.svg?{pages.TRAINING_VIEW}"
    page = interface.open(figure, "depth.svg")
    wait_until(lambda: interface.width in page.evaluate(PICTURES), "the figure is shown in its own size")
    interface.keep("artifact")
