"""The Spanish of what is not written in two languages: numbers, labels of networks, and the texts in figures."""

import re
from collections.abc import Iterator, Mapping

from convnets.report.texts import Text

# With commas between thousands, or decimals; no part of a version or of a name, and no number of a section.
NUMBER = re.compile(
    r"(?P<section>secci\w+(?: [\d.]+,?(?: [ay])?)+|^[\d.]+ \N{MIDDLE DOT})"
    r"|(?<![\w.,])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?![\w]|[.,]\d)"
)
DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
TEXT = re.compile(r"(<text[^>]*>)([^<]+)</text>")
PARTS = re.compile(r"(, |; |\. )")


def numbers(text: str) -> str:
    """Write the numbers in a text as Spanish does: a decimal comma, thin spaces in thousands from 10,000 on, `[1; 2]`, `95 %`."""

    def number(found: re.Match[str]) -> str:
        if found["section"]:
            return found[0]
        whole, _, decimals = found[0].replace(",", "").partition(".")
        grouped = f"{int(whole):,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if len(whole) > 4 else whole
        return grouped + (f",{decimals}" if decimals else "")

    return re.sub(r"(?<=\d)%", "\N{NO-BREAK SPACE}%", NUMBER.sub(number, re.sub(r"\[([^\[\]]+), ([^\[\]]+)\]", r"[\1; \2]", text)))


def words(text: str, known: Mapping[str, str]) -> str:
    """Return a text with each part that is known in Spanish; `known` holds them by the English one, with # for each number.

    Numbers stay as they are.
    """
    return "".join(_part(part, known) for part in PARTS.split(text))


def _part(text: str, known: Mapping[str, str]) -> str:
    found: Iterator[str] = iter(DIGITS.findall(text))
    return re.sub("#", lambda _: next(found), known.get(DIGITS.sub("#", text), text))


def label(text: str, known: Mapping[str, str]) -> Text:
    """Return the label of a network, or a cell of a table, in both languages; numbers stay as they are."""
    return Text(text, words(text, known))


def layers(svg: str, known: Mapping[str, str]) -> tuple[str, Text]:
    """Return an SVG figure without its texts, and the texts alone in each language, to be laid over it."""
    found = TEXT.findall(svg)
    opening = re.search(r"<svg[^>]*>", svg)
    head = opening[0] if opening else "<svg>"
    english, spanish = (
        f"{head}{''.join(f'{start}{write(text)}</text>' for start, text in found)}</svg>"
        for write in (str, lambda text: numbers(words(text, known)))
    )
    return TEXT.sub("", svg), Text(english, spanish)
