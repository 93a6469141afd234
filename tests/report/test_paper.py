"""What a paper takes of a study: texts and tables in LaTeX, methods, software, figures."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jobs
import numpy as np
import pages
import pandas as pd
import pytest
import studies
import yaml
from conftest import ROOT
from matplotlib.text import Text

from convnets import settings, tables
from convnets.findings import published
from convnets.report import figures, latex, methods, paper
from convnets.runs.run import Run
from convnets.workflow.frame import Job

TABLES = studies.REFERENCE.parent / "tables"
SHOWN = ("train_eval", "val")
CURVES = ["figure", "run_of_figure", "split", "variant", "metric", "iteration", "value", "uncertainty"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Return the job of a paper of the committed runs, done."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")) | {"seeds": [*range(11, 21)]}
    names = ("variants", "convergence", "curves", "claims", "errata", "memory", "vgg16")
    files = [path for name in ("metrics", "stamp") for path in sorted(studies.REFERENCE.glob(f"*/seed*/{name}.json"))]
    return jobs.make(
        "write_paper", config, tmp_path_factory.mktemp("paper"), runs=files, tables=[TABLES / f"{n}.csv" for n in names]
    )


def test_a_table_that_a_user_adds_is_written_with_its_columns(config: dict[str, Any]) -> None:
    added = pd.DataFrame({"variant": ["one_layer"], "count": [1234], "gap": [-0.25]})
    study = pages.material_of(config, studies.reference(config))
    text = paper.tables(replace(study, tables={"gaps": added}), pages.WRITTEN)["gaps"]
    assert rows_of(text) == [["variant", "count", "gap"], [r"one\_layer", "1,234", "-0.2500"]]


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of the rows of a table, as a reader sees their numbers."""
    lines = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r"\\") and "&" in line]
    plain = [line.replace(r"\ensuremath{-}", "-").replace(r"\ensuremath{\pm}", "±").replace("{[}", "[") for line in lines]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line.replace("{]}", "]"))] for line in plain]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("100 % of #1: a_b & $x$ {y} ~ ^", r"100 \% of \#1: a\_b \& \$x\$ \{y\} {\textasciitilde} {\textasciicircum}"),
        ("\\input{/etc/passwd}", r"{\textbackslash}input\{/etc/passwd\}"),
        ("[a]*\n b", "{[}a{]}{*} b"),
        ("Zürich, Łódź, e\N{COMBINING ACUTE ACCENT}", r"Z\"urich, {\L}\'od\'z, \'e"),
        (
            "α → β ≤ −1 ± 2",
            r"\ensuremath{\alpha} {\textrightarrow} \ensuremath{\beta} \ensuremath{\leq} \ensuremath{-}1 \ensuremath{\pm} 2",
        ),
        ("\N{SKULL AND CROSSBONES}漢", "{[}U+2620{]}{[}U+6F22{]}"),
    ],
)
def test_a_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert latex.escape(text) == shown


def test_the_numbers_of_the_tables_are_those_of_the_files(made: Job) -> None:
    found = {path.stem: rows_of(path.read_text(encoding="utf-8")) for path in made.outputs["tables"]}
    csv = {name: tables.read(TABLES / f"{name}.csv") for name in found}
    assert set(found) == {"variants", "convergence", "curves", "claims", "errata", "memory", "vgg16"}

    accuracy = {row[0]: row[4] for row in found["variants"][1:]}
    means = zip(csv["variants"]["label"], csv["variants"]["test_accuracy_mean"], csv["variants"]["test_accuracy_std"], strict=True)
    assert accuracy == {label: f"{mean:.4f} ± {deviation:.4f}" for label, mean, deviation in means}

    claims = csv["claims"]
    shown = [row for row in found["claims"] if row[0] != "section"]
    assert [row[-1] for row in shown] == list(claims["verdict"])
    assert [row[0] for row in shown] == list(claims["section"])
    bounds = claims[["adjusted_low", "adjusted_high"]].to_numpy()
    for row, measured, interval in zip(shown, claims["measured"], bounds, strict=True):
        rounding = 0.5 if abs(measured) >= 1000 else 5e-5
        assert float(row[3].replace(",", "")) == pytest.approx(measured, abs=rounding)
        numbers = [float(number.replace(",", "")) for number in row[4].strip("[]").split(", ") if number]
        assert numbers == pytest.approx([bound for bound in interval if not np.isnan(bound)], abs=rounding)

    assert {row[0]: row[1] for row in found["vgg16"][1:]}["total"] == "138,357,544"
    parts = [row for row in found["convergence"] if row[0] == "variant"]  # of a wide table
    assert len(parts) > 1
    assert len(found["convergence"]) == len(parts) * (1 + len(csv["convergence"]))


