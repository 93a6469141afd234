"""What README and docs quote of the committed study, between marks. As a script, it writes that in: `make reference` does.

A mark is a comment, `<!-- results/reference/tables/claims.md: verdicts -->`, and `<!-- end -->` follows the quotation.
"""

import csv
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "results" / "reference" / "tables"
PAGES = (ROOT / "README.md", ROOT / "docs" / "report2021.md")
MARKED = re.compile(r"(<!-- results/reference/tables/(\S+?)(?:: (\w+))? -->\n)(.*?)(<!-- end -->)", re.DOTALL)
WIDTH = 100
# The numbers that the report prints, by their words in the table: variants and a metric of theirs.
PRINTED = {
    "2 conv layers, dropout 0.0: best accuracy, most likely of the test images": (["conv2_dropout00"], "test_accuracy"),
    "2 conv layers, dropout 0.5: best accuracy, most likely of the test images": (["conv2_dropout05"], "test_accuracy"),
    "dropout 0.0: final validation loss": (["conv2_dropout00", "conv2_dropout05"], "final_val_loss"),
    "3 conv layers: final validation loss without augmentation": (["conv3_dropout05"], "final_val_loss"),
    "3 conv layers: final validation loss with augmentation": (["conv3_augment"], "final_val_loss"),
    "1x1 head: best accuracy, most likely of the test images": (["conv3_1x1"], "test_accuracy"),
}


def filled(page: str) -> str:
    """Return the text of a page with every quotation as the tables have it now; a KeyError for a claim or number that none has."""
    parts: dict[str, Callable[[str, str], str]] = {"": _whole, "verdicts": _verdicts, "claims": _claims, "printed": _printed}
    return MARKED.sub(lambda found: found[1] + parts[found[3] or ""](found[2], found[4]) + found[5], page)


def _whole(name: str, _: str) -> str:
    return (TABLES / name).read_text(encoding="utf-8")


def _verdicts(name: str, _: str) -> str:
    """Quote the first line of a table, which counts the verdicts."""
    line = _whole(name, "").splitlines()[0]
    return "".join(f"> {part}\n" for part in textwrap.wrap(line, WIDTH - 2))


def _claims(name: str, former: str) -> str:
    """Fill in the rows of some claims, by their statements: the number of the report, that measured, and the verdict."""
    table = _whole(name, "").split("## Other margins")[0]
    rows = {statement: cells for _, _, statement, *cells in map(_cells, table.splitlines()) if cells}
    head, rule, *quoted = former.splitlines()
    lines = []
    for statement, *_ in map(_cells, quoted):
        reported, here, _, verdict, *_ = rows[statement]
        lines.append(f"| {statement} | {reported} | {here} | {verdict} |")
    return "\n".join([head, rule, *lines]) + "\n"


def _printed(name: str, former: str) -> str:
    """Fill in what was measured beside each number that the report prints, as mean ± standard deviation."""
    with (TABLES / name).open(newline="", encoding="utf-8") as file:
        table = {row["variant"]: row for row in csv.DictReader(file)}
    head, rule, *quoted = former.splitlines()
    lines = []
    for what, report, _ in map(_cells, quoted):
        variants, metric = PRINTED[what]
        here = [" ± ".join(f"{float(number):.4f}" for number in _spread(table[one], metric)) for one in variants]
        lines.append(f"| {what} | {report} | {' and '.join(here)} |")
    return "\n".join([head, rule, *lines]) + "\n"


def _spread(row: Mapping[str, str], metric: str) -> Iterator[str]:
    """Yield the mean of a metric, and its standard deviation if there is one."""
    return (row[f"{metric}_{kind}"] for kind in ("mean", "std") if row[f"{metric}_{kind}"])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| ") else ["", "", ""]


if __name__ == "__main__":
    for each in PAGES:
        each.write_text(filled(each.read_text(encoding="utf-8")), encoding="utf-8")
