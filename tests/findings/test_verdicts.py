"""Verdicts: what they rest on, how often they are wrong, and which of them a changed history changes."""

import math
import re
from collections.abc import Iterable
from typing import Any

import pytest
import studies
from studies import claim, seeds_of

from convnets.findings import conditions, verdicts, wording
from convnets.findings.conditions import Condition
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, REPRODUCED, Judgement
from convnets.runs.run import Run
from convnets.study import claims, configuration
from convnets.study.claims import Claim

ONE_SEED = "One seed tells nothing of how much runs vary, so how many would decide it cannot be said."
# The claims in which nothing varies by seed, with the verdicts that formulas alone give.
EXACT = {
    "theory_blocks": REPRODUCED,
    "theory_layers": REPRODUCED,
    "theory_parameters": REPRODUCED,
    "theory_millions": REPRODUCED,
    "theory_bits": REPRODUCED,
    "theory_megabytes": REPRODUCED,
    "mlp_iterations": REPRODUCED,
    "augmentation_iterations": REPRODUCED,
    "memory_fewer_parameters": REPRODUCED,
    "memory_fully_connected_majority": REPRODUCED,
    "memory_shared": REPRODUCED,
    "augmentation_data_set": CONTRADICTED,
    "memory_shared_parameters": CONTRADICTED,
    "memory_table_head": CONTRADICTED,
    "memory_table_dense": CONTRADICTED,
    "memory_table_dense_megabytes": CONTRADICTED,
    "memory_table_conv1x1": CONTRADICTED,
    "memory_table_conv1x1_megabytes": CONTRADICTED,
}


def judged(one: Claim, found: Iterable[Any]) -> Judgement:
    (judgement,) = verdicts.judge([one], list(found))
    return judgement


def verdicts_of(config: dict[str, Any], found: Iterable[Run]) -> dict[str, str]:
    return {each.claim.id: each.verdict for each in verdicts.judge(configuration.resolve(config).claims, list(found))}


def test_the_conditions_of_each_test() -> None:
    inf = math.inf
    expected = {
        claim("equals", "a.x", "b.x", reported=[1, 2], margin=0.5): [
            Condition("a.x", "", False, 0.5, 1.5),
            Condition("b.x", "", False, 1.5, 2.5),
        ],
        claim("single_run", "a.x", reported=1, margin=0.5): [Condition("a.x", "", False, 0.5, 1.5)],
        claim("equivalent", "a.x", "b.x", margin=0.5): [Condition("a.x", "b.x", False, -0.5, 0.5)],
        claim("equivalent", "a.x", "b.x", "c.x", margin=1): [
            Condition("a.x", "b.x", False, -1, 1),
            Condition("a.x", "c.x", False, -1, 1),
        ],
        claim("equivalent", "a.x", "b.x", margin=1, target=3): [Condition("a.x", "b.x", False, 2, 4)],
        claim("ratio", "a.x", "b.x", margin=1.25, target=2): [Condition("a.x", "b.x", True, math.log(1.6), math.log(2.5))],
        claim("greater", "a.x", "b.x", "c.x"): [Condition("a.x", "b.x", False, 0, inf), Condition("b.x", "c.x", False, 0, inf)],
        claim("less", "a.x", "b.x", margin=0.1): [Condition("a.x", "b.x", False, -inf, -0.1)],
        claim("highest", "a.x", "b.x", "c.x"): [Condition("a.x", "b.x", False, 0, inf), Condition("a.x", "c.x", False, 0, inf)],
        claim("lowest", "a.x", "b.x", "c.x", margin=2): [
            Condition("a.x", "b.x", False, -inf, -2),
            Condition("a.x", "c.x", False, -inf, -2),
        ],
    }
    assert set(claims.TESTS) == {one.test for one in expected}
    for one, found in expected.items():
        assert conditions.conditions(one) == found


LOW, MIDDLE, HIGH = ([base + step for step in (0.00, 0.02, -0.01, 0.01, -0.02)] for base in (1.0, 1.5, 2.0))
LATER = [value + 0.005 * number for number, value in enumerate(LOW)]  # so that differences have a spread


