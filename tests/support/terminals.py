"""A command on a pseudo-terminal, and all that it has written there."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


def answer_interrupts() -> None:
    """Let a process end by Ctrl-C even where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A process whose input, output and errors are a pseudo-terminal of its own, of 80 columns and 24 lines."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(80, 24)
        environment = {**environment, "TERM": "xterm-256color"}
        for size in ("COLUMNS", "LINES"):  # that of the terminal counts
            environment.pop(size, None)
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=answer_interrupts,
        )
        os.close(theirs)
        self._chunks: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # no process has it open any more
            while chunk := os.read(self._ours, 65536):
                self._chunks.append(chunk)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def written(self) -> str:
        return b"".join(self._chunks).decode(errors="replace")

    def text(self) -> str:
        """Return what was written without its codes of colours and of the cursor."""
        return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", self.written())

    def wait(self) -> int:
        """Wait for the process, and for all that it has written; return its status."""
        status = self.process.wait(timeout=600)
        self._reader.join(timeout=60)
        return status

    def close(self) -> None:
        """End the process, and with it whatever it has started: all of it is in one group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._ours)


@contextmanager
def terminal(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Run a command on a terminal, which is closed at the end."""
    made = Terminal(command, folder, environment)
    try:
        yield made
    finally:
        made.close()
