"""A copy of the project that tests run for real, and the same copy in a size that trains in seconds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT
from waiting import SECONDS

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PARTS = (
    "Snakefile",
    "config.yaml",
    "CITATION.cff",
    "Makefile",
    "requirements.lock",
    "rules",
    "report",
    "scripts",
    "schemas",
    "profiles",
    "envs",
)


def copy_project(folder: Path, batches: Path, origin: Path = ROOT) -> None:
    """Copy the project as a clone would hold it, with the data set at hand."""
    folder.mkdir(exist_ok=True)
    for name in PARTS:
        if (origin / name).is_dir():
            shutil.copytree(origin / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(origin / name, folder)
    (folder / "resources").mkdir()
    (folder / "resources" / "cifar10").symlink_to(batches)


class Workflow:
    """The project in a folder of its own.

    When a command starts, `config` is what config.yaml holds, and `overlay`, if there is any, a file given with --configfile.
    """

    def __init__(self, folder: Path, batches: Path, config: dict[str, Any], overlay: dict[str, Any] | None = None) -> None:
        self.folder, self.config, self.overlay = folder, config, overlay
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
        copy_project(folder, batches)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", *self.configfiles(), *arguments]

    def configfiles(self) -> list[str]:
        """Write the configuration files and return their names."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))
        if self.overlay is None:
            return ["config.yaml"]
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(self.overlay, sort_keys=False))
        return ["config.yaml", "overlay.yaml"]

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._done(self.command(*arguments))

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a script that takes configuration files on this configuration."""
        return self._done([sys.executable, f"scripts/{name}.py", *arguments, *self.configfiles()])

    def _done(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; one that hangs is ended, so that it is the test that fails."""
        options = {"capture_output": True, "text": True, "check": False, "timeout": 3 * SECONDS}
        return subprocess.run(command, cwd=self.folder, env=self.environment, **options)

    def run(self, *arguments: str) -> None:
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def planned(self, *arguments: str) -> set[str]:
        """Return the steps that a run would make, as rule/wildcards; what only collects files is left out."""
        return self.made("--dry-run", *arguments)

    def made(self, *arguments: str) -> set[str]:
        """Run the workflow and return the steps that it made."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return set(jobs_of(done.stdout + done.stderr))

    def why(self) -> dict[str, list[str]]:
        """Return what `make why` calls stale, with its reasons."""
        done = self.script("explain_steps")
        assert done.returncode == 0, done.stdout + done.stderr
        stale = re.findall(r"^stale  (\S+).*\n((?:         .*\n)*)", done.stdout, re.MULTILINE)
        return {key: [line.strip() for line in reasons.splitlines()] for key, reasons in stale}

    def results(self, *parts: str) -> Path:
        return self.folder.joinpath(self.config["pathvars"]["results"], *parts)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text everywhere in a file of the project; a name only where it stands as a whole word."""
        file = self.folder / path
        pattern = rf"\b{old}\b" if old.isidentifier() else re.escape(old)
        text, count = re.subn(pattern, lambda _: new, file.read_text(encoding="utf-8"))
        assert count, f"{path} does not hold {old!r}"
        file.write_text(text, encoding="utf-8")


def jobs_of(log: str) -> list[str]:
    """Return the jobs that Snakemake's log tells of, as rule/wildcards, in the order of their start."""
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", log, re.MULTILINE)
    return ["/".join([rule, *wildcards_of(text)]) for rule, text in jobs if rule != "all"]


def wildcards_of(job: str) -> list[str]:
    found = re.search(r"wildcards: (.*)", job)
    pairs = [pair.split("=") for pair in found[1].split(", ")] if found else []
    return [f"seed{value}" if name == "seed" else value for name, value in pairs]
