"""As many digits of a number as are known."""

import math

from convnets.findings import wording

FIGURES = 2  # of the half-width of an interval


def known(value: float, interval: tuple[float, float], printed: float = math.nan) -> str:
    """Format a number with two figures of its interval's half-width.

    Without an interval, it has the digits of the number that was printed beside it, if there is one that is not whole.
    """
    half = (interval[1] - interval[0]) / 2
    if math.isfinite(half) and half > 0:
        decimals = FIGURES - 1 - math.floor(math.log10(half))
        return f"{round(value, decimals):,.{max(decimals, 0)}f}"
    if math.isfinite(printed) and not float(printed).is_integer() and not float(value).is_integer():
        return f"{value:,.{len(repr(float(printed)).partition('.')[2])}f}"
    return wording.number(value)
