"""Planned looks: their share of the error, what the next one promises, and how often a study that stops early is wrong."""

import math
from typing import Any

import numpy as np
import pytest
from measured import runs
from studies import claim

from convnets.errors import InputError
from convnets.findings import looks, verdicts, wording
from convnets.findings.inference import ALPHA
from convnets.findings.verdicts import CONTRADICTED, INCONCLUSIVE, REPRODUCED
from convnets.study import configuration

PLANNED = (1, (5, 10, 20))
BETTER = claim("greater", "cnn.test_accuracy", "mlp.test_accuracy")
# Five pairs whose p-value lies between a third of 5 % and 5 %.
CLOSE = [0.72, 0.72, 0.725, 0.707, 0.712], [0.70, 0.71, 0.71, 0.71, 0.70]
TRIALS = 2_000


def judged(first: list[float], second: list[float], alpha: float = ALPHA) -> verdicts.Judgement:
    (found,) = verdicts.judge([BETTER], [*runs("cnn", first), *runs("mlp", second)], alpha)
    return found


def test_each_look_has_an_equal_share_of_the_error() -> None:
    assert looks.alpha(PLANNED) == ALPHA / 3
    assert looks.alpha((1, ())) == ALPHA
    assert looks.described(PLANNED) == "Look 1 of 3 planned (5, 10, 20 seeds), each with 1.67% of error."
    assert looks.described((1, ())) == ""


def test_a_verdict_needs_the_p_value_of_its_share() -> None:
    found = judged(*CLOSE)
    assert found.p_not is not None
    assert ALPHA / 3 < found.p_not < ALPHA
    assert found.verdict == REPRODUCED
    assert judged(*CLOSE, looks.alpha(PLANNED)).verdict == INCONCLUSIVE


def test_the_next_look_is_worth_it_where_it_would_decide_an_open_claim() -> None:
    is_open = judged(*CLOSE, looks.alpha(PLANNED))
    assert looks.next_look([is_open], PLANNED) == "the next look (10 seeds) would probably decide 1 of 1 open claims: a_claim"
    hopeless = judged([0.7, 0.8, 0.6, 0.75, 0.66], [0.7, 0.7, 0.7, 0.7, 0.7], looks.alpha(PLANNED))
    assert looks.next_look([hopeless], PLANNED) == "the next look (10 seeds) would probably decide 0 of 1 open claims"
    decided = judged([0.8, 0.81, 0.82], [0.7, 0.715, 0.7])
    assert looks.next_look([decided], PLANNED) == "every claim is decided; the next look (10 seeds) would decide nothing more"
    assert looks.next_look([is_open], (3, (5, 10, 20))) == ""
    assert looks.next_look([is_open], (1, ())) == ""


def test_more_seeds_here_promise_nothing_of_another_study() -> None:
    """Of which there are as many runs as there are."""
    both = claim("greater", "cnn.test_accuracy", "before:mlp.test_accuracy")
    (found,) = verdicts.judge([both], [*runs("cnn", CLOSE[0]), *runs("before:mlp", CLOSE[1])], looks.alpha(PLANNED))
    assert looks.next_look([found], PLANNED) == "the next look (10 seeds) would probably decide 0 of 1 open claims"
    assert "seeds of each study would decide it" in wording.note(found)


@pytest.mark.parametrize("truth", [0.0, 1e-9])
def test_a_study_that_stops_at_the_first_look_that_decides_is_wrong_in_five_of_a_hundred_cases_at_most(truth: float) -> None:
    """The truth lies next to the bound, where either verdict is the likeliest to be wrong."""
    rng, wrong = np.random.default_rng(11), 0
    for _ in range(TRIALS):
        first, second = (rng.normal(0.7 + mean, 0.01, PLANNED[1][-1]).tolist() for mean in (truth, 0.0))
        for count in PLANNED[1]:
            verdict = judged(first[:count], second[:count], looks.alpha(PLANNED)).verdict
            if verdict != INCONCLUSIVE:
                wrong += verdict == (REPRODUCED if truth == 0.0 else CONTRADICTED)
                break
    assert wrong / TRIALS <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIALS)


def test_the_seeds_of_a_look_follow_the_first(config: dict[str, Any]) -> None:
    config["seeds"] = {"from": 11, "looks": [2, 4], "look": 2}
    resolved = configuration.resolve(config)
    assert resolved.seeds == (11, 12, 13, 14)
    assert resolved.looks == (2, (2, 4))
    assert configuration.resolve({**config, "seeds": [3, 1]}).looks == (1, ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"look": 4}, "seeds.look is 4; seeds.looks plans 3, and another look would have no share of the error"),
        ({"looks": [5, 3]}, "seeds.looks is [5, 3]; the numbers of seeds should grow"),
        ({"from": 2**32 - 5}, "so the last seed would be above 4294967295"),
        ({"looks": []}, "seeds.looks"),
        ({"looks": [5, 5]}, "seeds.looks is [5, 5]; it lists something twice"),
        ({"form": 3}, "seeds.form is not a key here; did you mean from?"),
        ({"look": 0}, "seeds.look is 0"),
    ],
)
def test_plans_that_are_refused(changes: dict[str, Any], words: str, config: dict[str, Any]) -> None:
    config["seeds"] = {"from": 11, "looks": [5, 10, 20], "look": 1, **changes}
    with pytest.raises(InputError) as caught:
        configuration.resolve(config)
    assert words in str(caught.value)
