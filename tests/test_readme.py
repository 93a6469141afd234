"""The numbers of README and docs are those of the committed run, and their links lead somewhere."""

import csv
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from convnets.study import configuration

README = (ROOT / "README.md").read_text(encoding="utf-8")
REPORT = (ROOT / "docs" / "report2021.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TABLES = ROOT / "results" / "reference" / "tables"


def test_the_table_is_the_committed_runs() -> None:
    shown = REPORT.split("<!-- results/reference/tables/variants.md -->\n")[1].split("<!-- end -->")[0]
    assert shown == (TABLES / "variants.md").read_text(encoding="utf-8")


def test_the_comparison_with_the_report_is_the_committed_runs() -> None:
    with (TABLES / "variants.csv").open(newline="") as file:
        table = {row["variant"]: row for row in csv.DictReader(file)}
    expected = {
        "2 conv layers, dropout 0.0: test accuracy": [("conv2_dropout00", "test_accuracy")],
        "2 conv layers, dropout 0.5: test accuracy": [("conv2_dropout05", "test_accuracy")],
        "dropout 0.0: final validation loss": [("conv2_dropout00", "final_val_loss"), ("conv2_dropout05", "final_val_loss")],
        "3 conv layers: final validation loss without augmentation": [("conv3_dropout05", "final_val_loss")],
        "3 conv layers: final validation loss with augmentation": [("conv3_augment", "final_val_loss")],
        "1x1 head: test accuracy": [("conv3_1x1", "test_accuracy")],
    }
    rows = [line.split(" | ") for line in REPORT.split("| | report | here |\n")[1].split("\n\n")[0].splitlines()[1:]]
    found = {what.removeprefix("| "): here.removesuffix(" |") for what, _, here in rows}

    def shown(variant: str, metric: str) -> str:
        mean, deviation = (float(table[variant][f"{metric}_{kind}"]) for kind in ("mean", "std"))
        return f"{mean:.4f} ± {deviation:.4f}"

    assert found == {what: " and ".join(shown(*source) for source in sources) for what, sources in expected.items()}


def test_the_count_of_verdicts_is_the_committed_runs() -> None:
    first_line = (TABLES / "claims.md").read_text(encoding="utf-8").splitlines()[0]
    for page in (README, REPORT):
        quoted = " ".join(line.removeprefix("> ") for line in page.splitlines() if line.startswith("> "))
        assert first_line in quoted


def test_the_claims_are_those_of_the_committed_runs() -> None:
    shown = REPORT.split("<!-- results/reference/tables/claims.md -->\n")[1].split("<!-- end -->")[0].splitlines()[2:]
    text = (TABLES / "claims.md").read_text(encoding="utf-8").split("## Other margins")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    committed = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = {statement: (reported, here, verdict) for _, _, statement, reported, here, _, verdict, *_ in committed}
    for line in shown:
        statement, *others = (cell.strip() for cell in line.strip("|").split("|"))
        assert tuple(others) == rows[statement]
    assert len(shown) > 10


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