@pytest.mark.parametrize(
    ("one", "verdict"),
    [
        (claim("greater", "high.final_val_loss", "later.final_val_loss"), REPRODUCED),
        (claim("greater", "later.final_val_loss", "high.final_val_loss"), CONTRADICTED),
        (claim("greater", "high.final_val_loss", "later.final_val_loss", margin=2), CONTRADICTED),
        (claim("less", "later.final_val_loss", "low.final_val_loss", margin=0.0), CONTRADICTED),
        (claim("greater", "later.final_val_loss", "low.final_val_loss", margin=0.008), INCONCLUSIVE),  # 0.01, deviation 0.008
        (claim("equivalent", "low.final_val_loss", "later.final_val_loss", margin=0.1), REPRODUCED),
        (claim("equivalent", "low.final_val_loss", "later.final_val_loss", margin=0.011), INCONCLUSIVE),
        (claim("equivalent", "high.final_val_loss", "later.final_val_loss", margin=0.1), CONTRADICTED),
        (claim("equivalent", "high.final_val_loss", "later.final_val_loss", margin=0.1, target=1), REPRODUCED),
        (claim("ratio", "high.final_val_loss", "low.final_val_loss", target=2, margin=1.25), REPRODUCED),
        (claim("ratio", "low.final_val_loss", "high.final_val_loss", target=2, margin=1.25), CONTRADICTED),
        (claim("equals", "low.final_val_loss", reported=1.0, margin=0.1), REPRODUCED),
        (claim("equals", "low.final_val_loss", "high.final_val_loss", reported=[1.0, 1.0], margin=0.1), CONTRADICTED),
        (claim("highest", "high.final_val_loss", "later.final_val_loss", "middle.final_val_loss"), REPRODUCED),
        (claim("lowest", "high.final_val_loss", "later.final_val_loss", "middle.final_val_loss"), CONTRADICTED),
        (claim("equals", "low.iterations", reported=300), REPRODUCED),
        (claim("greater", "low.iterations", "high.iterations"), CONTRADICTED),
    ],
    ids=lambda value: f"{value.test}-{value.quantities[0]}" if isinstance(value, Claim) else value,
)
def test_verdicts(one: Claim, verdict: str) -> None:
    middle = [value + 0.003 * (number % 2) for number, value in enumerate(MIDDLE)]
    high = [value - 0.004 * (number % 2) for number, value in enumerate(HIGH)]
    assert judged(one, seeds_of(low=LOW, later=LATER, middle=middle, high=high)).verdict == verdict


@pytest.mark.parametrize("test", ["greater", "less", "highest", "lowest"])
def test_values_that_differ_by_rounding_alone_show_nothing(test: str) -> None:
    """Each of HIGH is 1 above its partner in LOW; nothing tells how much that varies."""
    assert len({high - low for high, low in zip(HIGH, LOW, strict=True)}) > 1
    found = seeds_of(low=LOW, high=HIGH)
    judgement = judged(claim(test, "high.final_val_loss", "low.final_val_loss"), found)
    assert judgement.verdict == INCONCLUSIVE
    assert "do not differ from seed to seed" in wording.note(judgement)


def test_the_condition_that_decides_is_shown() -> None:
    middle = [value + 0.003 * (number % 2) for number, value in enumerate(MIDDLE)]
    found = seeds_of(low=LOW, middle=middle, high=[value - 0.004 * (number % 2) for number, value in enumerate(HIGH)])
    shown = judged(claim("highest", "high.final_val_loss", "low.final_val_loss", "middle.final_val_loss"), found)
    assert shown.verdict == REPRODUCED
    refuted = judged(claim("highest", "middle.final_val_loss", "low.final_val_loss", "high.final_val_loss"), found)
    assert refuted.verdict == CONTRADICTED
    assert refuted.decisive.condition.second == "high.final_val_loss"
    assert refuted.decisive.measured == pytest.approx(-0.5, abs=0.01)
    ratio = judged(claim("ratio", "high.final_val_loss", "low.final_val_loss", target=2, margin=1.25), found)
    assert ratio.decisive.measured == pytest.approx(2, abs=0.01)
    assert ratio.decisive.interval()[0] < ratio.decisive.measured < ratio.decisive.interval()[1]


