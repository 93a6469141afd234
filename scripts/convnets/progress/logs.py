"""What the logs of jobs say: the error that ended one, or the last lines."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ERROR = re.compile(r"^[\d:]{8} error: (.*)", re.MULTILINE | re.DOTALL)  # of a script's log (`command.run`)
LAST_LINES = 10  # of a log without such an error


def error_of(logs: Sequence[Path]) -> str:
    """Return the error with which a script's log ends, or the last lines of the logs; empty if there are none."""
    for log in logs:
        if found := ERROR.findall(_text(log)):
            return str(found[-1]).strip()
    lines = last_lines(logs, LAST_LINES)
    return "\n".join(["", *(f"  {line}" for line in lines)]) if lines else ""


def last_lines(logs: Sequence[Path], count: int) -> list[str]:
    """Return the last lines of the first log that has any."""
    return next(filter(None, (_text(log).splitlines()[-count:] for log in logs)), [])


def _text(log: Path) -> str:
    with suppress(OSError):
        return log.read_text(encoding="utf-8", errors="replace")
    return ""
