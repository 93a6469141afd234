"""Readings of sentences: more than a number, at the same iteration as another network, and whole curves."""

from typing import Any

import pytest
import studies
from studies import claim, seeds_of

from convnets.errors import InputError
from convnets.findings import conditions, verdicts, wording
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, REPRODUCED
from convnets.runs.records import Epoch
from convnets.runs.run import Run
from convnets.study import claims, configuration

ABOVE = [1.02, 1.0, 1.01, 1.03, 1.04]


@pytest.mark.parametrize(
    ("test", "target", "margin", "verdict"),
    [
        ("greater", 0.9, 0, REPRODUCED),
        ("greater", 1.1, 0, CONTRADICTED),
        ("greater", 0.9, 0.2, CONTRADICTED),
        ("less", 1.2, 0, REPRODUCED),
        ("less", 1.2, 0.3, CONTRADICTED),
        ("less", 1.02, 0, INCONCLUSIVE),
    ],
)
def test_one_quantity_is_compared_with_a_number(test: str, target: float, margin: float, verdict: str) -> None:
    one = claim(test, "a.final_val_loss", target=target, margin=margin)
    (judgement,) = verdicts.judge([one], seeds_of(a=ABOVE))
    assert judgement.verdict == verdict
    bound = target + margin if test == "greater" else target - margin
    assert f"Tested as: it is {'above' if test == 'greater' else 'below'} {bound:g}." in wording.note(judgement)


def test_one_quantity_needs_a_number() -> None:
    told = claims.problems({"mine": claim("greater", "a.test_loss")}, ["a"], {}, {})
    assert list(told) == [
        "claims.mine compares one quantity with nothing; give a second one, or a target: the number that it is greater than"
    ]
    assert not list(claims.problems({"mine": claim("less", "a.test_loss", target=1)}, ["a"], {}, {}))


def curve(run: Run, variant: str, seed: int, losses: list[float], accuracies: list[float], per_epoch: int = 10) -> Run:
    rows = [
        Epoch(number, per_epoch * number, 1.0, 0.5, loss, accuracy, 1.0)
        for number, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True), 1)
    ]
    changed = studies.with_history(run, rows)
    object.__setattr__(changed, "variant", variant)
    object.__setattr__(changed, "seed", seed)
    return changed


@pytest.fixture
def run(config: dict[str, Any]) -> Run:
    return studies.four_epochs(config)


def test_a_value_at_the_iteration_of_anothers_lowest_loss(run: Run) -> None:
    """The other's lowest loss is at epoch 2 in seed 1 and at epoch 3 in seed 2."""
    deep = [curve(run, "deep", seed, losses, [0.5, 0.6, 0.7]) for seed, losses in ((1, [2, 1, 3.0]), (2, [3, 2, 1.0]))]
    flat = [curve(run, "flat", seed, [1, 1, 1.0, 1], [0.1, 0.2 + seed, 0.3 + seed, 0.4]) for seed in (1, 2)]
    one = claim("greater", "deep.val_accuracy_at_min_val_loss", "flat.val_accuracy@deep")
    assert one.variants == ("deep", "flat")
    (judgement,) = verdicts.judge([one], [*deep, *flat])
    assert conditions.values_of("flat.val_accuracy@deep", judgement.runs) == [1.2, 2.3]
    assert conditions.values_of("flat.val_loss@flat", judgement.runs) == [1, 1]
    alone = claim("less", "flat.val_loss@deep", target=2)
    assert alone.variants == ("flat", "deep")  # its runs are needed though no metric of theirs is named
    (judgement,) = verdicts.judge([alone], [*deep, *flat])
    assert judgement.findings[0].values == (1, 1)


def test_an_iteration_that_the_run_does_not_have_is_an_error(run: Run) -> None:
    other = curve(run, "other", 1, [3, 2, 1.0], [0.1, 0.2, 0.3], per_epoch=7)
    short = curve(run, "short", 1, [1.0], [0.1])
    whole = curve(run, "whole", 1, [3, 2, 1.0], [0.1, 0.2, 0.3])
    for one, two in ((whole, other), (short, whole)):
        with pytest.raises(
            InputError, match=f"{one.variant}/seed1 has no epoch that ends at iteration .* where {two.variant}/seed1"
        ):
            one.at_lowest_loss_of(two, "val_loss")


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        ("a.test_loss@b", "names 'test_loss' at another network's lowest loss; that can be val_loss or val_accuracy"),
        ("a.val_loss@c", "names 'c', which is no variant of this study"),
        ("grid.val_loss@b", "names 'grid', which is no variant of this study"),
    ],
)
def test_what_cannot_be_taken_at_anothers_lowest_loss_is_refused(quantity: str, message: str) -> None:
    one = claim("less", quantity, target=1)
    told = list(claims.problems({"mine": one}, ["a", "b"], {"grid": ["a", "b"]}, {}))
    assert len(told) == 1
    assert message in told[0]


def test_the_means_of_whole_curves(run: Run) -> None:
    assert run.value("mean_val_loss") == pytest.approx((1.9 + 1.2 + 1.1 + 1.4) / 4)
    assert run.value("mean_val_accuracy") == pytest.approx((0.3 + 0.55 + 0.6 + 0.6) / 4)


def test_the_reports_claim_is_read_at_one_iteration(config: dict[str, Any]) -> None:
    found = {one.id: one for one in configuration.resolve(config).claims}
    assert found["depth_three_accuracy_there"].quantities[1:] == (
        "conv1_dropout05.val_accuracy@conv3_dropout05",
        "conv2_dropout05.val_accuracy@conv3_dropout05",
    )