def test_runs_are_paired_by_seed() -> None:
    """What all variants of a seed share cancels: differences are judged, not means."""
    shift = [0, 10, -20, 30, -5]
    low = [base + value for base, value in zip(shift, LOW, strict=True)]
    high = [base + value + 0.1 for base, value in zip(shift, LATER, strict=True)]
    found = seeds_of(low=low, high=high)
    assert judged(claim("greater", "high.final_val_loss", "low.final_val_loss"), found).verdict == REPRODUCED
    assert judged(claim("greater", "high.final_val_loss", "low.final_val_loss"), [*found[:5], *found[6:]]).seeds == 4


def test_a_ratio_of_values_below_0_says_nothing() -> None:
    found = seeds_of(low=[-1.0, 1, 1, 1, 1], high=HIGH)
    judgement = judged(claim("ratio", "low.final_val_loss", "high.final_val_loss", target=1, margin=2), found)
    assert judgement.verdict == INCONCLUSIVE
    assert "not all above 0" in wording.note(judgement)


def test_one_seed_never_decides_what_varies(config: dict[str, Any]) -> None:
    resolved = configuration.resolve(config)
    found = studies.reference(config)
    judgements = verdicts.judge(resolved.claims, found)
    assert len(judgements) == len(config["claims"]) > 40
    assert {each.claim.id: each.verdict for each in judgements if each.claim.is_exact} == EXACT
    for each in judgements:
        if not each.claim.is_exact:
            assert each.verdict == INCONCLUSIVE
            assert ONE_SEED in wording.note(each)


def test_more_seeds_decide_and_say_how_surely(config: dict[str, Any]) -> None:
    resolved = configuration.resolve(config)
    found = studies.repeated(studies.reference(config), 5)
    judgements = {each.claim.id: each for each in verdicts.judge(resolved.claims, found)}
    assert judgements["dropout_loss_ratio"].verdict == REPRODUCED
    assert judgements["mlp_slowest"].verdict == CONTRADICTED
    assert judgements["dropout_loss_ratio"].seeds == 5
    text = wording.note(judgements["depth_three_best_accuracy"])
    assert re.search(r"Shown, p [=<] .* adjusted for all claims; effect size \(d_z\) \d+\.\d\.", text)
    assert re.search(r"maxima over the epochs, .* test_accuracy: conv3_dropout05 0\.7\d", text)
    text = wording.note(judgements["conv1x1_possible"])
    assert re.search(r"; \d+\.\d deviations from the bound\.", text)
    text = wording.note(judgements["dropout_loss_ratio"])
    assert "Tested as: the ratio lies between 1.6 and 2.5." in text
    text = wording.note(judgements["mlp_loss"])
    assert "Tested as: the first less each of the others is above 0.05. What decides: mlp100 - conv" in text
    assert "Times depend on the machine" in wording.note(judgements["mlp_slowest"])
    assert "set by the configuration, not found" in wording.note(judgements["mlp_iterations"])
    two = studies.repeated(studies.reference(config), 2)
    unsure = {each.claim.id: each for each in verdicts.judge(resolved.claims, two)}["conv1x1_accuracy_better"]
    assert unsure.verdict == INCONCLUSIVE
    text = wording.note(unsure)
    assert re.search(
        r"At the mean and spread measured, (about|more than) [\d,]+ seeds would decide it with a probability of 80%", text
    )


def test_means_are_of_the_seeds_that_are_judged(config: dict[str, Any]) -> None:
    resolved = configuration.resolve(config)
    found = studies.repeated(studies.reference(config), 3)
    fewer = [run for run in found if run.seed < 3 or run.variant != "conv3_1x1"]
    both = [run for run in found if run.seed < 3]
    of_fewer, of_both, of_all = (
        each for runs in (fewer, both, found) for each in verdicts.judge(resolved.claims, runs) if each.claim.id == "conv1x1_loss"
    )
    assert of_fewer.seeds == of_both.seeds == 2 < of_all.seeds
    means = [wording.note(each).split(" Tested as:")[0] for each in (of_fewer, of_both, of_all)]
    assert means[0] == means[1] != means[2]
