"""The commands that README and docs name, and where each of them is run by a test."""

import re
from pathlib import Path

from conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OURS = ("make ", ".venv/bin/", "PYTHONPATH=scripts ", "mlflow server ", "MLFLOW_SERVER")
# Run, in this order, where a small study of the report's variants has been made by the first.
HERE = (
    *("make run", "make help", "make why", "make watch", "make audit", "make sync", "make verify", "make retire", "make report"),
    *(".venv/bin/snakemake --cores 8", ".venv/bin/snakemake --cores 2 results/data/manifest.json", ".venv/bin/snakemake --unlock"),
    *(".venv/bin/python benchmarks/compare_planning.py", "make reference", "make report CONFIGFILE=config.reference.yaml"),
    *("make why CONFIGFILE=mine.yaml", "make run CONFIGFILE=mine.yaml"),
)
# What is added to some of them, so that they take less time.
SHORTER = {".venv/bin/python benchmarks/compare_planning.py": " --rounds 1"}
# By a pattern of the command: the file that runs it, or its like, and a text in that file.
ELSEWHERE = {
    r"make setup( PYTHON=python3\.11)?": ("tests/test_make.py", '"setup"'),
    r"make ui( STUDY=mine/study\.yaml)?": ("tests/tracking/test_serve_ui_slow.py", "serve_ui.py"),
    r"make (lint|test|test-slow)": (".ci/run", "make"),
    r"make paper( CONFIGFILE=config\.reference\.yaml)?": ("tests/report/test_paper_slow.py", '"write_paper"'),
    r"make schema": ("tests/study/test_schema.py", "schema"),
    r"make run CORES=2 CONFIGFILE=config\.smoke\.yaml": ("docs/tutorial.md", "$ make run CORES=2 CONFIGFILE=config.smoke.yaml"),
    # The tutorial's study is this one.
    r"make run STUDY=examples/digits/study\.yaml": ("tests/workflow/test_tutorial_slow.py", '"examples/digits/study.yaml"'),
    r".* ?STUDY=mine/study\.yaml( CONFIGFILE=mine/\w+\.yaml)?|PYTHONPATH=scripts \.venv/bin/python -c .*": (
        "tests/workflow/test_tutorial_slow.py",
        "BLOCKS",
    ),
    r"make freeze": ("tests/workflow/test_freezing.py", "freeze_claims"),
    r"make crate( AGENT=.*)?": ("tests/crate/test_crate_slow.py", '"write_crate"'),
    r"make gate( .*)?": ("tests/workflow/test_gate_slow.py", "gate_study"),
    r"\.venv/bin/snakemake --profile profiles/slurm.*": ("tests/workflow/test_slurm_slow.py", "profiles/slurm"),
    r'make report CONFIGFILE="config\.reference\.yaml config\.bfloat16\.yaml"': (
        "tests/findings/test_bfloat16.py",
        "config.bfloat16.yaml",
    ),
    r"(PYTHONPATH=scripts )?\.venv/bin/python benchmarks/.*": ("tests/test_benchmarks_slow.py", "BENCHMARKS"),
    r"mlflow server .*|MLFLOW_SERVER_ALLOWED_HOSTS=.*": ("tests/support/servers.py", "--allowed-hosts"),
}
NOT_RUN = {
    "make run STUDY=studies/bfloat16.yaml": "an hour",
    "make run STUDY=studies/rmsprop2021.yaml": "a quarter of an hour",
    "make run CONFIGFILE=config.study.yaml": "hours",
    "make run STUDY=mine/study.yaml CONFIGFILE=mine/fresh.yaml": "twelve more runs, as those before it",
    "make reference CONFIGFILE=config.study.yaml": "of the runs that the former makes; make reference is run",
}


def commands() -> set[str]:
    """Return the commands of the project that stand in blocks of a console, or in a line of text."""
    found: set[str] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
            lines = re.sub(r"\\\n\s*", "", block).splitlines()
            found |= {_bare(line.removeprefix("$ ")) for line in lines if line.startswith("$ ")}
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        found |= {_bare(" ".join(span.split())) for span in re.findall(r"`([^`]+)`", prose)}
    return {command for command in found if command.startswith(OURS) and not re.search(r"=FILE\b|FOLDER|\.\.\.", command)}


def _bare(command: str) -> str:
    """Return a command without its comment."""
    return re.sub(r"\s+# .*", "", command).removesuffix(" &").strip()


def where(command: str) -> str:
    """Return where a command is run: "here", "elsewhere" or "not run"; empty if nothing is said of it."""
    if command in HERE:
        return "here"
    if command in NOT_RUN:
        return "not run"
    return "elsewhere" if any(re.fullmatch(pattern, command) for pattern in ELSEWHERE) else ""


def block_after(page: Path, heading: str, language: str) -> str:
    """Return the first block of a language after a heading."""
    text = page.read_text(encoding="utf-8").split(f"## {heading}\n")[1]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]
