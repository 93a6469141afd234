"""`make freeze`: what is written, what is refused, and which changes after it are found."""

import json
import shutil
from pathlib import Path

import commands
import pytest
import yaml
from frozen_studies import DIGITS, FILE, IDS, Edit, Study, claims, digits, edited, freeze

from convnets.errors import InputError
from convnets.findings import frozen
from convnets.study import configuration
from convnets.study.claims import Claim
from convnets.workflow import freezing

VARYING = IDS[:2]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    return digits(tmp_path)


def standing(study: Study) -> frozen.Standing:
    found = freezing.standing(configuration.resolve(study))
    assert found
    return found


def test_what_is_written_is_unchanged_until_something_changes(study: Study) -> None:
    assert freezing.standing(configuration.resolve(study)) is None
    assert freeze(study) == f"claims frozen: 3, to be judged by seeds 1 to 3; commit {FILE} before the runs"
    written = Path(FILE).read_text(encoding="utf-8")
    found = json.loads(written)
    assert found["seeds"] == [1, 2, 3]
    assert set(found["claims"]) == set(IDS)
    assert found["claims"]["tuning_helps_little"]["margin"] == 0.03
    assert found["claims"]["tuning_helps_little"]["judged_together"] == 2
    assert "seeds" not in found["claims"]["fewer_parameters"]
    kept = standing(study)
    assert (dict(kept.marks), kept.differences) == (dict.fromkeys(IDS, "yes"), [])
    assert (
        kept.described
        == f"Claims were frozen on {kept.time}{f' at commit {kept.commit}' if kept.commit else ''}; 3 of 3 are unchanged since."
    )
    assert freeze(study).startswith(f"nothing to do: {FILE} holds these claims and seeds")
    assert Path(FILE).read_text(encoding="utf-8") == written


