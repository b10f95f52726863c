"""Describe the problems of a config in words that a user can act on.

pydantic finds the problems. The messages follow from the JSON Schema of the config, so that they
always agree with it.
"""

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from mlpcli.config.json_schema import SchemaNode
from mlpcli.config.renamed import RENAMED
from mlpcli.config.schema.conflicts import Conflict
from mlpcli.config.yaml_loader import KeyPath

MAX_FOUND_LENGTH = 60
"""characters of a wrong value that a message shows"""
LIMITS = {
    "exclusiveMinimum": "above",
    "minimum": "of at least",
    "maximum": "of at most",
    "exclusiveMaximum": "below",
}
"""limits of a number in the JSON Schema, in words"""
_KINDS = {"object": "a mapping", "array": "a list", "string": "text"}
"""types in the JSON Schema, in words, where a value may be of several"""


@dataclass(frozen=True)
class Problem:
    """A problem with the setting at `path`."""

    path: KeyPath
    message: str


def dotted(path: KeyPath) -> str:
    """Return a path as `network.hidden[1]`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{key}" if isinstance(key, str) and key.isprintable() else f".{key!r}"
    return text.removeprefix(".")


class SchemaWords:
    """Describes the problems of values that a schema checks.

    Args:
        schema: returns the JSON Schema, such as `config_schema`; called when there is something to
            describe, because making it takes as long as reading a config.
    """

    def __init__(self, schema: Callable[[], SchemaNode]) -> None:
        self._schema = schema

    @cached_property
    def root(self) -> SchemaNode:
        """The JSON Schema."""
        return self._schema()

    def problems_of(self, error: ValidationError, values: Mapping[str, Any]) -> list[Problem]:
        """Return pydantic's errors in `values` as problems, one for each setting.

        A section or list with a wrong item is not reported itself.
        """
        problems: dict[KeyPath, Problem] = {}
        for detail in error.errors(include_url=False):
            if detail["type"] == "conflicts":
                for problem in map(_problem, detail["ctx"]["conflicts"]):
                    problems.setdefault(problem.path, problem)
                continue
            path, node = self._follow(detail["loc"])
            if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
                path, node = (*path, "name"), {"enum": list(self._named_kinds(node or {}))}
            problems.setdefault(path, Problem(path, self._message(detail, path, node, values)))
        inside = {path[:depth] for path in problems for depth in range(1, len(path))}
        return [problem for path, problem in problems.items() if path not in inside]

    def unknown_key(self, path: KeyPath) -> Problem | None:
        """Return the problem with a key that no config can have; None if one can."""
        found = self._unknown_part(path)
        if found is None:
            return None
        part, valid = found
        return Problem(part, self._unknown_key_message(part, valid))

    def _unknown_part(self, path: KeyPath) -> tuple[KeyPath, list[str]] | None:
        """Return the start of a path up to its first unknown key, and the keys known there."""
        nodes: list[SchemaNode] = [self.root]
        for depth, key in enumerate(path, 1):
            sections = [kind["properties"] for node in nodes for kind in self._sections(node)]
            if not sections:
                return None
            nodes = [keys[key] for keys in sections if key in keys]
            if not nodes:
                return path[:depth], list(dict.fromkeys(key for keys in sections for key in keys))
        return None

    def expected(self, node: SchemaNode) -> str:
        """Return in words the values that a node of the JSON Schema allows."""
        node = self._resolve(node)
        choices = _choices(node)
        if choices:
            return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
        if names := self._named_kinds(node):
            return f"one of {', '.join(names)}, or a mapping with one of them as its name"
        if "oneOf" in node:
            one, several = node["oneOf"]
            return f"{self.expected(one)}, or a list of at most {several['maxItems']}"
        if "anyOf" in node:
            # Null never gets here: it takes the key out.
            return " or ".join(
                self.expected(kind) for kind in node["anyOf"] if kind.get("type") != "null"
            )
        match node.get("type"):
            case [*kinds]:
                return " or ".join(_KINDS[kind] for kind in kinds)
            case "integer":
                return f"an integer{_range(node)}"
            case "number":
                return f"a number{_range(node)}"
            case "string":
                if pattern := node.get("pattern"):
                    return f"text of the form {pattern}"
                return "a path" if node.get("format") == "path" else "text"
            case "boolean":
                return "true or false"
            case "array":
                least, most = node.get("minItems"), node.get("maxItems")
                size = f"{least} to {most}" if least else f"at most {most}"
                return f"a list of {size} items, each {self.expected(node['items'])}"
        return "a mapping"

    def _message(
        self,
        detail: Mapping[str, Any],
        path: KeyPath,
        node: SchemaNode | None,
        values: Mapping[str, Any],
    ) -> str:
        kind = detail["type"]
        if node is None or kind == "extra_forbidden":
            return self._extra_key_message(path, detail["loc"])
        if kind == "missing":
            return f"missing; expected {self.expected(node)}"
        value: Any = values
        for key in path:
            value = value[key] if isinstance(key, int) else value.get(key)
        wanted = detail["msg"] if kind == "expected" else self.expected(node)
        message = f"expected {wanted}, found {found(value)}"
        if wanted.startswith(("text", "a path")) and isinstance(value, bool | int | float):
            return f"{message}; in YAML quotes make it text: '{found(value)}'"
        choices = [choice for option in self._kinds(node) for choice in _choices(option)]
        match = nearest(value, choices) if isinstance(value, str) else None
        return f'{message}; did you mean "{match}"?' if match else message

    def _extra_key_message(self, path: KeyPath, location: KeyPath) -> str:
        if self._unknown_part(path) is None:
            section, kind = dotted(path[:-1]), location[-2]
            return f"unknown key for {section} {kind}; {dotted(path)}=null takes it out"
        _, section_node = self._follow(location[:-1])
        valid = [key for kind in self._sections(section_node or {}) for key in kind["properties"]]
        return self._unknown_key_message(path, valid)

    def _unknown_key_message(self, path: KeyPath, valid: list[str]) -> str:
        if renamed := RENAMED.get(path):
            return f"unknown key; {dotted(path)} is now {dotted(renamed)}"
        key = str(path[-1])
        if "." in key and (known := nearest(key, self._every_key)):
            *sections, last = known.split(".")
            nested = "".join(f"{section}: {{" for section in sections)
            return f"unknown key; in a file it is nested: {nested}{last}: ...{'}' * len(sections)}"
        elsewhere = (known for known in self._every_key if known.split(".")[-1] == key)
        if match := nearest(key, valid) or next(elsewhere, None):
            return f'unknown key; did you mean "{match}"?'
        return f"unknown key; valid keys: {', '.join(valid)}"

    @cached_property
    def _every_key(self) -> list[str]:
        """The dotted key of every setting."""
        return list(self._keys_below(self.root))

    def _keys_below(self, node: SchemaNode, prefix: str = "") -> Iterator[str]:
        """Yield the dotted key of every setting in a section."""
        for kind in self._sections(node):
            for key, child in kind["properties"].items():
                yield prefix + key
                yield from self._keys_below(child, f"{prefix}{key}.")

    def _follow(self, location: KeyPath) -> tuple[KeyPath, SchemaNode | None]:
        """Return the path of pydantic's location, without its tags, and the node there.

        pydantic includes the chosen kind of a union, as in `("optimizer", "sgd", "momentum")`. The
        node of an unknown key is None.
        """
        node: SchemaNode | None = self.root
        path: KeyPath = ()
        for key in location:
            if node is None:
                return path, None
            if kinds := self._named_kinds(node):
                node = self._resolve({"$ref": kinds[key]})
            elif sections := self._sections(node):
                path = (*path, key)
                node = sections[0]["properties"].get(key)
            elif isinstance(node.get("additionalProperties"), Mapping):
                path = (*path, key)
                node = node["additionalProperties"]
            elif isinstance(key, int):
                lists = [kind for kind in self._kinds(node) if "items" in kind]
                if lists:
                    path = (*path, key)
                    node = lists[0]["items"]
        return path, node

    def _resolve(self, node: SchemaNode) -> SchemaNode:
        if "$ref" not in node:
            return node
        definition: SchemaNode = self.root["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return definition

    def _kinds(self, node: SchemaNode) -> Iterator[SchemaNode]:
        """Yield every alternative of a node, with its unions opened."""
        node = self._resolve(node)
        options = [*node.get("anyOf", []), *node.get("oneOf", []), *node.get("allOf", [])]
        if not options:
            yield node
        for option in options:
            yield from self._kinds(option)

    def _sections(self, node: SchemaNode) -> list[SchemaNode]:
        return [kind for kind in self._kinds(node) if "properties" in kind]

    def _named_kinds(self, node: SchemaNode) -> Mapping[Any, str]:
        """Return each kind's reference by its name; empty where no name chooses the kind."""
        for option in node.get("anyOf", []):
            if "discriminator" in option:
                names: Mapping[Any, str] = option["discriminator"]["mapping"]
                return names
        return {}


