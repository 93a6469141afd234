"""Every work-around: for the installed version, left out for any other, and documented.

The bugs themselves are in test_workarounds_for_mlflow.py and test_workarounds_for_snakemake.py.
"""

import logging
import re
from pathlib import Path
from unittest import mock

import mlflow.store.db.utils
import pytest
import snakemake_executor_plugin_slurm as plugin
from conftest import ROOT
from mlflow.exceptions import MlflowException
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

from convnets import workarounds
from convnets.tracking import interface
from convnets.workarounds import for_mlflow, for_snakemake

DECLARED = (*vars(for_snakemake).values(), *vars(for_mlflow).values())
ALL = {one.name: one for one in DECLARED if isinstance(one, workarounds.Workaround)}


@pytest.fixture
def another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every package is installed in a version that no work-around is for."""
    monkeypatch.setattr(workarounds, "version", lambda _: "99.1")
    workarounds._warn.cache_clear()


@pytest.mark.parametrize("name", ALL)
def test_a_work_around_is_for_the_installed_version(name: str) -> None:
    assert ALL[name].applies(), f"{name}: run its test with this version, then extend `versions`, or remove the work-around"


@pytest.mark.usefixtures("another_version")
@pytest.mark.parametrize("name", ALL)
def test_a_work_around_for_another_version_is_left_out_with_one_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    one = ALL[name]
    with caplog.at_level(logging.WARNING):
        assert [one.applies(), one.applies()] == [False, False]
    line = f"work-around {name} is left out: it is for {one.package} {one.versions}, and 99.1 is installed"
    assert [record.getMessage() for record in caplog.records] == [line]


@pytest.mark.usefixtures("another_version")
def test_what_is_left_out_changes_nothing(tmp_path: Path) -> None:
    ask, cancel, attempts = plugin.get_min_job_age, RemoteExecutor.cancel, mlflow.store.db.utils.MAX_RETRY_COUNT
    workflow, client = mock.Mock(), mock.Mock()
    assert not for_snakemake.limit_cores(workflow, 2)
    assert workflow.mock_calls == []
    for_snakemake.refuse_arrays()
    for_snakemake.remember_min_job_age()
    for_snakemake.cancel_all_jobs()
    for_mlflow.connect_once()
    assert (plugin.get_min_job_age, RemoteExecutor.cancel, mlflow.store.db.utils.MAX_RETRY_COUNT) == (ask, cancel, attempts)
    for_mlflow.move_artifacts(tmp_path / "mlflow.db", "file:///old", "file:///new")
    for_mlflow.make_model_folder(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
    client.log_inputs.side_effect = MlflowException("no")
    with pytest.raises(MlflowException):
        for_mlflow.log_inputs(client, "run", [])
    assert client.log_inputs.call_count == 1
    assert interface.views({"depth": "Layers"}, several_seeds=False) == {}
    assert interface.runs_page("1") == "#/experiments/1/runs?workflowType=machine_learning"
    assert interface.curves_page("1", "depth") == "#/experiments/1/runs?compareRunsMode=CHART&workflowType=machine_learning"


def test_the_documentation_describes_the_work_arounds() -> None:
    """Each with the bug, the versions that it is for, and the upstream threads."""
    _, *sections = (ROOT / "docs" / "workarounds.md").read_text(encoding="utf-8").split("\n## ")
    described = [
        re.escape(f"`{one.name}` ") + r"\S.+\. - Versions: " + re.escape(f"{one.package} {one.versions}") for one in ALL.values()
    ]
    upstream = r" - Upstream: (no thread known|<https://\S+>(, <https://\S+>)*)"
    for section, text in zip(sections, described, strict=True):
        assert re.fullmatch(text + upstream, " ".join(section.split())), section
