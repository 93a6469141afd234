"""Claims: statements about runs or networks that can be tested, as the configuration holds them.

Quantities are as in `quantities`. A claim with exact quantities only is exact. A quantity `grid.metric` is the metric of the member
that is selected in each seed, by `SELECTED_BY`. So each seed gives one value of the procedure "select on validation data, then
measure". These values are as independent as those of a variant.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from convnets.settings.section import Listed, OneOrMore, Printable, Section, Some, SomeDistinct, Text, Whole, each_once
from convnets.study import quantities
from convnets.study.quantities import Named, exact_numbers, is_exact

# The kinds of test, each with the least and the most quantities that it takes.
SINGLE_RUN = "single_run"
TESTS = {
    **dict.fromkeys(("equals", SINGLE_RUN), (1, None)),
    "equivalent": (2, None),
    "ratio": (2, 2),
    **dict.fromkeys(("greater", "less"), (1, None)),
    **dict.fromkeys(("highest", "lowest"), (2, None)),
}
MARGINS = ("equivalent", "ratio", SINGLE_RUN)  # the tests that need one
OF_NUMBERS = ("equals", SINGLE_RUN)  # the tests of the numbers reported, one per quantity
SELECTED_BY = "best_val_accuracy"  # the metric of which the highest selects a grid's member, the first of equals


def _listed(value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Return what may be null, one entry or a list as a tuple."""
    return () if value is None else tuple(value) if isinstance(value, list | tuple) else (value,)


def _canonical(number: float) -> float:
    """Return a number in one form, so that 2.0 in a configuration is no other claim than 2."""
    return int(number) if float(number).is_integer() else float(number)


Number = Annotated[float, AfterValidator(_canonical)]
ONE_OR_SEVERAL = TypeAdapter(OneOrMore[float, Some[float]] | None).json_schema()
Numbers = Annotated[Listed[Number], BeforeValidator(_listed), WithJsonSchema(ONE_OR_SEVERAL)]
ONE_OR_DISTINCT = TypeAdapter(OneOrMore[str, SomeDistinct[str]]).json_schema()
Errata = Annotated[Listed[str], AfterValidator(each_once), BeforeValidator(_listed), WithJsonSchema(ONE_OR_DISTINCT)]


class Choice(Section):
    """A grid that a claim names, and the ids of its members in order."""

    id: str
    members: Some[str]


