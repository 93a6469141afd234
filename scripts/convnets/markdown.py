"""Users' texts in Markdown."""

import re

# What Markdown would take for its own: anywhere, and at the beginning of a text.
MARKUP = re.compile(r"[\\`*|~]|<(?=[A-Za-z/!?])|&(?=[#\w])|(?<![^\W_])_|_(?![^\W_])|\](?=\()|^>|^[#+-](?=[#\s])")
NUMBER = re.compile(r"^(\d+)([.)])(?=\s)")


def plain(text: object) -> str:
    """Return a text of a user's so that Markdown shows it as it is, on one line."""
    line = re.sub(r"\s*\n\s*", " ", str(text))
    return NUMBER.sub(r"\1\\\2", MARKUP.sub(r"\\\g<0>", line))