def test_units_stand_in_the_headings(made: Job) -> None:
    text = " ".join(path.read_text(encoding="utf-8") for path in made.outputs["tables"]).replace(r"\\", " ")
    for unit in ("validation loss (nats)", "training time (s)", "peak memory (MB)", "adjusted"):
        assert unit in text


def test_wide_and_long_tables_come_in_parts_that_fit() -> None:
    wide = pd.DataFrame({"network": ["a", "b"], **{f"column {number}": ["0.1234 ± 0.1234"] * 2 for number in range(20)}})
    parts = [row for row in rows_of(latex.table(wide, ["network"])) if row[0] == "a"]
    assert len(parts) == 4
    assert sum(len(row) - 1 for row in parts) == 20
    long = pd.DataFrame({"network": [str(number) for number in range(100)], "value": "1"})
    text = latex.table(long, ["network"])
    assert text.count(r"\begin{tabularx}") == text.count(r"\toprule") == text.count("network & ") == 3
    assert [row[0] for row in rows_of(text) if row[0] != "network"] == list(long["network"])


def test_each_citation_is_in_the_bibliography_with_the_version_that_was_used(made: Job) -> None:
    bibliography = made.output("software").read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{(\w+),", bibliography, re.MULTILINE)
    assert len(keys) == len(set(keys))
    cited = re.findall(r"\\cite\{([^}]+)\}", made.output("methods").read_text(encoding="utf-8"))
    assert {key for keys in cited for key in keys.split(",")} <= set(keys)
    entries = {entry.split(",")[0]: entry for entry in re.split(r"@\w+\{", bibliography)[1:]}
    assert "note = {Version 2.21.0}" in entries["tensorflow"]  # that of the runs' stamps
    assert {"cifar10", "convnets", "keras", "mlflow", "numpy", "pandas", "scipy", "snakemake"} < set(keys)


def test_the_methods_say_what_was_done(made: Job) -> None:
    text = " ".join(made.output("methods").read_text(encoding="utf-8").split())
    for phrase in (
        r"CIFAR-10~\cite{cifar10} of 10 classes",
        "45,000 to train on and 5,000 for validation (seed 1); 10,000 images are for testing",
        r"\emph{2 conv layers, dropout 0.5}: 2 blocks of a 5{\texttimes}5 convolution, ReLU and 2{\texttimes}2 max pooling, with "
        "16 and 32 filters, a fully connected layer of 50 units with ReLU, dropout of 0.5, an output layer (117,008 parameters).",
        "rmsprop with learning rate 0.0005, in batches of 64, for 29 epochs (49 epochs: MLP, 100 hidden units), with precision",
        "no augmentation (augmentation by horizontal flips of whole batches with probability 1/2 and a Gaussian offset per image "
        "and channel of deviation 0.05, which adds up from epoch to epoch: 3 conv layers, augmentation; augmentation by horizontal "
        "flips of each image with probability 1/2 and a Gaussian offset per image and channel of deviation 0.05: 3 conv layers, "
        "textbook augmentation).",
        "from 10 seeds (11, 12, 13, 14, 15, 16, 17, 18, 19, 20)",
        "Of 59 claims, 41 vary by seed.",
        r"a difference lies within 0.02 of 0 (4)",
        r"at or below 5~\%",
    ):
        assert phrase in text, phrase


@pytest.mark.parametrize(
    ("test", "quantities", "note", "named"),
    [
        ("greater", ("a.test_loss", "b.test_loss"), "", set()),
        ("ratio", ("a.test_loss", "b.test_loss"), "", {"have_ratios", "have_margins"}),
        ("equivalent", ("a.test_loss", "before:a.test_loss"), "Paired by seed.", {"have_margins"}),
        ("equivalent", ("a.test_loss", "before:a.test_loss"), "Compared by Welch's test.", {"have_margins", "are_unpaired"}),
        ("single_run", ("a.test_loss",), "", {"are_of_single_runs"}),
        ("equivalent", ("a.parameters", "b.parameters"), "", set()),
    ],
)
def test_the_methods_name_the_statistics_that_were_used(test: str, quantities: tuple[str, ...], note: str, named: set[str]) -> None:
    found = methods.tests([studies.claim(test, *quantities)], [note])
    assert {name for name, is_named in found.items() if is_named} == named


def test_a_table_without_rows_is_left_out(config: dict[str, Any], reference: list[Run]) -> None:
    """As that of published curves is, of a study of one seed."""
    assert "figure" in latex.table(pd.DataFrame({"figure": [], "a long heading": []}, dtype=object), ["figure"])
    study = pages.material_of(config, reference)
    study = replace(study, tables={**study.tables, "curves": published.table(pd.DataFrame(columns=CURVES), {}, {})})
    assert paper.tables(study, pages.WRITTEN)["curves"] == "% This table has no rows.\n"
    document = paper.example(study, pages.WRITTEN, ROOT / "report" / "example.tex.jinja")
    assert [rf"\input{{{name}}}" in document for name in ("variants", "curves")] == [True, False]


def test_methods_without_recorded_libraries_are_whole_sentences(config: dict[str, Any], reference: list[Run]) -> None:
    study = pages.material_of(config, [replace(run, libraries=None) for run in reference])
    text = paper.described(study, ROOT / "report" / "methods.tex.jinja")
    assert "\nThe workflow is made with Snakemake" in text
    assert "Trainings used" not in text


def test_people_are_cited_as_the_citation_names_them(config: dict[str, Any], reference: list[Run], tmp_path: Path) -> None:
    people = [{"family-names": "Author", "given-names": "Ana"}, {"name": "A Group"}]
    (tmp_path / "CITATION.cff").write_text(yaml.safe_dump({"title": "It", "version": "1", "authors": people}))
    template = ROOT / "report" / "software.bib.jinja"
    text = paper.software(pages.material_of(config, reference), {}, tmp_path / "CITATION.cff", template)
    entry = text.split("@misc{convnets,\n")[1].split("}\n\n")[0]
    assert "  author = {Author, Ana and {A Group}},\n  title = {It},\n  note = {Version 1},\n" in entry


def test_claims_that_were_changed_after_the_freeze_are_marked(config: dict[str, Any], reference: list[Run]) -> None:
    study = pages.material_of(config, reference)
    frame = study.tables["claims"].astype({"frozen": object})
    for marks, is_shown in ((["yes"], False), (["yes", "changed"], True)):
        frame["frozen"] = [*marks, *["yes"] * (len(frame) - len(marks))]
        text = paper.tables(replace(study, tables={**study.tables, "claims": frame}), pages.WRITTEN)["claims"]
        assert ("changed" in text) == is_shown


def test_settings_that_no_phrase_knows_are_told_too() -> None:
    chosen = settings.Training(optimizer=settings.Optimizer(name="adam", learning_rate=0.1, beta_1=0.8))  # type: ignore[call-arg]
    assert methods.training(settings.Settings(training=chosen))["optimizer"] == "adam with learning rate 0.1, beta 1 0.8"


def test_figures_have_the_width_of_columns_and_text_of_captions(made: Job) -> None:
    for name, width in (("one_column", 3.5), ("two_columns", 7.16)):
        for path in made.outputs[name]:
            content = path.read_bytes()
            box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) [\d.]+ \]", content)
            assert box
            assert float(box[1]) / 72 == pytest.approx(width, abs=0.01), path
            assert b"/CIDFontType2" in content  # TrueType
            assert b"/Type3" not in content
            assert b"CreationDate" not in content


