"""Claims on runs of two studies: paired where seeds and data are shared, and by Welch's test where they are not."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import OTHER, SAME, Measured, runs
from scipy import stats
from studies import claim

from convnets.errors import InputError
from convnets.findings import inference, pairing, verdicts, wording
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, REPRODUCED, Judgement

GREATER = claim("greater", "mlp.test_accuracy", "before:mlp.test_accuracy")
TRIALS = 4_000


def judged(one: Any, *found: list[Measured]) -> Judgement:
    (judgement,) = verdicts.judge([one], [run for group in found for run in group])
    return judgement


HERE, THERE = [0.71, 0.72, 0.74, 0.73, 0.72], [0.70, 0.71, 0.73, 0.72, 0.705]


def test_runs_that_share_seeds_and_data_are_paired() -> None:
    judgement = judged(GREATER, runs("mlp", HERE), runs("before:mlp", THERE))
    expected = stats.ttest_rel(HERE, THERE, alternative="greater")
    assert judgement.findings[0].p_inside == pytest.approx(expected.pvalue)
    assert judgement.verdict == REPRODUCED
    assert "Runs of the studies are paired by seed: they share split and data." in wording.note(judgement)
    assert "(d_z)" in wording.note(judgement)


@pytest.mark.parametrize(
    ("first", "data", "why"),
    [
        (11, SAME, "their seeds differ"),
        (1, OTHER, "their data or splits differ"),
        (1, None, "it is not recorded that their data are the same"),
    ],
)
def test_runs_that_do_not_are_compared_by_welchs_test(first: int, data: dict[str, str] | None, why: str) -> None:
    judgement = judged(GREATER, runs("mlp", HERE), runs("before:mlp", THERE, first, data))
    expected = stats.ttest_ind(HERE, THERE, equal_var=False, alternative="greater")
    assert judgement.findings[0].p_inside == pytest.approx(expected.pvalue)
    assert judgement.seeds == 5
    assert f"not paired, since {why}: means of 5 of this study, 5 of before are compared by Welch's test." in wording.note(
        judgement
    )
    assert "(d)" in wording.note(judgement)


def test_the_runs_of_a_study_with_fewer_seeds_are_paired_with_their_own() -> None:
    fewer = [0.70, 0.735, 0.72]
    judgement = judged(GREATER, runs("mlp", HERE), runs("before:mlp", fewer, first=2))
    assert judgement.findings[0].p_inside == pytest.approx(stats.ttest_rel(HERE[1:4], fewer, alternative="greater").pvalue)
    assert judgement.seeds == 3


def test_within_a_study_runs_are_paired_also_where_the_other_study_has_other_seeds() -> None:
    three = claim("less", "before:mlp.test_accuracy", "before:cnn.test_accuracy", "mlp.test_accuracy")
    cnn = [value + 0.01 for value in THERE[:4]] + [0.72]
    found = judged(three, runs("mlp", HERE, 11), runs("before:mlp", THERE), runs("before:cnn", cnn)).findings
    assert found[0].p_inside == pytest.approx(stats.ttest_rel(THERE, cnn, alternative="less").pvalue)
    assert found[1].p_inside == pytest.approx(stats.ttest_ind(cnn, HERE, equal_var=False, alternative="less").pvalue)


@pytest.mark.parametrize("here", [HERE[:1], HERE[:3]])
def test_of_three_studies_that_cannot_all_be_paired_none_are(here: list[float]) -> None:
    """Although two of them could: their lists differ in length then, and a single run decides nothing."""
    three = claim("greater", "mlp.test_accuracy", "before:mlp.test_accuracy", "other:mlp.test_accuracy")
    there, other = [value - 0.1 for value in THERE], [value - 0.2 for value in THERE]
    judgement = judged(three, runs("mlp", here), runs("before:mlp", there), runs("other:mlp", other, 11))
    assert judgement.findings[0].estimate.count == len(here)
    assert not judgement.findings[0].estimate.is_paired or len(here) == 1
    assert judgement.verdict == (INCONCLUSIVE if len(here) == 1 else REPRODUCED)
    assert "are not paired, since their seeds differ" in wording.note(judgement)


def test_a_ratio_of_two_studies_is_that_of_geometric_means() -> None:
    alike = claim("ratio", "mlp.test_accuracy", "before:mlp.test_accuracy", target=1, margin=1.1)
    (found,) = judged(alike, runs("mlp", HERE), runs("before:mlp", THERE, 11)).findings
    assert found.measured == pytest.approx(stats.gmean(HERE) / stats.gmean(THERE))
    assert found.interval()[0] < found.measured < found.interval()[1]
    zero = judged(alike, runs("mlp", HERE), runs("before:mlp", [0.0, *THERE[1:]], 11))
    assert (zero.verdict, math.isnan(zero.findings[0].estimate.mean)) == (INCONCLUSIVE, True)


def test_one_run_of_a_study_decides_nothing() -> None:
    judgement = judged(GREATER, runs("mlp", HERE), runs("before:mlp", [0.1], 11))
    assert (judgement.verdict, judgement.seeds) == (INCONCLUSIVE, 1)


def test_a_study_without_a_seed_that_all_its_variants_have() -> None:
    both = claim("greater", "mlp.test_accuracy", "before:mlp.test_accuracy", "before:cnn.test_accuracy")
    with pytest.raises(InputError, match="no seed has a run of each of before:mlp, before:cnn"):
        judged(both, runs("mlp", HERE), runs("before:mlp", THERE), runs("before:cnn", THERE, 11))


def test_an_exact_number_goes_with_any_runs() -> None:
    assert pairing.is_paired("mlp.parameters", "before:mlp.parameters", {})


@given(
    st.lists(st.floats(0.1, 1), min_size=2, max_size=12, unique=True),
    st.lists(st.floats(0.1, 1), min_size=2, max_size=12, unique=True),
    st.floats(-0.5, 0.5),
)
def test_the_difference_of_two_means_is_welchs(first: list[float], second: list[float], bound: float) -> None:
    found = inference.difference(first, second, 1)
    if not found.has_spread:
        return
    shifted = [value - bound for value in first]
    expected = stats.ttest_ind(shifted, second, equal_var=False, alternative="greater").pvalue
    assert found.p_above(bound) == pytest.approx(expected, rel=1e-6, abs=1e-12)
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert found.interval() == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-12)


def test_equal_values_of_both_studies_tell_nothing_of_their_spread() -> None:
    found = inference.difference([0.5, 0.5], [0.5, 0.5], 0.5)
    assert (found.mean, found.has_spread, found.p_above(-1)) == (0, False, 1.0)


@pytest.mark.parametrize("spreads", [(0.01, 0.01), (0.01, 0.05)])
@pytest.mark.parametrize("counts", [(5, 5), (3, 10)])
def test_it_is_wrong_as_rarely_as_it_promises(spreads: tuple[float, float], counts: tuple[int, int]) -> None:
    """Two studies that do not differ: neither "greater" is shown more often than in 5 of 100 cases, nor its contrary."""
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(TRIALS):
        one, other = (rng.normal(0.7, spread, count).tolist() for spread, count in zip(spreads, counts, strict=True))
        judgement = judged(GREATER, runs("mlp", one), runs("before:mlp", other, 101))
        wrong += judgement.verdict in (REPRODUCED, CONTRADICTED)
    assert wrong / TRIALS <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / TRIALS)  # 5 % for each of the two verdicts
