"""What every script has in common: its log lines, and one clear line instead of a traceback when the input is at fault."""

import argparse
import errno
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from convnets.errors import InputError

FULL, FORBIDDEN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS), (errno.EACCES, errno.EPERM)
REQUESTS_TO_STOP = (signal.SIGTERM, signal.SIGINT)
FORMAT, TIME = "%(asctime)s %(message)s", "%H:%M:%S"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the argument parser of a script, described by the first paragraph of its docstring."""
    return argparse.ArgumentParser(description=(description or "").strip().split("\n\n")[0])


def configured_parser(description: str | None) -> argparse.ArgumentParser:
    """Return the argument parser of a command that looks at a whole configuration, whose files it takes."""
    found = parser(description)
    found.add_argument("configfiles", type=Path, nargs="+", help="configuration files, each merged over those before it")
    return found


def cores(text: str) -> int:
    """Return the number of cores that `text` asks for, as Snakemake's option of that name does."""
    if text == "all":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cores; give one from 1, or all")
    return int(text)


def seconds(text: str) -> float:
    """Return the seconds that `text` gives, which are more than none."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def snakemake(configfiles: Sequence[Path], cores: str, *options: str) -> None:
    """Run Snakemake on configuration files, and exit with its status where that is not 0."""
    command = [sys.executable, "-m", "snakemake", "--cores", cores, "--configfile", *map(str, configfiles)]
    with subprocess.Popen([*command, *options]) as process:
        try:
            status = process.wait()
        except SystemExit:
            process.terminate()  # and is waited for, so that it can unlock the folder
            raise
    if status:
        sys.exit(status)


def run(main: Callable[[], None]) -> None:
    """Run a script's `main`; print an `InputError`, or a disk that does not take a file, as one line and exit with status 1.

    A request to stop (SIGTERM, SIGINT) becomes an exit, which passes through every `finally`: no half file stays, and what is
    tracked is closed. The status is 128 and the signal's number, as schedulers expect.
    """
    for request in REQUESTS_TO_STOP:
        signal.signal(request, lambda number, _: sys.exit(128 + number))
    logging.basicConfig(level=logging.INFO, format=FORMAT, datefmt=TIME, stream=sys.stderr)
    try:
        try:
            main()
        finally:
            _flush()
    except InputError as error:
        message = str(error)
    except MemoryError:
        message = "not enough memory; run fewer at once (--cores), or ask for more (--set-resources)"
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        if error.errno not in (*FULL, *FORBIDDEN):
            raise
        verb = "written" if error.errno in FULL else "read or written"
        message = f"{error.filename or 'a file'} cannot be {verb}: {os.strerror(error.errno)}"
    else:
        return
    logging.getLogger(__name__).error("error: %s", message)
    sys.exit(1)


def _flush() -> None:
    """Write what was printed; whoever reads it may have seen enough."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def stop_deferred() -> Iterator[Callable[[], bool]]:
    """Let a request to stop (SIGTERM, SIGINT) wait for the end of this; yields what says whether there was one.

    Whoever asks that can end in its own time. The request then becomes the exit that it would have been at once.
    """
    requests: list[int] = []
    former = {request: signal.signal(request, lambda number, _: requests.append(number)) for request in REQUESTS_TO_STOP}
    try:
        yield lambda: bool(requests)
    finally:
        for request, handler in former.items():
            signal.signal(request, handler)
    if requests:
        sys.exit(128 + requests[0])


def stop_no_more() -> None:
    """Do not answer requests to stop any more: what was to be done is done, and to exit otherwise would undo it."""
    for request in REQUESTS_TO_STOP:
        signal.signal(request, signal.SIG_IGN)


def leave() -> None:
    """End this process now, with status 0. To take TensorFlow and MLflow apart takes Python two seconds, which nobody needs."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def log_to(path: Path) -> None:
    """Write the log lines to a file too, for a script whose standard error is left to the user's terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(logging.Formatter(FORMAT, TIME))
    logging.getLogger().addHandler(handler)
