"""Judging a study's finished runs, wherever they lie."""

from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from convnets.study import configuration
from convnets.workflow import judging


def test_given_runs_are_judged_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    study = yaml.safe_load((ROOT / "examples" / "digits" / "study.yaml").read_text(encoding="utf-8"))
    looks = {"from": 1, "looks": [3, 6], "look": 1}
    given = {"runs_from": "examples/digits/baseline", "pathvars": {"results": str(tmp_path)}, "seeds": looks}
    found = judging.judge(configuration.resolve({**study, **given, "study": "study.yaml"}))
    assert {one.claim.id: one.seeds for one in found if not one.claim.is_exact} == {
        "residual_is_better": 3,
        "tuning_helps_little": 3,
    }