CHANGES: dict[str, tuple[Edit, tuple[str, ...], str]] = {
    "margin": (lambda one: claims(one)[IDS[1]].update(margin=0.02), IDS[1:2], "margin 0.02 (frozen: 0.03)"),
    "statement": (lambda one: claims(one)[IDS[0]].update(statement="More."), IDS[:1], 'statement "More." (frozen: "The residual'),
    "test": (lambda one: claims(one)[IDS[2]].update(test="greater"), IDS[2:], 'test "greater" (frozen: "less")'),
    "quantities": (
        lambda one: claims(one)[IDS[2]].update(quantities=["resnet.epochs", "mlp.epochs"]),
        IDS[2:],
        'quantities ["resnet.epochs", "mlp.epochs"] (frozen: ["resnet.parameters", "mlp.parameters"])',
    ),
    "target": (lambda one: claims(one)[IDS[1]].update(target=0.1), IDS[1:2], "target 0.1 (frozen: 0)"),
    "members of a grid": (
        lambda one: one["grids"]["width"]["vary"].update({"arguments.width": [8, 24, 32]}),
        IDS[1:2],
        "network width__width_32",
    ),
    "settings of a network": (lambda one: one["variants"]["mlp"].update(dense_units=[64]), (IDS[0], IDS[2]), "network mlp"),
    "data": (lambda one: one["dataset"].update(validation_fraction=0.3), IDS, "data"),
    "seeds": (lambda one: one.update(seeds=[1, 2]), VARYING, "seeds 1, 2 (frozen: 1 to 3)"),
    "looks": (lambda one: one.update(seeds={"from": 1, "looks": [2, 3], "look": 2}), VARYING, "looks [2, 3] (frozen: [])"),
    "claims judged together": (lambda one: claims(one).pop(IDS[0]), IDS[1:2], "claims judged together 1 (frozen: 2)"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_that_can_change_a_verdict_is_marked(name: str, study: Study) -> None:
    freeze(study)
    edit, changed, words = CHANGES[name]
    found = standing(edited(study, edit))
    assert tuple(claim for claim in IDS if found.marks.get(claim) == "changed") == changed
    assert all(words in found.changes[claim] for claim in changed)
    assert found.differences


def test_each_field_of_a_claim_is_a_term_or_known_to_decide_nothing(study: Study) -> None:
    decide_nothing = {"id", "section", "original", "erratum", "order"}
    assert set(Claim.model_fields) == {*freezing.WORDS, "reported", "grids", *decide_nothing}
    freeze(edited(study, lambda one: claims(one)[IDS[2]].update(test="equals", quantities=["mlp.parameters"], reported=7210)))
    found = standing(
        edited(study, lambda one: claims(one)[IDS[2]].update(test="equals", quantities=["mlp.parameters"], reported=7))
    )
    assert found.changes == {IDS[2]: "reported [7] (frozen: [7210])"}


def test_the_code_of_an_own_network_counts_and_its_comments_do_not(study: Study) -> None:
    freeze(study)
    file, text = Path("networks.py"), Path("networks.py").read_text(encoding="utf-8")
    file.write_text(f"{text}\n# A comment.\n", encoding="utf-8")
    assert standing(study).differences == []
    file.write_text(f"{text}\nWIDER = 3\n", encoding="utf-8")
    assert standing(study).changes["fewer_parameters"] == "network resnet"


def test_what_changes_no_verdict_is_not_marked(study: Study) -> None:
    freeze(study)

    def edit(one: Study) -> None:
        claims(one)[IDS[0]].update(section="Elsewhere", order=7, reported=0.1, original="Mejor.")
        one["variants"]["mlp"]["label"] = "perceptron"
        one["comparisons"].clear()
        one["title"] = "Another title"

    assert standing(edited(study, edit)).differences == []


def test_added_and_removed_claims_and_other_seeds_are_named(study: Study) -> None:
    freeze(study)

    def edit(one: Study) -> None:
        claims(one)["late"] = claims(one).pop(IDS[2])
        one["seeds"] = [3, 4, 5]

    found = standing(edited(study, edit))
    assert (found.marks["late"], found.removed, found.seeds) == ("added", (IDS[2],), "3 to 5 (frozen: 1 to 3)")
    assert found.differences[0] == "other seeds: 3 to 5 (frozen: 1 to 3)"
    assert found.differences[-2:] == ["added after: late", f"removed after: {IDS[2]}"]


def test_of_a_study_without_the_seeds_frozen_nothing_was(study: Study) -> None:
    """Nor is it compared: it is another study, as a first look at few images is."""
    freeze(study)
    found = standing(edited(study, lambda one: (one.update(seeds=[4, 5]), claims(one)[IDS[1]].update(margin=0.02))))
    assert (set(found.marks.values()), found.changes, found.removed) == ({"other seeds"}, {}, ())
    assert found.differences == ["other seeds: 4, 5 (frozen: 1 to 3)"]
    assert found.described.endswith(", but for other seeds than these.")


def test_the_next_planned_look_changes_nothing(study: Study) -> None:
    study["seeds"] = {"from": 11, "looks": [2, 4], "look": 1}
    assert "judged by seeds 11 to 14;" in freeze(study)
    study["seeds"]["look"] = 2
    assert standing(study).differences == []
    study["seeds"]["looks"] = [2, 6]
    assert standing(study).seeds == "11 to 16 in looks of 2, 6 (frozen: 11 to 14 in looks of 2, 4)"


def test_claims_are_not_frozen_after_their_runs(study: Study, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    other = tmp_path / "results" / "runs" / "mlp" / "seed7"
    shutil.copytree(DIGITS / "baseline" / "runs" / "mlp" / "seed1", other)
    run = other.rename(other.with_name("seed3"))
    done = commands.run("freeze_claims", "config.yaml", cwd=tmp_path)
    commands.assert_one_line(done, "there already (1, such as results/runs/mlp/seed3)", "choose seeds that have no runs yet")
    run.rename(other)
    begun = tmp_path / "results" / "unfinished" / "resnet-seed1"
    begun.mkdir(parents=True)
    (begun / "begun.json").write_text("{}")
    with pytest.raises(InputError, match="such as results/unfinished/resnet-seed1"):
        freeze(study)
    shutil.rmtree(begun)
    with pytest.raises(InputError, match="there already"):
        freeze({**study, "runs_from": str(DIGITS / "baseline")})
    assert not Path(FILE).exists()
    assert commands.run("freeze_claims", "config.yaml", cwd=tmp_path).returncode == 0


def test_what_was_frozen_is_kept(study: Study) -> None:
    freeze(study)
    written = Path(FILE).read_bytes()
    with pytest.raises(InputError, match=r"holds other claims or seeds.*margin 0\.02 \(frozen: 0\.03\).*To begin anew"):
        freeze(edited(study, lambda one: claims(one)[IDS[1]].update(margin=0.02)))
    assert Path(FILE).read_bytes() == written
    with pytest.raises(InputError, match="no claims to freeze"):
        freeze({**study, "claims": {}})


@pytest.mark.parametrize(("old", "new", "words"), [("0.03", "0.02", "was edited after"), ("{", "", "is no file of `make freeze`")])
def test_a_file_that_was_edited_is_refused(old: str, new: str, words: str, study: Study) -> None:
    freeze(study)
    Path(FILE).write_text(Path(FILE).read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=f"{FILE} {words}.*git checkout -- {FILE}"):
        standing(study)
