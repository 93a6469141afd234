"""The report of the committed runs, made as a user makes it, without any training, and read in a real browser. Slow: a minute.

Screenshots go to the folder that SCREENSHOTS names, or to pytest's own.
"""

import copy
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from browser import PATIENCE_MS, WIDTH, chromium
from conftest import ROOT
from pages import APPENDIX, SECTIONS
from reader import WIDTHS, Reader
from staleness import settle
from studies import FIRST, REFERENCE
from waiting import wait_until
from workflow import CONFIG, Workflow

COMMITTED = yaml.safe_load((ROOT / "config.reference.yaml").read_text(encoding="utf-8"))
TABLES = ("claims", "errata", "convergence", "variants", "memory", "vgg16")


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The project with a copy of the committed runs, and their report."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "batches").mkdir()
    shutil.copytree(REFERENCE, folder / "given" / "runs")
    config = {**copy.deepcopy(CONFIG), "seeds": COMMITTED["seeds"], "runs_from": str(folder / "given")}
    project = Workflow(folder / "project", folder / "batches", config)
    shutil.copy(ROOT / "config.frozen.json", project.folder)
    done = project.script("write_report", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results/report.html (" in done.stdout
    return project


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def without_versions(path: Path) -> str:
    """Return the text of a file without the versions that tables and page were made with, which differ between Pythons."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"Tables and this page.*?</table>", "", text, flags=re.DOTALL) if path.suffix == ".html" else text


def test_the_report_of_the_committed_runs_reproduces_tables_and_verdicts(workflow: Workflow) -> None:
    committed = [path for folder in ("tables", "figures", "report") for path in files_in(REFERENCE.parent / folder)]
    assert {path.name for path in committed} >= {*(f"{name}.csv" for name in TABLES), "claims.md", "depth.svg", "overview.html"}
    for path in committed:
        made = workflow.results(*path.relative_to(REFERENCE.parent).parts)
        assert path.suffix == ".png" or without_versions(made) == without_versions(path), path
    assert not workflow.results("runs").exists()
    assert str(workflow.folder) not in workflow.results("report.html").read_text(encoding="utf-8")
    assert not workflow.results("mlflow").exists()
    assert COMMITTED["runs_from"] == "results/reference"
    study = yaml.safe_load((ROOT / "config.study.yaml").read_text(encoding="utf-8"))
    assert study == {"seeds": COMMITTED["seeds"]}


def test_nothing_is_stale_then_and_commands_do_no_harm(workflow: Workflow) -> None:
    settle(workflow, set())
    assert "nothing has left the configuration" in workflow.script("retire_runs").stdout
    for name in ("audit_results", "sync_runs", "serve_ui"):
        done = workflow.script(name)
        assert done.returncode == 1
        assert "runs that were trained elsewhere are not tracked here" in done.stderr
    given = Path(workflow.config["runs_from"], "runs")
    assert {path.relative_to(given): path.read_bytes() for path in files_in(given)} == {
        path.relative_to(REFERENCE): path.read_bytes() for path in files_in(REFERENCE)
    }


EDITS = {
    "a caption of the overview": (
        "report/texts.yaml",
        "against iterations. {spread}",
        "by iteration. {spread}",
        {"write_overview"},
    ),
    "the style": ("report/overview.css", "max-width: 52rem", "max-width: 50rem", {"write_overview"}),
    "the template": ("report/overview.html.jinja", 'class="caption"', 'class="caption told"', {"write_overview"}),
    "a caption in Snakemake's report": ("report/captions/claims.rst", "Each statement", "Every statement", set()),
    "the style of Snakemake's report": ("report/snakemake.css", "52rem", "50rem", set()),
}


@pytest.mark.parametrize("case", EDITS)
def test_a_text_that_changes_redraws_nothing(case: str, workflow: Workflow) -> None:
    path, old, new, expected = EDITS[case]
    workflow.edit(path, old, new)
    why = settle(workflow, expected)
    assert why == {rule: [f"{path} has changed"] for rule in expected}


def test_what_a_claim_says_is_what_the_overview_says(workflow: Workflow) -> None:
    workflow.config["claims"]["theory_megabytes"]["statement"] = "VGG-16 needs 553.43 MB."
    settle(workflow, {"tabulate_claims", "tabulate_errata", "write_overview"})
    assert "VGG-16 needs 553.43 MB." in workflow.results("report", "overview.html").read_text(encoding="utf-8")


def test_a_record_that_is_added_or_removed_is_seen(workflow: Workflow) -> None:
    record = Path(workflow.config["runs_from"], "runs", "mlp100", FIRST, "record.json")
    content = record.read_bytes()
    record.unlink()
    assert {"tabulate_convergence", "write_overview"} <= set(workflow.why())
    record.write_bytes(content)
    settle(workflow, set())


def test_a_history_that_changes_is_seen(workflow: Workflow) -> None:
    """What is given is not as it was when the tables were made of it. Each table of the run is made again."""
    history = Path(workflow.config["runs_from"], "runs", "mlp100", FIRST, "history.csv")
    *rows, last = history.read_text().splitlines()
    history.write_text("\n".join([*rows, last + "1"]) + "\n")  # one more digit of its last accuracy
    made = {f"tabulate_{table}" for table in ("variants", "claims", "errata", "convergence", "curves")}
    settle(workflow, {"plot_comparison/mlp", "write_overview", *made})


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    screenshots = Path(os.environ.get("SCREENSHOTS", tmp_path_factory.mktemp("screenshots")))
    screenshots.mkdir(parents=True, exist_ok=True)
    with chromium("the report in a browser") as browser:
        yield Reader(browser, screenshots)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("file", ["report.html", "report/overview.html"])
def test_the_report_reads_well_without_a_network(width: str, file: str, workflow: Workflow, reader: Reader) -> None:
    page = reader.open(workflow.results(file), width)
    ids = page.eval_on_selector_all(".overview > section", "found => found.map(one => one.id)")
    assert ids == [*(f"section-{number.replace('.', '-')}" for number in SECTIONS), *APPENDIX]
    counts = pd.read_csv(workflow.results("tables", "claims.csv"))["verdict"].value_counts()
    for verdict, count in counts.items():
        assert page.locator(f".finding.{verdict} li").count() == count
        assert page.locator(f".claims .verdict.{verdict}").count() == count
    assert page.locator(".overview .picture image").count() == 3 * 6  # with texts in two languages
    halves = page.locator(".overview .picture .half:visible")
    wholes = [box for one in page.locator(".overview .picture .whole").all() if (box := one.bounding_box()) and box["width"]]
    assert (halves.count(), len(wholes)) == ((10, 1) if width == "phone" else (0, 6))
    assert all(box["width"] > 300 for box in wholes)
    for half in halves.all():  # all of it is seen, and it is large enough to be read
        box = half.bounding_box()
        assert box["x"] >= 0
        assert 300 < box["width"] <= WIDTHS[width][0] - box["x"]
    assert page.locator(".wider:visible").count() == (1 if width == "phone" else 0)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    wide = page.evaluate(
        """[...document.querySelectorAll('.overview *')].filter(one => !one.closest('.picture, .scrolling, .switch, thead')
           && one.getClientRects().length && one.getBoundingClientRect().right > window.innerWidth + 1).map(one => one.outerHTML)"""
    )
    assert wide == []
    reader.keep(f"{Path(file).stem}_{width}", page)
    assert reader.errors == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in reader.asked), reader.asked


def test_the_language_can_be_chosen(workflow: Workflow, reader: Reader) -> None:
    page = reader.open(workflow.results("report.html"), "desktop")
    assert "Memory" in page.locator("#section-3-1 h2").inner_text()
    page.get_by_text("Español", exact=True).click()
    assert page.locator("#section-3-1 h2").inner_text().strip() == "3.1 Espacio en memoria"
    assert "contradicha" in page.locator("#section-3-1 .verdict.contradicted").first.inner_text()
    assert page.locator(".overview .lang[lang=en]:visible").count() == 0
    reader.keep("spanish", page)
    page.get_by_text("English", exact=True).click()
    assert page.locator(".overview .lang[lang=es]:visible").count() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_a_figure_has_texts_in_the_chosen_language_only(width: str, workflow: Workflow, reader: Reader) -> None:
    page = reader.open(workflow.results("report.html"), width)
    layers = ".half use.lang" if width == "phone" else ".whole image.lang"
    shown = f"""[...document.querySelectorAll('.overview .has-halves {layers}')]
        .filter(one => getComputedStyle(one).display !== 'none').map(one => one.getAttribute('lang'))"""
    count = 10 if width == "phone" else 5
    assert page.evaluate(shown) == ["en"] * count
    page.get_by_text("Español", exact=True).click()
    assert page.evaluate(shown) == ["es"] * count


def test_the_contents_lead_to_the_sections(workflow: Workflow, reader: Reader) -> None:
    page = reader.open(workflow.results("report.html"), "desktop")
    page.locator(".contents a[href='#section-2-3']").click()
    wait_until(lambda: -1 < page.locator("#section-2-3").bounding_box()["y"] < 200, "the section is scrolled to")
    page.locator("#claim-mlp_loss summary").click()
    assert page.locator("#claim-mlp_loss details p").inner_text().startswith("Final validation loss: ")


def test_snakemakes_own_pages_work(workflow: Workflow, reader: Reader) -> None:
    for width in WIDTHS:
        page = reader.open(workflow.results("report.html"), width)
        page.locator("#rulegraph svg, #rulegraph canvas").first.wait_for(timeout=PATIENCE_MS)
        page.get_by_text("Figures", exact=True).first.click()
        for text in ("Figure 1: Dropout, two convolutional layers", "Figure 7: VGG-16"):
            page.get_by_text(text, exact=True).first.wait_for(timeout=PATIENCE_MS)
        page.locator("nav td a").first.click()
        image = page.locator("img[src^='data:image/svg']").last
        image.wait_for(timeout=PATIENCE_MS)
        assert image.evaluate(WIDTH) > 300
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
        reader.keep(f"figure_{width}", page)
    assert reader.errors == []


def test_the_dark_scheme_and_the_print_are_kept(workflow: Workflow, reader: Reader) -> None:
    page = reader.open(workflow.results("report.html"), "desktop", color_scheme="dark")
    ink, paper = page.locator(".overview").evaluate("one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]")
    assert sum(map(int, re.findall(r"\d+", ink)[:3])) > 500 > 150 > sum(map(int, re.findall(r"\d+", paper)[:3]))
    reader.keep("dark", page)
    page = reader.open(workflow.results("report.html"), "desktop")
    page.pdf(path=reader.screenshots / "report.pdf", prefer_css_page_size=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", (reader.screenshots / "report.pdf").read_bytes()))
    assert 10 < pages < 40  # all of the overview, not the first screen of it
    page.emulate_media(media="print")
    assert not page.locator("nav").first.is_visible()
    assert page.locator(".overview .basis:visible").count() == page.locator(".overview .verdict").count()
    assert page.locator(".overview .picture .half:visible").count() == 0
    assert page.locator(".overview").evaluate("one => one.scrollHeight <= one.clientHeight + 1")
