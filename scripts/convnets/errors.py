"""The error whose message is for the user, and how messages suggest a name."""

import difflib
from collections.abc import Sequence


class InputError(Exception):
    """An error in what the user gave. The message names it, says what was expected, and what to do next."""


def suggest(name: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, or all of them if none is near."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
