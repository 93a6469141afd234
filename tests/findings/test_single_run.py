"""Numbers that were printed of a single run each, against the prediction interval for one more run."""

import math

import numpy as np
import pytest
from studies import claim, seeds_of

from convnets.findings import claim_tables, inference, verdicts, wording
from convnets.findings.inference import Estimate
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, REPRODUCED, Judgement

TEN = [0.70, 0.71, 0.69, 0.705, 0.695, 0.70, 0.71, 0.69, 0.705, 0.695]  # mean 0.7, standard deviation 0.00745
HALF = 0.0176843  # R: qt(0.975, 9) times the standard deviation times the square root of 1.1


def judged(*printed: float, margin: float = 0.02, values: list[float] = TEN) -> Judgement:
    names = "ab"[: len(printed)]
    one = claim("single_run", *(f"{name}.final_val_loss" for name in names), reported=list(printed), margin=margin)
    (judgement,) = verdicts.judge([one], seeds_of(10, **dict.fromkeys(names, values)))
    return judgement


def test_the_prediction_interval_is_that_of_one_more_value() -> None:
    low, high = inference.estimate(TEN).prediction_interval()
    assert (low, high) == pytest.approx((0.7 - HALF, 0.7 + HALF), abs=1e-6)
    assert inference.estimate(TEN).p_one_more(low) == pytest.approx(0.05)
    assert inference.estimate(TEN).p_one_more(high) == pytest.approx(0.05)
    assert all(map(math.isnan, Estimate(1, 0.5, math.nan).prediction_interval()))
    assert Estimate(1, 0.5, math.nan).p_one_more(3) == 1


@pytest.mark.parametrize(
    ("printed", "margin", "verdict"),
    [
        ([0.715], 0.02, REPRODUCED),
        ([0.715], 0.01, INCONCLUSIVE),  # inside, but the interval is wider than the margin
        ([0.7179], 0.02, CONTRADICTED),  # outside
        ([0.6821], 0.02, CONTRADICTED),
        ([0.6821], 1.0, CONTRADICTED),  # whatever the margin
        ([0.715, 0.69], 0.02, REPRODUCED),
        ([0.715, 0.6821], 0.02, INCONCLUSIVE),  # one of two lies outside of the plain interval, none of that for two
        ([0.715, 0.66], 0.02, CONTRADICTED),
    ],
)
def test_a_printed_number_is_borne_out_or_refuted_by_the_interval(printed: list[float], margin: float, verdict: str) -> None:
    judgement = judged(*printed, margin=margin)
    assert judgement.verdict == verdict
    low, high = judgement.adjusted(judgement.decisive)
    number = judgement.claim.reported[judgement.findings.index(judgement.decisive)]
    assert (low <= number <= high) == (verdict != CONTRADICTED)


def test_a_number_is_contradicted_only_outside_of_the_interval_for_all_claims() -> None:
    one = claim("single_run", "a.final_val_loss", reported=0.7179, margin=0.02, id="one")
    others = [claim("greater", "a.final_val_loss", "b.final_val_loss", id=f"other{number}") for number in range(3)]
    runs = seeds_of(10, a=TEN, b=TEN[::-1])
    alone, among = verdicts.judge([one], runs)[0], verdicts.judge([one, *others], runs)[0]
    assert (alone.verdict, among.verdict) == (CONTRADICTED, INCONCLUSIVE)
    assert among.p_so == pytest.approx(4 * (alone.p_so or 0))


def test_one_seed_or_equal_seeds_say_nothing() -> None:
    assert judged(0.7, values=[0.7]).verdict == INCONCLUSIVE
    assert judged(0.9, values=[0.7] * 5).verdict == INCONCLUSIVE


def test_the_table_shows_the_prediction_interval_and_the_number_that_decides() -> None:
    row = claim_tables.claims([judged(0.715, 0.66)]).iloc[0]
    assert (row["reported"], row["measured"]) == (0.66, pytest.approx(0.7))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.7 - HALF, 0.7 + HALF), abs=1e-6)


@pytest.mark.parametrize(
    ("printed", "margin", "words"),
    [
        (0.715, 0.02, "of 0.02 or less on either side. That holds."),
        (0.66, 0.02, "That it is not of one more run is shown, p ="),
        (0.715, 0.0155, "That it is not of one more run is not shown either (p = 0.087 adjusted for all claims). With about"),
        (0.715, 0.01, "More seeds would hardly decide it."),
    ],
)
def test_the_note_says_what_the_interval_says(printed: float, margin: float, words: str) -> None:
    assert words in wording.note(judged(printed, margin=margin))


def test_the_number_of_seeds_needed_makes_the_interval_narrow_enough() -> None:
    needed = wording.seeds_needed(judged(0.715, margin=0.0155))
    assert needed is not None
    deviation = float(np.std(TEN, ddof=1))
    narrow, wide = (Estimate(count, 0.7, deviation).prediction_interval() for count in (needed, needed - 1))
    assert (narrow[1] - narrow[0]) / 2 <= 0.0155 < (wide[1] - wide[0]) / 2


def test_one_more_run_is_contradicted_at_most_as_often_as_allowed() -> None:
    """Two numbers of further runs of the same networks, ten seeds."""
    rng, trials, wrong, borne_out = np.random.default_rng(3), 2_000, 0, 0
    one = claim("single_run", "a.final_val_loss", "b.final_val_loss", reported=[0.7, 0.7], margin=0.02)
    for _ in range(trials):
        a, b, printed = rng.normal(0.7, 0.006, 10), rng.normal(0.68, 0.006, 10), rng.normal([0.7, 0.68], 0.006)
        numbers = one.model_copy(update={"reported": tuple(printed.tolist())})
        (judgement,) = verdicts.judge([numbers], seeds_of(10, a=a.tolist(), b=b.tolist()))
        wrong += judgement.verdict == CONTRADICTED
        borne_out += judgement.verdict == REPRODUCED
    assert 0.03 < wrong / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    assert borne_out / trials > 0.7
