"""Bugs of Snakemake: each test shows the bug of the installed version, then that the work-around cures it.

Where the bug is gone, the test fails: the work-around is no longer needed.
"""

import subprocess
import sys
from pathlib import Path

from conftest import ROOT

GONE = "no longer needed: remove this work-around"

SNAKEFILE = """
import sys
sys.path.insert(0, {scripts!r})
from convnets.workarounds import for_snakemake
if config.get("limited"):
    assert for_snakemake.limit_cores(workflow, 3)
rule all:
    output: "made"
    shell: "touch {{output}}"
"""


def provided_cores(folder: Path, *options: str) -> str:
    """Return what Snakemake says of the cores that it uses when it is asked for 999."""
    (folder / "Snakefile").write_text(SNAKEFILE.format(scripts=str(ROOT / "scripts")))
    command = [sys.executable, "-m", "snakemake", "--cores", "999", "--forceall", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return next(line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Provided cores"))


def test_snakemake_uses_more_cores_than_there_are(tmp_path: Path) -> None:
    assert provided_cores(tmp_path).startswith("Provided cores: 999"), GONE
    assert provided_cores(tmp_path, "--config", "limited=1").startswith("Provided cores: 3")


INNER = """
import sys
sys.path.insert(0, {scripts!r})
from convnets.workarounds import for_snakemake
print("basedir", workflow.basedir, file=sys.stderr)
is_imported, prefix, renamed = for_snakemake.imported(workflow)
print("imported", is_imported, repr(prefix), renamed("make"), file=sys.stderr)
rule make:
    output: "made"
    shell: "touch {{output}}"
"""
OUTER = """
module inner:
    snakefile: "inner/Snakefile"
    config: {}
    prefix: "part"

use rule * from inner as inner_*
"""


def test_a_workflow_is_not_told_how_another_one_imports_it(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "Snakefile").write_text(INNER.format(scripts=str(ROOT / "scripts")))
    (tmp_path / "Snakefile").write_text(OUTER)
    said = []
    for snakefile in ("Snakefile", "inner/Snakefile"):
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--snakefile", snakefile]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        said.append([line for line in done.stderr.splitlines() if line.startswith(("basedir ", "imported "))])
    assert (tmp_path / "part" / "made").is_file()
    assert said[0][0] == f"basedir {tmp_path}", GONE  # not the imported workflow's own folder
    assert said[0][1] == "imported True 'part/' inner_make"
    assert said[1][:2] == [f"basedir {tmp_path / 'inner'}", "imported False '' make"]
