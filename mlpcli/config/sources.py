"""The sources of a config: files, mappings and overrides, with the place of each value."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlpcli.config.problems import dotted
from mlpcli.config.schema.section import expand_shorthand
from mlpcli.config.yaml_loader import KeyPath, parse_value, read_yaml
from mlpcli.errors import ConfigError

NAMED_SECTIONS: tuple[KeyPath, ...] = (
    ("network", "initializer"),
    ("network", "bias_initializer"),
    ("loss",),
    ("optimizer",),
    ("schedule",),
)
"""sections for which a plain string is short for `{name: string}`"""


@dataclass(frozen=True)
class Place:
    """A place where a value was set."""

    text: str
    """the place in a message"""
    order: tuple[int, int]
    """the number of the source, and the line in it"""
    key: str | None = None
    """the dotted key that `text` already names"""


@dataclass(frozen=True)
class Source:
    """The values of one source, and the place of each."""

    values: dict[str, Any]
    places: Mapping[KeyPath, Place] = field(default_factory=dict)

    def deciding_place(self, path: KeyPath) -> Place | None:
        """Return the place that sets the value at `path`, or None if this source does not."""
        if path in self.places:
            return self.places[path]
        value: Any = self.values
        for depth, part in enumerate(path):
            if not isinstance(value, dict):
                return self.places.get(path[:depth])
            if part not in value:
                return None
            value = value[part]
        return None


def file_source(path: Path, order: int) -> Source:
    """Return the source of a config file.

    Raises:
        ConfigError: the file cannot be read; one line for each problem.
    """
    located = read_yaml(path)
    places = {key: Place(f"{path}:{line}", (order, line)) for key, line in located.lines.items()}
    values = written_out(located.values)
    for section in NAMED_SECTIONS:
        if section in places:
            places.setdefault((*section, "name"), places[section])
    _anchor_data_files(values, path.parent)
    return Source(values, places)


def mapping_source(source: Mapping[str, Any], order: int) -> Source:
    """Return the source of a mapping, whose places have no text for a message."""
    values = written_out(source)
    return Source(values, dict.fromkeys(_paths(values), Place("", (order, 0))))


def _paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of each value inside `value`."""
    children: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list | tuple):
        children = enumerate(value)
    for part, child in children:
        yield (*path, part)
        yield from _paths(child, (*path, part))


def override_source(text: str, order: int) -> Source:
    """Return the source of `key=value`, with a dotted key and a value in YAML.

    Raises:
        ConfigError: the text is wrong; one line for each problem.
    """
    key, equals, value_text = text.partition("=")
    text = text if text.isprintable() else repr(text)
    parts = tuple(key.strip().split("."))
    if not equals or not all(parts):
        raise ConfigError(f"{text}: expected key=value, such as training.epochs=20")
    if not value_text.strip():
        raise ConfigError(f"{text}: expected a value; {key}=null returns to the default")
    value = parse_value(value_text, text)
    place = Place(text, (order, 0), dotted(parts))
    places: dict[KeyPath, Place] = {}
    for depth in range(len(parts), 0, -1):
        places[parts[:depth]] = place
        value = {parts[depth - 1]: value}
    values = written_out(value)
    for section in NAMED_SECTIONS:
        if section == parts:
            places[*section, "name"] = place
    return Source(values, places)


def written_out(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy with every named section in its long form."""

    def copy(value: Any, path: KeyPath) -> Any:
        if path in NAMED_SECTIONS:
            value = expand_shorthand(value)
        if isinstance(value, Mapping):
            return {key: copy(child, (*path, key)) for key, child in value.items()}
        return value

    result: dict[str, Any] = copy(source, ())
    return result


def _anchor_data_files(values: dict[str, Any], folder: Path) -> None:
    """Make relative paths of data files relative to the folder of the config file."""
    data = values.get("data")
    files = data.get("files") if isinstance(data, dict) else None
    if isinstance(files, dict):
        for key, value in files.items():
            if isinstance(value, str) and value:
                files[key] = str(folder.absolute() / value)
