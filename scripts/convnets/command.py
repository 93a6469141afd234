"""What every script has in common: its log lines, and one clear line instead of a traceback when the input is at fault."""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from convnets.errors import InputError


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the argument parser of a script, described by the first paragraph of its docstring."""
    first_paragraph = (description or "").strip().split("\n\n")[0]
    return argparse.ArgumentParser(description=first_paragraph)


def run(main: Callable[[], None], log: Path | None = None) -> None:
    """Run a script's `main`; print an `InputError` as one line and exit with status 1.

    `log` receives the log lines too, for a script whose standard error is to stay on the user's terminal.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(log, mode="w"))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", handlers=handlers)
    try:
        main()
    except InputError as error:
        logging.getLogger(__name__).error("error: %s", error)
        sys.exit(1)
