"""Planned looks: results are judged at several numbers of seeds that were fixed beforehand, each with an equal share of the error.

The probability of any wrong verdict at any look is at most the sum of the shares (Bonferroni), whatever the looks have in common.
So a study may end at the first look that decides its claims.
"""

from collections.abc import Sequence

from convnets.findings import wording
from convnets.findings.inference import ALPHA
from convnets.findings.verdicts import INCONCLUSIVE, Judgement

Planned = tuple[int, Sequence[int]]  # the number of the present look, from 1, and the numbers of seeds of all


def alpha(planned: Planned) -> float:
    """Return the error of a look."""
    return ALPHA / max(1, len(planned[1]))


def described(planned: Planned) -> str:
    """Say which look the verdicts are of; empty if none are planned."""
    look, counts = planned
    if not counts:
        return ""
    return f"Look {look} of {len(counts)} planned ({', '.join(map(str, counts))} seeds), each with {alpha(planned):.2%} of error."


def next_look(judgements: Sequence[Judgement], planned: Planned) -> str:
    """Say whether the next look is worth it: how many open claims it would probably decide; empty if no look is planned after."""
    look, counts = planned
    is_open = [judgement for judgement in judgements if judgement.verdict == INCONCLUSIVE]
    if look >= len(counts):
        return ""
    if not is_open:
        return f"every claim is decided; the next look ({counts[look]} seeds) would decide nothing more"
    # More seeds here add nothing to what is known of another study.
    needed = {one.claim.id: wording.seeds_needed(one) for one in is_open if len(one.claim.studies) < 2}
    likely = [name for name, count in needed.items() if count is not None and count <= counts[look]]
    text = f"the next look ({counts[look]} seeds) would probably decide {len(likely)} of {len(is_open)} open claims"
    return f"{text}: {', '.join(likely)}" if likely else text
