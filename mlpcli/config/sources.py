"""The sources of a config: files, mappings and overrides, with the place of each value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlpcli.config.problems import dotted
from mlpcli.config.schema.data import DataFiles
from mlpcli.config.schema.section import expand_shorthand
from mlpcli.config.schema.training import BOXED
from mlpcli.config.shipped import is_shipped
from mlpcli.config.yaml_loader import KeyPath, LocatedMapping, parse_value, read_yaml
from mlpcli.errors import ConfigError

NAMED_SECTIONS: tuple[KeyPath, ...] = (
    ("network", "initializer"),
    ("network", "bias_initializer"),
    ("loss",),
    ("optimizer",),
    ("schedule",),
)
"""sections for which a plain string is short for `{name: string}`"""
PATHS: tuple[KeyPath, ...] = (
    *(("data", "files", name) for name in DataFiles.model_fields),
    ("data", "path"),
    ("data", "test_path"),
    ("training", "start_from"),
)
"""settings that are paths"""


@dataclass(frozen=True)
class Place:
    """A place where a value was set."""

    text: str
    """the place in a message"""
    order: tuple[int, int]
    """the number of the source, and the line in it"""
    key: str | None = None
    """the dotted key that `text` already names"""

    @property
    def start(self) -> str:
        """The start of a message's line: the text and a colon, or nothing."""
        return f"{self.text}: " if self.text else ""


@dataclass(frozen=True)
class Source:
    """The values of one source, and their places."""

    values: dict[str, Any]
    place: Place
    places: Mapping[KeyPath, Place] = field(default_factory=dict)
    """more exact places of single values"""

    def deciding_place(self, path: KeyPath) -> Place | None:
        """Return the place that sets the value at `path`, or None if this source does not."""
        value: Any = self.values
        for key in path:
            if not isinstance(value, dict):
                break
            if key not in value:
                return None
            value = value[key]
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.places:
                return self.places[path[:depth]]
        return self.place


def file_source(path: Path, order: int) -> Source:
    """Return the source of a config file.

    Its relative paths start at its folder; those of a shipped one at the working directory, where
    the user's files are.

    Raises:
        ConfigError: the file cannot be read; one line for each problem.
    """
    located = read_yaml(path)
    values = written_out(located.values)
    if not is_shipped(path):
        anchor_paths(values, path.parent)
    return Source(values, Place(str(path), (order, 0)), places_of(located, path, order))


def places_of(located: LocatedMapping, path: Path, order: int) -> dict[KeyPath, Place]:
    """Return the place of each key in a file."""
    return {key: Place(f"{path}:{line}", (order, line)) for key, line in located.lines.items()}


def mapping_source(source: Mapping[str, Any], order: int) -> Source:
    """Return the source of a mapping, whose place has no text for a message."""
    return Source(written_out(source), Place("", (order, 0)))


def override_source(text: str, order: int) -> Source:
    """Return the source of `key=value`, with a dotted key and a value in YAML.

    Raises:
        ConfigError: the text is wrong; one line for each problem.
    """
    key, equals, value_text = text.partition("=")
    text = text if text.isprintable() else repr(text)
    keys = key.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"{text}: expected key=value, such as training.epochs=20")
    if not value_text.strip():
        raise ConfigError(f"{text}: expected a value; {key}=null returns to the default")
    place = Place(text, (order, 0), dotted(tuple(keys)))
    return setting_source(tuple(keys), parse_value(value_text, text), place)


def setting_source(path: KeyPath, value: Any, place: Place) -> Source:
    """Return the source of one setting, at `path`, that was set at `place`."""
    for key in reversed(path):
        value = {key: value}
    return Source(written_out(value), place)


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


def anchor_paths(values: dict[str, Any], folder: Path) -> None:
    """Make the relative paths among a config's values, of data and checkpoints, start at `folder`.

    The values are changed in place.
    """
    for path in PATHS:
        *sections, last = path
        section: Any = values
        for key in sections:
            section = section.get(key) if isinstance(section, dict) else None
        value = section.get(last) if isinstance(section, dict) else None
        if isinstance(value, str) and value and value != BOXED:
            section[last] = str(folder.absolute() / value)
