#!/usr/bin/env python
"""Show the progress of a workflow that runs elsewhere, until every run, figure and table is fresh.

Changes nothing. Ctrl-C ends it, and not the workflow.
"""

import stage

import time

from convnets.progress.board import Line, Terminal
from convnets.progress.watching import Watch
from convnets.workflow import command, planning

INTERRUPTED = 130
EVERY_S, SHARE = 2.0, 0.05  # between two looks: seconds, and at most this share of the time for looking


def main() -> None:
    """Look at the files until all is fresh, or until an interrupt, which is no failure."""
    arguments = command.study_parser(__doc__).parse_args()
    terminal = Terminal()
    try:
        watch = Watch(planning.load(arguments.configfiles))
        if not terminal.is_live:
            board = watch.board()
            terminal.print(Line("", ", ".join([board.summary(), *board.others])))
        terminal.show(watch.board)
        while not watch.is_done:
            began = time.monotonic()
            for line in watch.look():
                terminal.print(line)
            if not watch.is_done:
                time.sleep(max(EVERY_S, (time.monotonic() - began) / SHARE))
        terminal.print(Line("", "every step is fresh"))
    except SystemExit as stop:
        if stop.code != INTERRUPTED:
            raise
    finally:
        terminal.close()


if __name__ == "__main__":
    command.run(main)
