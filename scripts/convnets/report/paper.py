"""The files of a paper: tables in LaTeX, the sizes of figures, the software, and what was done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml

from convnets.findings import claim_tables, published, variants
from convnets.findings.frozen import OTHER, UNCHANGED
from convnets.report import latex, methods, page
from convnets.report.figures import Size
from convnets.report.latex import ROWS
from convnets.report.material import Material
from convnets.report.texts import Texts
from convnets.report2021 import memory
from convnets.study.comparisons import Comparison

# The software that has an entry of its own in software.bib.
CITED = {"keras": "Keras", "matplotlib": "Matplotlib", "mlflow": "MLflow", "numpy": "NumPy", "pandas": "pandas"}
CITED |= {"scipy": "SciPy", "snakemake": "Snakemake", "tensorflow": "TensorFlow"}
PRINT = {
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"), 8),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    **{"grid.linewidth": 0.5, "lines.linewidth": 1.2},
}
VGG16 = (
    "VGG-16: the side and the channels of each feature map, and the parameters of each block. Blue are convolutions with ReLU, red "
    "max pooling, green fully connected layers."
)
# The widths are those of IEEE's journals, in inches.
TALLEST = 8.4  # leaves room for a caption on a page of letter or A4
ONE_COLUMN = Size(3.5, 1.8, 8, PRINT, wrap=16, is_stacked=True, has_title=False, tallest=TALLEST)
TWO_COLUMNS = Size(7.16, 2.1, 8, PRINT, wrap=18, has_title=False, tallest=TALLEST)
SIZES = {"one_column": (ONE_COLUMN, (3, 2, 3)), "two_columns": (TWO_COLUMNS, (8,))}  # each with the rows of VGG-16's blocks


def tables(study: Material, texts: Texts) -> Mapping[str, str]:
    """Return each table of the study as LaTeX, by name."""
    made: Mapping[str, Callable[[pd.DataFrame], str]] = {
        "variants": lambda frame: latex.table(variants.readable(frame), ["variant"]),
        "convergence": lambda _: "\\par\\medskip\n".join(latex.table(part, ["variant"]) for part in _convergence(study, texts)),
        "claims": _claims,
        "curves": lambda frame: latex.table(published.readable(frame), ["variant", published.OUTSIDE], ["figure", "metric"]),
        "errata": _errata,
        "memory": lambda frame: latex.table(memory.readable(frame).drop(columns="note"), ["network"]),
        "vgg16": lambda frame: latex.table(memory.readable_blocks(frame), ["block"]),
    }
    found = {name: made[name](frame) for name, frame in study.tables.items() if name in made and not frame.empty}
    found |= {name: latex.table(frame.reset_index(), [str(frame.index.name)]) for name, frame in study.further.items()}
    return {name: found.get(name, "% This table has no rows.\n") for name in study.tables}


def _convergence(study: Material, texts: Texts) -> Sequence[pd.DataFrame]:
    """Return the table of convergence in its parts, with English headings."""
    parts = study.speed_and_overfitting(texts)
    return [part.set_axis([heading.en for heading in headings], axis=1).reset_index() for part, headings, _ in parts]


def _claims(frame: pd.DataFrame) -> str:
    """Return the table of claims as LaTeX, with adjusted intervals."""
    headings = {"report": "reported", "here": "measured", "interval": "adjusted interval"}
    shown = claim_tables.readable(frame).rename(columns=headings)
    if not shown["reported"].any():
        del shown["reported"]
    if set(frame["frozen"].dropna()) - {UNCHANGED, OTHER}:
        shown["frozen"] = frame["frozen"].fillna("")
    return latex.table(shown, ["statement"], ["section", "verdict", "frozen"])


def _errata(frame: pd.DataFrame) -> str:
    """Return the errata as LaTeX: what the report prints, and what is right."""
    shown = frame[["section", "reported", "correct"]].astype(str)
    return latex.table(shown.rename(columns={"reported": "the report", "correct": "right"}), ["the report", "right"], ["section"])


def software(study: Material, own: Mapping[str, str], citation: Path, template: Path) -> str:
    """Return the libraries that trained, and those that made the rest (`own`), with their versions, as BibTeX.

    An entry for each, papers about them, and this project as its CITATION.cff describes it.
    """
    trained = study.libraries()
    versions = {
        name: ", ".join(dict.fromkeys(each[name] for each in (trained, own) if name in each)) for name in sorted({*trained, *own})
    }
    return latex.render(
        template,
        versions=versions,
        names=CITED,
        others=[name for name in versions if name not in CITED],
        project=yaml.safe_load(citation.read_text(encoding="utf-8")),
        kind=methods.study(study.settings)["kind"],
    )


def described(study: Material, template: Path) -> str:
    """Return what was done as LaTeX: data, networks, trainings, tests."""
    claims, labels = list(study.claims.values()), study.labels
    first = {run.variant: run for run in reversed(study.runs)}
    networks = methods.grouped((label, methods.network(first[variant])) for variant, label in labels.items())
    return latex.render(
        template,
        data=methods.study(study.settings),
        networks=networks,
        aspects=methods.aspects(list(first.values()), labels),
        seeds=study.settings["seeds"],
        looks=study.settings["looks"],
        claims=len(claims),
        forms=methods.forms(claims),
        tests=methods.tests(claims, study.tables["claims"]["note"] if claims else ()),
        level=f"{100 * study.alpha:.3g}\N{NO-BREAK SPACE}%",
        trained=[name for name in study.libraries() if name in CITED],
        versions=study.libraries(),
        names=CITED,
    )


def example(study: Material, texts: Texts, template: Path) -> str:
    """Return a document that includes all tables and figures."""
    captions = {name: _caption(comparison, study, texts) for name, comparison in study.comparisons.items()}
    captions |= {"vgg16": VGG16} if "vgg16" in study.tables else {}
    long = [name for name, frame in study.tables.items() if len(frame) > ROWS]
    return latex.render(
        template,
        title=study.settings["title"],
        captions=captions,
        tables=[name for name, frame in study.tables.items() if name not in long and not frame.empty],
        long=long,
    )


def _caption(comparison: Comparison, study: Material, texts: Texts) -> str:
    """Return the caption of a comparison's figure, without the number that it has in a report."""
    return f"{comparison.title}. {page.caption(replace(comparison, figure=''), study, texts).en}"
