"""Finished runs as frames."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT
from studies import REFERENCE

import convnets
from convnets.errors import InputError
from convnets.freshness import code

STUDY = REFERENCE.parent
OPEN = """
import sys, time
began = time.perf_counter()
import convnets
print(len(convnets.load(sys.argv[1]).runs), time.perf_counter() - began)
assert not {"tensorflow", "keras", "mlflow", "snakemake", "matplotlib", "pydantic"} & {*sys.modules}
"""


def test_frames_hold_what_the_files_hold() -> None:
    results = convnets.load(STUDY)
    folders = sorted(REFERENCE.glob("*/seed*"))
    assert [*zip(results.runs.variant, results.runs.seed, strict=True)] == [
        (folder.parent.name, int(folder.name.removeprefix("seed"))) for folder in folders
    ]
    for folder, (_, row) in zip(folders, results.runs.iterrows(), strict=True):
        metrics = json.loads((folder / "metrics.json").read_text())
        assert {name: row[name] for name in metrics} == metrics
        record = json.loads((folder / "record.json").read_text())
        assert (row.processor, row.device, row.threads) == (record["processor"], record["device"], record["threads"])
        mine = results.curves[(results.curves.variant == row.variant) & (results.curves.seed == row.seed)]
        written = pd.read_csv(folder / "history.csv")
        pd.testing.assert_frame_equal(mine[written.columns].reset_index(drop=True), written)
    pd.testing.assert_frame_equal(results.claims, pd.read_csv(STUDY / "tables" / "claims.csv"))


def test_opening_takes_no_library_but_pandas() -> None:
    command = [sys.executable, "-c", OPEN, str(STUDY)]
    done = subprocess.run(command, cwd=ROOT / "scripts", capture_output=True, text=True, check=True)
    count, seconds = done.stdout.split()
    assert int(count) == len(list(REFERENCE.glob("*/seed*")))
    assert float(seconds) < 10  # one, on a machine that does nothing else


def test_a_study_without_claims_and_with_an_unfinished_run(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE / "mlp100", tmp_path / "runs" / "mlp100")
    shutil.copytree(REFERENCE / "mlp100" / "seed11", tmp_path / "runs" / "mlp100" / "seed100")
    (tmp_path / "runs" / "mlp100" / "seed11" / "metrics.json").unlink()
    (tmp_path / "runs" / "mlp100" / "seed12" / "record.json").unlink()
    (tmp_path / "runs" / "mlp100" / "seed13" / "verified.json").write_text("[]")
    results = convnets.load(tmp_path)
    assert list(results.runs.seed) == [*range(12, 21), 100]
    assert set(results.curves.seed) == {*range(12, 21), 100}
    assert results.runs.processor.isna().tolist() == [True, *[False] * 9]
    assert results.runs.verified.tolist() == [False, True, *[False] * 8]
    assert results.claims.empty
    assert list(results.claims.columns) == list(pd.read_csv(STUDY / "tables" / "claims.csv").columns)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no finished run .* name the folder of the results"):
        convnets.load(tmp_path)
    shutil.copytree(REFERENCE / "mlp100", tmp_path / "runs" / "mlp100")
    (tmp_path / "runs" / "mlp100" / "seed11" / "metrics.json").write_text("{")
    with pytest.raises(InputError, match=r"mlp100/seed11 cannot be read: .*; remove the folder to train this run again"):
        convnets.load(tmp_path)


def test_opening_results_is_no_code_of_a_step() -> None:
    """Each step executes the package's own module, which is not counted. So it may do nothing but to open results."""
    _, *statements = ast.parse((ROOT / "scripts" / "convnets" / "__init__.py").read_text()).body
    assert [type(one) for one in statements] == [ast.ImportFrom, ast.ImportFrom, ast.ImportFrom, ast.If, ast.FunctionDef]
    modules = code.code_of("train_variant", "tabulate_claims")["modules"]
    assert "convnets.runs.layout" in modules
    assert not {"convnets", "convnets.runs.frames"} & {*modules}
