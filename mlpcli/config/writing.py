"""Write a config as YAML."""

from collections.abc import Mapping
from typing import Any

import yaml

from mlpcli.config.schema.config import Config
from mlpcli.config.yaml_loader import plain_value


def resolved_yaml(config: Config) -> str:
    """Return the whole config, defaults included, as YAML that loads back to an equal one."""
    return as_yaml(config.model_dump(mode="json"))


def as_yaml(values: Mapping[str, Any]) -> str:
    """Return settings as YAML that loads back to equal ones."""
    text: str = yaml.dump(
        values,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=float("inf"),
    )
    return text


class _Dumper(yaml.SafeDumper):
    """Writes lists in one line, and quotes text that would be read as something else."""


def _write_text(dumper: _Dumper, text: str) -> yaml.Node:
    style = None if plain_value(text) == text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _write_list(dumper: _Dumper, items: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(list, _write_list)
