"""The commit of the project's code."""

import subprocess
from pathlib import Path

TIMEOUT_S = 10.0


def commit(folder: Path = Path(__file__).parent) -> str | None:
    """Return the commit that a folder's files come from, `-dirty` if any differs from it; None where Git does not tell."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=64", "--exclude", "*"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
