"""Tables as files."""

from pathlib import Path

import pandas as pd

from convnets import tables


def test_numbers_in_a_csv_have_the_digits_that_can_be_reproduced(tmp_path: Path) -> None:
    columns = {"a": [1 / 3, float("nan")], "b": pd.array([138_357_544, None], dtype="Int64"), "c": [4_427_441_408, 1]}
    table = pd.DataFrame({**columns, "d": pd.Series([5, 2 / 3], dtype=object), "e": ["x", ""]})
    tables.write_csv(table, tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["a,b,c,d,e", "0.333333333,138357544,4427441408,5,x", ",,1,0.666666667,"]


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = pd.DataFrame({"id": ["null", "1e3"], "label": ["None", "0.50"], "value": [0.5, float("nan")], "note": ["NA", "n/a"]})
    tables.write_csv(written, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(tables.read(tmp_path / "table.csv"), written)
