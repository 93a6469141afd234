"""When the trainings of a workflow will have ended."""

from collections import Counter
from collections.abc import Iterable, Sequence

from convnets.progress.trainings import Training
from convnets.study.configuration import Configuration
from convnets.workflow.estimates import Speeds


class Forecast:
    """The seconds until the last of some trainings ends, by the speed of earlier runs and of those that train now."""

    def __init__(self, study: Configuration, waiting: Iterable[tuple[str, int]]) -> None:
        """Take the trainings, by variant and seed, that wait for their turn."""
        self._study = study
        self._speeds = Speeds(study)
        self._waiting = set(waiting)
        self._counts = Counter(variant for variant, _ in self._waiting)
        self._known: set[tuple[str, int]] = set()
        for variant in self._counts:  # one finished run of each variant suffices, and is soon read
            any(self._speeds.add_finished(study.layout.run(variant, seed)) for seed in study.seeds)

    def begin(self, variant: str, seed: int) -> None:
        """Note that a training no longer waits."""
        if (variant, seed) in self._waiting:
            self._waiting.remove((variant, seed))
            self._counts[variant] -= 1

    def end(self, variant: str, seed: int) -> None:
        """Note that a training has ended."""
        self.begin(variant, seed)
        self._speeds.add_finished(self._study.layout.run(variant, seed))

    def seconds(self, trainings: Sequence[Training], side_by_side: int) -> float | None:
        """Return the seconds until all have ended, with so many at a time; None where nothing is known of any.

        One of which nothing is known counts as the mean of the others.
        """
        left = [(1, self._left(training)) for training in trainings]
        left += [(count, self._speeds.seconds(variant)) for variant, count in self._counts.items() if count]
        known = [(count, seconds) for count, seconds in left if seconds is not None]
        if not known:
            return None if left else 0.0
        of_known, number = sum(count * seconds for count, seconds in known), sum(count for count, _ in known)
        total = of_known / number * sum(count for count, _ in left)
        return max(total / max(1, side_by_side), *(seconds for _, seconds in known))

    def _left(self, training: Training) -> float | None:
        run = (training.variant, training.seed)
        if training.seconds_left is None:
            return self._speeds.seconds(training.variant, len(training.history))
        if run not in self._known:
            self._known.add(run)
            self._speeds.add_begun(training.variant, training.history)
        return training.seconds_left
