"""Reading and writing of all tables: CSV, and Markdown for readers."""

from pathlib import Path

import pandas as pd

from convnets.files import atomic_path
from convnets.markdown import plain

# Columns of text, even where a value looks like a number.
IDENTIFYING = ("id", "variant", "label", "network", "section", "figure", "outside")
# The columns of the table of claims.
CLAIMS = (
    *("id", "section", "statement", "reported", "measured", "ci_low", "ci_high", "seeds", "verdict", "note"),
    *("adjusted_low", "adjusted_high", "at_half_margin", "at_double_margin", "kind", "frozen"),
)
DIGITS = 9  # significant digits in a CSV; the last bits of a sum depend on the order of addition


def read(path: Path) -> pd.DataFrame:
    """Read a table. Empty cells are NaN; a text such as "None" stays a text."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(IDENTIFYING, str))


def means(table: pd.DataFrame, metric: str, digits: int) -> list[str]:
    """Return the mean of a metric in each row as text, with its standard deviation if there is one; empty without a mean."""
    pairs = zip(table[f"{metric}_mean"], table[f"{metric}_std"], strict=True)
    texts = [
        f"{significant(mean):,.{digits}f}" + (f" ± {deviation:,.{digits}f}" if pd.notna(deviation) else "")
        for mean, deviation in pairs
    ]
    return [text.replace("nan", "") for text in texts]


def significant(value: float) -> float:
    """Round a number to the digits that do not depend on versions of libraries."""
    return float(f"{value:.{DIGITS}g}")


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV. Whole numbers stay whole, even in a column with others."""
    values = {
        name: pd.Series([significant(value) if isinstance(value, float) else value for value in column], dtype=object)
        for name, column in table.items()
    }
    rounded = pd.DataFrame(values, columns=table.columns)
    with atomic_path(path) as temporary:
        rounded.to_csv(temporary, index=False, lineterminator="\n")


def write_text(text: str, path: Path) -> None:
    """Write a text file."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown, which shows its texts as they are."""
    return f"{table.map(plain).to_markdown(index=False, disable_numparse=True)}\n"
