"""Tables, page and `make why` mark what changed after claims were frozen."""

import csv
from pathlib import Path

import commands
import jobs
import pages
import pytest
import yaml
from frozen_studies import DIGITS, FILE, IDS, Study, claims, dated, digits, edited, freeze

from convnets.workflow.frame import Job
from convnets.workflow.steps import Steps


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    return digits(tmp_path)


def given(study: Study) -> Study:
    """Return the study with the committed runs, which are older than any freeze of a test."""
    return {**study, "runs_from": str(DIGITS / "baseline")}


def column(job: Job) -> dict[str, str]:
    with job.output("csv").open(newline="", encoding="utf-8") as file:
        return {row["id"]: row["frozen"] for row in csv.DictReader(file)}


def test_the_table_of_claims_marks_them(study: Study, tmp_path: Path) -> None:
    job = jobs.make("tabulate_claims", given(study), tmp_path)
    before = job.output("markdown").read_text(encoding="utf-8")
    assert column(job) == dict.fromkeys(IDS, "")
    assert "rozen" not in before
    freeze(study)
    late = jobs.make("tabulate_claims", given(study), tmp_path).output("markdown").read_text(encoding="utf-8")
    assert "- runs that began before: mlp/seed1, mlp/seed2, mlp/seed3, 9 others\n" in late
    dated("2026-01-01T00:00:00+00:00")
    job = jobs.make("tabulate_claims", given(study), tmp_path)
    assert column(job) == dict.fromkeys(IDS, "yes")
    after = job.output("markdown").read_text(encoding="utf-8")
    assert "3 of 3 are unchanged since.\n\n| section" in after
    assert "began before" not in after
    changed = edited(given(study), lambda one: (claims(one)[IDS[1]].update(margin=0.02), claims(one).pop(IDS[2])))
    job = jobs.make("tabulate_claims", changed, tmp_path)
    assert column(job) == {IDS[0]: "yes", IDS[1]: "changed"}
    assert (
        f"- changed after: {IDS[1]}: margin 0.02 (frozen: 0.03)\n- removed after: {IDS[2]}\n" in job.output("markdown").read_text()
    )


def test_the_page_marks_them(study: Study, tmp_path: Path) -> None:
    freeze(study)
    dated("2026-01-01T00:00:00+00:00")

    def edit(one: Study) -> None:
        claims(one)["late"] = claims(one).pop(IDS[2])
        claims(one)[IDS[1]]["margin"] = 0.02

    changed = edited(given(study), edit)
    steps = jobs.steps_of(changed, tmp_path)
    for rule in ("tabulate_variants", "tabulate_convergence", "tabulate_claims", "plot_comparison/networks"):
        jobs.done(steps[rule], tmp_path)
    text = pages.words(jobs.done(steps["write_overview"], tmp_path).output("html").read_text(encoding="utf-8"))
    assert "seeds were frozen on 2026-01-01 at commit" in text
    assert ": 1 of 3 claims are unchanged since." in text
    assert f"Changed after it was frozen : {IDS[1]}" in text
    assert "Changed after it was frozen : margin 0.02 (frozen: 0.03)" in text
    assert "Added after the others were frozen : late" in text
    assert f"Removed after it was frozen : {IDS[2]}" in text
    assert "Other seeds than those frozen" not in text


def test_a_study_of_other_seeds_says_so_once(study: Study, tmp_path: Path) -> None:
    freeze(edited(study, lambda one: one.update(seeds=[11, 12])))
    steps = jobs.steps_of(given(study), tmp_path)
    for rule in ("tabulate_variants", "tabulate_convergence", "plot_comparison/networks"):
        jobs.done(steps[rule], tmp_path)
    table = jobs.done(steps["tabulate_claims"], tmp_path)
    assert column(table) == dict.fromkeys(IDS, "other seeds")
    assert "but for other seeds than these.\n- other seeds: 1 to 3 (frozen: 11, 12)\n" in table.output("markdown").read_text()
    text = pages.words(jobs.done(steps["write_overview"], tmp_path).output("html").read_text(encoding="utf-8"))
    assert text.count("but for other seeds than these.") == 1
    assert "Changed after" not in text


def test_only_what_shows_claims_is_stale_when_they_are_frozen(study: Study, tmp_path: Path) -> None:
    def fingerprints(steps: Steps) -> dict[str, str]:
        return {key: step.fingerprint for key, step in steps.all.items()}

    before = fingerprints(jobs.steps_of(study, tmp_path))
    freeze(study)
    steps = jobs.steps_of(study, tmp_path)
    moved = {key for key, value in fingerprints(steps).items() if before[key] != value}
    assert moved == {"tabulate_claims", "write_overview"}
    assert all(steps[key].inputs["frozen"] == (FILE,) for key in moved)
    said = commands.run("explain_steps", "config.yaml", cwd=tmp_path).stdout
    assert "3 of 3 are unchanged since.\n" in said
    changed = edited(study, lambda one: one.update(seeds=[1, 2]))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
    assert "other seeds: 1, 2 (frozen: 1 to 3)\n" in commands.run("explain_steps", "config.yaml", cwd=tmp_path).stdout
