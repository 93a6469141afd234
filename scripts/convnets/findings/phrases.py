"""The sentences of a note, and what it calls the things that it is about.

The tables have notes in English, which name variants and metrics as the configuration does. The page has them in two languages,
with its own names and with sentences of the same keys.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

ENGLISH: Mapping[str, str] = {
    "means": "{means}.",
    "selected": (
        "{grid} is the best of the grid {grid} by validation accuracy, selected in each seed (of {count} members, with the number "
        "of seeds: {members})."
    ),
    "selected_on_the_same": "The validation images that select also measure here, so this maximum over the grid is optimistic.",
    "tested": "Tested as: {subject} {relation}.",
    "each": "each",
    "it": "it",
    "each_of_a_run": "each number printed, of a single run,",
    "it_of_a_run": "the number printed, of a single run,",
    "difference": "the difference",
    "each_less_next": "each less the next",
    "first_less_others": "the first less each of the others",
    "ratio": "the ratio",
    "as_printed": "equals the number printed",
    "near_printed": "lies within {margin} of the number printed",
    "predicted": "lies in the {level} prediction interval for one more run, of {margin} or less on either side",
    "is": "is {target}",
    "near": "lies within {margin} of {target}",
    "between": "lies between {low} and {high}",
    "above": "is above {bound}",
    "below": "is below {bound}",
    "paired": "Runs of the studies are paired by seed: they share split and data.",
    "not_paired": "Runs of the studies are not paired, since {why}: means of {counts} are compared by {test}.",
    "runs_of": "{count} of {study}",
    "this_study": "this study",
    "decides": "What decides: {what}.",
    "so": "That holds.",
    "not_so": "That it is not of one more run is shown, p {p} adjusted for all claims.",
    "open": "That it is not of one more run is not shown either (p {p} adjusted for all claims).",
    "shown": "Shown, p {p} adjusted for all claims; {size}.",
    "contrary_shown": "That it does not hold, with its margin, is shown, p {p} adjusted for all claims; {size}.",
    "neither_shown": "Neither it (p {p_not}) nor the contrary (p {p_so}) is shown, adjusted for all claims; {size}.",
    "effect_size": "effect size ({name}) {value}",
    "deviations": "{value} deviations from {what}",
    "the_printed": "the number printed",
    "the_bound": "the bound",
    "no_ratio": "A ratio of values that are not all above 0 says nothing.",
    "no_spread": "The values do not differ from seed to seed, which says nothing of how much they vary.",
    "one_seed": "One seed tells nothing of how much runs vary, so how many would decide it cannot be said.",
    "narrow_enough": "With about {count} seeds the interval would be narrow enough.",
    "hardly": "More seeds would hardly decide it.",
    "on_bound": "What is measured lies on the bound of the claim.",
    "would_decide": "At the mean and spread measured, {seeds} would decide it with a probability of {power}.",
    "about": "about {count} seeds",
    "more_than": "more than {count} seeds",
    "of_each": "{seeds} of each study",
    "maxima": "Validation accuracies are maxima over the epochs, hence optimistic; of those epochs' weights, {means}.",
    "configured": "That is set by the configuration, not found by training.",
    "while_training": (
        "Training values are taken with dropout and augmentation acting: by construction, these make a training loss higher and a "
        "gap to validation smaller."
    ),
    "times": "Times depend on the machine and on what else it did.",
    "disturbed": "Those of runs that had to share their core are upper bounds: {runs}.",
    "seeds_of": "{subject} seed {seeds}",
}


def _named(quantity: str) -> tuple[str, str]:
    """Return subject and metric of a quantity."""
    subject, _, metric = quantity.rpartition(".")
    return subject, metric


@dataclass(frozen=True)
class Phrases:
    """How a note is written.

    `number` formats one. `subject` gives the name of a variant or a grid; `named` gives those of the subject and the metric of a
    quantity, which `quantity` joins. `item` joins one of these and a number, `between` stands between several.
    """

    number: Callable[[float], str]
    sentences: Mapping[str, str]
    subject: Callable[[str], str] = str
    named: Callable[[str], tuple[str, str]] = _named
    quantity: str = "{}.{}"
    minus: str = "-"
    item: str = "{0} {1}"
    between: str = ", "

    def say(self, key: str, **values: object) -> str:
        """Return a sentence, or a part of one, filled in; a text without a key as it is."""
        return self.sentences.get(key, key).format(**values)

    def means(self, values: Mapping[str, float]) -> str:
        """List quantities with their means; if all are of one metric, its name comes first."""
        named = [(*self.named(name), self.number(mean)) for name, mean in values.items()]
        if len(metrics := {metric for _, metric, _ in named}) == 1:
            return f"{metrics.pop()}: {self.between.join(self.item.format(subject, mean) for subject, _, mean in named)}"
        return self.between.join(self.item.format(self.quantity.format(subject, metric), mean) for subject, metric, mean in named)

    def difference(self, first: str, second: str, *, is_ratio: bool) -> str:
        """Name the difference or the ratio of two quantities, of one metric by their subjects alone; one quantity by itself."""
        named = [self.named(quantity) for quantity in (first, second) if quantity]
        parts = [self.quantity.format(*both) for both in named]
        if len(named) > 1 and len({metric for _, metric in named}) == 1:
            parts = [subject for subject, _ in named]
        return f" {'/' if is_ratio else self.minus} ".join(parts)
