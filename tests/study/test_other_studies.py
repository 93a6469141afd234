"""Other studies in a configuration: what claims and comparisons may name of them, and what is refused."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from finished_runs import write_run
from images import FORMAT

from convnets.errors import InputError
from convnets.report import figures
from convnets.runs import reading
from convnets.study import configuration


@pytest.fixture
def before(model: Path, tmp_path: Path) -> Path:
    """The results of another study: two seeds of an MLP, and a run that is not finished."""
    for seed in (1, 2):
        write_run(tmp_path / "before", model, "mlp", seed, number=seed)
    (write_run(tmp_path / "before", model, "cnn").folder / "stamp.json").unlink()
    return tmp_path / "before"


def study(
    config: dict[str, Any], before: Path, quantity: str = "before:mlp.test_accuracy", drawn: str = "before:mlp"
) -> dict[str, Any]:
    config["studies"] = {"before": str(before)}
    quantities = ["mlp100.test_accuracy", quantity]
    config["claims"] = {"mine": {"section": "x", "statement": "x", "test": "greater", "quantities": quantities}}
    config["comparisons"] = {"both": {"title": "Both", "variants": ["mlp100", drawn], "rows": [["validation"]]}}
    return config


def test_claims_and_comparisons_name_its_finished_runs(config: dict[str, Any], before: Path) -> None:
    resolved = configuration.resolve(study(config, before))
    assert resolved.variants_elsewhere() == ["before:mlp"]
    assert reading.runs_elsewhere(["before:mlp", "mlp100"], resolved.studies) == [
        before / "runs" / "mlp" / f"seed{seed}" for seed in (1, 2)
    ]
    members = {member.variant: member.label for member in resolved.comparisons["both"].members}
    assert members == {"mlp100": config["variants"]["mlp100"]["label"], "before:mlp": "mlp (before)"}
    assert set(resolved.plan.members) == set(config["variants"])  # its runs are not tracked with these


def test_a_comparison_may_label_and_colour_them(config: dict[str, Any], before: Path) -> None:
    given = study(config, before)
    given["comparisons"]["both"] |= {"labels": {"before:mlp": "MLP of 2021"}, "colors": {"before:mlp": "red"}}
    member = configuration.resolve(given).comparisons["both"].members[1]
    assert (member.label, member.colors["validation"]) == ("MLP of 2021", "#D55E00")


@pytest.mark.parametrize(
    ("quantity", "drawn", "words"),
    [
        ("bevore:mlp.test_accuracy", "before:mlp", "names the study 'bevore', which is not among studies; did you mean before?"),
        ("before:mpl.test_accuracy", "before:mlp", "studies.before has no finished run of 'mpl'; did you mean mlp?"),
        ("before:cnn.test_accuracy", "before:mlp", "studies.before has no finished run of 'cnn'"),
        ("before:mlp.accuracy", "before:mlp", "claims.mine.quantities.1 names 'accuracy', which is no metric"),
        ("before:mlp.test_accuracy", "before:cnn", "comparisons.both.variants names 'before:cnn', but studies.before"),
    ],
)  # fmt: skip
def test_what_it_has_not_is_refused(quantity: str, drawn: str, words: str, config: dict[str, Any], before: Path) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        configuration.resolve(study(config, before, quantity, drawn))


def test_a_folder_without_finished_runs(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"studies\.before is .*/nothing, which holds no finished runs"):
        configuration.resolve(study(config, tmp_path / "nothing"))


def test_a_folder_that_is_named_twice(config: dict[str, Any], before: Path) -> None:
    given = study(config, before)
    given["studies"]["again"] = f"{before}/."
    with pytest.raises(InputError, match=r"studies\.again is the folder of studies\.before; name each folder once"):
        configuration.resolve(given)


def test_its_runs_are_read_with_the_settings_of_their_stamps(before: Path) -> None:
    folders = reading.runs_elsewhere(["before:mlp"], {"before": before})
    found = reading.read_elsewhere(folders, {"before": str(before)}, FORMAT)
    assert [(run.variant, run.seed) for run in found] == [("before:mlp", 1), ("before:mlp", 2)]
    assert found[0].settings.training.batch_size == 32
    assert found[0].images == FORMAT
    (folders[0] / "stamp.json").write_text("{}")
    with pytest.raises(InputError, match=r"the settings of .*/mlp/seed1 cannot be read"):
        reading.read_elsewhere(folders, {"before": str(before)}, FORMAT)


def test_curves_of_both_stand_under_their_names(before: Path, model: Path, tmp_path: Path) -> None:
    own = write_run(tmp_path / "own", model, "mlp").folder
    folders = [own, *reading.runs_elsewhere(["before:mlp"], {"before": before})]
    found = figures.read_curves(folders, {"before": f"{before}/"})
    assert {name: curves.runs for name, curves in found.items()} == {"mlp": 1, "before:mlp": 2}
    assert found["mlp"].mean["val_loss"].tolist() == pd.read_csv(own / "history.csv")["val_loss"].tolist()
