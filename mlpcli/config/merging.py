"""Merge the sources of a config as JSON Merge Patch does.

https://www.rfc-editor.org/rfc/rfc7386: mappings merge, anything else replaces the earlier value,
and null removes a key, so that its default returns.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from mlpcli.config.schema.config import settings_of_kind
from mlpcli.config.sources import NAMED_SECTIONS, Source
from mlpcli.config.yaml_loader import KeyPath


def merged(files: Iterable[Source], overrides: Iterable[Source]) -> dict[str, Any]:
    """Return the values of the files, merged in order, then of the overrides, in any order."""
    values: dict[str, Any] = {}
    for source in files:
        _drop_settings_of_other_kinds(values, source.values)
        merge(values, source.values)
    overrides = list(overrides)
    for source in overrides:
        _drop_settings_of_other_kinds(values, source.values)
    for source in overrides:
        merge(values, source.values)
    return values


def _drop_settings_of_other_kinds(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Drop the settings that the kind which `patch` chooses for a section does not share.

    So `optimizer.name=sgd` needs no `optimizer.momentum=null` over a config with momentum. A
    setting with another default for the new kind, such as Adam's learning rate, has another
    meaning, and starts from that default.
    """
    for section in NAMED_SECTIONS:
        name, earlier = _at(patch, (*section, "name")), _at(target, section)
        if not isinstance(name, str) or not isinstance(earlier, dict):
            continue
        if settings := settings_of_kind(section, name):
            before = settings_of_kind(section, earlier.get("name"))
            for key in list(earlier):
                if key not in settings or settings[key] != before.get(key):
                    del earlier[key]


def _at(values: Any, path: KeyPath) -> Any:
    """Return the value at `path`, or None if there is none."""
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Change `target` in place as the patch says."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            merge(target[key], value)
        else:
            target[key] = value
