"""What grids are refused for, and how the messages name it."""

import itertools
from typing import Any

import pytest
from grid_studies import LR, grid_of, ids, refusal

from convnets.errors import InputError
from convnets.study import configuration

REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown variant": (
        grid_of("conv3_dropout5", dropout=[0.1]),
        ["grids.lr.from names 'conv3_dropout5', which is no variant; did you mean conv3_dropout05? (grids.lr: null leaves"],
    ),
    "misspelt key": (grid_of(droput=[0.1, 0.2]), ["grids.lr.vary.droput is not a key here; did you mean dropout?"]),
    "misspelt dotted key": (
        grid_of(optimizer__learning_rat=[0.1]),
        ["grids.lr.vary.optimizer.learning_rat is no argument of Keras's RMSprop; did you mean learning_rate?"],
    ),
    "misspelt key in a value": (
        grid_of(optimizer=[{"momentum": 0.5}, {"momntum": 0.5}]),
        ["grids.lr.vary.optimizer.momntum is no argument of Keras's RMSprop; did you mean momentum?", "{momntum: 0.5}"],
    ),
    "value out of bounds": (grid_of(dropout=[0.1, 1.5]), ["grids.lr.vary.dropout is 1.5; it should be less than 1"]),
    "value of another kind": (grid_of(epochs=["many"]), ['grids.lr.vary.epochs is "many"; it should be a valid integer']),
    "value within a value": (
        grid_of(filters=[[8], [8, 0]]),
        ["grids.lr.vary.filters.1.1 is 0; it should be greater than or equal"],
    ),
    "name without a rate": (
        grid_of(optimizer__name=["adam"]),
        ['grids.lr.vary.optimizer is {"name": "adam"}; name needs learning_rate'],
    ),
    "no list": (grid_of(dropout=0.5), ["grids.lr.vary.dropout is 0.5; it should be a list"]),
    "no value": (grid_of(dropout=[]), ["grids.lr.vary.dropout is []; it should be non-empty"]),
    "no key": (grid_of(), ["grids.lr.vary is {}; it should be non-empty"]),
    "another key": ({**LR, "form": 1}, ["grids.lr.form is not a key here; did you mean from?"]),
    "a label": (grid_of(label=["x"]), ["grids.lr.vary.label cannot be varied: the label of a member tells its values"]),
    "the same place twice": (
        grid_of(optimizer=[{"momentum": 0.1}], optimizer__momentum=[0.2]),
        ["grids.lr.vary.optimizer and grids.lr.vary.optimizer.momentum set the same place; keep one"],
    ),
    "the same key twice": (
        {"from": "mlp100", "vary": {"optimizer": [{}], "optimizer.momentum.x": [1]}},
        ["grids.lr.vary.optimizer and grids.lr.vary.optimizer.momentum.x set the same place"],
    ),
    "equal values": (
        grid_of(dropout=[0, 0.5, 0.0]),
        ["grids.lr.vary.dropout lists 0 and 0.0, which would both be dropout_0 in ids"],
    ),
    "values of equal texts": (
        grid_of(precision=["float32", "Float32"]),
        ['grids.lr.vary.precision lists "float32" and "Float32", which would both be precision_float32 in ids; keep one of them'],
    ),
    "nothing to name": (grid_of(precision=["--"]), ['grids.lr.vary.precision lists "--", of which no id can be made']),
    "too many": (
        grid_of(epochs=list(range(1, 502)), dropout=[0.1, 0.2]),
        ["grids.lr.vary makes 1,002 variants, above the maximum of 1,000; vary fewer keys or values"],
    ),
    "far too many": ({"from": "mlp100", "vary": {f"k{key}": list(range(100)) for key in range(9)}}, ["above the maximum of 1,000"]),
    "long ids": (
        grid_of(filters=[[8], [256] * 4], dense_units=[[1024] * 15]),
        [
            "grids.lr: the id lr__filters_256_256_256_256__dense_units_1024_1024",
            "has 115 characters, above the maximum of 100; give the grid a shorter id, vary fewer keys",
        ],
    ),
    "no effect of what varies": (
        grid_of(dropout=[0.1], head=["dense", "conv1x1"]),
        ["grids.lr.vary.dropout has no effect with head: conv1x1", "(in the member of grids.lr with dropout: 0.1, head: conv1x1)"],
    ),
    "no effect of what the variant sets": (
        grid_of("conv2_dropout00", head=["conv1x1"]),
        ["variants.conv2_dropout00.dropout has no effect with head: conv1x1", "(in the member of grids.lr with head: conv1x1)"],
    ),
    "too many blocks": (
        grid_of(filters=[[8] * 6]),
        ["grids.lr.vary.filters has 6 blocks, but 32 pixels can be halved only 5 times"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, config: dict[str, Any]) -> None:
    value, expected = REFUSED[case]
    config["grids"] = {"lr": value}
    with pytest.raises(InputError) as caught:
        configuration.resolve(config)
    problems = str(caught.value).splitlines()[1:]
    assert len(problems) == 1, problems
    for text in expected:
        assert text in problems[0]


def test_ids_that_are_taken_are_refused(config: dict[str, Any]) -> None:
    config["variants"] |= {"lr": {"label": "x"}, "one__dropout_0p1": {"label": "x"}}
    config["grids"] = {"lr": LR, "one": grid_of(dropout=[0.1]), "a": grid_of(dropout=[0.1], epochs=[2])}
    config["grids"]["a__dropout_0p1"] = grid_of("mlp100", epochs=[2])
    text = refusal(config)
    assert "grids.lr has the id of a variant; rename one of them" in text
    assert "the member of grids.one with dropout: 0.1 has the id one__dropout_0p1, and so has variants.one__dropout_0p1" in text
    assert (
        "the member of grids.a__dropout_0p1 with epochs: 2 has the id a__dropout_0p1__epochs_2, "
        "and so has the member of grids.a with dropout: 0.1, epochs: 2; rename one of them"
    ) in text
    assert text.count("\n") == 3


def test_ids_that_come_out_equal_by_chance_are_refused(config: dict[str, Any]) -> None:
    vary = {"a": ["1__b_2", "1"], "b": ["2__b_2", "2"]}
    assert len(ids(**vary)) == 3 < 4  # a: 1__b_2, b: 2 and a: 1, b: 2__b_2
    config["grids"] = {"g": {"from": "mlp100", "vary": vary}}
    text = refusal(config)
    assert "the member of grids.g with a: 1, b: 2__b_2 has the id g__a_1__b_2__b_2, and so has the member of grids.g with" in text


def test_all_mistakes_are_named_at_once(config: dict[str, Any]) -> None:
    config["grids"] = {"lr": grid_of(dropout=[1.5, 0.1], droput=[1]), "other": grid_of("conv9", dropout=[0.1])}
    config["comparisons"]["mine"] = {
        "title": "x",
        "variants": ["lr", "lrr"],
        "rows": [["train"]],
        "labels": {"lr__dropout_0p1": "x"},
    }
    config["claims"]["mine"] = {
        **{"section": "x", "statement": "x", "test": "less"},
        "quantities": ["lr.test_accuracy", "other.test_loss", "others.test_loss"],
    }
    problems = refusal(config).splitlines()[1:]
    for text, problem in itertools.zip_longest(
        (
            "grids.other.from names 'conv9'",
            "grids.lr.vary.dropout is 1.5",
            "grids.lr.vary.droput is not a key here",
            "comparisons.mine.variants names 'lrr', which is no variant; did you mean lr?",
            "comparisons.mine.labels.lr__dropout_0p1 is no variant",
            "claims.mine.quantities.2 names 'others', which is no variant; did you mean other?",
        ),
        problems,
    ):
        assert text in problem
