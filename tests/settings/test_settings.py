"""Settings: the form in which they count, and how a new one leaves finished runs as they are."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from convnets import settings
from convnets.freshness import fingerprint
from convnets.settings import Augmentation, Network, Optimizer, Settings, Training
from convnets.settings.section import Neutral, Section

TODAY = {
    "network": {"filters": [16, 32, 64], "kernel_size": 5, "head": "dense", "dense_units": [50], "dropout": 0.5},
    "training": {
        "epochs": 29,
        "batch_size": 64,
        "optimizer": {"name": "rmsprop", "learning_rate": 0.0005, "momentum": 0.0},
        "precision": "float32",
        "augmentation": {"horizontal_flip": False, "channel_offset": 0.0},
    },
}


class Schedule(Section):
    """A section that did not exist before."""

    warm_up: Annotated[int, Neutral(0)] = 3
    restarts: Annotated[bool, Neutral(False)] = False


class LaterTraining(Training):
    """A training with new options, whose defaults differ from what was done before they existed."""

    clip: Annotated[float | None, Neutral(None)] = 1.5
    schedule: Schedule = Schedule()


class LaterSettings(Settings):
    """Settings of a later version."""

    training: LaterTraining = LaterTraining()


def as_before() -> LaterTraining:
    return LaterTraining(clip=None, schedule=Schedule(warm_up=0))


def digest(chosen: Settings) -> str:
    return fingerprint.digest(fingerprint.run_components(chosen, 1, {}))


def read_back(chosen: Settings, kind: type[Settings] = Settings) -> Settings:
    return kind.from_canonical(json.loads(json.dumps(chosen.canonical())))


def test_all_of_todays_fields_are_always_written() -> None:
    """As they are in the stamps of finished runs, zeros and all."""
    assert json.loads(json.dumps(Settings().canonical())) == TODAY
    assert fingerprint.to_json(Settings().canonical()) == fingerprint.to_json(TODAY)


def test_numbers_have_one_form() -> None:
    written = Training(epochs=30.0, batch_size=64, optimizer=Optimizer(name="sgd", learning_rate=1, momentum=0))
    assert fingerprint.to_json(written.canonical()) == fingerprint.to_json(
        Training(epochs=30, optimizer=Optimizer(name="sgd", learning_rate=1.0)).canonical()
    )
    assert '"learning_rate":1.0' in fingerprint.to_json(written.canonical())


def test_a_flip_of_images_has_the_form_that_finished_runs_have() -> None:
    assert Augmentation(horizontal_flip="image").canonical() == {"horizontal_flip": True, "channel_offset": 0.0}


def test_arguments_of_keras_have_one_form_too() -> None:
    layers = [[{"RandomZoom": {"height_factor": factor, "fill_value": fill}}] for factor, fill in (([0.0, 1], 1), ((0, 1.0), 1.0))]
    forms = {fingerprint.to_json(Training(augmentation=Augmentation(layers=each)).canonical()) for each in layers}
    optimizers = [Optimizer(name="sgd", learning_rate=0.1, clipnorm=norm) for norm in (1, 1.0)]
    assert len(forms) == len({fingerprint.to_json(each.canonical()) for each in optimizers}) == 1


def test_a_new_setting_at_its_neutral_value_changes_no_fingerprint() -> None:
    assert LaterSettings(training=as_before()).canonical() == Settings().canonical()
    assert digest(LaterSettings(training=as_before())) == digest(Settings())


@pytest.mark.parametrize(
    ("changes", "written"),
    [
        ({"clip": 1.5}, {"clip": 1.5}),
        ({"schedule": {"warm_up": 3}}, {"schedule": {"warm_up": 3}}),
        ({"schedule": {"restarts": True}}, {"schedule": {"restarts": True}}),
    ],
)
def test_another_value_is_written(changes: Mapping[str, Any], written: Mapping[str, Any]) -> None:
    chosen = LaterSettings(training=as_before().updated(changes))
    assert chosen.canonical()["training"] == {**Settings().canonical()["training"], **written}
    assert digest(chosen) != digest(Settings())
    assert read_back(chosen, LaterSettings) == chosen


def test_an_older_stamp_reads_as_what_was_done_then() -> None:
    """With neutral values, not with defaults."""
    old = read_back(Settings(), LaterSettings)
    assert old == LaterSettings(training=as_before())
    assert old != LaterSettings()
    assert old.flat() == Settings().flat()


@pytest.mark.parametrize("section", ["network", "training"])
def test_a_stamp_without_a_setting_that_was_always_written_is_refused(section: str) -> None:
    for name in TODAY[section]:
        damaged = {**TODAY, section: {key: value for key, value in TODAY[section].items() if key != name}}
        with pytest.raises(ValueError, match="missing"):
            settings.from_dict(damaged)


@pytest.mark.parametrize(
    "damaged", [{}, {"network": 3}, {**TODAY, "network": []}, {**TODAY, "training": {**TODAY["training"], "epochs": "many"}}, []]
)
def test_what_is_damaged_is_refused(damaged: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        settings.from_dict(damaged)


def test_settings_of_a_later_version_are_refused() -> None:
    """They are not what this version would train."""
    with pytest.raises(ValidationError, match="clip"):
        settings.from_dict(json.loads(json.dumps(LaterSettings().canonical())))


def test_a_setting_without_effect_has_one_value() -> None:
    perceptrons = [settings.resolve(Network(kernel_size=size), Training(), {"filters": ()}) for size in (3, 5)]
    assert perceptrons[0] == perceptrons[1]
    assert perceptrons[0].network.kernel_size == 0
    heads = [settings.resolve(Network(dropout=rate), Training(), {"head": "conv1x1"}) for rate in (0.1, 0.5)]
    assert heads[0] == heads[1] == Settings(network=Network(head="conv1x1", dense_units=(), dropout=0.0))
    assert read_back(perceptrons[0]) == perceptrons[0]


def test_sections_are_merged_field_by_field_but_an_optimizer_with_a_name() -> None:
    training = Training(
        optimizer=Optimizer(name="sgd", learning_rate=0.1, momentum=0.9), augmentation=Augmentation(channel_offset=0.1)
    )
    changed = training.updated({"augmentation": {"horizontal_flip": True}, "optimizer": {"learning_rate": 0.2}})
    assert changed.augmentation == Augmentation(horizontal_flip=True, channel_offset=0.1)
    assert changed.optimizer == Optimizer(name="sgd", learning_rate=0.2, momentum=0.9)
    named = training.updated({"optimizer": {"name": "adam", "learning_rate": 0.001}})
    assert named.optimizer == Optimizer(name="adam", learning_rate=0.001, momentum=0.0)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().network.dropout = 0.1  # type: ignore[misc]
    assert Settings() == Settings(training=Training(epochs=29)) != Settings(training=Training(epochs=30))
