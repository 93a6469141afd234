"""Reading of configuration files, as Snakemake reads them. A value that it would take otherwise than its writer is refused."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from convnets.errors import InputError

# YAML 1.1 reads 010 as 8, and 1:30 as 90.
OCTAL_OR_SEXAGESIMAL = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")
TEMPLATES = "__use_yte__"
MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Loads YAML as Snakemake does, but refuses keys that stand twice, and numbers that YAML reads otherwise than a person."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, yaml.Mark] = {}
        for key in (key for key, _ in node.value if key.tag != MERGE):
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise InputError(_twice(name, f"lines {seen[name].line + 1} and {key.start_mark.line + 1}"))
            seen[name] = key.start_mark
        return super().construct_mapping(node, deep)

    def number(self, node: yaml.ScalarNode) -> Any:  # noqa: ANN401
        if OCTAL_OR_SEXAGESIMAL.fullmatch(node.value):
            value = yaml.safe_load(node.value)
            line = node.start_mark.line + 1
            raise InputError(f"line {line}: YAML reads {node.value} as {value}; write the number that is meant, or quotes")
        return yaml.safe_load(node.value)


for kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{kind}", _Loader.number)


def _twice(name: object, where: str) -> str:
    return f"the key {name} stands twice ({where}), and only one of its values would count; remove one"


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs of a JSON object as a dict."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(_twice(name, "in one object"))
    return dict(pairs)


def read(paths: Iterable[Path]) -> dict[str, Any]:
    """Read configuration files, each merged over those before it as Snakemake does.

    An InputError says that one cannot be read, or holds what Snakemake would read otherwise than its writer means.
    """
    config: dict[str, Any] = {}
    for path in paths:
        try:
            value = _parsed(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            hint = "" if path.is_absolute() else f" in {Path.cwd()}; name one with STUDY= or CONFIGFILE=, its path without spaces"
            raise InputError(f"the configuration file {path} does not exist{hint}") from error
        except IsADirectoryError as error:
            raise InputError(f"{path} is a folder; name a configuration file, such as {path / 'study.yaml'}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"the configuration file {path} is not in UTF-8 (byte {error.start + 1}); save it as UTF-8") from error
        except (OSError, yaml.YAMLError, InputError) as error:
            said = str(error).replace('"<unicode string>"', f'"{path}"')
            raise InputError(f"the configuration file {path} cannot be read: {said}") from error
        if not isinstance(value, dict):
            raise InputError(f"the configuration file {path} holds no keys with values; leave it out, or write some")
        if TEMPLATES in value:
            raise InputError(f"the configuration file {path} is a template ({TEMPLATES}), which the other commands cannot read")
        if "study" in value:
            raise InputError(f"the configuration file {path} names a study; name it on the command line: make run STUDY=FILE")
        update_config(config, value)
    return config


def read_study(paths: Sequence[Path]) -> dict[str, Any]:
    """Read a study and the files that are merged over it, as `read` does."""
    return {**read(paths), "study": str(paths[0])}


def merged_over_study(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what another workflow hands to this one as its configuration, merged over the study that it may name."""
    config = read_study([Path(str(given["study"]))]) if "study" in given else {}
    update_config(config, given)
    return config


def _parsed(text: str) -> Any:  # noqa: ANN401
    """Parse JSON, or else YAML."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except ValueError:
        return yaml.load(text, _Loader)  # noqa: S506  (a safe loader)


def from_command_line(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a configuration that were given with `--config`, whose nested values Snakemake leaves as text."""
    return {key: _read_again(config[key], value) for key, value in given.items() if isinstance(value, Mapping | list)}


def _read_again(value: Any, given: Any) -> Any:  # noqa: ANN401
    """Return a value with those of its parts read as YAML that were given on the command line."""
    if isinstance(given, Mapping) and isinstance(value, Mapping):
        return {key: _read_again(part, given[key]) if key in given else part for key, part in value.items()}
    if isinstance(given, list):
        return [_read_again(part, part) for part in given]
    return yaml.load(given, _Loader) if isinstance(given, str) else value  # noqa: S506  (a safe loader)
