"""What every script has in common: its log lines, and one clear line instead of a traceback when the input is at fault."""

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from convnets.errors import InputError

FORMAT, TIME = "%(asctime)s %(message)s", "%H:%M:%S"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the argument parser of a script, described by the first paragraph of its docstring."""
    first_paragraph = (description or "").strip().split("\n\n")[0]
    return argparse.ArgumentParser(description=first_paragraph)


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`; print an `InputError` as one line and exit with status 1.

    A request to stop (SIGTERM) becomes an exit, which passes through every `finally`: no half file stays, and what is tracked is
    closed.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    logging.basicConfig(level=logging.INFO, format=FORMAT, datefmt=TIME, stream=sys.stderr)
    try:
        main()
    except InputError as error:
        logging.getLogger(__name__).error("error: %s", error)
        sys.exit(1)


def log_to(path: Path) -> None:
    """Write the log lines to a file too, for a script whose standard error is left to the user's terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(logging.Formatter(FORMAT, TIME))
    logging.getLogger().addHandler(handler)