def test_labels_of_lines_do_not_overlap_in_print(config: dict[str, Any]) -> None:
    from convnets.study import configuration

    spec = configuration.resolve(config).comparisons["conv1x1"]
    history = pd.DataFrame(
        {"iteration": [1, 2], **dict.fromkeys([f"{split}_{name}" for split in SHOWN for name in ("loss", "accuracy")], 0.5)}
    )
    found = {member.variant: figures.curves([history]) for member in spec.members}
    for size, _ in paper.SIZES.values():
        figure = figures.comparison(spec, found, size=size)
        figure.draw_without_rendering()
        for axes in figure.axes:
            boxes = sorted((Text.get_window_extent(text) for text in axes.texts), key=lambda box: box.y0)
            assert all(text.get_fontsize() == 8 for text in axes.texts)
            assert all(lower.y1 <= upper.y0 + 0.5 for lower, upper in pairwise(boxes))
            assert max(box.x1 for box in boxes) <= figure.bbox.x1


def test_a_paper_is_no_part_of_the_study_unless_asked_for(config: dict[str, Any], tmp_path: Path) -> None:
    steps = jobs.steps_of(config, tmp_path)
    assert "write_paper" not in steps.all
    assert steps.reasons("write_paper") == ["not made yet"]
    assert set(steps.before("write_paper")) > {"tabulate_claims", "train_variant/mlp100/seed1"}
