"""The digits study in a folder of a test's own, to be frozen and edited."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT

from convnets.files import read_json, write_json
from convnets.freshness import fingerprint
from convnets.study import configuration
from convnets.workflow import freezing

DIGITS = ROOT / "examples" / "digits"
IDS = ("residual_is_better", "tuning_helps_little", "fewer_parameters")  # the claims, of which the last is exact
FILE = "config.frozen.json"

Study = dict[str, Any]
Edit = Callable[[Study], object]


def digits(folder: Path) -> Study:
    """Return the study, with a copy of its network's file in the folder, which is to be the working directory."""
    found: Study = yaml.safe_load((DIGITS / "study.yaml").read_text(encoding="utf-8"))
    shutil.copy(DIGITS / "networks.py", folder)
    found["dataset"]["source"] = str(DIGITS / "digits.npz")
    found["variants"]["resnet"]["network"] = "networks.py:resnet"
    return found


def freeze(study: Study) -> str:
    return freezing.freeze(configuration.resolve(study))


def edited(study: Study, edit: Edit) -> Study:
    changed = copy.deepcopy(study)
    edit(changed)
    return changed


def claims(study: Study) -> dict[str, Any]:
    found: dict[str, Any] = study["claims"]
    return found


def dated(time: str) -> None:
    """Give what was frozen another time, as if it had been written then."""
    found = {**read_json(Path(FILE)), "time": time}
    found.pop("digest")
    write_json(Path(FILE), {**found, "digest": fingerprint.digest(found)})
