"""Claims about the best of a grid: what is selected, how surely that is judged, and what tables and page say of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import studies
from pages import WRITTEN, material_of, page_of, words
from studies import Values, claim

from convnets.findings import claim_tables, conditions, verdicts, wording
from convnets.findings.verdicts import CONTRADICTED, REPRODUCED, Judgement
from convnets.report import statements
from convnets.runs.run import Run
from convnets.study import configuration

MEMBERS = {"lr": ["lr__a", "lr__b", "lr__c"]}
# Validation and test accuracy of each member and of another variant, by seed.
ACCURACIES = {
    "lr__a": [(0.70, 0.60), (0.70, 0.61), (0.71, 0.62), (0.60, 0.90)],
    "lr__b": [(0.71, 0.65), (0.70, 0.90), (0.70, 0.90), (0.72, 0.66)],
    "lr__c": [(0.60, 0.99), (0.60, 0.99), (0.60, 0.99), (0.71, 0.90)],
    "mlp": [(0.50, 0.50), (0.50, 0.52), (0.50, 0.51), (0.50, 0.55)],
}
RUNS = [
    Values(variant, seed, {"best_val_accuracy": validation, "test_accuracy": test, "min_val_loss": 1 - validation})
    for variant, values in ACCURACIES.items()
    for seed, (validation, test) in enumerate(values, 1)
]


def judged(*quantities: str, runs: list[Any] = RUNS, test: str = "greater", **changes: Any) -> Judgement:
    (judgement,) = verdicts.judge([claim(test, *quantities, **changes).with_members(MEMBERS)], runs)
    return judgement


def test_each_seed_gives_the_value_of_the_member_that_validation_selects() -> None:
    """The first of equals in seed 2; whatever the test accuracies are."""
    judgement = judged("lr.test_accuracy", "mlp.test_accuracy")
    assert conditions.values_of("lr.test_accuracy", judgement.runs) == [0.65, 0.61, 0.62, 0.66]
    assert conditions.values_of("mlp.test_accuracy", judgement.runs) == [0.50, 0.52, 0.51, 0.55]
    assert wording.selected(judgement, judgement.claim.grids[0]) == {"lr__a": 2, "lr__b": 2}
    (finding,) = judgement.findings
    assert finding.estimate.mean == pytest.approx(np.mean([0.15, 0.09, 0.11, 0.11]))
    assert finding.estimate.deviation == pytest.approx(np.std([0.15, 0.09, 0.11, 0.11], ddof=1))
    assert (judgement.verdict, judgement.seeds) == (REPRODUCED, 4)


def test_the_order_of_the_members_decides_between_equals() -> None:
    one = claim("greater", "lr.test_accuracy", "mlp.test_accuracy").with_members({"lr": MEMBERS["lr"][::-1]})
    (judgement,) = verdicts.judge([one], RUNS)
    assert conditions.values_of("lr.test_accuracy", judgement.runs) == [0.65, 0.90, 0.62, 0.66]


def test_a_grid_beside_its_own_member_and_a_printed_number() -> None:
    assert judged("lr.test_accuracy", "lr__a.test_accuracy").seeds == 4
    equals = judged("lr.test_accuracy", test="equals", reported=0.635, margin=0.1)
    assert (equals.verdict, equals.decisive.measured) == (REPRODUCED, pytest.approx(0.635))


def test_only_seeds_that_all_members_have_are_judged() -> None:
    """A selection among fewer members would be another procedure."""
    fewer = [run for run in RUNS if (run.variant, run.seed) != ("lr__c", 4)]
    assert judged("lr.test_accuracy", "mlp.test_accuracy", runs=fewer).seeds == 3


def test_the_note_says_what_was_selected() -> None:
    note = wording.note(judged("lr.test_accuracy", "mlp.test_accuracy"))
    assert note.startswith(
        "test_accuracy: lr 0.6350, mlp 0.5200. lr is the best of the grid lr by validation accuracy, selected in "
    )
    assert "selected in each seed (of 3 members, with the number of seeds: lr__a 2, lr__b 2). Tested as: " in note
    assert "optimistic" not in note


@pytest.mark.parametrize("metric", ["best_val_accuracy", "min_val_loss"])
def test_a_maximum_on_validation_data_is_said_to_be_optimistic(metric: str) -> None:
    note = wording.note(judged(f"lr.{metric}", f"mlp.{metric}"))
    assert "The validation images that select also measure here, so this maximum over the grid is optimistic." in note
    assert "optimistic" not in wording.note(judged("lr.test_accuracy", "mlp.min_val_loss"))
    if metric == "best_val_accuracy":
        assert "of those epochs' weights, test_accuracy: lr 0.6350, mlp 0.5200." in note


def test_the_error_rate_of_claims_about_the_best_of_a_grid() -> None:
    """Selection among members that are all like the other variant shows no difference, but by chance: 5 % in each direction."""
    rng = np.random.default_rng(0)
    found = []
    for values in rng.normal(0.7, 0.01, (400, len(ACCURACIES), 5, 2)):
        runs = [
            Values(variant, seed, {"best_val_accuracy": validation, "test_accuracy": test})
            for variant, own in zip(ACCURACIES, values.tolist(), strict=True)
            for seed, (validation, test) in enumerate(own)
        ]
        found.append(judged("lr.test_accuracy", "mlp.test_accuracy", runs=runs).verdict)
    assert max(found.count(REPRODUCED), found.count(CONTRADICTED)) <= 30  # 20 are expected


def study(config: dict[str, Any], reference: list[Run], metric: str = "test_accuracy") -> tuple[dict[str, Any], list[Run]]:
    """Return a configuration with a grid and a claim about it, and runs of all its variants."""
    config["grids"] = {"lr": {"from": "mlp100", "vary": {"optimizer.learning_rate": [0.001, 0.002]}}}
    config["claims"]["tuned"] = {
        **{"section": "2.3", "statement": "A tuned MLP is better.", "test": "greater"},
        "quantities": [f"lr.{metric}", f"conv3_1x1.{metric}"],
    }
    (mlp,) = (run for run in reference if run.variant == "mlp100")
    members = [
        replace(mlp, variant=name, metrics=replace(mlp.metrics, variant=name))
        for name in ("lr__learning_rate_0p001", "lr__learning_rate_0p002")
    ]
    return config, [*studies.repeated(reference, 3), *studies.repeated(members, 3)]


def test_the_table_and_the_page_say_what_was_selected(config: dict[str, Any], reference: list[Run]) -> None:
    config, runs = study(config, reference)
    found = material_of(config, runs)
    (line,) = (line for line in statements.claim_lines(found, WRITTEN) if line.claim.id == "tuned")
    row = found.tables["claims"].set_index("id").loc["tuned"]
    assert (line.verdict, row["seeds"]) == (CONTRADICTED, 3)
    selected = wording.selected(verdicts.judge([line.claim], runs)[0], line.claim.grids[0])
    assert sum(selected.values()) == 3
    label = "MLP, 100 hidden units, learning rate 0.00"
    counts = "; ".join(f"{label}{name[-1]} ({count})" for name, count in selected.items())
    assert line.basis.en.endswith(f"Selected from the 2 members of lr, with the number of seeds: {counts}.")
    spanish = counts.replace("hidden units", "unidades ocultas")
    assert line.basis.es.replace("0,00", "0.00").endswith(
        f"Elegidas entre las 2 redes de lr, con el número de semillas: {spanish}."
    )
    measured = "best of the grid lr by validation accuracy, selected in each seed \u2212 1x1 head: test accuracy"
    assert line.measures[0].what.en == measured.replace("1x1 head", "3 conv layers, 1x1 head")
    assert "lr is the best of the grid lr by validation accuracy, selected in each seed" in row["note"]
    text = words(page_of(config, runs))
    assert counts in text
    assert "best of the grid lr by validation accuracy, selected in each seed \u2212" in text


def test_the_markdown_table_says_that_a_maximum_is_optimistic(config: dict[str, Any], reference: list[Run]) -> None:
    config, runs = study(config, reference, "final_val_accuracy")
    text = claim_tables.claims_markdown(claim_tables.claims(verdicts.judge(configuration.resolve(config).claims, runs)))
    (note,) = (line for line in text.splitlines() if line.startswith("- **tuned**"))
    assert "so this maximum over the grid is optimistic" in note
