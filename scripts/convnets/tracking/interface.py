"""MLflow's user interface: the addresses of its pages, what they show, and the descriptions that link them.

Addresses are relative to the interface's root. A view of the run list (columns, order, charts) is a tag of the experiment, in the
format that the interface itself writes when a user shares a view (read from MLflow 3.17).
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from convnets.study.stores import COMPARISON_TAG

# The user interface opens in its view for generative models unless an address says otherwise.
TRAINING_VIEW = "workflowType=machine_learning"
VIEW_TAG = "mlflow.sharedViewState."
OVERVIEW = "overview"  # the view of all runs
COLUMNS = (
    *("tags.`variant`", "tags.`seed`", "metrics.`best_val_accuracy`", "metrics.`test_accuracy`", "metrics.`min_val_loss`"),
    *("metrics.`final_val_loss`", "metrics.`parameters`", "metrics.`train_seconds`"),
)
LEADING = ("0", "attributes.`Run Name`", "runDateAndNestInfo", "duration")  # the interface's ids of what stands before them
CURVES = ("val_loss", "val_accuracy", "train_loss", "train_accuracy")
NOTE_LENGTH = 8000  # what a tag of a run holds; a run in very many comparisons names the first of them
SECTIONS = {"step": "Over iterations", "time-relative": "Over time"}


def runs_page(experiment: str) -> str:
    """Return the address of the list of all runs."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={OVERVIEW}&{TRAINING_VIEW}"


def curves_page(experiment: str, comparison: str) -> str:
    """Return the address of the page that draws the learning curves of a comparison's runs."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={comparison}&compareRunsMode=CHART&{TRAINING_VIEW}"


def compare_page(run_ids: Sequence[str], experiment: str) -> str:
    """Return the address of the page that sets these runs side by side, setting by setting and metric by metric."""
    runs, experiments = (quote(json.dumps(ids)) for ids in (list(run_ids), [experiment]))
    return f"#/compare-runs?runs={runs}&experiments={experiments}&{TRAINING_VIEW}"


def figure_page(experiment: str, run_id: str, comparison: str) -> str:
    """Return the address of a comparison's figure among a run's artifacts."""
    return f"#/experiments/{experiment}/runs/{run_id}/artifacts/figures/{comparison}.svg?{TRAINING_VIEW}"


def views(titles: Mapping[str, str], *, several_seeds: bool) -> dict[str, str]:
    """Return the tags of the experiment that hold the view of all runs and one of each comparison, by its title.

    The interface offers them by name in its list of views. Several seeds are drawn as their mean, one line per variant.
    """
    grouped = {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": "variant"}]}
    found = {OVERVIEW: ("All runs", _view("", "metrics.`best_val_accuracy`", ascending=False, group_by=None))}
    for name, title in titles.items():
        wanted = f"tags.`{COMPARISON_TAG}{name}` LIKE '%'"
        view = _view(wanted, "attributes.`run_name`", ascending=True, group_by=grouped if several_seeds else None)
        found[name] = (title, view)
    return {f"{VIEW_TAG}{name}": _named(title, view) for name, (title, view) in found.items()}


def _named(title: str, view: Mapping[str, Any]) -> str:
    """Return a view as the interface saves it under a name; compressed, since a tag of an experiment holds 5,000 characters."""
    packed = base64.b64encode(zlib.compress(json.dumps(view).encode())).decode()
    return json.dumps({"name": title, "createdAt": 0, "updatedAt": 0, "state": f"deflate;{packed}"})


def _view(search: str, order: str, *, ascending: bool, group_by: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a view of the run list, with charts of the learning curves over iterations and over time."""
    sections = [
        {"uuid": axis, "name": name, "display": True, "isReordered": False, "columns": 2, "cardHeight": 360}
        for axis, name in SECTIONS.items()
    ]
    charts = [
        {"type": "LINE", "uuid": f"{axis}-{metric}", "metricSectionId": axis, "xAxisKey": axis, "runsCountToCompare": 20}
        | {"metricKey": metric, "selectedMetricKeys": [metric], "displayName": metric, "scaleType": "linear", "lineSmoothness": 0}
        for axis in SECTIONS
        for metric in CURVES
    ]
    return {
        "searchFilter": search,
        "orderByKey": order,
        "orderByAsc": ascending,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "selectedColumns": list(COLUMNS),
        "columnOrder": [*LEADING, *COLUMNS],  # otherwise all params come before all metrics, and tags last
        "columnWidths": {name: 8 * len(name) + 20 for name in COLUMNS},
        "groupBy": group_by,
        "runsPinned": [],
        "runsHidden": [],
        "runsExpanded": {},
        "compareRunSections": sections,
        "compareRunCharts": charts,
        "hideEmptyCharts": True,
    }


def note_of_experiment(titles: Mapping[str, str], experiment: str) -> str:
    """Return the experiment's description, as Markdown: first of all a link to each comparison's curves.

    The interface shows its first line alone, until somebody unfolds it: the links have short names, so that all of them are there.
    """
    links = " · ".join(f"[{comparison}]({curves_page(experiment, comparison)})" for comparison in titles)
    named = "".join(f"- {comparison}: {title}\n" for comparison, title in titles.items())
    return (
        f"Compare: {links} · [all runs]({runs_page(experiment)})\n\n{named}\n"
        "Convolutional networks on CIFAR-10, one run per variant and seed; the step of every curve is the iteration. Each run's\n"
        "description says what it differs in and links to its comparisons; its artifacts hold figures, model and files.\n"
    )


def note_of_run(
    label: str, titles: Mapping[str, str], differences: Mapping[str, str], compare: Mapping[str, str], experiment: str, run_id: str
) -> str:
    """Return a run's description, as Markdown.

    Parameters
    ----------
    label
        Of its variant.
    titles, differences, compare
        For each comparison that it belongs to: its title, what the run has otherwise than others in it, and the page that sets
        its runs side by side.
    experiment, run_id
        Where it is tracked.
    """
    lines = [f"**{label}**", ""]
    for comparison, title in titles.items():
        links = {
            "curves": curves_page(experiment, comparison),
            "side by side": compare[comparison],
            "figure": figure_page(experiment, run_id, comparison),
        }
        shown = ", ".join(f"[{name}]({address})" for name, address in links.items())
        lines.append(f"- {title} ({differences[comparison] or 'no setting differs'}): {shown}")
    while len("\n".join(lines)) > NOTE_LENGTH:
        lines.pop()
    return "\n".join(lines)
