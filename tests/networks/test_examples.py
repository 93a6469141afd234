"""The examples' studies are valid, and their networks have the parameters that their sources tell."""

import shutil
from pathlib import Path

import pytest
from conftest import ROOT

from convnets.networks import own
from convnets.settings import Own
from convnets.study import configfiles, configuration
from convnets.study.configuration import Configuration

STUDIES = sorted((ROOT / "examples").glob("*/study.yaml"))
# Of mnist1d as its notebook prints them; of digits by hand: a convolution of 9 * 16 weights, two of 9 * 16 * 16, a head of 17 * 10,
# and twice 16 for each normalisation; wider and narrower likewise.
PARAMETERS = {
    "digits": {width: 9 * width + 2 * 9 * width**2 + 3 * 2 * width + (width + 1) * 10 for width in (8, 16, 24)},
    "mnist1d": {"linear": 410, "mlp": 15210, "cnn": 5210},
}


def resolved(path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    monkeypatch.chdir(ROOT)
    return configuration.resolve(configfiles.read_study([path.relative_to(ROOT)]))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.parent.name)
def test_a_study_is_valid_and_its_networks_are_built(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = resolved(path, monkeypatch)
    # Under a name of its own, since one process of tests imports both, and has a folder of tests of their name.
    copy = shutil.copy(path.with_name("networks.py"), tmp_path / f"of_{path.parent.name}.py")
    assert study.title
    assert study.claims
    built = {}
    for name, settings in study.variants.items():
        if settings.own.network:
            images = study.described.format
            copied = Own(network=f"{copy}:{settings.own.function}", arguments=settings.own.arguments)
            model = own.build(copied, images.shape, len(images.classes))
            built[settings.own.arguments.get("width", name)] = sum(int(weight.numpy().size) for weight in model.trainable_weights)
    assert built == PARAMETERS[path.parent.name]


def test_every_example_is_known_here() -> None:
    assert {path.parent.name for path in STUDIES} == set(PARAMETERS)
