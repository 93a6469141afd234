"""The error that is meant for the user."""


class InputError(Exception):
    """Something the user gave cannot work; the message names it, says what was expected, and what to do next."""