def conflicts_among(error: ValidationError, known: Iterable[Problem]) -> list[Problem]:
    """Return the conflicts that involve none of the settings with a known problem."""
    wrong = {dotted(problem.path) for problem in known}
    return [
        _problem(conflict)
        for detail in error.errors(include_url=False)
        if detail["type"] == "conflicts"
        for conflict in detail["ctx"]["conflicts"]
        if not _involves(conflict, wrong)
    ]


def _problem(conflict: Conflict) -> Problem:
    key = conflict.key
    return Problem(tuple(key.split(".")) if isinstance(key, str) else key, conflict.message)


def _involves(conflict: Conflict, wrong: set[str]) -> bool:
    return any(
        key == bad or bad.startswith((f"{key}.", f"{key}[")) or key.startswith(f"{bad}.")
        for bad in wrong
        for key in (dotted(_problem(conflict).path), *conflict.others)
    )


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that `word` most likely means, or None."""
    return next(iter(difflib.get_close_matches(word, choices, n=1)), None)


def found(value: Any) -> str:
    """Return a value as in YAML, or its kind in words."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return "a list of 1 item" if len(value) == 1 else f"a list of {len(value)} items"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, str | int | float):
        text = repr(value)
        return text if len(text) <= MAX_FOUND_LENGTH else text[:MAX_FOUND_LENGTH] + "..."
    return f"a Python {type(value).__name__}"


def _range(node: SchemaNode) -> str:
    limits = {key: node[key] for key in LIMITS if key in node}
    for key, limit in limits.items():
        if limit == int(limit):
            limits[key] = int(limit)
    if "minimum" in limits and "maximum" in limits:
        return f" from {limits['minimum']} to {limits['maximum']}"
    text = " and ".join(f"{LIMITS[key]} {limit}" for key, limit in limits.items())
    return f" {text}" if text else ""


def _choices(node: SchemaNode) -> list[str]:
    return [node["const"]] if "const" in node else list(node.get("enum", []))
