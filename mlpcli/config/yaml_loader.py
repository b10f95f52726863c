"""Reads YAML without YAML's traps, and records the line of each key.

PyYAML follows YAML 1.1, in which `1e-3` is text, `no` is False, `012` is 10, `1:30` is 90, and a
repeated key silently keeps its last value. Here numbers and booleans are the decimal ones of YAML
1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), and what a config never needs is
refused: repeated keys, aliases (441 bytes of them can stand for gigabytes), tags, merge keys,
several documents, keys that are not text. PyYAML parses the syntax; its object construction is not
used.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlpcli.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_VALUES = 20_000
"""Keys included: with all their digits they fit in MAX_BYTES."""

KeyPath = tuple[str | int, ...]
"""The keys of mappings and positions in lists that lead to a value, from the top."""

_CONSTANTS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,100}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

# PyYAML's commonest complaints in the words of someone who writes a config.
_PLAIN_WORDS = (
    ("mapping values are not allowed", "a ':' too many, or lines that are indented differently"),
    (r"found character '\t'", "a tab; YAML is indented with spaces"),
    ("could not find expected ':'", "a line that is neither 'key: value' nor part of one"),
    ("expected <block end>", "indented differently from the lines it belongs to"),
    ("found unexpected end of stream", "a quotation mark is never closed"),
    ("expected the node content", "a value is missing"),
    ("expected ',' or ']'", "a list in [ ] lacks a ',' or its ']'"),
    ("expected ',' or '}'", "a mapping in { } lacks a ',' or its '}'"),
)


@dataclass(frozen=True)
class LocatedMapping:
    """The values of a YAML file, and their lines."""

    values: dict[str, Any]
    lines: Mapping[KeyPath, int]
    """The line of each key and each item of a list, from 1."""


def read_yaml(path: Path) -> LocatedMapping:
    """Read a YAML file that is a mapping; a file of nothing but comments is an empty one.

    Raises:
        ConfigError: the file cannot be read, or is wrong; one line for each problem.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES:,} bytes; that is no config.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = _line_at(content[: error.start].decode("latin-1"))
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8.") from error
    return parse_mapping(text, str(path))


def parse_mapping(text: str, name: str) -> LocatedMapping:
    """Read YAML text that is a mapping; messages begin with `name`.

    Raises:
        ConfigError: the text is wrong; one line for each problem.
    """
    reader = _Reader(text)
    value = reader.document()
    if not reader.problems and value is not None and not isinstance(value, dict):
        reader.problems.append((1, "expected lines of 'key: value'"))
    if reader.problems:
        raise ConfigError("\n".join(f"{name}:{line}: {what}" for line, what in reader.problems))
    return LocatedMapping(value or {}, reader.lines)


def parse_value(text: str, name: str) -> Any:
    """Read one value of any kind, such as the right side of `key=value`.

    Raises:
        ConfigError: the text is not YAML; one line for each problem, `name` before each.
    """
    reader = _Reader(text)
    value = reader.document()
    if reader.problems:
        raise ConfigError("\n".join(f"{name}: {what}" for _, what in reader.problems))
    return value


def plain_value(text: str) -> Any:
    """Return what unquoted text means: null, a boolean, a number, or the text itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class _SyntaxProblemError(Exception):
    """The text cannot be read beyond this line."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(line, what)


@dataclass
class _Reader:
    """Builds values from PyYAML's events, in one pass, collecting what is refused."""

    text: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)
    values_read: int = 0

    def document(self) -> Any:
        """Return the value of the only document; None when there is none or it is broken."""
        try:
            self._loader = yaml.SafeLoader(self.text)
        except yaml.reader.ReaderError as error:
            line = _line_at(self.text[: error.position])
            self.problems.append((line, f"a control character: {error.character:#04x}"))
            return None
        try:
            return self._only_document()
        except _SyntaxProblemError as problem:
            self.problems.append(problem.args)
            return None
        finally:
            self._loader.dispose()

    def _only_document(self) -> Any:
        self._next()  # the start of the stream
        value = None
        if isinstance(self._next(), yaml.DocumentStartEvent):
            value = self._value(self._next(), ())
            self._next()  # the end of the document
            following = self._next()
            if isinstance(following, yaml.DocumentStartEvent):
                self._refuse(following, "a second document; a config has one")
        return value

    def _next(self) -> yaml.Event:
        try:
            event: yaml.Event = self._loader.get_event()  # type: ignore[no-untyped-call]
        except yaml.MarkedYAMLError as error:
            problem = str(error.problem)
            plain = next((words for raw, words in _PLAIN_WORDS if raw in problem), problem)
            line = _mark_line(error.problem_mark)
            if error.context_mark and _mark_line(error.context_mark) != line:
                plain += f" (begun on line {_mark_line(error.context_mark)})"
            raise _SyntaxProblemError(line, plain) from error
        except (ValueError, OverflowError) as error:  # from chr() or int()
            line = _mark_line(self._loader.get_mark())
            raise _SyntaxProblemError(line, "an escape or a directive out of range") from error
        return event

    def _refuse(self, event: yaml.Event, what: str) -> None:
        self.problems.append((_line(event), what))

    def _value(self, event: yaml.Event, path: KeyPath) -> Any:
        if len(path) > MAX_DEPTH:
            raise _SyntaxProblemError(_line(event), f"nested more than {MAX_DEPTH} deep")
        self.values_read += 1
        if self.values_read > MAX_VALUES:
            raise _SyntaxProblemError(
                _line(event), f"more than {MAX_VALUES:,} keys and values; that is no config"
            )
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"an alias (*{event.anchor}); write the value out")
            return None
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            self._refuse_anchor_and_tag(event)
        if isinstance(event, yaml.ScalarEvent):
            if not _is_unicode(event.value):
                self._refuse(event, "an escape that stands for no character")
                return None
            return event.value if event.style else plain_value(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path)
        return self._mapping(path)

    def _refuse_anchor_and_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            self._refuse(event, f"an anchor (&{event.anchor}); write each value out")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(event, f"a tag ({tag!r}); write the plain value")

    def _list(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*path, len(items))
            self.lines[here] = _line(event)
            items.append(self._value(event, here))
        return items

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path)
            here = (*path, key)
            first_line = self.lines.get(here) if key in values else None
            if first_line is not None:
                self._refuse(event, f"the key {key!r} again; it is on line {first_line} already")
            else:
                self.lines[here] = _line(event)
            value = self._value(self._next(), here)
            values.setdefault(key, value)
        return values

    def _key(self, event: yaml.Event, path: KeyPath) -> str:
        problems_before = len(self.problems)
        key = self._value(event, (*path, 0))
        if len(self.problems) > problems_before:
            return str(key)
        if not isinstance(key, str):
            found = event.value if isinstance(event, yaml.ScalarEvent) else "a list or a mapping"
            self._refuse(event, f"expected a word as a key, found {found or 'nothing'}")
        elif key == "<<":
            self._refuse(event, "a merge key (<<); write the settings out")
        return str(key)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _line(event: yaml.Event) -> int:
    return _mark_line(event.start_mark)


def _mark_line(mark: Any) -> int:
    return int(mark.line) + 1


def _line_at(text_before: str) -> int:
    return len(re.findall(r"\r\n|\r|\n", text_before)) + 1
