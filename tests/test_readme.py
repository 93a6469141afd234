"""The numbers of README and docs are those of the committed run, and their links lead somewhere."""

import csv
import re
import tomllib
from pathlib import Path

import pytest
import quoted
import yaml
from conftest import ROOT

from convnets.study import configuration

README = (ROOT / "README.md").read_text(encoding="utf-8")
REPORT = (ROOT / "docs" / "report2021.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", quoted.PAGES, ids=lambda page: page.name)
def test_what_is_quoted_is_in_the_committed_tables(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert quoted.MARKED.search(text)
    assert quoted.filled(text) == text


@pytest.mark.parametrize("pattern", [r"(?<=\| )\d\.\d+(?= ±)", r"\[[-\d., ]+\](?= \|)", r"\d+ reproduced", r"reproduced(?= \|)"])
def test_a_quotation_that_differs_is_put_right(pattern: str) -> None:
    changed, count = re.subn(pattern, "7", REPORT)
    assert count
    assert changed != REPORT
    assert quoted.filled(changed) == REPORT


def rows_of(table: str) -> list[dict[str, str]]:
    with (quoted.TABLES / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_is_said_of_claims_that_are_contradicted_follows_from_the_table() -> None:
    rows = rows_of("claims")
    contradicted = [row["id"] for row in rows if (row["kind"], row["verdict"]) == ("exact", "contradicted")]
    others = [name for name in contradicted if not name.startswith("memory_")]
    assert (len(contradicted), others) == (7, ["augmentation_data_set"])
    assert "Six of the seven exact ones that are contradicted are about one table, on memory." in README
    trained = [row["id"] for row in rows if (row["kind"], row["verdict"]) == ("measured", "contradicted")]
    readings = {"augmentation_training", "augmentation_training_same_images"}
    assert set(trained) == {"mlp_slowest", *readings, "conv1x1_curves_similar"}
    assert {row["verdict"] for row in rows if row["id"].startswith("theory_")} == {"reproduced"}
    said = " ".join(REPORT.split())
    assert "its theory of VGG-16 holds to the last digit. Of what does not, six exact statements are numbers on memory" in said
    assert "Of the four about trained networks, two are readings of one sentence" in said


def test_what_is_said_of_the_curves_follows_from_their_table() -> None:
    rows = rows_of("curves")
    apart = {(row["variant"], row["metric"]): row for row in rows if float(row["share"]) < float(row["own_share_lowest"])}
    accuracy, loss = (apart.pop(("conv1_dropout05", metric)) for metric in ("accuracy", "loss"))
    ((name, augmented),) = apart.items()
    assert name == ("conv3_augment", "loss")
    others = [float(row["share"]) for row in rows if row not in (accuracy, loss, augmented)]
    assert (len(rows), len(others)) == (16, 13)
    said = " ".join(REPORT.split()).replace(" %", "%")
    assert "Of the report's sixteen validation curves, thirteen lie where those of one more run here would" in said
    assert f"{100 * min(others):.0f} to {max(others):.0%} of their points are in the 95% band" in said
    assert f"with {float(accuracy['share']):.0%} (accuracy) and {float(loss['share']):.0%} (loss)" in said
    assert f"higher by {float(loss['mean_difference']):.2f} on average" in said
    lowest = f"{float(augmented['own_share_lowest']):.0%}"
    assert f"the loss with augmentation, with {float(augmented['share']):.0%}, where the lowest run here has {lowest}" in said
    assert (augmented["points"], int(augmented["points"]) - int(augmented["inside"])) == ("21", 4)  # as docs/protocol.md has it


def test_the_readme_fits_three_screens() -> None:
    assert len(README.splitlines()) <= 120


def test_the_study_in_the_readme_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (study,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert set(configuration.resolve({**yaml.safe_load(study), "study": "mine.yaml"}).variants) == {"mlp", "resnet"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]+))?\)", text):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            known = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in known, f"{target}#{anchor}"


def test_version_changelog_and_citation_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.findall(r"^## \[(\d[\d.]*)\] - (\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)[0]
    assert newest == (version, str(citation["date-released"]))
    assert citation["version"] == version


def test_the_table_of_error_rates_is_the_simulations() -> None:
    with (ROOT / "docs" / "error_rates.csv").open(newline="") as file:
        rates = {(row["test"], row["values"]): float(row["rate"]) for row in csv.DictReader(file) if row["seeds"] == "10"}
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    head, _, *rows = page.split("<!-- docs/error_rates.csv -->\n")[1].split("<!-- end -->")[0].splitlines()
    _, *shapes = (cell.strip() for cell in head.strip("|").split("|"))
    shown = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [[test, *(f"{rates[test, shape]:.2%}".replace("%", " %") for shape in shapes)] for test, *_ in shown] == shown


def test_what_benchmarks_printed_is_quoted_as_it_is() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    quoted = dict(re.findall(r"<!-- (docs/performance/\w+\.txt) -->\n```text\n(.*?)```\n<!-- end -->", page, re.DOTALL))
    assert quoted == {
        f"docs/performance/{file.name}": file.read_text(encoding="utf-8") for file in (ROOT / "docs" / "performance").iterdir()
    }
    assert len(quoted) == 8
