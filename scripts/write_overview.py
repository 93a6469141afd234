#!/usr/bin/env python
"""Write the overview: one HTML page with all that was found, which Snakemake's report opens with."""

from pathlib import Path

from convnets import (
    claims,
    command,
    comparisons,
    executed,
    files,
    fingerprint,
    overview_page,
    provenance,
    records,
    runs,
    settings,
    stamps,
    tables,
    texts,
)
from convnets.study import Study

BESIDE = (records.HISTORY, records.RECORD, stamps.STAMP)  # what a run's folder holds beside its summary; the latter two not always
LIBRARIES = ("matplotlib", "numpy", "pandas", "scipy")  # that tables and figures are made with


def main() -> None:
    """Read runs, tables and texts, write the page."""
    parser = command.parser(__doc__)
    command.add_step_options(parser)
    parser.add_argument("--texts", type=Path, required=True, help="folder of the texts, the template and the style")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="summaries of the runs, in their folders")
    parser.add_argument("--shown", type=Path, nargs="+", required=True, help="tables (.csv) and figures (.svg)")
    parser.add_argument("--published", type=Path, nargs="*", required=True, help="published.json, if there is one")
    parser.add_argument("--html", type=Path, required=True, help="output")
    arguments = parser.parse_args()
    components = fingerprint.step_components(Path(__file__), arguments.settings)
    beside = [path for metrics in arguments.metrics for name in BESIDE if (path := metrics.parent / name).exists()]
    inputs = [*arguments.metrics, *beside, *arguments.shown, *arguments.published]
    with stamps.stamping(arguments.stamp, components, inputs, [arguments.html]):
        chosen, written = arguments.settings, texts.read(arguments.texts / "texts.yaml")
        variants = {name: settings.from_dict(value) for name, value in chosen["variants"].items()}
        read = [*arguments.metrics, *(path for path in beside if path.name in (records.HISTORY, records.RECORD))]
        study = Study(
            claims={value["id"]: claims.from_dict(value) for value in chosen["claims"]},
            comparisons={value["id"]: comparisons.from_dict(value) for value in chosen["comparisons"]},
            labels=chosen["labels"],
            runs=runs.read(read, variants),
            tables={path.stem: tables.read(path) for path in arguments.shown if path.suffix == ".csv"},
        )
        made = provenance.read(study.runs, [path.parent for path in arguments.metrics])
        published = files.read_json(arguments.published[0]) if arguments.published else {}
        own = {name: executed.library_version(name) for name in LIBRARIES}
        page = overview_page.compose(study, made, chosen, own, published, written)
        figures = {path.stem: path for path in arguments.shown if path.suffix == ".svg"}
        tables.write_text(overview_page.render(page, figures, written, arguments.texts), arguments.html)


if __name__ == "__main__":
    command.run(main)
