"""What is shown while a workflow runs: how many runs are done, what trains now, and what is left until when."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from convnets.progress.trainings import Training
from convnets.workflow.estimates import duration

# Columns of a training's bar, of its name at the least, of the epoch, and of the epoch and the numbers after it.
BAR, NAME, EPOCH, NUMBERS = 20, 24, 16, 52
LINES_LEFT = 4  # of the terminal, for other lines
MARGIN = 4  # columns on the right, for the ^C that a terminal shows: on a line that is full it would shift what is below


@dataclass(frozen=True)
class Board:
    """The state of a workflow at a moment.

    `runs` and `steps` count trainings and other steps, done and in all. `others` names what else runs, such as other steps.
    `seconds` is the time until the last training ends, None where it is not known.
    """

    runs: tuple[int, int]
    steps: tuple[int, int]
    trainings: Sequence[Training]
    others: Sequence[str]
    seconds: float | None

    def summary(self) -> str:
        """Return the state in a line."""
        parts = [f"{self.runs[0]} of {counted(self.runs[1], 'run')}", f"{self.steps[0]} of {counted(self.steps[1], 'other step')}"]
        if self.runs[0] < self.runs[1]:
            parts.append(self._left())
        return ", ".join(parts)

    def _left(self) -> str:
        if self.seconds is None:
            return "time left not known yet"
        ends = time.localtime(time.time() + self.seconds)
        day = "" if self.seconds < 20 * 3600 else "%a "
        return f"trainings until about {time.strftime(f'{day}%H:%M', ends)}, {duration(self.seconds)} left"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield a bar of all steps, their numbers, a line for each training, and what else runs."""
        done, total = (sum(pair) for pair in zip(self.runs, self.steps, strict=True))
        room = max(1, console.height - LINES_LEFT - len(self.others))
        hidden = len(self.trainings) - room
        width = max(1, options.max_width - MARGIN)
        lines = Table.grid()
        lines.add_column(max_width=width)
        lines.add_row(_bar(done, total, width))
        lines.add_row(Text(self.summary(), style="bold", no_wrap=True, overflow="ellipsis"))
        for line in (*self.others, *([counted(hidden, "more training")] if hidden > 0 else [])):
            lines.add_row(Text(f"  {line}", no_wrap=True, overflow="ellipsis"))
        yield lines
        yield self._table(self.trainings[:room], width)

    @staticmethod
    def _table(trainings: Sequence[Training], width: int) -> Table:
        """Return a line for each training: its name, a bar where there is room, its epoch, and its last loss and accuracy."""
        table = Table.grid(padding=(0, 1))
        has_bar, has_numbers = width >= NUMBERS + NAME + BAR, width >= NUMBERS + NAME
        taken = (NUMBERS if has_numbers else EPOCH) + (BAR + 1 if has_bar else 0)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(1, width - taken))
        for training in trainings:
            bar = [_bar(len(training.history), training.epochs, BAR)] if has_bar else []
            epoch, *numbers = _numbers(training)
            table.add_row(f"  {training.name}", *bar, epoch, *(numbers if has_numbers else []))
        return table


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not 1."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _bar(done: int, total: int, width: int) -> ProgressBar:
    return ProgressBar(total or 1, done, width, style="bright_black", complete_style="blue", finished_style="green")


def _numbers(training: Training) -> Iterator[str]:
    """Yield the epoch that is being trained, and the validation loss and accuracy after the last one."""
    yield f"epoch {min(len(training.history) + 1, training.epochs):{len(str(training.epochs))}}/{training.epochs}"
    if training.history:
        yield f"validation loss {training.history[-1].val_loss:.3f}"
        yield f"accuracy {training.history[-1].val_accuracy:.3f}"
