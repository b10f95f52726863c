"""Makes reference/settings.md from the schema of a config: `python docs/make_settings.py`."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlpcli.config.json_schema import config_schema, sweep_schema

PAGE = Path(__file__).parent / "reference" / "settings.md"
INTRODUCTION = """# Settings

Every setting of a config, with what it may be, its default, and what it is for. On the command
line a setting is its dotted name: `optimizer.learning_rate=0.01`. `mlpcli train --config mnist
--print-config` prints all of them with the values of a config, and `mlpcli config schema` as a JSON
Schema, with which an editor completes and checks. [Write a config](../how_to/configs.md) tells how
they go together.

`python docs/make_settings.py` makes this page from the classes in `mlpcli/config/schema/`.
"""
SWEEPS = """## In a sweep file

[Sweeps](../how_to/sweeps.md) says how these go together; `mlpcli config schema --sweep` prints
their schema.
"""
WHOLE = "At the top"
UNENDING = 1_000_000
"""no bound that a reader meets: it only keeps mistyped numbers from becoming arrays"""

Node = Mapping[str, Any]


def settings_page() -> str:
    """Return the page."""
    lines = [INTRODUCTION, *_sections(config_schema(), config_schema(), "", 2)]
    lines += [SWEEPS, *_sections(sweep_schema(), sweep_schema(), "", 3)]
    return "\n".join(lines)


def _sections(schema: Node, section: Node, key: str, level: int) -> Iterator[str]:
    """Yield a section's heading, its description and its table, and then the sections in it."""
    if key or level == 2:
        yield f"{'#' * level} {key or WHOLE}\n"
    if key:
        yield _prose(section["description"]) + "\n"
    rows, inner = [], []
    for name, node in section["properties"].items():
        dotted = f"{key}.{name}".lstrip(".")
        kinds = _kinds(schema, node)
        parts = [_target(schema, part) for part in _parts(node) if "$ref" in part]
        if kinds or parts:
            inner.append((dotted, node, kinds, parts))
        for part in _parts(node.get("additionalProperties") or {}):
            if "$ref" in part:
                inner.append((f"{dotted}.SETTING", node, {}, [_target(schema, part)]))
        if not parts or "description" in node:
            rows.append((dotted, _values(schema, node), _default(node), node))
    if rows:
        yield "| setting | values | default | what it is for |"
        yield "| --- | --- | --- | --- |"
        for dotted, values, default, node in rows:
            yield f"| `{dotted}` | {values} | {default} | {_cell(node.get('description', ''))} |"
        yield ""
    for dotted, node, kinds, parts in inner:
        if kinds:
            yield from _union(schema, dotted, node, kinds, level + bool(key))
        for part in [] if kinds else parts:
            yield from _sections(schema, part, dotted, level + bool(key))


def _union(
    schema: Node, key: str, node: Node, kinds: Mapping[str, Node], level: int
) -> Iterator[str]:
    """Yield a section of one of several kinds: the kinds, and every setting of any of them."""
    yield f"{'#' * level} {key}\n"
    yield "| `name` | what it is |"
    yield "| --- | --- |"
    for names, what in _described(kinds):
        yield f"| {names} | {what} |"
    yield ""
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for name, kind in kinds.items():
        for setting, inside in kind["properties"].items():
            if setting != "name":
                text = _cell(inside.get("description", ""))
                row = f"{key}.{setting}", _values(schema, inside), _default(inside, kind, setting)
                rows.setdefault((*row, text), []).append(name)
    if rows:
        yield "| setting | of | values | default | what it is for |"
        yield "| --- | --- | --- | --- | --- |"
        order = list(dict.fromkeys(setting for setting, *_ in rows))
        for row in sorted(rows, key=lambda row: order.index(row[0])):
            setting, values, default, text = row
            names = rows[row]
            of = "all" if len(names) == len(kinds) else ", ".join(names)
            yield f"| `{setting}` | {of} | {values} | {default} | {text} |"
        yield ""


