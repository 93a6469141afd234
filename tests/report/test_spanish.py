"""The Spanish of numbers, labels and figures."""

import pytest
from pages import WRITTEN

from convnets.report import spanish
from convnets.report.texts import Text

KNOWN = {
    "# layers": "# capas",
    "validation": "validación",
    "Figure #": "Figura #",
    "Loss (cross-entropy)": "Pérdida (entropía cruzada)",
}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.7002", "0,7002"),
        ("138,357,544", "138\N{NARROW NO-BREAK SPACE}357\N{NARROW NO-BREAK SPACE}544"),
        ("4,096", "4096"),
        ("45,000", "45\N{NARROW NO-BREAK SPACE}000"),
        ("\N{MINUS SIGN}0.17 [\N{MINUS SIGN}0.3, 1,234.5]", "\N{MINUS SIGN}0,17 [\N{MINUS SIGN}0,3; 1234,5]"),
        ("2021, 703 and 12", "2021, 703 and 12"),
        ("Keras 3.15.1", "Keras 3.15.1"),
        ("en las secciones 2.2 a 2.4, con 0.5", "en las secciones 2.2 a 2.4, con 0,5"),
        ("la sección 2.3.", "la sección 2.3."),
        ("2.3 \N{MIDDLE DOT} dropout 0.5", "2.3 \N{MIDDLE DOT} dropout 0,5"),
        ("conv1_1, x0.5y", "conv1_1, x0.5y"),
        ("termina en 0.5.", "termina en 0,5."),
        ("un 89.4% y un 95 %", "un 89,4\N{NO-BREAK SPACE}% y un 95 %"),
    ],
)
def test_numbers_are_written_as_in_spanish(text: str, written: str) -> None:
    assert spanish.numbers(text) == written


def test_parts_that_are_known_are_translated_with_their_numbers() -> None:
    assert spanish.words("Figure 2. 3 layers, validation", KNOWN) == "Figura 2. 3 capas, validación"
    assert spanish.words("3 layers, dropout 0.5", KNOWN) == "3 capas, dropout 0.5"
    assert spanish.label("2 layers, rate 0.001", KNOWN) == Text("2 layers, rate 0.001", "2 capas, rate 0.001")


def test_the_texts_of_a_figure_are_a_layer_in_each_language() -> None:
    written = '<text x="0.5">Loss (cross-entropy), validation</text><text>0.001</text>'
    svg = f'<svg id="s"><g id="validation">{written}<path d="M 0.5 1.5"/></g></svg>'
    drawn, written = spanish.layers(svg, KNOWN)
    assert drawn == '<svg id="s"><g id="validation"><path d="M 0.5 1.5"/></g></svg>'
    assert written.en == '<svg id="s"><text x="0.5">Loss (cross-entropy), validation</text><text>0.001</text></svg>'
    assert written.es == '<svg id="s"><text x="0.5">Pérdida (entropía cruzada), validación</text><text>0,001</text></svg>'


def test_each_translation_keeps_its_numbers() -> None:
    for english, text in WRITTEN.words.items():
        assert english.count("#") == text.count("#"), english
