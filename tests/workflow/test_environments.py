"""The lock and the conda environments: pinned, hashed, and in agreement."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from convnets import modules
from convnets.freshness import code

ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
# The name under which a library is imported, where it differs from its package's.
PACKAGES = {"PIL": "pillow", "yaml": "pyyaml", "pydantic_core": "pydantic"}


def locked() -> dict[str, str]:
    """Return the version of each package in the lock for Python 3.11, which the environments use."""
    pins = re.findall(r"^([\w.-]+)(?:\[\S+\])?==(\S+)(?: ; (.*?))? \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return {name: version for name, version, marker in pins if ">= '3.12'" not in marker}


def pins(path: Path) -> dict[str, str]:
    (pip,) = (entry["pip"] for entry in yaml.safe_load(path.read_text())["dependencies"] if isinstance(entry, dict))
    return dict(pin.split("==") for pin in pip)


def test_every_package_of_the_lock_is_hashed_and_no_registry_is_named() -> None:
    for name in ("requirements.lock", "installer.lock", "tests/validator.lock"):
        text = (ROOT / name).read_text()
        packages = re.split(r"^(?=[\w.-]+(?:\[\S+\])?==)", text, flags=re.MULTILINE)[1:]
        assert packages
        assert all("--hash=sha256:" in package for package in packages)
        assert "://" not in text
        assert "--index-url" not in text


def test_the_direct_dependencies_are_locked() -> None:
    import tomllib

    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = whole["project"], whole["dependency-groups"]
    entries = [*project["dependencies"], *project["optional-dependencies"]["workflow"], *groups["dev"]]
    names = [re.split(r"[><=\[]", entry)[0] for entry in entries]
    assert set(names) <= set(locked())
    (validator,) = groups["validator"]
    assert f"\n{re.split('[><=]', validator)[0]}==" in (ROOT / "tests" / "validator.lock").read_text()


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environments_agree_with_the_lock(path: Path) -> None:
    assert pins(path)
    assert pins(path).items() <= locked().items()


def rules() -> dict[str, str]:
    """Return the environment that each script runs in, from the rules."""
    found = {}
    for path in (ROOT / "rules").glob("*.smk"):
        for rule in path.read_text().split("\nrule ")[1:]:
            environment, script = re.search(r"\.\./envs/(\w+)\.yaml", rule), re.search(r'"(\w+)\.py ', rule)
            assert environment, rule
            assert script, rule
            found[script[1]] = environment[1]
    return found


def imported_by(script: str) -> set[str]:
    """Return the top names of all that a script executes, what fingerprints leave out included."""
    waiting, seen, names = [script], set[str](), set[str]()
    while waiting:
        name = waiting.pop()
        file = modules.find_module(code.SCRIPTS, name)
        if file is None:
            parent = name.rpartition(".")[0]
            if modules.find_module(code.SCRIPTS, name.split(".")[0]) is None:
                names.add(name.split(".")[0])
            elif parent:
                waiting.append(parent)  # `a.b.name`, where `name` is none of a module
        elif name not in seen:
            seen.add(name)
            waiting += modules.read_module(file)[1]
    return names


@pytest.mark.parametrize(("script", "environment"), sorted(rules().items()))
def test_an_environment_holds_what_its_scripts_import(script: str, environment: str) -> None:
    needed = {PACKAGES.get(name, name) for name in imported_by(script) - set(sys.stdlib_module_names)}
    assert needed
    assert needed <= set(pins(ROOT / "envs" / f"{environment}.yaml"))
