"""LaTeX: texts as they are, tables with the rules of booktabs, and templates.

What is written needs T1 fonts and the packages booktabs and tabularx.
"""

import math
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import jinja2
import pandas as pd
from pylatexenc.latexencode import UnicodeToLatexEncoder

# Besides ASCII, what LaTeX sets without further packages: Latin and Greek letters, punctuation, and signs between numbers.
KNOWN = re.compile(
    "[\u00a0-\u0148\u014a-\u017f\u0391-\u03a1\u03a3-\u03a9\u03b1-\u03c9\u2010\u2012-\u2022\u2026\u2030\u20ac"
    "\u2190-\u2195\u2202\u2207\u2208\u220f\u2211\u2212\u221a\u221e\u2248\u2260\u2264\u2265]"
)
GUARDED = "[]*"  # where a row begins with them, they would be arguments of the end of the row before
BREAK = r"\\"  # of a line
ROWS = 40  # at most, of a part of a table
CHARACTERS = 140  # that a line of 7 inches holds in \footnotesize, with the space beside a column counted as 2
LEAST = 30  # characters that a column takes whose lines break


class Latex(str):
    """A text that is LaTeX already."""

    __slots__ = ()


def escape(value: object) -> str:
    """Return a text so that LaTeX shows it as it is, on one line; a character that it cannot set is shown by its number."""
    if isinstance(value, Latex):
        return value
    text = unicodedata.normalize("NFC", re.sub(r"\s+", " ", str(value), flags=re.ASCII))
    return "".join(map(_escape, text))


def _escape(character: str) -> str:
    if character in GUARDED:
        return f"{{{character}}}"
    is_known = character.isascii() or KNOWN.match(character)
    return str(ENCODER.unicode_to_latex(character)) if is_known else _by_number(character)


def _by_number(character: str) -> str:
    return f"{{[}}U+{ord(character):04X}{{]}}"


ENCODER = UnicodeToLatexEncoder(unknown_char_policy=_by_number, unknown_char_warning=False)


def table(frame: pd.DataFrame, broken: Sequence[str], left: Sequence[str] = ()) -> str:
    """Return a table of texts, as wide as a line; in several parts, one below the other, where it is too wide or too long.

    The lines of the columns `broken` break. They share the space that the others leave, and stand in each part. The others are
    formatted numbers, in which hyphens become minus signs, but for those in `left`.
    """
    numbers = [name for name in map(str, frame) if name not in (*broken, *left)]
    frame = frame.assign(**{name: frame[name].astype(str).str.replace("-", "\N{MINUS SIGN}") for name in numbers})
    parts = [rows for columns in _columns(frame, broken) for rows in _rows(frame[columns])]
    body = "\\par\\medskip\n\\noindent\n".join(_tabular(part, broken, left) for part in parts)
    return f"% Packages: booktabs, tabularx\n\\begingroup\\footnotesize\\setlength{{\\tabcolsep}}{{4pt}}%\n{body}\\endgroup\n"


def _columns(frame: pd.DataFrame, broken: Sequence[str]) -> list[list[str]]:
    """Return the columns of each part: as many as a line holds, beside those that stand in each."""
    room = free = CHARACTERS - LEAST * len(broken)
    parts: list[list[str]] = [[]]
    for name in (column for column in map(str, frame) if column not in broken):
        width = max(map(len, [*_heading(frame[name]), *frame[name]])) + 2
        if width > free and parts[-1]:
            parts.append([])
            free = room
        parts[-1].append(name)
        free -= width
    return [[column for column in map(str, frame) if column in (*broken, *part)] for part in parts]


def _rows(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Return parts of at most `ROWS` rows, about equally long."""
    count = max(1, math.ceil(len(frame) / ROWS))
    bounds = [round(part * len(frame) / count) for part in range(count + 1)]
    return [frame.iloc[start:end].reset_index(drop=True) for start, end in pairwise(bounds)]


def _heading(column: "pd.Series[str]") -> list[str]:
    """Return the lines of a heading, about as wide as the cells."""
    return textwrap.wrap(str(column.name), max([9, *map(len, column)]), break_long_words=False)


def _stacked(lines: Sequence[str], alignment: str) -> str:
    """Return lines one below the other."""
    return escape(lines[0]) if len(lines) == 1 else rf"\shortstack[{alignment}]{{{BREAK.join(map(escape, lines))}}}"


def _tabular(frame: pd.DataFrame, broken: Sequence[str], left: Sequence[str]) -> str:
    kinds = {name: "X" if name in broken else "l" if name in left else "r" for name in map(str, frame)}
    headings = {name: escape(name) if kind == "X" else _stacked(_heading(frame[name]), kind) for name, kind in kinds.items()}
    columns = "".join(rf">{{\raggedright\arraybackslash}}{kind}" if kind == "X" else kind for kind in kinds.values())
    styler = frame.map(escape).rename(columns=headings).style.hide(axis="index")
    text: str = styler.to_latex(hrules=True, column_format=f"@{{}}{columns}@{{}}")
    return text.replace(r"\begin{tabular}", r"\begin{tabularx}{\linewidth}").replace(r"\end{tabular}", r"\end{tabularx}%")


def render(template: Path, **values: object) -> str:
    """Return a template filled in: `<< value >>` is escaped, and `<% %>` and `<# #>` leave the braces to LaTeX."""
    environment = jinja2.Environment(  # noqa: S701  (no HTML; `finalize` escapes)
        loader=jinja2.FileSystemLoader(template.parent),
        undefined=jinja2.StrictUndefined,
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.globals["latex"] = Latex
    return environment.get_template(template.name).render(**values)
