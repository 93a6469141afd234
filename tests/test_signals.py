"""Requests to stop: an exit with the signal's status, but not out of the middle of what is shielded."""

import os
import signal
from collections.abc import Iterator

import pytest

from convnets import signals


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(signals, "_waiting", 0)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signals.exit_on_request()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_is_an_exit(number: int) -> None:
    with pytest.raises(SystemExit) as stopped:
        os.kill(os.getpid(), number)
    assert stopped.value.code == 128 + number


def test_what_is_shielded_ends_first() -> None:
    done = []
    with pytest.raises(SystemExit) as stopped, signals.shielded():
        with signals.shielded():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    assert stopped.value.code == 128 + signal.SIGTERM


def test_an_error_inside_comes_out_as_itself() -> None:
    with pytest.raises(ValueError, match="broken"), signals.shielded():
        raise ValueError("broken")
    with signals.shielded():
        pass
