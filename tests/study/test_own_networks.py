"""What planning refuses of networks of the user's own, and what it knows of their cost."""

import json
from pathlib import Path
from typing import Any

import pytest
from finished_runs import write_run

from convnets.errors import InputError
from convnets.networks import formulas
from convnets.study import configuration

FILE = """import keras
from functools import partial


def network(shape, classes, **given):
    raise NotImplementedError  # it is not built to plan


def narrow(shape, classes, width=8, *, depth=1):
    raise NotImplementedError


def by_place(shape, classes, /, width=8):
    raise NotImplementedError


deep = partial(narrow, depth=9)
"""


def config_of(folder: Path, variant: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    (folder / "mine.py").write_text(FILE)
    own = {"label": "own", "network": f"{folder}/mine.py:network", **(variant or {})}
    return {"variants": {"own": own, "plain": {"label": "plain"}}, "pathvars": {"results": str(folder)}, **more}


def quantity(metric: str) -> dict[str, Any]:
    quantities = [f"own.{metric}", f"plain.{metric}"]
    return {"claims": {"a": {"section": "1", "statement": "It has less.", "test": "less", "quantities": quantities}}}


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no function": ({"network": "mine.py"}, {}, r"variants\.own\.network is 'mine\.py'; it is written FILE\.py:FUNCTION"),
    "no file": ({"network": "none.py:f"}, {}, r"variants\.own\.network names none\.py, which does not exist in /"),
    "filters beside it": ({"filters": [8]}, {}, r"variants\.own\.filters has no effect with a network of your own; remove it"),
    "arguments alone": ({"network": "", "arguments": {"a": 1}}, {}, r"variants\.own\.arguments has no effect without variants"),
    "a claim about its head": ({}, quantity("head_parameters"), r"a network of your own has no head_parameters, only parameters"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    variant, more, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        configuration.resolve(config_of(tmp_path, variant, **more))


@pytest.mark.parametrize(
    ("name", "text", "message"), [("a-b", FILE, "Python cannot import"), ("bad", "def f(:\n", "cannot be read")]
)
def test_a_file_that_cannot_be_imported_is_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text(text)
    with pytest.raises(InputError, match=rf"variants\.own\.network names .*{name}\.py, which {message}"):
        configuration.resolve(config_of(tmp_path, {"network": f"{tmp_path}/{name}.py:f"}))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("netwrk", {}, r"network names 'netwrk', which .*mine\.py does not define; did you mean network\?"),
        ("narrow", {"widht": 4}, r"arguments\.widht is no argument of narrow in .*mine\.py; did you mean width\?"),
        ("narrow", {"shape": 4}, r"arguments\.shape is no argument of narrow in .*mine\.py; there are width, depth"),
    ],
)
def test_a_function_that_does_not_fit_is_refused(name: str, arguments: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"variants\.own\.{message}"):
        configuration.resolve(config_of(tmp_path, {"network": f"{tmp_path}/mine.py:{name}", "arguments": arguments}))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("narrow", {"width": 4, "depth": 2}), ("by_place", {"width": 4}), ("deep", {"width": 4}), ("network", {"any": 1})],
)
def test_functions_that_fit_are_taken(name: str, arguments: dict[str, int], tmp_path: Path) -> None:
    """One that is made in another way is built to tell."""
    study = configuration.resolve(config_of(tmp_path, {"network": f"{tmp_path}/mine.py:{name}", "arguments": arguments}))
    assert study.variants["own"].own.function == name


def test_two_variants_cannot_have_one_label(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"variants\.plain\.label is 'own', as that of own; figures and tables could not tell"):
        configuration.resolve(config_of(tmp_path) | {"variants": {"own": {"label": "own"}, "plain": {"label": "own"}}})


def test_a_claim_about_all_its_parameters_is_taken(tmp_path: Path) -> None:
    assert len(configuration.resolve(config_of(tmp_path, **quantity("parameters"))).claims) == 1


def test_operations_are_known_from_a_finished_run(tmp_path: Path) -> None:
    study = configuration.resolve(config_of(tmp_path, seeds=[1, 2]))
    plain = study.variants["plain"].network
    assert study.training_operations("plain") == 45_000 * 29 * formulas.training_flops(plain, study.described.format)
    assert study.training_operations("own") is None
    (tmp_path / "model.keras").touch()
    made = write_run(tmp_path / "made", tmp_path / "model.keras").folder
    record = json.loads((made / "record.json").read_text())

    def write(seed: int, flops: int | None) -> None:
        run = tmp_path / "runs" / "own" / f"seed{seed}"
        run.mkdir(parents=True)
        (run / "record.json").write_text(json.dumps({**record, "training_flops": flops}))

    write(1, None)
    assert study.training_operations("own") is None
    write(2, 1000)
    assert study.training_operations("own") == 45_000 * 29 * 1000
