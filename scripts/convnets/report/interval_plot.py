"""The picture of a measured number beside what a claim allows: places on one scale, which the page draws."""

import math
from dataclasses import dataclass

WIDTH, PAD = 160.0, 8.0  # of the picture of an interval, and of what is left free at each side


@dataclass(frozen=True)
class IntervalPlot:
    """Where to draw, from 0 to `WIDTH`: the measured number, its interval, the number printed, and what the claim allows.

    `printed` is None where there is none. What is allowed reaches to the edge where it has no bound. Of a number that was printed
    of a single run, it is how wide `plain` may be, the 95 % prediction interval that bears the number out; None elsewhere.
    """

    measured: float
    interval: tuple[float, ...]
    printed: float | None
    allowed: tuple[float, ...]
    plain: tuple[float, ...] | None = None


def interval_plot(
    measured: float,
    interval: tuple[float, ...],
    printed: float,
    allowed: tuple[float, ...],
    plain: tuple[float, ...] | None = None,
) -> IntervalPlot | None:
    """Return where to draw numbers; None if nothing is known of how much the measured one varies. `printed` may be NaN."""
    shown = [number for number in (measured, *interval, printed, *allowed) if math.isfinite(number)]
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    if not all(map(math.isfinite, interval)) or low == high:
        return None

    def place(number: float) -> float:
        if math.isinf(number):
            return 0.0 if number < 0 else WIDTH
        return round(PAD + (number - low) / (high - low) * (WIDTH - 2 * PAD), 1)

    given = place(printed) if math.isfinite(printed) else None
    thick = tuple(map(place, plain)) if plain else None
    return IntervalPlot(place(measured), tuple(map(place, interval)), given, tuple(map(place, allowed)), thick)
