"""Secrets: refused in an address, masked in a message."""

import pytest

from convnets.study import credentials
from convnets.study.credentials import held_by
from convnets.tracking.connection import reason_of


@pytest.mark.parametrize(
    "address",
    [
        "https://me:pass@host",
        "https://me:pa/ss@host",
        "https://me:pa#ss@host/x",
        "https://me:pa?ss@host",
        "https://me:p@ss@host",
        "https://me:12/34@host",
        "https://token@host",
        "postgresql://me:pa/ss@host/db",
        "https://host/?access_token=abc",
        "https://host/?user=me&PASSWORD=abc",
        "https://host/?x=1;api-key=abc",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3D%7BODBC%7D%3BUID%3Dme%3BPWD%3Dabc",
    ],
)
def test_an_address_that_holds_a_secret(address: str) -> None:
    assert held_by(address)
    shown = reason_of(ValueError(f"no way into {address} today"))
    assert shown.startswith("no way into ")
    assert not [part for part in ("pass@", "pa/ss", "pa#ss", "pa?ss", "p@ss", "12/34", "token@", "abc") if part in shown]


def test_a_name_that_is_written_in_code() -> None:
    assert held_by("https://host/?p%61ssword=abc")


@pytest.mark.parametrize("address", ["", "http://host:5000", "https://host/mlflow", "sqlite:////a/b@c.db", "http://[::1]:5000/a"])
def test_one_that_holds_none(address: str) -> None:
    assert held_by(address) == ""
    assert credentials.masked(f"{address} does not answer (key, run)=(1, 2)") == f"{address} does not answer (key, run)=(1, 2)"


def test_what_this_process_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, as an address writes it, and as it is sent."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter 2")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    text = "hunter 2, hunter%202, Basic bWU6aHVudGVyIDI=, Bearer t0ken"
    assert credentials.masked(text) == "***, ***, Basic ***, Bearer ***"
