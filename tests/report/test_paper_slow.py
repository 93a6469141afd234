"""The paper of the committed runs, with labels of every kind, set by a real LaTeX."""

import copy
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from workflow import CONFIG, Workflow

from convnets.report import latex

PROGRAMS = ("pdflatex", "bibtex", "pdffonts", "pdftotext", "pdfinfo")
MISSING = [program for program in PROGRAMS if shutil.which(program) is None]
LABELS = {
    "conv1_dropout05": r"100 % & \input{x} #1_a^2 $x$ ~",
    "conv2_dropout05": "[*] <b> | \"quoted\" 'it' -- {{ a }} {% b %}",
    "conv3_1x1": "Łódź, α → β ≤ 2, ±1 \N{SKULL AND CROSSBONES}",
    "mlp100": "a label that is far too long for a column of a table or for the margin of a figure in print",
}


def output(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def set_in_latex(folder: Path) -> tuple[str, str]:
    """Set the example of a paper, and return what LaTeX and what BibTeX said last."""
    latex = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "example")
    output(*latex, folder=folder)
    cited = output("bibtex", "example", folder=folder)
    output(*latex, folder=folder)
    return output(*latex, folder=folder).replace("\n", " "), cited


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    config = copy.deepcopy(CONFIG)
    given = yaml.safe_load((ROOT / "config.reference.yaml").read_text(encoding="utf-8"))
    config |= {**given, "runs_from": str(ROOT / given["runs_from"]), "pathvars": {**config["pathvars"], "results": "out"}}
    for variant, label in LABELS.items():
        config["variants"][variant]["label"] = label
    config["comparisons"]["mlp"] |= {"title": "A title: 100 % of {it} & more", "labels": {}}
    folder = tmp_path_factory.mktemp("paper")
    (folder / "batches").mkdir()
    project = Workflow(folder / "project", folder / "batches", config)
    project.run("--", "write_paper")
    return project


@pytest.mark.skipif(bool(MISSING), reason=f"no paper is set: {', '.join(MISSING)} missing (.ci/run installs them)")
def test_a_document_of_all_tables_and_figures(project: Workflow) -> None:
    folder = project.results("paper")
    said, cited = set_in_latex(folder)
    assert "warning" not in cited.lower()
    assert not re.findall(r"undefined|Missing character|multiply defined|too large", said)
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", said)]
    assert max(wide, default=0) < 2, wide
    fonts = [line for line in output("pdffonts", "example.pdf", folder=folder).splitlines()[2:] if line]
    assert all(re.search(r" (Type 1|CID TrueType) +\S+ +yes yes", font) for font in fonts), fonts
    assert any("CID TrueType" in font for font in fonts)
    assert 8 <= int(re.search(r"Pages: +(\d+)", output("pdfinfo", "example.pdf", folder=folder))[1]) <= 16

    shown = " ".join(output("pdftotext", "-layout", "example.pdf", "-", folder=folder).split())
    for text in (r"100 % & \input{x} #1_a^2 $x$ ~", "[*] <b> |", "{{ a }} {% b %}", "[U+2620]", "A title: 100 % of {it} & more"):
        assert text in shown, text
    files = {path.stem for path in folder.glob("*.tex")} - {"example"}
    assert files == set(re.findall(r"\\input\{(\w+)\}", (folder / "example.tex").read_text(encoding="utf-8")))


@pytest.mark.skipif(bool(MISSING), reason="as above")
def test_each_character_that_is_not_shown_by_its_number_is_known_to_latex(tmp_path: Path) -> None:
    shown = [latex.escape(character) for character in map(chr, range(0x20, 0x2300)) if character.isprintable()]
    known = [text for text in shown if "U+" not in text]
    assert len(known) > 380
    packages = r"\usepackage[T1]{fontenc}\usepackage{lmodern}"
    body = "\n\n".join(f"{text}x" for text in known)
    text = f"\\documentclass{{article}}{packages}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "example.tex").write_text(text, encoding="ascii")
    said = output("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "example", folder=tmp_path)
    assert "Missing character" not in said


def test_a_paper_is_made_again_only_where_what_it_shows_has_changed(project: Workflow) -> None:
    before = {path.name: path.read_bytes() for path in project.results("paper").glob("*.pdf") if path.name != "example.pdf"}
    assert project.planned("--", "write_paper") == set()
    assert "write_paper" not in project.why()
    project.config["comparisons"]["depth"]["title"] = "Another title"
    assert "write_paper" in project.planned("--", "write_paper")
    project.run("--", "write_paper")
    assert {path.name: path.read_bytes() for path in project.results("paper").glob("*.pdf") if path.name in before} == before
    project.edit("scripts/convnets/report/latex.py", "ROWS = 40", "ROWS = 30")
    assert project.planned("--", "write_paper") == {"write_paper"}
