"""Every command in README and docs is run by a test, or it is said why not."""

import re

import documented
import pytest
from conftest import ROOT


def test_it_is_known_of_each_command_where_it_is_run() -> None:
    found = documented.commands()
    assert len(found) > 40
    assert [command for command in sorted(found) if not documented.where(command)] == []


def test_no_command_is_listed_that_no_page_names() -> None:
    found = documented.commands()
    assert [command for command in (*documented.HERE, *documented.NOT_RUN) if command not in found] == []
    assert [pattern for pattern in documented.ELSEWHERE if not any(re.fullmatch(pattern, command) for command in found)] == []


@pytest.mark.parametrize(("file", "text"), sorted(set(documented.ELSEWHERE.values())))
def test_the_file_that_runs_a_command_has_it(file: str, text: str) -> None:
    assert text in (ROOT / file).read_text(encoding="utf-8")
