"""What all scripts share: arguments, log, signals, and one line instead of a traceback for an error of the user's."""

import argparse
import errno
import logging
import os
import signal
import subprocess
import sys
import traceback
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


def study_parser(description: str | None, cores_for: str = "") -> argparse.ArgumentParser:
    """Return the argument parser of a command on a whole study: it takes the configuration files, and perhaps `--cores`."""
    made = parser(description)
    made.add_argument("configfiles", type=Path, nargs="+", help="the study, and files to merge over it")
    if cores_for:
        made.add_argument("--cores", type=cores, default="all", help=f"{cores_for}: a number, or all (default)")
    return made


def cores(text: str) -> int:
    """Parse a number of cores as Snakemake's `--cores` does; `all` is every core that this process may use."""
    if text == "all":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cores; give one from 1, or all")
    return int(text)


def seconds(text: str) -> float:
    """Parse a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return value


def snakemake(configfiles: Sequence[Path], cores: int, *options: str) -> None:
    """Run Snakemake on a study and the files merged over it, and exit with its status where that is not 0."""
    study, *merged = map(str, configfiles)
    given = ["--config", f"study={study}", *(["--configfile", *merged] if merged else [])]
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *given, "--logger", "convnets"]
    with subprocess.Popen([*command, *options]) as process:
        try:
            status = process.wait()
        except SystemExit:
            process.terminate()  # the block then waits for it, so that it can unlock the folder
            raise
    if status:
        sys.exit(status)


def run(main: Callable[[], None], failure: int = 1) -> None:
    """Run a script's `main`. An `InputError`, or a file that cannot be read or written, becomes one log line and status `failure`.

    SIGTERM and SIGINT raise `SystemExit`, so that every `finally` runs: partial files are removed and tracked runs are closed. The
    status is 128 plus the signal's number, as schedulers expect.
    """
    for request in REQUESTS_TO_STOP:
        signal.signal(request, lambda number, _: sys.exit(128 + number))
    logging.basicConfig(level=logging.INFO, format=FORMAT, datefmt=TIME, stream=sys.stderr)
    try:
        try:
            main()
        finally:
            _flush()
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if message := _in_words(error):
            logging.getLogger(__name__).error("error: %s", message)
        else:
            traceback.print_exc()
        sys.exit(failure)


def _in_words(error: Exception) -> str:
    """Return one line for an error that the user can do something about; empty for any other."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory; run fewer at once (--cores), or ask for more (--set-resources)"
    if isinstance(error, OSError) and error.errno in (*FULL, *FORBIDDEN):
        verb = "written" if error.errno in FULL else "read or written"
        return f"{error.filename or 'a file'} cannot be {verb}: {os.strerror(error.errno)}"
    return ""


def _flush() -> None:
    """Flush standard output, whose reader may have closed the pipe."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def stop_deferred() -> Iterator[Callable[[], bool]]:
    """Defer SIGTERM and SIGINT to the end of the block. Yields a function that says whether one has arrived.

    The block can poll the function and end early. The signal then raises `SystemExit` as usual, and further ones are ignored, so
    that what is done on the way out is done whole.
    """
    requests: list[int] = []
    former = {request: signal.signal(request, lambda number, _: requests.append(number)) for request in REQUESTS_TO_STOP}
    try:
        yield lambda: bool(requests)
    finally:
        for request, handler in former.items():
            signal.signal(request, signal.SIG_IGN if requests else handler)
    if requests:
        sys.exit(128 + requests[0])


def stop_no_more() -> None:
    """Ignore SIGTERM and SIGINT from now on. The work is done; with another exit status, Snakemake would remove it."""
    for request in REQUESTS_TO_STOP:
        signal.signal(request, signal.SIG_IGN)


def leave() -> None:
    """Exit at once with status 0. The interpreter's regular shutdown of TensorFlow and MLflow takes two seconds."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
