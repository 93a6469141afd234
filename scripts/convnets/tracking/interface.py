"""MLflow's user interface: the addresses of its pages, what they show, and the descriptions that link them.

Addresses are relative to the interface's root.
"""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from convnets.markdown import plain
from convnets.study.stores import COMPARISON_TAG, Membership
from convnets.workarounds.for_mlflow import VIEW_TAG, VIEWS, saved_view, view_address

# Without this parameter, the user interface opens a page in its view for generative models.
TRAINING_VIEW = "workflowType=machine_learning"
OVERVIEW = "overview"  # the view of all runs
COLUMNS = (
    *("tags.`variant`", "tags.`seed`", "metrics.`best_val_accuracy`", "metrics.`test_accuracy`", "metrics.`min_val_loss`"),
    *("metrics.`final_val_loss`", "metrics.`parameters`", "metrics.`train_seconds`"),
)
CURVES = ("val_loss", "val_accuracy", "train_loss", "train_accuracy")
# The most characters of a tag; the last of very many comparisons are left out. MLflow 3.17 takes 20,000 for an experiment's tag,
# older servers 5,000.
NOTE_LENGTH = 8000
EXPERIMENT_NOTE_LENGTH = 5000
ABOUT = """Image classifiers, one run per variant and seed; the step of every curve is the iteration. Each run's
description says what it differs in and links to its comparisons; its artifacts hold figures, model and files.
"""
SECTIONS = {"step": "Over iterations", "time-relative": "Over time"}


def runs_page(experiment: str) -> str:
    """Return the address of the list of all runs."""
    return f"#/experiments/{experiment}/runs?{view_address(OVERVIEW)}{TRAINING_VIEW}"


def curves_page(experiment: str, comparison: str) -> str:
    """Return the address of the page that draws the learning curves of a comparison's runs."""
    return f"#/experiments/{experiment}/runs?{view_address(comparison)}compareRunsMode=CHART&{TRAINING_VIEW}"


def compare_page(run_ids: Sequence[str], experiment: str) -> str:
    """Return the address of the page that compares the settings and metrics of these runs side by side."""
    runs, experiments = (quote(json.dumps(ids)) for ids in (list(run_ids), [experiment]))
    return f"#/compare-runs?runs={runs}&experiments={experiments}&{TRAINING_VIEW}"


def views(titles: Mapping[str, str], *, several_seeds: bool) -> dict[str, str]:
    """Return the experiment's tags that save a view of all runs, and one of each comparison under its title.

    The interface lists views by name. Several seeds are drawn as their mean, one line per variant.
    """
    if not VIEWS.applies():
        return {}
    group_by, shown = "variant" if several_seeds else None, (COLUMNS, SECTIONS, CURVES)
    found = {OVERVIEW: saved_view("All runs", "", "metrics.`best_val_accuracy`", None, *shown)}
    for name, title in titles.items():
        wanted = f"tags.`{COMPARISON_TAG}{name}` LIKE '%'"
        found[name] = saved_view(title, wanted, "attributes.`run_name`", group_by, *shown)
    return {f"{VIEW_TAG}{name}": view for name, view in found.items()}


def note_of_experiment(titles: Mapping[str, str], experiment: str) -> str:
    """Return the experiment's description, as Markdown. Its first line links to each comparison's curves.

    The interface shows only the first line until it is unfolded, so the links have short names.
    """
    links = [f"[{comparison}]({curves_page(experiment, comparison)})" for comparison in titles]
    named = [f"- {comparison}: {plain(title)}\n" for comparison, title in titles.items()]
    everything = f"[all runs]({runs_page(experiment)})"
    while len(note := f"Compare: {' · '.join([*links, everything])}\n\n{''.join(named)}\n{ABOUT}") > EXPERIMENT_NOTE_LENGTH:
        links.pop()
        named.pop()
    return note


def note_of_run(member: Membership, values: Mapping[str, str], compare: Mapping[str, str], experiment: str, run_id: str) -> str:
    """Return a run's description, as Markdown. `member` is the membership of its variant.

    `values` and `compare` hold, for each comparison that is described, the run's values of the settings that vary in it, and the
    page that shows its runs side by side.
    """
    lines = [f"**{plain(member.label)}**", ""]
    for comparison, given in values.items():
        figure = f"#/experiments/{experiment}/runs/{run_id}/artifacts/figures/{comparison}.svg?{TRAINING_VIEW}"
        links = f"[curves]({curves_page(experiment, comparison)}), [side by side]({compare[comparison]}), [figure]({figure})"
        lines.append(f"- {plain(member.comparisons[comparison])} ({given or 'no setting differs'}): {links}")
    while len("\n".join(lines)) > NOTE_LENGTH:
        lines.pop()
    return "\n".join(lines)
