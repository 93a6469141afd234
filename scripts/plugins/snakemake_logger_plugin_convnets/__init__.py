"""Snakemake's logger `convnets`: one line for each event, and on a terminal what trains now (`convnets.progress`).

`make run` asks for it, and any call may: `snakemake --logger convnets`. Snakemake finds it since a file in .venv names this folder.
"""

import logging
import sys
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase


class LogHandler(LogHandlerBase):
    """Shows progress on standard error. Should that fail, it says so once and stays silent; the workflow goes on."""

    def __post_init__(self) -> None:
        """Prepare to show nothing: what shows progress is imported once the Snakefile has been read, which says where it is."""
        self._terminal: Any = None
        self._events: Any = None
        self._is_broken = False

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record."""
        self._guarded(self._show, record)

    def close(self) -> None:
        """Remove what is updated in place, and say what has become of the workflow."""
        self._guarded(self._end)
        super().close()

    def _guarded(self, act: Any, *arguments: Any) -> None:  # noqa: ANN401
        if self._is_broken:
            return
        try:
            act(*arguments)
        except Exception as error:  # nothing that is shown may stop a run
            self._is_broken = True
            print(f"progress is no longer shown ({type(error).__name__}: {error}); the workflow goes on", file=sys.stderr)

    def _show(self, record: logging.LogRecord) -> None:
        if self._events is None:
            planning = sys.modules.get("convnets.workflow.planning")
            if planning is None or planning.declared() is None:
                if record.levelno >= logging.WARNING:
                    print(record.getMessage(), file=sys.stderr)
                return
            from convnets.progress.events import Events
            from convnets.progress.terminal import Terminal

            is_dry = self.common_settings.dryrun
            self._terminal = Terminal(is_still=is_dry)
            self._events = Events(is_brief=self._terminal.is_live, is_dry=is_dry)
        for line in self._events.lines(record):
            self._terminal.print(line)
        if self._events.is_planned:
            self._terminal.show(self._events.board)

    def _end(self) -> None:
        terminal, self._terminal = self._terminal, None
        if terminal is not None:
            terminal.close()
            for line in self._events.summary():
                terminal.print(line)

    @property
    def writes_to_stream(self) -> bool:
        """It takes the place of Snakemake's own output on the terminal, which is still in Snakemake's log."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """It writes no file."""
        return False

    @property
    def has_filter(self) -> bool:
        """It decides itself what is shown."""
        return True

    @property
    def has_formatter(self) -> bool:
        """It formats the records itself."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """It does not draw the graph."""
        return False
