"""Configuration files are read as their writers mean them, or refused with what to change.

That the first of two equal keys is lost without a word is told in snakemake/snakemake#2323 and yaml/pyyaml#165.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.common.configfile import load_configfile

from convnets.errors import InputError
from convnets.study import configfiles


def write(folder: Path, text: str | bytes, name: str = "config.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds: [1]\nseeds: [2]\n", "the key seeds stands twice (lines 1 and 2), and only one of its values would count"),
        ("variants:\n  a: {label: A, label: B}\n", "the key label stands twice (lines 2 and 2)"),
        ('{"seeds": [1], "seeds": [2]}', "the key seeds stands twice (in one object)"),
        ("seeds: [010]\n", "line 1: YAML reads 010 as 8; write the number that is meant, or quotes"),
        ("a: 1\nseeds: [1:30]\n", "line 2: YAML reads 1:30 as 90"),
        ("a: 1:30.5\n", "YAML reads 1:30.5 as 90.5"),
        ("", "holds no keys with values; leave it out, or write some"),
        ("# nothing\n", "holds no keys with values"),
        ("- 1\n", "holds no keys with values"),
        ("__use_yte__: true\nseeds: [1]\n", "is a template (__use_yte__)"),
        ("seeds: [1\n", "cannot be read"),
        ("a:\tb:\n\t\tc\n", "cannot be read"),
        (b"label: \xe9t\xe9\n", "is not in UTF-8 (byte 8); save it as UTF-8"),
        ("label: A".encode("utf-16"), "is not in UTF-8 (byte 1)"),
    ],
)
def test_what_is_refused(text: str | bytes, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        configfiles.read([path])
    assert str(caught.value).startswith(f"the configuration file {path} ")
    assert said in str(caught.value)


def test_a_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a space becomes two, since the variable of make is a list."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        configfiles.read([Path("my"), Path("config.yaml")])
    assert str(caught.value) == (
        f"the configuration file my does not exist in {tmp_path}; name one with STUDY= or CONFIGFILE=, its path without spaces"
    )


@pytest.mark.parametrize(
    "text",
    [
        "seeds: [10, -3, 0, 0x1F, 1_000]\nrate: [1.0e-3, .5, 5e-4, -0.0]\nwords: [yes, 'no', ~, 1.2.3, '010', 12:34:56 h]\n",
        '{"rate": 5e-4, "seeds": [1, 2]}',
        '{\n\t"seeds": [1],\n\t"a": {"b": null}\n}\n',
        "base: &base {a: 1}\nother:\n  <<: *base\n  a: 2\n",
        "\N{ZERO WIDTH NO-BREAK SPACE}seeds: [1]\n",
    ],
)
def test_what_is_read_is_what_snakemake_reads(text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    assert configfiles.read([path]) == load_configfile(path)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)


@given(value=st.dictionaries(st.text(min_size=1), values, min_size=1, max_size=3))
def test_any_json_is_read_as_it_is_written(value: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write(tmp_path_factory.mktemp("json"), json.dumps(value), "config.json")
    if configfiles.TEMPLATES not in value:
        assert configfiles.read([path]) == value == load_configfile(path)


def test_nested_values_of_the_command_line_are_no_texts() -> None:
    """As Snakemake hands over `--config 'training={epochs: 2, augmentation: {horizontal_flip: true}}' seeds=[1,2]`."""
    training = {"epochs": "2", "augmentation": {"horizontal_flip": "true"}, "precision": "auto"}
    read = {"training": {"batch_size": 64, **training}, "seeds": ["1", "2"], "title": "010"}
    assert configfiles.from_command_line(read, {"training": training, "seeds": ["1", "2"], "title": "010"}) == {
        "training": {"batch_size": 64, "epochs": 2, "augmentation": {"horizontal_flip": True}, "precision": "auto"},
        "seeds": [1, 2],
    }
    with pytest.raises(InputError, match="YAML reads 010 as 8"):
        configfiles.from_command_line({"seeds": ["010"]}, {"seeds": ["010"]})


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is a folder; name a configuration file, such as .*study\.yaml"):
        configfiles.read([tmp_path])
