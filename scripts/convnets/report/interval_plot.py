"""A small picture of a measured number: its interval, what the claim allows, and the number that was printed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, PAD = 160.0, 8.0  # of the picture, and of what is left free at each side


@dataclass(frozen=True)
class IntervalPlot:
    """Where to draw, from 0 to `WIDTH`: the measured number, its interval, the number printed, and what the claim allows.

    The last two are None where there are none. What is allowed reaches to the edge where it has no bound.
    """

    measured: float
    interval: tuple[float, float]
    printed: float | None
    allowed: tuple[float, float] | None


def interval_plot(
    measured: float, interval: tuple[float, float], printed: float, allowed: tuple[float, float] | None
) -> IntervalPlot | None:
    """Return where to draw numbers; None if nothing is known of how much the measured one varies. `printed` may be NaN."""
    shown = [number for number in (measured, *interval, printed, *(allowed or ())) if math.isfinite(number)]
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    if not all(map(math.isfinite, interval)) or low == high:
        return None

    def place(number: float) -> float:
        if math.isinf(number):
            return 0.0 if number < 0 else WIDTH
        return round(PAD + (number - low) / (high - low) * (WIDTH - 2 * PAD), 1)

    def span(bounds: Sequence[float]) -> tuple[float, float]:
        return place(bounds[0]), place(bounds[1])

    is_printed = math.isfinite(printed)
    return IntervalPlot(place(measured), span(interval), place(printed) if is_printed else None, span(allowed) if allowed else None)
