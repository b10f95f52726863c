"""The short forms of values in a sweep: `1,2`, `[64],[128, 64]`, `1..5`, a plain list."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlpcli.config.schema.section import expand_shorthand
from mlpcli.config.schema.sweep import MOST_VALUES, ParameterConfig
from mlpcli.config.yaml_loader import KeyPath, parse_value, plain_value

_NUMBER = r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}")


def items_in(text: str, name: str) -> list[Any]:
    """Return the values in a text such as `1,2`, `[64],[128,64]` or `relu`."""
    items: list[Any] = parse_value(f"[{text}]", name)
    return items


def parameter_from(items: Sequence[Any]) -> dict[str, Any] | None:
    """Return the parameter that values on the command line mean; None if they are one value."""
    if len(items) > 1:
        return {
            "values": list(itertools.chain.from_iterable(_range_or_one(each) for each in items))
        }
    (item,) = items
    if isinstance(item, dict) and item.keys() <= ParameterConfig.model_fields.keys():
        return item
    if isinstance(item, str) and (ends := _ends(item)):
        integers = _range_or_one(item)
        if isinstance(integers, range):
            return {"values": list(integers)}
        low, high = ends
        return {"low": low, "high": high}
    return None


def _range_or_one(item: Any) -> Sequence[Any]:
    """Return the integers of a range such as `1..5`, or the item itself alone.

    A range of more integers than a parameter may have values, or of none, is the item.
    """
    ends = _ends(item) if isinstance(item, str) else None
    if ends is None or not all(isinstance(end, int) for end in ends):
        return [item]
    low, high = map(int, ends)
    return range(low, high + 1) if 0 <= high - low < MOST_VALUES else [item]


def _ends(text: str) -> tuple[float, float] | None:
    """Return the ends of a range such as `1..5` or `0.1..0.5`, integers where they are; or None."""
    found = _RANGE.fullmatch(text)
    if not found:
        return None
    low, high = map(plain_value, found.groups())
    return low, high


def long_form(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the settings of a sweep with everything short written out."""
    long = dict(values)
    if "seed" in long and "seeds" not in long:
        long["seeds"] = long.pop("seed")
    if "sampler" in long:
        long["sampler"] = expand_shorthand(long["sampler"])
    seeds = long.get("seeds")
    if isinstance(seeds, int | str) and not isinstance(seeds, bool):
        seeds = [seeds]
    if isinstance(seeds, list):
        long["seeds"] = list(itertools.chain.from_iterable(map(_range_or_one, seeds)))
    if isinstance(long.get("parameters"), Mapping):
        parameters = long["parameters"].items()
        long["parameters"] = {str(key): _parameter(value) for key, value in parameters}
    return long


def _parameter(value: Any) -> Any:
    if isinstance(value, list):
        return {"values": [each for item in value for each in _range_or_one(item)]}
    if isinstance(value, str) and (found := parameter_from([value])):
        return found
    return dict(value) if isinstance(value, Mapping) else value


def nested(path: KeyPath, value: Any) -> dict[str, Any]:
    """Return the settings in which the one at `path` has this value."""
    for key in reversed(path):
        value = {key: value}
    return dict(value)
