"""Work-arounds for MLflow: its client, its database store and its user interface.

docs/workarounds.md describes the bugs, with their upstream threads.
"""

import base64
import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from convnets.workarounds import Workaround

MLFLOW = ("mlflow", "==3.17.*")  # the package, and the versions that the work-arounds are for
ATTEMPTS = Workaround("connect_once", *MLFLOW)
ADDRESSES = Workaround("move_artifacts", *MLFLOW)
EXAMPLE = Workaround("make_model_folder", *MLFLOW)
DATASETS = Workaround("log_inputs", *MLFLOW)
VIEWS = Workaround("saved_views", *MLFLOW)

VIEW_TAG = "mlflow.sharedViewState."  # prefix of the experiment tags in which the interface saves views
ADDRESS_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
LEADING_COLUMNS = ("0", "attributes.`Run Name`", "runDateAndNestInfo", "duration")  # the interface's ids
NEVER = '"createdAt": 0,'  # views that a user saves bear the time of saving


def connect_once() -> None:
    """Let MLflow give up a database that is away after one attempt. It makes ten, in 100 seconds."""
    if ATTEMPTS.applies():
        import mlflow.store.db.utils

        mlflow.store.db.utils.MAX_RETRY_COUNT = 1


def move_artifacts(database: Path, old: str, new: str) -> None:
    """Replace the address of the artifacts' folder throughout an SQLite store. No call of MLflow does, so moved ones are lost."""
    if not ADDRESSES.applies():
        return
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in ADDRESS_COLUMNS:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column} || '/', 1, ?) = ?",  # noqa: S608
                (new, len(old) + 1, len(old) + 1, f"{old}/"),
            )


def make_model_folder(folder: Path) -> None:
    """Make the folder into which `mlflow.keras.save_model` is about to write an input example, for which it makes none."""
    if EXAMPLE.applies():
        folder.mkdir()


def log_inputs(client: Any, run_id: str, inputs: Sequence[Any]) -> None:  # noqa: ANN401  (MLflow ships partial types)
    """Log the data sets of a run; if that fails, try again, since another process may have just brought them to the store."""
    from mlflow.exceptions import MlflowException

    try:
        client.log_inputs(run_id, inputs)
    except MlflowException:
        if not DATASETS.applies():
            raise
        client.log_inputs(run_id, inputs)


def saved_view(
    title: str, search: str, order: str, group: str | None, columns: Sequence[str], axes: Mapping[str, str], metrics: Sequence[str]
) -> str:
    """Return a view of the run list with line charts, as the interface saves it.

    It is compressed, since a tag of an experiment holds 5,000 characters. `search` and `order` are written as in the interface's
    search box; numbers are ordered from the highest. `group` is the tag whose runs are drawn as their mean; with None each run
    is drawn. `axes` gives a title to each x axis; below it stands a chart of each of `metrics`.
    """
    mean = {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": group}]}
    of_section = {"display": True, "isReordered": False, "columns": 2, "cardHeight": 360}
    of_chart = {"scaleType": "linear", "lineSmoothness": 0}
    state = {
        "searchFilter": search,
        "orderByKey": order,
        "orderByAsc": not order.startswith("metrics."),
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "selectedColumns": list(columns),
        "columnOrder": [*LEADING_COLUMNS, *columns],  # otherwise all params come before all metrics, and tags last
        "columnWidths": {name: 8 * len(name) + 20 for name in columns},
        "groupBy": mean if group else None,
        "runsPinned": [],
        "runsHidden": [],
        "runsExpanded": {},
        "compareRunSections": [{"uuid": axis, "name": name, **of_section} for axis, name in axes.items()],
        "compareRunCharts": [
            {"type": "LINE", "uuid": f"{axis}-{metric}", "metricSectionId": axis, "xAxisKey": axis, "runsCountToCompare": 20}
            | {"metricKey": metric, "selectedMetricKeys": [metric], "displayName": metric, **of_chart}
            for axis in axes
            for metric in metrics
        ],
        "hideEmptyCharts": True,
    }
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps({"name": title, "createdAt": 0, "updatedAt": 0, "state": f"deflate;{packed}"})


def view_address(key: str) -> str:
    """Return the part of an address that opens a view by its key; empty if views cannot be saved."""
    return f"viewStateShareKey={key}&" if VIEWS.applies() else ""


def saved_here(tags: Mapping[str, str]) -> list[str]:
    """Return the keys of the views among an experiment's tags that this project saved, not a user."""
    return [key.removeprefix(VIEW_TAG) for key, value in tags.items() if key.startswith(VIEW_TAG) and NEVER in value]