class Claim(Section):
    """A claim: a statement about runs or networks that can be tested."""

    id: SkipJsonSchema[str] = ""  # its key in the configuration
    section: Text = Field(description="where the statement stands, in quotes")
    statement: Text = Field(description="the statement, precise enough to be tested")
    original: Printable = Field("", description="the words of the source in its own language")
    test: Literal["equals", "single_run", "equivalent", "ratio", "greater", "less", "highest", "lowest"] = Field(
        description="equals (means, within the margin of the numbers), single_run (numbers printed of one run each), equivalent "
        "(alike within a margin), ratio, greater, less (each than the next), highest or lowest (the first of all)"
    )
    quantities: SomeDistinct[Text] = Field(
        description="what is compared: variant.metric, or a number of VGG-16 such as vgg16.conv1.parameters"
    )
    reported: Numbers = Field(
        (),
        json_schema_extra={"default": None},
        description="the number that the source prints for what is measured, a list of one per quantity for the tests "
        "equals and single_run, or null",
    )
    target: Number = Field(
        0,
        description="for equivalent the difference (0 if not given), for ratio the ratio, for greater and less of one quantity the "
        "number, that the statement names",
    )
    margin: Number = Field(
        0,
        ge=0,
        description="how much is allowed, or for greater, less, highest and lowest required, in the metric's unit; for ratio a "
        "factor above 1",
    )
    erratum: Errata = Field((), description="id of the erratum that the statement falls under, or a list of several")
    order: Whole | None = Field(None, description="its place among the claims of its section; those without one come last, by id")
    grids: SkipJsonSchema[Listed[Choice]] = ()  # those in its quantities

    def with_members(self, members: Mapping[str, Iterable[str]]) -> Self:
        """Return the claim with the grids in its quantities; `members` holds those of each grid of the study."""
        chosen = tuple(Choice(id=name, members=tuple(members[name])) for name in self.subjects if name in members)
        return self.model_copy(update={"grids": chosen})

    @property
    def subjects(self) -> tuple[str, ...]:
        """The variants and grids in its quantities, those at whose lowest loss one is taken included, each once."""
        measured = [quantity for quantity in self.quantities if quantity not in exact_numbers()]
        named = [*(quantities.variant_and_metric(each)[0] for each in measured), *map(quantities.reference_of, measured)]
        return tuple(dict.fromkeys(filter(None, named)))

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that it rests on, each once: those in its quantities, and all members of the grids there."""
        members = {choice.id: choice.members for choice in self.grids}
        return tuple(dict.fromkeys(variant for name in self.subjects for variant in members.get(name, (name,))))

    @property
    def studies(self) -> tuple[str, ...]:
        """The studies that its runs are of, each once; this one is the empty text."""
        return tuple(dict.fromkeys(quantities.study_of(name)[0] for name in self.variants))

    @property
    def is_exact(self) -> bool:
        """Whether all its quantities are exact."""
        return all(map(is_exact, self.quantities))


def problems(claims: Mapping[str, Claim], variants: Sequence[str], grids: Named, studies: Named) -> Iterator[str]:
    """Yield one message for each key of a claim, valid by itself, that contradicts another or names something unknown.

    `grids` holds the members of each grid, `studies` the variants that each other study has finished runs of.
    """
    for name, claim in claims.items():
        where = f"claims.{name}"
        named = [(index, quantity) for index, quantity in enumerate(claim.quantities) if quantity not in exact_numbers()]
        unknown = [text for place in named for text in quantities.problems(where, *place, variants, grids, studies)]
        yield from unknown
        measures = dict.fromkeys(map(quantities.measure_of, claim.quantities))
        if len(measures) > 1 and claim.test not in OF_NUMBERS and not unknown:
            yield f"{where}.quantities compares unlike numbers ({', '.join(measures)}); name metrics that measure the same"
        yield from _test_problems(where, claim)
        if claim.grids:
            yield f"{where}.grids is not a key here; a quantity names a grid as it names a variant: grid.test_accuracy"


def _test_problems(where: str, claim: Claim) -> Iterator[str]:
    test, count, reported, given = claim.test, len(claim.quantities), claim.reported, claim.model_fields_set
    exact = [quantity for quantity in claim.quantities if is_exact(quantity)]
    if test == SINGLE_RUN and exact:
        yield f"{where}.quantities holds what is exact ({', '.join(exact)}); the test {test} is of what varies by seed"
    elif len(exact) < count and len(exact) >= (1 if test in OF_NUMBERS else 2):
        yield f"{where}.quantities holds what is exact ({', '.join(exact)}) beside what varies by seed; make that two claims"
    fewest, most = TESTS[test]
    if count < fewest or (most and count > most):
        wanted = f"{fewest} quantities" if fewest == most else f"{fewest} or more quantities"
        yield f"{where}.quantities lists {count}; the test {test} takes {wanted}"
    if test in OF_NUMBERS and count != len(reported):
        yield f"{where}.reported must give one number for each of the {count} quantities of the test {test}"
    if test not in OF_NUMBERS and len(reported) > 1:
        yield (
            f"{where}.reported is a list, which only the tests {' and '.join(OF_NUMBERS)} take; give the number that the statement "
            "is about, or null"
        )
    if test in MARGINS and "margin" not in given:
        yield f"{where}.margin is missing; the test {test} means nothing without one"
    if test == "ratio" and claim.target <= 0:
        yield f"{where}.target must be above 0: the ratio that the statement names, 1 where it says that both are alike"
    if test == "ratio" and "margin" in given and claim.margin <= 1:
        yield f"{where}.margin is {claim.margin}; the margin of a ratio is a factor above 1"
    takes_target = test in ("equivalent", "ratio") or (test in ("greater", "less") and count == 1)
    if "target" in given and not takes_target:
        yield f"{where}.target has no effect with the test {test}; remove it"
    if test in ("greater", "less") and count == 1 and "target" not in given:
        yield f"{where} compares one quantity with nothing; give a second one, or a target: the number that it is {test} than"
