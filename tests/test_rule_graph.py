"""The picture of the rules in the docs is that of the rules."""

import html
import re
import subprocess
import sys
from pathlib import Path

from workflow import ROOT, copy_project


def edges(lines: list[tuple[str, str]], names: dict[str, str]) -> set[tuple[str, str]]:
    return {(names[before], names[after]) for before, after in lines}


def test_the_picture_shows_every_rule_and_what_it_reads(tmp_path: Path) -> None:
    (tmp_path / "no batches").mkdir()
    copy_project(tmp_path / "project", tmp_path / "no batches")
    command = [sys.executable, "-m", "snakemake", "--rulegraph"]
    graph = subprocess.run(command, cwd=tmp_path / "project", capture_output=True, text=True, check=True).stdout
    assert graph.startswith("digraph")
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', graph, re.MULTILINE))
    expected = edges(re.findall(r"^\s*(\d+) -> (\d+)$", graph, re.MULTILINE), names)
    assert ("prepare_dataset", "train_variant") in expected

    picture = html.unescape((ROOT / "docs" / "rules.svg").read_text())
    shown = dict(re.findall(r"<title>(\d+)</title>.*?<text [^>]*>(\w+)</text>", picture, re.DOTALL))
    assert edges(re.findall(r"<title>(\d+)->(\d+)</title>", picture), shown) == expected
