"""VGG-16 and the memory table: to the last digit of the report, and checked against Keras's own VGG-16."""

from pathlib import Path

import pytest

from convnets import style, tables
from convnets.networks import vgg16
from convnets.report2021 import PRINTED_CONV1X1, memory, vgg16_figure

REPORTED = {
    "conv1": (38_720, 1_239_040),
    "conv2": (221_440, 7_086_080),
    "conv3": (1_475_328, 47_210_496),
    "conv4": (5_899_776, 188_792_832),
    "conv5": (7_079_424, 226_541_568),
    "fc1": (102_764_544, 3_288_465_408),
    "fc2": (16_781_312, 537_001_984),
    "fc3": (4_097_000, 131_104_000),
    "total": (138_357_544, 4_427_441_408),
}


def test_vgg16_is_the_reports_to_the_last_digit() -> None:
    table = memory.vgg16_blocks()
    assert list(table.columns) == ["block", "parameters", "bits", "megabytes"]
    assert {row.block: (row.parameters, row.bits) for row in table.itertuples()} == REPORTED
    assert round(table["megabytes"].iloc[-1], 2) == 553.43


def test_vgg16s_layers_are_the_reports() -> None:
    convolutions = [1792, 36928, 73856, 147584, 295168, 590080, 590080, 1180160, *[2359808] * 5]
    assert list(vgg16.layer_parameters().values()) == [*convolutions, 102_764_544, 16_781_312, 4_097_000]
    assert [name for name in vgg16.layer_parameters() if name.startswith(("conv3", "fc"))] == [
        *("conv3_1", "conv3_2", "conv3_3", "fc1", "fc2", "fc3")
    ]


def test_vgg16_is_keras_vgg16() -> None:
    import keras

    model = keras.applications.VGG16(weights=None)
    counts = dict.fromkeys(vgg16.parameters(), 0)
    names = {"block": "conv", "fc1": "fc1", "fc2": "fc2", "predictions": "fc3"}
    for layer in model.layers:
        for prefix, name in names.items():
            if layer.name.startswith(prefix) and layer.count_params():
                counts[f"conv{layer.name[5]}" if name == "conv" else name] += layer.count_params()
    assert vgg16.parameters() == counts
    assert vgg16.convolution_stack_parameters() == keras.applications.VGG16(weights=None, include_top=False).count_params()


def test_memory_says_what_is_wrong_with_the_reports_numbers() -> None:
    labels = {"dense": "dense", "conv1x1": "1x1"}
    table = memory.table({"dense": 117_072, "conv1x1": 65_962}, labels).set_index("network")
    assert list(table.columns) == ["parameters", "bytes", "megabytes", "reported_parameters", "reported_megabytes", "note"]
    assert table["parameters"].tolist() == [117_072, 65_962, 138_357_544, 14_719_818, 7_084_554]
    assert table["bytes"].tolist() == [468_288, 263_848, 553_430_176, 58_879_272, 28_338_216]
    assert (table["bytes"] == table["parameters"] * 4).all()
    assert (table["megabytes"] * 1e6).tolist() == pytest.approx(table["bytes"].tolist())
    assert table["reported_parameters"].fillna(0).tolist() == [138_357_544, 7_084_554, 138_357_544, 0, 7_084_554]
    dense, conv1x1, _, whole, block = table["note"]
    assert "VGG-16" in dense
    assert "117,072" in dense
    assert "7,079,424, the fifth block of VGG-16" in conv1x1
    assert "14,714,688" in whole
    assert "divides the parameters by 8" in block
    assert "28.34 MB" in block
    markdown = tables.markdown(memory.readable(table.reset_index()))
    assert "| 14,719,818" in markdown
    assert "nan" not in markdown.lower()


def test_the_reports_memory_is_its_parameters_divided_by_eight() -> None:
    parameters, reported = PRINTED_CONV1X1
    assert parameters == 7_084_554
    assert parameters / 8 / 1e6 == pytest.approx(reported, abs=5e-5)


def test_vgg16_drawing_names_every_block_and_count(tmp_path: Path) -> None:
    style.save(vgg16_figure.draw(), tmp_path / "vgg16.svg")
    text = (tmp_path / "vgg16.svg").read_text(encoding="utf-8")
    for block, count in vgg16.parameters().items():
        assert f">{block}<" in text
        assert f">{count:,}<" in text
    assert "224 x 224 x 64" in text
    assert "14 x 14 x 512" in text
