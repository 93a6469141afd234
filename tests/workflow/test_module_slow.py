"""The workflow as a module of another one, with a prefix, other names of rules and another working directory. Slow: trainings."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from own_data import write_arrays
from workflow import copy_project

import convnets

OUTER = """
module networks:
    snakefile: "../the project/Snakefile"
    config: config["networks"]
    prefix: "part"

use rule * from networks as networks_*

use rule train_variant from networks as networks_train_variant with:
    priority: 5

rule summary:
    default_target: True
    input:
        "part/results/small/tables/variants.csv",
        "part/results/small/tables/claims.csv",
        "part/results/small/report/overview.html",
    output: "summary.csv"
    shell: "cp {input[0]} {output}"

onstart:
    networks.onstart()
"""
STUDY = {
    "dataset": {"kind": "arrays", "source": "images.npz"},
    "training": {"epochs": 1, "batch_size": 8},
    "variants": {
        name: {"label": name, "filters": [], "dense_units": [units], "dropout": 0.0} for name, units in (("narrow", 4), ("wide", 8))
    },
    "comparisons": {"widths": {"title": "Widths", "variants": ["narrow", "wide"], "rows": [["validation"]]}},
    "claims": {
        "fewer": {"section": "a", "statement": "Fewer.", "test": "less", "quantities": ["narrow.parameters", "wide.parameters"]}
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "no batches").mkdir()
    copy_project(tmp_path / "the project", tmp_path / "no batches")
    folder = tmp_path / "other work"
    folder.mkdir()
    write_arrays(folder / "images.npz")
    (folder / "Snakefile").write_text(OUTER)
    (folder / "small.yaml").write_text(yaml.safe_dump(STUDY))
    (folder / "config.yaml").write_text("networks: {study: small.yaml, seeds: [1, 2]}\n")
    return folder


def snakemake(folder: Path, *options: str, triggers: str = "mtime") -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "config.yaml", "--rerun-triggers", triggers]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}\nstatus {done.returncode}"


def counts(log: str) -> dict[str, int]:
    """Return how many jobs of each rule a dry-run plans."""
    table = log.partition("Job stats:")[2].partition("total")[0]
    return {line.split()[0]: int(line.split()[1]) for line in table.splitlines()[3:] if line.strip()}


def test_an_outer_workflow(folder: Path) -> None:
    done = snakemake(folder)
    assert done.endswith("status 0"), done
    assert (folder / "summary.csv").read_bytes() == (folder / "part/results/small/tables/variants.csv").read_bytes()
    results = convnets.load(folder / "part" / "results" / "small")
    assert list(zip(results.runs.variant, results.runs.seed, strict=True)) == [
        (variant, seed) for variant in ("narrow", "wide") for seed in (1, 2)
    ]
    assert list(results.claims.verdict) == ["reproduced"]
    assert (folder / "part" / "results" / "small" / "mlflow" / "mlflow.db").is_file()
    # Nothing is written beside the prefix, and nothing in the clone.
    assert {path.name for path in folder.iterdir()} == {
        *(".snakemake", "Snakefile", "config.yaml", "images.npz", "part", "small.yaml", "summary.csv")
    }
    assert not (folder.parent / "the project" / "results").exists()
    assert "Nothing to be done" in snakemake(folder)

    # What is stale is made again, and only that: under the outer workflow's names.
    (folder / "config.yaml").write_text("networks: {study: small.yaml, seeds: [1, 2, 3]}\n")
    assert counts(snakemake(folder, "--dry-run"))["networks_train_variant"] == 2
    (folder / "config.yaml").write_text("networks: {study: small.yaml, seeds: [1, 2], variants: {wide: {dropout: 0.5}}}\n")
    assert counts(snakemake(folder, "--dry-run"))["networks_train_variant"] == 2
    (folder / "config.yaml").write_text("networks: {study: small.yaml, seeds: [1, 2]}\n")
    assert counts(snakemake(folder, "--dry-run", "--forcerun", "networks_train_variant"))["networks_train_variant"] == 4
    assert "Nothing to be done" in snakemake(folder, "--dry-run")

    # The prefix is no part of a fingerprint. Where runs are tracked is.
    moved = folder.with_name("moved")
    shutil.copytree(folder, moved, ignore=shutil.ignore_patterns(".snakemake"))
    (moved / "part").rename(moved / "elsewhere")
    (moved / "Snakefile").write_text(OUTER.replace('"part', '"elsewhere'))
    planned = counts(snakemake(moved, "--dry-run"))
    assert planned.keys() == {"networks_create_store", "networks_publish_comparisons", "networks_write_overview", "summary"}


def test_what_cannot_be_imported_so_is_refused(folder: Path) -> None:
    triggers = snakemake(folder, "--dry-run", triggers="params")
    assert "start Snakemake with --rerun-triggers mtime: stamps tell what is stale" in triggers
    (folder / "config.yaml").write_text("networks: {study: missing.yaml}\n")
    assert "the study missing.yaml does not exist in" in snakemake(folder, "--dry-run")
    (folder / "config.yaml").write_text(f"networks: {{study: small.yaml, pathvars: {{results: {folder}/out}}}}\n")
    absolute = snakemake(folder, "--dry-run")
    assert "pathvars.results is absolute, so it cannot have the prefix part/; leave one of them out" in absolute
    (folder / "config.yaml").write_text("networks: {study: small.yaml}\n")
    (folder / "Snakefile").write_text(OUTER.replace('prefix: "part"', 'replace_prefix: {"results": "part"}'))
    assert "replace_prefix: this workflow takes a prefix instead" in snakemake(folder, "--dry-run")


@pytest.mark.flaky(reruns=1)  # it downloads packages
def test_it_is_installed_with_pandas_alone(tmp_path: Path) -> None:
    """`pip install .` in a copy: the package opens results without the workflow's own libraries."""
    copy = tmp_path / "clone"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "results", "resources", "__pycache__"))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", copy], check=True)
    code = "import convnets, sys; print(convnets.__file__, len(convnets.load(sys.argv[1]).runs))"
    done = subprocess.run(
        [python, "-c", code, ROOT / "results" / "reference"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[0].startswith(str(tmp_path / "environment"))
    names = subprocess.run([python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True).stdout
    assert "pandas==" in names
    assert "tensorflow" not in names
