"""What a shell may complete: settings, shipped configs, folders of runs and of sweeps.

It runs at every press of the tab key, so nothing here imports NumPy or the schema's library; the
settings are read from the JSON Schema that comes with the configs.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

Candidates = list["CompletionItem[str]"]  # quoted: not generic in every click

SWEEP_SETTINGS = {
    "sampler": ("grid", "random", "tpe"),
    "trials": (),
    "seeds": (),
    "halving": ("{}",),
    "monitor": ("val_accuracy", "val_loss"),
    "minutes": (),
}
"""the settings of a sweep itself, each with its choices"""


def configs(_context: click.Context, _option: click.Parameter, incomplete: str) -> Candidates:
    """Return the shipped configs, or else YAML files."""
    from mlpcli.config.shipped import config_names

    return _named(config_names(), incomplete)


def overrides(_context: click.Context, _argument: click.Parameter, incomplete: str) -> Candidates:
    """Return settings: a section at a time, and the choices behind the equals sign."""
    return list(_settings(incomplete))


def sweep_arguments(
    _context: click.Context, _argument: click.Parameter, incomplete: str
) -> Candidates:
    """Return shipped sweep files, YAML files, settings of the sweep, and settings of its runs.

    Behind a comma another value of the same setting may follow.
    """
    from mlpcli.config.shipped import sweep_names

    key, equals, values = incomplete.partition("=")
    if equals:
        *before, last = values.split(",")
        begun = f"{key}=" + "".join(f"{value}," for value in before)
        choices = SWEEP_SETTINGS.get(key) or _choices(_nodes_at(key.split(".")))
        return [_item(begun + each) for each in choices if each.startswith(last)]
    own = [_item(f"{name}=") for name in SWEEP_SETTINGS if name.startswith(incomplete)]
    files = _named(sweep_names(), incomplete)
    settings = [*own, *_settings(incomplete)]
    return [item for item in files if not (settings and item.type == "file")] + settings


def checkpoints(context: click.Context, _parameter: click.Parameter, incomplete: str) -> Candidates:
    """Return folders of runs, the checkpoints in one, and the network in the box, or else files."""
    boxed = ["boxed"] if incomplete and "boxed".startswith(incomplete) else []
    return _or_files([*_folders(context, incomplete, of_runs=True), *boxed], incomplete)


def checkpoints_or_sweeps(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> Candidates:
    """Return the same, and folders of sweeps."""
    found = _folders(context, incomplete, of_runs=True)
    found += _folders(context, incomplete, of_runs=False)
    return _or_files(found, incomplete)


def sweeps(context: click.Context, _parameter: click.Parameter, incomplete: str) -> Candidates:
    """Return folders of sweeps, or else folders."""
    return _or_files(_folders(context, incomplete, of_runs=False), incomplete, "dir")


def run_names(_context: click.Context, _option: click.Parameter, incomplete: str) -> Candidates:
    """Return the names of the runs in the usual folder."""
    from mlpcli.storage.folders import is_run

    paths = map(Path, _entries("runs"))
    return [_item(p.name) for p in paths if p.name.startswith(incomplete) and is_run(p)]


def explained(context: click.Context, argument: click.Parameter, incomplete: str) -> Candidates:
    """Return what --config, --activations or a checkpoint lets follow; an image for the last."""
    if context.params.get("activations"):
        names = _choices(_nodes_at(["network", "activation"]))
        return [_item(name) for name in names if name.startswith(incomplete)]
    if context.params.get("configs"):
        return overrides(context, argument, incomplete)
    if context.params.get("arguments"):
        return [_item(incomplete, kind="file")]
    return checkpoints(context, argument, incomplete)


def _item(value: str, told: str | None = None, kind: str = "plain") -> "CompletionItem[str]":
    return CompletionItem(value, kind, told)


def _named(names: Iterable[str], incomplete: str) -> Candidates:
    """Return the names that begin so; without any, let the shell look for files."""
    return _or_files([name for name in names if name.startswith(incomplete)], incomplete)


def _or_files(found: Iterable[str], incomplete: str, kind: str = "file") -> Candidates:
    items = [_item(value) for value in dict.fromkeys(found)]
    return items or [_item(incomplete, kind=kind)]


def _folders(context: click.Context, incomplete: str, *, of_runs: bool) -> list[str]:
    """Return the folders of runs or of sweeps whose path begins so, by name.

    They are looked for where the command would make them, and where the path already leads. Once a
    path leads into the folder of a run, its checkpoints follow.
    """
    from mlpcli.storage.folders import BEST, LAST, is_run, is_sweep

    usual = "runs" if of_runs else "sweeps"
    made = str(context.params.get(f"{usual}_dir") or usual)
    typed = os.path.dirname(incomplete)  # noqa: PTH120 - a Path would lose ./ and the like
    found = []
    for folder in dict.fromkeys((made, typed)):
        for path in _entries(folder):
            if path.startswith(incomplete) and (is_run if of_runs else is_sweep)(Path(path)):
                found.append(path)
    inside = next((p for p in (typed, os.path.dirname(typed)) if p and is_run(Path(p))), None)  # noqa: PTH120
    if of_runs and inside:
        files = [f"{inside}/{name}" for name in (BEST, LAST)]
        found += [file for file in files if file.startswith(incomplete) and Path(file).is_file()]
    return found


def _entries(folder: str) -> list[str]:
    """Return the paths in a folder, sorted; none where it cannot be read."""
    try:
        names = sorted(os.listdir(folder or "."))  # noqa: PTH208 - see above
    except OSError:
        return []
    start = folder if not folder or folder.endswith(("/", os.sep)) else f"{folder}/"
    return [f"{start}{name}" for name in names if not name.startswith(".")]


def _settings(incomplete: str) -> "Iterator[CompletionItem[str]]":
    """Yield the settings or values that complete a dotted key, or what stands behind its `=`."""
    key, equals, begun = incomplete.partition("=")
    if equals:
        for choice in _choices(_nodes_at(key.split("."))):
            if choice.startswith(begun):
                yield _item(f"{key}={choice}")
        return
    *sections, begun = key.split(".")
    path = "".join(f"{section}." for section in sections)
    for name, nodes in _properties(_nodes_at(sections)).items():
        if not name.startswith(begun):
            continue
        descriptions = {node["description"] for node in nodes if "description" in node}
        told = descriptions.pop() if len(descriptions) == 1 else None
        if _properties(nodes):
            yield _item(f"{path}{name}.", told)
        if not _properties(nodes) or _choices(nodes):
            yield _item(f"{path}{name}=", told)


def settings_named(name: str) -> list[str]:
    """Return the dotted keys of the settings whose last word is `name`, the shortest first."""
    found, sections = [], [""]
    while sections:
        path = sections.pop()
        for word, nodes in _properties(_nodes_at(path.split(".")[:-1])).items():
            if word == name:
                found.append(f"{path}{word}")
            if _properties(nodes):
                sections.append(f"{path}{word}.")
    return sorted(found, key=lambda key: (key.count("."), key))


Node = dict[str, Any]


def _nodes_at(sections: list[str]) -> list[Node]:
    """Return what the schema says of a key; several nodes where there are several kinds of it."""
    nodes = [_schema()]
    for section in sections:
        nodes = _properties(nodes).get(section, [])
    return nodes


def _schema() -> Node:
    from mlpcli.config.shipped import schema_file

    try:
        schema: Node = json.loads(schema_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a damaged installation completes nothing
        return {}
    resolved: Node = _resolved(schema, schema.get("$defs", {}))
    return resolved


def _resolved(node: Any, definitions: Node) -> Any:
    """Return the node with what its references name in their place; the schema has no circles."""
    if isinstance(node, list):
        return [_resolved(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    resolved = {
        name: _resolved(value, definitions)
        for name, value in node.items()
        if name not in ("$ref", "$defs", "discriminator")
    }
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        resolved = {**_resolved(definitions[name], definitions), **resolved}
    return resolved


def _kinds(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield each alternative of each node."""
    for node in nodes:
        alternatives = [*node.get("anyOf", ()), *node.get("oneOf", ())]
        if alternatives:
            yield from _kinds(alternatives)
        else:
            yield node


def _properties(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    """Return the settings of a section, of every kind that it may have."""
    found: dict[str, list[Node]] = {}
    for node in _kinds(nodes):
        for name, each in node.get("properties", {}).items():
            found.setdefault(name, []).append(each)
    return found


def _choices(nodes: Iterable[Node]) -> list[str]:
    """Return the values of a setting where there are only so many; null only beside others."""
    found: list[str] = []
    for node in _kinds(nodes):
        if node.get("type") == "boolean":
            found += ["true", "false"]
        values = [node["const"]] if "const" in node else node.get("enum", [])
        found += [value for value in values if isinstance(value, str)]
    return list(dict.fromkeys(found))
