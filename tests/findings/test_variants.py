"""The table of variants."""

import numpy as np
import pytest
from studies import summary

from convnets import tables
from convnets.findings import variants
from convnets.runs import records


def test_variants_table_has_mean_and_spread_in_the_order_of_the_labels() -> None:
    runs = [
        summary("b", 10, seed=1, best_val_accuracy=0.5),
        summary("b", 10, seed=2, best_val_accuracy=0.7),
        summary("a", 20, best_val_accuracy=0.4),
    ]
    table = variants.table(runs, ["b"], {"a": "first", "b": "second"})
    assert table["variant"].tolist() == ["a", "b"]
    assert table["label"].tolist() == ["first", "second"]
    assert table["runs"].tolist() == [1, 2]
    assert table["best_val_accuracy_mean"].tolist() == pytest.approx([0.4, 0.6])
    assert table["best_val_accuracy_std"][1] == pytest.approx(0.2 / np.sqrt(2))
    assert np.isnan(table["best_val_accuracy_std"][0])
    for metric in records.NUMBER_COLUMNS:
        assert {f"{metric}_mean", f"{metric}_std"} <= set(table.columns)
    assert table["verified"].tolist() == [0, 1]
    markdown = tables.markdown(variants.readable(table))
    assert "runs verified" in markdown
    assert not any("verified" in name for name in variants.readable(table.assign(verified=0)))
    assert "0.6000 ± 0.1414" in markdown
    assert "nan" not in markdown.lower()
