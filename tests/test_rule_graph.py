"""The picture of the rules in the docs is that of the rules."""

import re
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path

from workflow import ROOT, copy_project


def shown() -> set[tuple[str, str]]:
    """Return the arrows of the picture, which is one in Mermaid: `a & b --> c --> d`."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("flowchart LR\n")[1].split("```")[0]
    chains = [[side.strip().split(" & ") for side in line.split("-->")] for line in text.splitlines()]
    return {arrow for chain in chains for sides in pairwise(chain) for arrow in product(*sides)}


def test_the_picture_shows_every_rule_and_what_it_reads(tmp_path: Path) -> None:
    """But for the rule `all`, which reads nearly all."""
    (tmp_path / "no batches").mkdir()
    copy_project(tmp_path / "project", tmp_path / "no batches")
    command = [sys.executable, "-m", "snakemake", "--rulegraph"]
    graph = subprocess.run(command, cwd=tmp_path / "project", capture_output=True, text=True, check=True).stdout
    assert graph.startswith("digraph")
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', graph, re.MULTILINE))
    expected = {(names[before], names[after]) for before, after in re.findall(r"^\s*(\d+) -> (\d+)$", graph, re.MULTILINE)}
    assert shown() == {arrow for arrow in expected if arrow[1] != "all"}
    assert {before for before, after in expected if after == "all"} > {"write_overview", "tabulate_variants"}
