"""How often verdicts are wrong, and intervals right: simulation with known truth, where errors are the most likely."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
from studies import claim, seeds_of

from convnets.findings import verdicts
from convnets.findings.inference import Estimate
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, REPRODUCED, Judgement
from convnets.study.claims import Claim

TRIALS = 2_000
SPREAD = 0.01  # of a run, for another seed
NEAR = 1e-9  # next to the bound, and so little that it changes no probability
TOLERANCE = 3 * math.sqrt(0.05 * 0.95 / TRIALS)


def judgements(one: Claim, means: dict[str, float], *, logarithms: bool = False) -> list[Judgement]:
    """Return what is judged of a claim by itself, again and again, of five runs of each variant about its mean.

    With `logarithms` it is the logarithms of values that are normal, about that of the mean.
    """
    rng = np.random.default_rng(7)
    found = []
    for _ in range(TRIALS):
        drawn = {name: rng.normal(math.log(mean) if logarithms else mean, SPREAD, 5) for name, mean in means.items()}
        values: dict[str, Iterable[float]] = {
            name: (np.exp(sample) if logarithms else sample).tolist() for name, sample in drawn.items()
        }
        (judgement,) = verdicts.judge([one], seeds_of(**values))
        found.append(judgement)
    return found


def quantities(names: str) -> list[str]:
    return [f"{name}.final_val_loss" for name in names]


HIGHEST = claim("highest", *quantities("abcd"))
ALIKE = claim("equivalent", *quantities("ab"), margin=0.05)
THE_SAME = claim("equivalent", *quantities("ab"), margin=NEAR)
TWICE = claim("ratio", *quantities("ab"), target=2, margin=1.25)
DOUBLE = claim("ratio", *quantities("ab"), target=2, margin=1 + NEAR)
NUMBER = claim("equals", *quantities("a"), reported=1, margin=0.05)
NUMBERS = claim("equals", *quantities("ab"), reported=[1, 2], margin=NEAR)

# A claim, the means of the variants, the verdict that would be wrong, and between what its rate lies: the 5 % that is allowed, or
# less, where what depends on each other is corrected for as if it did not, or where errors are possible on one side only.
AT_THE_BOUND: dict[str, tuple[Claim, dict[str, float], str, tuple[float, float]]] = {
    "highest is not, by one": (HIGHEST, {"a": 1, "b": 1 + NEAR, "c": 0.5, "d": 0.5}, REPRODUCED, (0.05, 0.05)),
    "highest is, by next to nothing": (HIGHEST, {"a": 1 + NEAR, "b": 1, "c": 1, "d": 1}, CONTRADICTED, (0.03, 0.05)),
    "too far above to be alike": (ALIKE, {"a": 1.05 + NEAR, "b": 1}, REPRODUCED, (0.05, 0.05)),
    "too far below to be alike": (ALIKE, {"a": 0.95 - NEAR, "b": 1}, REPRODUCED, (0.05, 0.05)),
    "just alike": (ALIKE, {"a": 1.05 - NEAR, "b": 1}, CONTRADICTED, (0.025, 0.025)),
    "the same": (THE_SAME, {"a": 1, "b": 1}, CONTRADICTED, (0.05, 0.05)),
    "a ratio too large": (TWICE, {"a": 2.5 * (1 + NEAR), "b": 1}, REPRODUCED, (0.05, 0.05)),
    "a ratio too small": (TWICE, {"a": 1.6 * (1 - NEAR), "b": 1}, REPRODUCED, (0.05, 0.05)),
    "exactly twice": (DOUBLE, {"a": 2, "b": 1}, CONTRADICTED, (0.05, 0.05)),
    "not the number": (NUMBER, {"a": 1.05 + NEAR}, REPRODUCED, (0.05, 0.05)),
    "both the numbers": (NUMBERS, {"a": 1, "b": 2}, CONTRADICTED, (0.04, 0.05)),
}  # fmt: skip


@pytest.mark.parametrize("case", AT_THE_BOUND)
def test_a_claim_by_itself_is_judged_wrongly_as_often_as_allowed(case: str) -> None:
    one, means, wrong, (least, most) = AT_THE_BOUND[case]
    found = judgements(one, means, logarithms=one.test == "ratio")
    rate = np.mean([judgement.verdict == wrong for judgement in found])
    assert least - TOLERANCE <= rate <= most + TOLERANCE


def test_intervals_of_ratios_cover_the_truth_as_often_as_they_say() -> None:
    intervals = [judgement.decisive.interval() for judgement in judgements(TWICE, {"a": 2.2, "b": 1}, logarithms=True)]
    assert np.mean([low <= 2.2 <= high for low, high in intervals]) == pytest.approx(0.95, abs=TOLERANCE)


def test_the_corrections_for_several_bounds() -> None:
    """With a mean of 1 and a standard error of 1, in units of which Student's t with 4 degrees of freedom gives p-values."""
    found = Estimate(5, 1, math.sqrt(5))
    above = found.p_above(0)
    assert above == pytest.approx(0.186950, abs=5e-7)  # t = 1: R's pt(-1, 4)
    assert found.p_outside(-math.inf, 0) == above
    assert found.p_outside(-5, 0) == pytest.approx(2 * above)
    assert found.p_outside(0, 2) == 1
    (judgement,) = verdicts.judge([HIGHEST], seeds_of(**{name: [1.0, 2, 3, 4, 5 + number] for number, name in enumerate("abcd")}))
    inside, outside = ([getattr(item, name) for item in judgement.findings] for name in ("p_inside", "p_outside"))
    assert (judgement.p_not, judgement.p_so) == (max(inside), pytest.approx(3 * min(outside)))
    assert min(outside) < 1 / 3