def _described(kinds: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """Yield the names of each class of kinds, and what it is."""
    titles = {name: kind["title"] for name, kind in kinds.items()}
    for title in dict.fromkeys(titles.values()):
        names = [name for name in kinds if titles[name] == title]
        kind = kinds[names[0]]
        of_name = kind["properties"]["name"].get("description", "")
        what = f"{_prose(kind['description'])} {_cell(of_name)}".strip()
        yield ", ".join(f"`{name}`" for name in names), what


def _parts(node: Node) -> list[Node]:
    """Return a node's alternatives, or the node alone."""
    return node.get("anyOf") or node.get("oneOf") or [node]


def _target(schema: Node, node: Node) -> Node:
    """Return what a node refers to."""
    return schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def _kinds(schema: Node, node: Node) -> dict[str, Node]:
    """Return the kinds of a section that has a name, by their names."""
    for part in _parts(node):
        if "discriminator" in part:
            mapping = part["discriminator"]["mapping"]
            ordered = [name for each in _parts(node) for name in each.get("enum", ())]
            names = [*ordered, *(name for name in mapping if name not in ordered)]
            return {name: _target(schema, {"$ref": mapping[name]}) for name in names}
    return {}


def _values(schema: Node, node: Node) -> str:
    """Return in words what a setting may be."""
    if _kinds(schema, node):
        return "a name, or a section with a `name`" + _or_null(node)
    words = [_value(schema, part) for part in _parts(node)]
    return ", or ".join(dict.fromkeys(word for word in words if word))


def _or_null(node: Node) -> str:
    return ", or `null`" if {"type": "null"} in _parts(node) else ""


def _value(schema: Node, node: Node) -> str:
    if "$ref" in node:
        return "a section"
    if "const" in node or "enum" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    kind = node.get("type")
    if isinstance(kind, list):
        return ", or ".join(_value(schema, {"type": each}) for each in kind)
    match kind:
        case "null":
            return "`null`"
        case "boolean":
            return "`true`, `false`"
        case "integer":
            return "a whole number" + _range(node)
        case "number":
            return "a number" + _range(node)
        case "array" if "enum" in node.get("items", {}):
            return "a list of such names"
        case "array":
            items = _plural(_value(schema, node.get("items", {})))
            return f"a list of {items}" if items else "a list"
        case "object":
            return "a section"
        case "string":
            return "a path" if node.get("format") == "path" else "text"
    return ""


def _plural(words: str) -> str:
    """Return the words for one thing as those for several."""
    for one, many in (("a whole number", "whole numbers"), ("a number", "numbers")):
        if words.startswith(one):
            return words.replace(one, many, 1)
    return re.sub("^a list of", "lists of", "texts" if words == "text" else words)


def _range(node: Node) -> str:
    """Return the bounds of a number, in words."""
    words = []
    if node.get("minimum", -UNENDING) > -UNENDING:
        words.append(f"from {_number(node['minimum'])} on")
    if "exclusiveMinimum" in node:
        words.append(f"above {_number(node['exclusiveMinimum'])}")
    most = node.get("maximum")
    if most is not None and most < UNENDING:
        words.append(f"up to {_number(most)}")
    if "exclusiveMaximum" in node:
        words.append(f"below {_number(node['exclusiveMaximum'])}")
    text = ", ".join(words)
    return (
        " " + text.replace(" on, up to ", " to ").replace(" on, below ", ", below ") if text else ""
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def _default(node: Node, kind: Node | None = None, setting: str = "") -> str:
    """Return the default as YAML has it."""
    if "default" not in node:
        return "" if kind and setting not in kind.get("required", ()) else "none: it must be given"
    value = node["default"]
    if isinstance(value, dict) and "name" in value:
        value = value["name"]
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _prose(text: str) -> str:
    """Return the first paragraph of a docstring in one line, as Markdown."""
    return _cell(" ".join(text.split("\n\n")[0].split()))


def _cell(text: str) -> str:
    """Escape what a table's cell, or Markdown, would read as its own."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_|<])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
