"""What every script does around its `main`."""

import subprocess
import sys

from conftest import ROOT

LOUD = "from convnets import command; command.run(lambda: print('x' * {}))"


def test_whoever_reads_the_output_may_stop() -> None:
    """Even at its last words, which are written when `main` has returned."""
    for characters in (10, 1_000_000):
        command = [sys.executable, "-c", LOUD.format(characters)]
        process = subprocess.Popen(command, cwd=ROOT / "scripts", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout
        process.stdout.close()
        assert process.communicate()[1] == b""
        assert process.returncode == 0
