"""What every script does around its `main`."""

import argparse
import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from convnets.workflow import command

DEFERRING = """
import os, signal, sys
from convnets.workflow import command

def main():
    try:
        with command.stop_deferred() as is_to_stop:
            print(is_to_stop())
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            print(is_to_stop())
        print("never")
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        print("put in order")

command.run(main)
"""
PROGRAM = """
import sys
from convnets.workflow import command
from convnets.errors import InputError

def main():
    print("x" * {characters})
    {end}

command.run(main)
"""


@pytest.mark.parametrize("characters", [10, 1_000_000])  # a few are written when `main` has ended
@pytest.mark.parametrize(
    ("end", "status", "said"), [("", 0, ""), ("sys.exit(1)", 1, ""), ("raise InputError('so')", 1, "error: so\n")]
)
def test_whoever_reads_the_output_may_stop(characters: int, end: str, status: int, said: str) -> None:
    program = [sys.executable, "-c", PROGRAM.format(characters=characters, end=end)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(program, cwd=ROOT / "scripts", env=environment, text=True, **pipes)
    assert process.stdout
    process.stdout.close()
    stderr = process.communicate()[1]
    if characters == 10:
        assert (process.returncode, stderr[-len(said) :] if said else stderr) == (status, said)
    else:  # it has ended where it could not print
        assert (process.returncode, stderr) == (0, "")


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_no_number_of_seconds(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is no number of seconds above 0"):
        command.seconds(text)
    assert command.seconds("0.5") == 0.5


def test_a_request_to_stop_waits_for_what_defers_it_and_further_ones_change_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", DEFERRING], cwd=ROOT / "scripts", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "False\nTrue\nput in order\n", "")
