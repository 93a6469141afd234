"""Where progress is shown: a board updated in place on a terminal, and lines anywhere."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.text import Text

from convnets.progress.board import Board

STYLES = {"finished": "green", "made": "green", "resumed": "blue", "training": "blue", "failed": "bold red"}
STYLES |= {"stopped": "bold", "warning": "bold"}
WIDTH = max(map(len, STYLES))
REFRESHED = 2  # times a second
READ_EVERY_S = 1.0


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
        self._read = 0.0  # when the board was read

    def show(self, board: Callable[[], Board]) -> None:
        """Show a board from now on, which is asked for in a thread, at most once in `READ_EVERY_S`."""
        if not self.is_live or self._live:
            return
        latest = board()
        self._read = time.monotonic()

        def shown() -> Board | Text:
            nonlocal latest
            if time.monotonic() - self._read > READ_EVERY_S:
                try:
                    latest, self._read = board(), time.monotonic()
                except Exception as error:  # what is shown must not matter to what runs
                    return Text(f"the state cannot be read: {type(error).__name__}: {error}")
            return latest

        is_mixed = sys.stdout.isatty()  # else what is printed there goes where the user sends it
        self._live = Live(
            console=self._console, refresh_per_second=REFRESHED, transient=True, get_renderable=shown, redirect_stdout=is_mixed
        )
        self._live.start()

    def print(self, line: Line) -> None:
        """Print a line above the board, or with the time of day where there is none."""
        text = Text.assemble((f"{line.kind:<{WIDTH}} " if line.kind else "", STYLES.get(line.kind, "")), line.text)
        if not self.is_live:
            text = Text(time.strftime("%H:%M:%S ")) + text
        self._read = 0.0  # the line has changed it
        self._console.print(text, soft_wrap=not self.is_live)

    def close(self) -> None:
        """Remove the board."""
        if self._live:
            self._live.stop()
