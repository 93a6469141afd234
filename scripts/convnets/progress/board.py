"""What is shown while a workflow runs: a board of what is done, what trains now, and what is left until when; lines on events."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from convnets.progress.trainings import Training
from convnets.workflow.estimates import duration

# Columns of a training's bar, of its name at the least, of the epoch, and of the epoch and the numbers after it.
BAR, NAME, EPOCH, NUMBERS = 20, 24, 16, 52
LINES_LEFT = 4  # of the terminal, for other lines
MARGIN = 4  # columns on the right, for the ^C that a terminal shows: on a line that is full it would shift what is below
STYLES = {"finished": "green", "made": "green", "resumed": "blue", "training": "blue", "failed": "bold red"}
STYLES |= {"stopped": "bold", "warning": "bold"}
KIND = max(map(len, STYLES))  # columns of a line's kind


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
        text = f"{self.runs[0]} of {counted(self.runs[1], 'run')}, {self.steps[0]} of {counted(self.steps[1], 'other step')}"
        if self.runs[0] >= self.runs[1]:
            return text
        if self.seconds is None:
            return f"{text}, time left not known yet"
        ends = time.localtime(time.time() + self.seconds)
        day = "" if self.seconds < 20 * 3600 else "%a "
        return f"{text}, trainings until about {time.strftime(f'{day}%H:%M', ends)}, {duration(self.seconds)} left"

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
            done, epochs = len(training.history), training.epochs
            bar = [_bar(done, epochs, BAR)] if has_bar else []
            last = training.history[-1] if has_numbers and done else None
            numbers = [f"validation loss {last.val_loss:.3f}", f"accuracy {last.val_accuracy:.3f}"] if last else []
            table.add_row(f"  {training.name}", *bar, f"epoch {min(done + 1, epochs):{len(str(epochs))}}/{epochs}", *numbers)
        return table


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not 1."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _bar(done: int, total: int, width: int) -> ProgressBar:
    return ProgressBar(total or 1, done, width, style="bright_black", complete_style="blue", finished_style="green")


@dataclass(frozen=True)
class Line:
    """A line on an event: its kind, one of `STYLES` or empty, and its text, which may have several lines."""

    kind: str
    text: str


class _Console(Console):
    """A console that never hides the cursor: nothing has to be put back if the process is killed."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002  (as rich declares it)
        return False


class Terminal:
    """Prints lines on standard error, and shows a board below them if that is a terminal. `is_still`: lines only."""

    def __init__(self, *, is_still: bool = False) -> None:
        self._console = _Console(stderr=True, highlight=False, markup=False, emoji=False)
        self.is_live = not is_still and self._console.is_terminal and not self._console.is_dumb_terminal
        self._live: Live | None = None

    def show(self, board: Callable[[], Board]) -> None:
        """Show a board from now on, which is asked for in a thread, once a second."""
        if not self.is_live or self._live:
            return

        def shown() -> Board | Text:
            try:
                return board()
            except Exception as error:  # what is shown must not matter to what runs
                return Text(f"the state cannot be read: {type(error).__name__}: {error}")

        is_tty = sys.stdout.isatty()  # else what is printed there goes where the user sends it
        self._live = Live(console=self._console, refresh_per_second=1, transient=True, get_renderable=shown, redirect_stdout=is_tty)
        self._live.start(refresh=True)

    def print(self, line: Line) -> None:
        """Print a line above the board, or with the time of day where there is none."""
        text = Text.assemble((f"{line.kind:<{KIND}} " if line.kind else "", STYLES.get(line.kind, "")), line.text)
        if not self.is_live:
            text = Text(time.strftime("%H:%M:%S ")) + text
        self._console.print(text, soft_wrap=not self.is_live)

    def close(self) -> None:
        """Remove the board."""
        if self._live:
            self._live.stop()