def test_verdicts_are_wrong_at_most_as_often_as_allowed() -> None:
    """Ten claims about six variants, each true or false by nothing or next to nothing, which is where errors are the most likely.

    With each other they share variants, so that they depend on each other.
    """
    rng = np.random.default_rng(5)
    names = ("a", "b", "c", "d", "e", "f")
    pairs = [(one, other) for number, one in enumerate(names) for other in names[number + 1 :]][:10]
    listed = [claim("greater", f"{one}.final_val_loss", f"{other}.final_val_loss") for one, other in pairs]
    wrong, trials = 0, 600
    for _ in range(trials):
        samples = {name: rng.normal(1 - 1e-9 * number, 0.01, 5).tolist() for number, name in enumerate(names)}
        found = verdicts.judge([*listed[:5], *(one.model_copy(update={"test": "less"}) for one in listed[5:])], seeds_of(**samples))
        truth = [REPRODUCED] * 5 + [CONTRADICTED] * 5  # each mean is just above the next
        wrong += any(each.verdict not in (INCONCLUSIVE, right) for each, right in zip(found, truth, strict=True))
    assert wrong / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def test_large_effects_are_found_almost_always() -> None:
    rng = np.random.default_rng(6)
    listed = [claim("greater", "a.final_val_loss", "b.final_val_loss"), claim("less", "a.final_val_loss", "b.final_val_loss")]
    for _ in range(100):
        samples = {"a": rng.normal(1.2, 0.01, 5).tolist(), "b": rng.normal(1, 0.01, 5).tolist()}
        assert [each.verdict for each in verdicts.judge(listed, seeds_of(**samples))] == [REPRODUCED, CONTRADICTED]


@pytest.mark.parametrize("far", [0.0, 0.01, 0.03, 0.05, 0.07, 0.1])
def test_an_adjusted_interval_and_the_verdict_say_the_same(far: float) -> None:
    """Of claims with one condition and with several, with one bound and with two."""
    rng, seen = np.random.default_rng(7), set()
    claims = [ALIKE, HIGHEST, claim("equivalent", *quantities("abc"), margin=0.02), claim("less", *quantities("abcd"))]
    for _ in range(TRIALS // 10):
        means = {"a": 1 + far, "b": 1.0, "c": 1.0, "d": 1.0}
        for judgement in verdicts.judge(claims, seeds_of(**{n: rng.normal(m, SPREAD, 5).tolist() for n, m in means.items()})):
            (low, high), (least, most) = judgement.adjusted(judgement.decisive), judgement.decisive.bounds
            said = REPRODUCED if least < low and high < most else CONTRADICTED if high < least or most < low else INCONCLUSIVE
            assert judgement.verdict == said
            seen.add((judgement.claim.test, said))
    assert len(seen) >= 4
