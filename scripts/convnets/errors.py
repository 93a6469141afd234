"""The error whose message is for the user, and how messages suggest a name."""

import difflib
from collections.abc import Sequence

MOST_NAMES = 60


class InputError(Exception):
    """An error in what the user gave. The message names it, says what was expected, and what to do next."""


def suggest(name: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, or `MOST_NAMES` of them if none is near."""
    if near := difflib.get_close_matches(name, known, 1):
        return f"; did you mean {near[0]}?"
    others = len(known) - MOST_NAMES
    return f"; there are {', '.join(known[:MOST_NAMES])}{f' and {others:,} more' if others > 0 else ''}"
