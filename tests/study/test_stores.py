"""Stores and what is to be tracked there, as plain values."""

from pathlib import Path

import pytest
from finished_runs import MEMBER

from convnets.study.stores import Plan, Store


def test_the_plan_survives_its_file(tmp_path: Path) -> None:
    for is_open in (True, False):
        plan = Plan(Store("sqlite:///x", "tests"), True, {"mlp100": MEMBER}, is_open)
        plan.write(tmp_path / "plan.json")
        assert Plan.read(tmp_path / "plan.json") == plan


@pytest.mark.parametrize(("uri", "database"), [("sqlite:////a/b.db", Path("/a/b.db")), ("http://host", None)])
def test_what_kind_of_store_it_is(uri: str, database: Path | None) -> None:
    store = Store(uri, "tests")
    assert store.database == database
    assert store.is_server == uri.startswith("http")
