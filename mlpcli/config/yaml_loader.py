"""Read YAML without YAML's traps, and record the line of each key.

PyYAML follows YAML 1.1, in which `1e-3` is text, `no` is False, `012` is 10, `1:30` is 90, and a
repeated key silently keeps its last value. Here numbers and booleans are the decimal ones of YAML
1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema). Repeated keys, aliases (441 bytes
of them can stand for gigabytes), tags, merge keys, further documents and keys that are not text are
refused. PyYAML only parses the syntax; it constructs no objects.
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
"""largest number of keys and values; with all their digits they fit in MAX_BYTES"""

KeyPath = tuple[str | int, ...]
"""keys of mappings and positions in lists that lead from the top to a value"""

_CONSTANTS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,100}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

# PyYAML's most common complaints, in the words of someone who writes a config.
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
    """line of each key and each item of a list, from 1"""


def read_yaml(path: Path) -> LocatedMapping:
    """Return the mapping in a YAML file, which is empty if the file has only comments.

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
        line = _last_line(content[: error.start].decode("latin-1"))
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8.") from error
    return parse_mapping(text, str(path))


def parse_mapping(text: str, name: str) -> LocatedMapping:
    """Return the mapping in YAML text; messages begin with `name`.

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
    """Return a value of any kind, such as the right side of `key=value`.

    Raises:
        ConfigError: the text is wrong; one line for each problem, beginning with `name`.
    """
    reader = _Reader(text)
    value = reader.document()
    if reader.problems:
        raise ConfigError("\n".join(f"{name}: {what}" for _, what in reader.problems))
    return value


def plain_value(text: str) -> Any:
    """Return the value of unquoted text: null, a boolean, a number, or the text itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class _SyntaxProblemError(Exception):
    """Raised with (line, message): the text cannot be read beyond this line."""


@dataclass
class _Reader:
    """Builds values from PyYAML's events, in one pass, and collects the problems."""

    text: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)
    values_read: int = 0
    line: int = 1
    """line of the latest event"""

    def document(self) -> Any:
        """Return the value of the only document; None when there is none or it is broken."""
        self._events = yaml.parse(self.text, yaml.SafeLoader)
        value = None
        try:
            self._next()  # the start of the stream
            if isinstance(self._next(), yaml.DocumentStartEvent):
                value = self._value(self._next(), ())
                self._next()  # the end of the document
                if isinstance(self._next(), yaml.DocumentStartEvent):
                    self._refuse("a second document; a config has one")
        except _SyntaxProblemError as problem:
            self.problems.append(problem.args)
            return None
        return value

    def _next(self) -> Any:  # types-PyYAML gives an event no attributes
        try:
            event: Any = next(self._events)
        except yaml.reader.ReaderError as error:
            line = _last_line(self.text[: error.position])
            problem = f"a control character: {error.character:#04x}"
            raise _SyntaxProblemError(line, problem) from error
        except yaml.MarkedYAMLError as error:
            problem = str(error.problem)
            plain = next((words for raw, words in _PLAIN_WORDS if raw in problem), problem)
            line = _line(error.problem_mark)
            if error.context_mark and _line(error.context_mark) != line:
                plain += f" (begun on line {_line(error.context_mark)})"
            raise _SyntaxProblemError(line, plain) from error
        except (ValueError, OverflowError) as error:  # from chr() or int()
            problem = "an escape or a directive out of range"
            raise _SyntaxProblemError(self.line, problem) from error
        self.line = _line(event.start_mark)
        return event

    def _refuse(self, problem: str) -> None:
        self.problems.append((self.line, problem))

    def _value(self, event: Any, path: KeyPath) -> Any:
        self.values_read += 1
        if len(path) > MAX_DEPTH:
            raise _SyntaxProblemError(self.line, f"nested more than {MAX_DEPTH} deep")
        if self.values_read > MAX_VALUES:
            problem = f"more than {MAX_VALUES:,} keys and values; that is no config"
            raise _SyntaxProblemError(self.line, problem)
        if isinstance(event, yaml.AliasEvent):
            self._refuse(f"an alias (*{event.anchor}); write the value out")
            return None
        if event.anchor is not None:
            self._refuse(f"an anchor (&{event.anchor}); write each value out")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(f"a tag ({tag!r}); write the plain value")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if re.search(r"[\ud800-\udfff]", event.value):
            self._refuse("an escape that stands for no character")
            return None
        return event.value if event.style else plain_value(event.value)

    def _list(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*path, len(items))
            self.lines[here] = self.line
            items.append(self._value(event, here))
        return items

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path)
            here = (*path, key)
            if key in values:
                first = self.lines[here]
                self._refuse(f"the key {key!r} again; it is on line {first} already")
            else:
                self.lines[here] = self.line
            values.setdefault(key, self._value(self._next(), here))
        return values

    def _key(self, event: Any, path: KeyPath) -> str:
        line, problems_before = self.line, len(self.problems)
        key = self._value(event, (*path, 0))
        self.line = line  # a key of several lines is reported on its first
        if len(self.problems) == problems_before and not isinstance(key, str):
            found = event.value if isinstance(event, yaml.ScalarEvent) else "a list or a mapping"
            self._refuse(f"expected a word as a key, found {found or 'nothing'}")
        elif key == "<<":
            self._refuse("a merge key (<<); write the settings out")
        return str(key)


def _line(mark: Any) -> int:
    return int(mark.line) + 1


def _last_line(text: str) -> int:
    """Return the number of the last line of `text`, from 1."""
    return len(re.findall(r"\r\n|\r|\n", text)) + 1
