"""Describes the problems of a config in words that a user can act on.

pydantic finds the problems; the messages are made here from the JSON Schema of the config, so they
always agree with it.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mlpcli.config.json_schema import SchemaNode, config_schema
from mlpcli.config.renamed import RENAMED
from mlpcli.config.schema.conflicts import Conflict
from mlpcli.config.yaml_loader import KeyPath

MAX_FOUND_LENGTH = 60


@dataclass(frozen=True)
class Problem:
    """A problem with the setting at `path`."""

    path: KeyPath
    message: str


def dotted(path: KeyPath) -> str:
    """Write a path as `network.hidden[1]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = str(part)
            text += ("." if text else "") + (word if word.isprintable() else repr(word))
    return text


def problems_of(error: ValidationError, values: Mapping[str, Any]) -> list[Problem]:
    """Translate pydantic's errors in `values`, one problem for each setting.

    A section or list with a wrong item is not reported itself.
    """
    problems: dict[KeyPath, Problem] = {}
    for detail in error.errors(include_url=False):
        if detail["type"] == "conflicts":
            for conflict in detail["ctx"]["conflicts"]:
                path = tuple(conflict.key.split("."))
                problems.setdefault(path, Problem(path, conflict.message))
            continue
        path, node = _follow(detail["loc"])
        if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
            path, node = (*path, "name"), _name_choices(node)
        problems.setdefault(path, Problem(path, _message(detail, path, node, values)))
    inside = {path[:depth] for path in problems for depth in range(1, len(path))}
    return [problem for path, problem in problems.items() if path not in inside]


def conflicts_among(error: ValidationError, untouched_by: Iterable[Problem]) -> list[Problem]:
    """Return the conflicts that involve no setting which is already a problem."""
    wrong = {dotted(problem.path) for problem in untouched_by}
    return [
        Problem(tuple(conflict.key.split(".")), conflict.message)
        for detail in error.errors(include_url=False)
        if detail["type"] == "conflicts"
        for conflict in detail["ctx"]["conflicts"]
        if not _involves(conflict, wrong)
    ]


def unknown_key(path: KeyPath) -> Problem | None:
    """Return the problem of a key that no config can have; None if one can."""
    nodes: list[SchemaNode] = [config_schema()]
    for depth, part in enumerate(path):
        objects = [kind for node in nodes for kind in _kinds(node) if "properties" in kind]
        if not objects:
            return None
        nodes = [kind["properties"][part] for kind in objects if part in kind["properties"]]
        if not nodes:
            valid = list(dict.fromkeys(key for kind in objects for key in kind["properties"]))
            here = path[: depth + 1]
            return Problem(here, _unknown_key_message(here, valid))
    return None


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that `word` most likely means, or None."""
    matches = difflib.get_close_matches(word, choices, n=1)
    return matches[0] if matches else None


def found(value: Any) -> str:
    """Return a value as YAML has it, or its kind in words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"a list of {len(value)} item{'' if len(value) == 1 else 's'}"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, str | int | float):
        text = repr(value)
        cut = len(text) > MAX_FOUND_LENGTH
        return text[:MAX_FOUND_LENGTH] + "..." if cut else text
    return f"a Python {type(value).__name__}"


def expected(node: SchemaNode) -> str:
    """Return in words the values that a node of the JSON Schema allows."""
    if "$ref" in node:
        return expected(_resolve(node))
    choices = _choices(node)
    if choices:
        return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    if _tagged_union(node):
        return f"{expected(_name_choices(node))}, or a mapping with one of them as its name"
    if "oneOf" in node:
        one, several = node["oneOf"]
        return f"{expected(one)}, or a list of at most {several['maxItems']}"
    if "anyOf" in node:
        # Null never gets here: it takes the key out.
        return " or ".join(expected(kind) for kind in node["anyOf"] if kind.get("type") != "null")
    match node.get("type"):
        case "integer" | "number":
            noun = "an integer" if node["type"] == "integer" else "a number"
            return noun + _range(node)
        case "string":
            return "a path" if node.get("format") == "path" else "text"
        case "boolean":
            return "true or false"
        case "array":
            least, most = node.get("minItems"), node.get("maxItems")
            size = f"{least} to {most}" if least else f"at most {most}"
            return f"a list of {size} items, each {expected(node['items'])}"
    return "a mapping"


def _message(
    detail: Mapping[str, Any], path: KeyPath, node: SchemaNode | None, values: Mapping[str, Any]
) -> str:
    kind = detail["type"]
    if node is None or kind == "extra_forbidden":
        return _extra_key_message(path, detail["loc"])
    if kind == "missing":
        return f"missing; expected {expected(node)}"
    value = _value_at(values, path)
    wanted = detail["msg"] if kind == "expected" else expected(node)
    message = f"expected {wanted}, found {found(value)}"
    if wanted in ("text", "a path") and isinstance(value, bool | int | float):
        return f"{message}; in YAML quotes make it text: '{found(value)}'"
    match = nearest(value, _all_choices(node)) if isinstance(value, str) else None
    return f'{message}; did you mean "{match}"?' if match else message


def _extra_key_message(path: KeyPath, location: KeyPath) -> str:
    if unknown_key(path) is None:
        section, kind = dotted(path[:-1]), location[-2]
        return f"unknown key for {section} {kind}; {dotted(path)}=null takes it out"
    _, section_node = _follow(location[:-1])
    valid = [key for kind in _kinds(section_node or {}) for key in kind.get("properties", {})]
    return _unknown_key_message(path, valid)


def _unknown_key_message(path: KeyPath, valid: list[str]) -> str:
    if renamed := RENAMED.get(path):
        return f"unknown key; {dotted(path)} is now {dotted(renamed)}"
    key = str(path[-1])
    if "." in key and (known := nearest(key, _every_key())):
        *sections, last = known.split(".")
        nested = "".join(f"{section}: {{" for section in sections)
        return f"unknown key; in a file it is nested: {nested}{last}: ...{'}' * len(sections)}"
    match = nearest(key, valid) or next(
        (known for known in _every_key() if known.endswith(f".{key}") or known == key), None
    )
    if match:
        return f'unknown key; did you mean "{match}"?'
    return f"unknown key; valid keys: {', '.join(valid)}"


def _follow(location: KeyPath) -> tuple[KeyPath, SchemaNode | None]:
    """Return the path of pydantic's location, without its tags, and the node there.

    pydantic includes the chosen kind of a union, as in `("optimizer", "sgd", "momentum")`; the
    node of an unknown key is None.
    """
    node: SchemaNode | None = config_schema()
    path: KeyPath = ()
    for part in location:
        if node is None:
            return path, None
        section = _tagged_union(node)
        if section is not None:
            node = _resolve({"$ref": section["discriminator"]["mapping"][part]})
            continue
        options = list(_kinds(node))
        objects = [option for option in options if "properties" in option]
        lists = [option for option in options if "items" in option]
        if objects:
            path = (*path, part)
            node = objects[0]["properties"].get(part)
        elif lists and isinstance(part, int):
            path = (*path, part)
            node = lists[0]["items"]
    return path, node


def _resolve(node: SchemaNode) -> SchemaNode:
    if "$ref" not in node:
        return node
    definition: SchemaNode = config_schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return definition


def _kinds(node: SchemaNode) -> Iterator[SchemaNode]:
    """Yield every alternative of a node, with its unions opened."""
    node = _resolve(node)
    options = [*node.get("anyOf", []), *node.get("oneOf", []), *node.get("allOf", [])]
    if not options:
        yield node
    for option in options:
        yield from _kinds(option)


def _tagged_union(node: SchemaNode) -> SchemaNode | None:
    return next((option for option in node.get("anyOf", []) if "discriminator" in option), None)


def _name_choices(node: SchemaNode | None) -> SchemaNode:
    union = _tagged_union(node or {}) or {"discriminator": {"mapping": {}}}
    return {"enum": list(union["discriminator"]["mapping"])}


def _choices(node: SchemaNode) -> list[str]:
    return list(node["enum"]) if "enum" in node else [node["const"]] if "const" in node else []


def _all_choices(node: SchemaNode) -> list[str]:
    return [choice for kind in _kinds(node) for choice in _choices(kind)]


def _every_key() -> Iterator[str]:
    """Yield the dotted key of every setting."""

    def below(node: SchemaNode, prefix: str) -> Iterator[str]:
        for kind in _kinds(node):
            for key, child in kind.get("properties", {}).items():
                yield prefix + key
                yield from below(child, f"{prefix}{key}.")

    yield from below(config_schema(), "")


def _range(node: SchemaNode) -> str:
    least, above, most, below = (
        int(limit) if isinstance(limit, float) and limit.is_integer() else limit
        for limit in map(node.get, ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"))
    )
    if least is not None and most is not None:
        return f" from {least} to {most}"
    limits = []
    if above is not None:
        limits.append(f"above {above}")
    if least is not None:
        limits.append(f"of at least {least}")
    if most is not None:
        limits.append(f"of at most {most}")
    if below is not None:
        limits.append(f"below {below}")
    return " " + " and ".join(limits) if limits else ""


def _value_at(values: Any, path: KeyPath) -> Any:
    for part in path:
        values = values[part] if isinstance(part, int) else values.get(part)
    return values


def _involves(conflict: Conflict, wrong: set[str]) -> bool:
    return any(
        key == part or key.startswith((f"{part}.", f"{part}[")) or part.startswith(f"{key}.")
        for key in wrong
        for part in (conflict.key, *conflict.others)
    )
