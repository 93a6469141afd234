"""The gate: what passes, what does not, and how often it is wrong."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from finished_runs import write_run
from images import FORMAT
from measured import OTHER, Measured, runs
from studies import claim

from convnets.findings import gate, verdicts
from convnets.findings.gate import FLIPPED, GAINED, LEFT_OUT, LOST, SAME, Row
from convnets.runs import reading

BETTER = claim("greater", "cnn.test_accuracy", "mlp.test_accuracy")
MLP, CNN = [0.50, 0.51, 0.52, 0.505, 0.515], [0.70, 0.712, 0.721, 0.70, 0.71]
TRIALS = 2_000


def row(here: list[Measured], there: list[Measured]) -> Row:
    (found,) = gate.compare([BETTER], here, there)
    return found


def test_the_same_study_passes() -> None:
    study = [*runs("mlp", MLP), *runs("cnn", CNN)]
    found = row(study, study)
    assert (found.outcome, found.passes, found.baseline, found.difference) == (SAME, True, "reproduced", 0.0)


def test_a_verdict_that_flips_does_not_pass() -> None:
    found = row([*runs("mlp", CNN), *runs("cnn", MLP)], [*runs("mlp", MLP), *runs("cnn", CNN)])
    assert (found.baseline, found.verdict, found.outcome, found.passes) == ("reproduced", "contradicted", FLIPPED, False)
    assert found.difference == pytest.approx(2 * (np.mean(MLP) - np.mean(CNN)))
    assert found.p is not None
    assert found.p < 0.001
    assert "FAILS: a_claim: flipped, reproduced -> contradicted; difference -0.3972, p < 0.0001" in gate.summary([found], (0, 5))
    assert gate.summary([found], (5, 5)).startswith("other verdicts: 1 claims, 1 flipped; 5 of 5 runs")


def test_a_verdict_that_is_lost_passes_where_the_studies_do_not_differ() -> None:
    """Two seeds with a wide spread decide nothing, and differ from nothing."""
    found = row([*runs("mlp", [0.4, 0.6], 11), *runs("cnn", [0.65, 0.75], 11)], [*runs("mlp", MLP), *runs("cnn", CNN)])
    assert (found.verdict, found.outcome, found.passes, found.note) == ("inconclusive", LOST, True, "within chance")


def test_a_verdict_that_is_lost_by_a_significant_difference_does_not_pass() -> None:
    equal = [value + 0.003 * (-1) ** index for index, value in enumerate(MLP)]
    found = row([*runs("mlp", MLP), *runs("cnn", equal)], [*runs("mlp", MLP), *runs("cnn", CNN)])
    assert (found.verdict, found.outcome, found.passes) == ("inconclusive", LOST, False)


def test_a_verdict_that_is_gained_passes() -> None:
    found = row([*runs("mlp", MLP), *runs("cnn", CNN)], [*runs("mlp", MLP[:1]), *runs("cnn", CNN[:1])])
    assert (found.outcome, found.passes) == (GAINED, True)


def test_times_never_count_and_what_the_baseline_lacks_is_named() -> None:
    faster = claim("less", "cnn.train_seconds", "mlp.train_seconds", id="faster")
    other = claim("greater", "before:mlp.test_accuracy", "mlp.test_accuracy", id="other")
    wider = claim("greater", "wide.test_accuracy", "mlp.test_accuracy", id="wider")
    study = [*runs("mlp", MLP), *runs("cnn", CNN), *runs("wide", CNN), *runs("before:mlp", CNN)]
    found = gate.compare([faster, other, wider, BETTER], study, [*runs("mlp", MLP), *runs("cnn", CNN)])
    assert [one.outcome for one in found] == [LEFT_OUT] * 3 + [SAME]
    assert [one.note for one in found[:3]] == [
        "it is about times",
        "it is about another study",
        "the baseline has no finished run of wide",
    ]
    assert all(one.passes for one in found)


def test_an_exact_claim_flips_by_its_number_alone() -> None:
    fewer = claim("less", "cnn.parameters", "mlp.parameters")

    def study(count: float) -> list[Measured]:
        return [*runs("mlp", [10.0]), *runs("cnn", [count])]

    (found,) = gate.compare([fewer], study(11), study(9))
    assert (found.outcome, found.passes, found.p) == (FLIPPED, False, None)


def test_runs_that_share_seeds_and_data_are_compared_seed_by_seed() -> None:
    study = [*runs("mlp", MLP), *runs("cnn", CNN)]
    shifted = [*runs("mlp", MLP), *runs("cnn", [value - 0.001 * seed for seed, value in enumerate(CNN, 1)])]
    paired = row(shifted, study).p
    independent = row([*runs("mlp", MLP, data=OTHER), *runs("cnn", [one.accuracy for one in shifted[5:]], data=OTHER)], study).p
    assert paired is not None
    assert independent is not None
    assert paired < independent


def test_verdicts_are_as_strict_as_among_all_claims_of_the_study() -> None:
    """Nine of ten claims are about a network that the baseline lacks; the tenth would be shown if it were the only one."""
    close = [value + 0.004 * (1 + 2 * (seed % 2)) for seed, value in enumerate(MLP)]
    study = [*runs("mlp", MLP), *runs("cnn", close), *runs("new", CNN)]
    claims = [BETTER, *(claim("greater", "new.test_accuracy", "mlp.test_accuracy", id=f"new_{n}") for n in range(9))]
    verdicts_of_study = {one.claim.id: one.verdict for one in verdicts.judge(claims, study)}
    found = {one.claim: one for one in gate.compare(claims, study, [*runs("mlp", MLP), *runs("cnn", close)])}
    assert verdicts.judge([BETTER], study)[0].verdict == "reproduced"
    assert found["a_claim"].verdict == verdicts_of_study["a_claim"] == "inconclusive"


def test_one_seed_tests_nothing_and_the_note_says_so() -> None:
    found = row([*runs("mlp", [0.5]), *runs("cnn", [0.1])], [*runs("mlp", MLP), *runs("cnn", CNN)])
    assert (found.outcome, found.passes, found.ci_low) == (LOST, True, None)
    assert found.note == "not testable: that takes two seeds, which differ"


def test_a_metric_that_older_histories_lack_leaves_its_claim_out_alone(model: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path, model).folder
    now = reading.read_elsewhere([folder], {}, FORMAT)
    (folder / "history.csv").write_text(_without_evaluation((folder / "history.csv").read_text()))
    before = reading.read_elsewhere([folder], {}, FORMAT)
    (name,) = {run.variant for run in now}
    lacking = claim("greater", f"{name}.final_train_eval_loss", target=0.1, id="lacking")
    there = claim("greater", f"{name}.test_accuracy", target=0.1, id="there")
    found = {one.claim: one for one in gate.compare([lacking, there], now, before)}
    assert (found["lacking"].outcome, found["there"].outcome) == (LEFT_OUT, SAME)
    assert "has no final_train_eval_loss" in found["lacking"].note


@pytest.mark.parametrize("effect", [0.0, 0.01, 0.03])
def test_a_reseeded_study_of_the_same_truth_passes(effect: float) -> None:
    """Of three claims whose truth is the same in both studies, in at least 95 % of cases, whatever the effect."""
    rng = np.random.default_rng(5)
    three = [claim("greater", f"{name}.test_accuracy", "mlp.test_accuracy", id=name) for name in ("a", "b", "c")]
    means = {"mlp": 0.7, "a": 0.7 + effect, "b": 0.7 - effect, "c": 0.7 + 2 * effect}

    def study(first: int) -> list[Measured]:
        return [run for name, mean in means.items() for run in runs(name, rng.normal(mean, 0.01, 5).tolist(), first)]

    failed = sum(not all(found.passes for found in gate.compare(three, study(1), study(11))) for _ in range(TRIALS))
    assert failed / TRIALS <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIALS)


def test_runs_are_the_same_bits_by_weights_history_and_evaluation(model: Path, tmp_path: Path) -> None:
    folders = []
    for name in ("here", "there"):
        folder = write_run(tmp_path / name, model, train_seconds=1.0 if name == "here" else 2.0).folder
        record = json.loads((folder / "record.json").read_text())
        (folder / "record.json").write_text(json.dumps({**record, "weights": ["a", "b", "c"]}))
        folders.append(folder)

    def bits() -> tuple[int, int]:
        here, there = (reading.read_elsewhere([folder], {}, FORMAT) for folder in folders)
        return gate.same_bits(here, there)

    assert bits() == (1, 1)
    text = (folders[1] / "history.csv").read_text()
    (folders[1] / "history.csv").write_text(text.replace("0.05,0.5", "0.06,0.5"))
    assert bits() == (0, 1)
    (folders[1] / "history.csv").write_text(_without_evaluation(text))
    assert bits() == (1, 1)
    assert gate.summary([], (1, 1)).startswith("the same bits")
    assert gate.summary([], (0, 1)).startswith("the same verdicts, up to chance")


def test_an_epoch_in_the_middle_counts_as_any_other(model: Path, tmp_path: Path) -> None:
    """One that is neither the best nor among the last, of which a run keeps its validation alone."""
    folders = [write_run(tmp_path / name, model, count=12).folder for name in ("here", "there")]
    for folder, loss in zip(folders, ("5.0", "6.0"), strict=True):
        record = json.loads((folder / "record.json").read_text())
        (folder / "record.json").write_text(json.dumps({**record, "weights": list("abcdefghijkl")}))
        head, first, second, *rows = (folder / "history.csv").read_text().splitlines()
        cells = second.split(",")
        cells[4:6] = [loss, "0.01"]
        (folder / "history.csv").write_text("\n".join([head, first, ",".join(cells), *rows]) + "\n")
    here, there = (reading.read_elsewhere([folder], {}, FORMAT) for folder in folders)
    assert gate.same_bits(here, there) == (0, 1)
    assert gate.same_bits(here, here) == (1, 1)


def _without_evaluation(history: str) -> str:
    """Return a history without the columns that older ones lack."""
    return "".join(",".join(row.split(",")[:-2]) + "\n" for row in history.splitlines())
