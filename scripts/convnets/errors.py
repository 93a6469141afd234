"""The error whose message is for the user."""


class InputError(Exception):
    """An error in what the user gave. The message names it, says what was expected, and what to do next."""
