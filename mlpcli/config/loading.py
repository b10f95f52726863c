"""From config files and overrides to one checked `Config`, and back to YAML.

Sources are merged in order, each over the ones before, as JSON Merge Patch does
(https://www.rfc-editor.org/rfc/rfc7386): mappings merge, anything else replaces, and null takes
a key out, so that its default returns. Every problem is reported at once, each with the place
that last set the value.
"""

import copy
import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import yaml
from pydantic import ValidationError

from mlpcli.config.problems import (
    Problem,
    config_schema,
    conflicts_among,
    dotted,
    problems_of,
    unknown_key,
)
from mlpcli.config.schema.config import Config, is_run_name, settings_of_kind
from mlpcli.config.schema.section import expand_shorthand
from mlpcli.config.yaml_loader import MAX_VALUES, KeyPath, parse_value, plain_value, read_yaml
from mlpcli.errors import CheckpointError, ConfigError

DEFAULT_RUN_NAME = "run"
NAMED_SECTIONS: tuple[KeyPath, ...] = (
    ("network", "initializer"),
    ("network", "bias_initializer"),
    ("loss",),
    ("optimizer",),
    ("schedule",),
)
"""Where a plain string is short for `{name: string}`."""


def load_config(*sources: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Merge the sources, then the overrides, and check the result.

    Args:
        sources: Config files, names of shipped configs (`mnist`), or mappings.
        overrides: Texts such as `optimizer.learning_rate=1e-2`; the value is YAML.

    Returns:
        The config; its `name` is that of the last config file where none is given.

    Raises:
        ConfigError: one line for each problem, with its file and line or its override.
    """
    if isinstance(overrides, str):
        overrides = [overrides]
    layers: list[_Layer] = []
    faults: list[str] = []
    run_name = DEFAULT_RUN_NAME
    for order, source in enumerate([*sources, *map(_Override, overrides)]):
        try:
            if isinstance(source, _Override):
                layers.append(_override_layer(source.text, order))
            elif isinstance(source, Mapping):
                layers.append(_mapping_layer(source, order))
            else:
                path = find_config(source)
                run_name = _run_name(path)
                layers.append(_file_layer(path, order))
        except ConfigError as error:
            faults.append(str(error))
    if faults:
        raise ConfigError("\n".join(faults))

    values: dict[str, Any] = {}
    said_before, overriding = layers[: len(sources)], layers[len(sources) :]
    for layer in said_before:
        _drop_settings_of_other_kinds(values, layer.values)
        _merge(values, layer.values)
    for layer in overriding:  # first for all, so that their order does not matter
        _drop_settings_of_other_kinds(values, layer.values)
    for layer in overriding:
        _merge(values, layer.values)
    values.setdefault("name", run_name)
    problems = [problem for layer in layers for problem in _unknown_keys_taken_out(layer.values)]
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems += problems_of(error, values)
        problems += _conflicts_besides(problems, values)
    if problems:
        raise ConfigError(_report(problems, layers))
    if _count(config.model_dump(mode="json")) > MAX_VALUES:
        raise ConfigError(
            f"More than {MAX_VALUES:,} keys and values together, which no config file may have; "
            "write many examples as IDX files (data.dataset=idx), or as a formula."
        )
    return config


def _count(value: Any) -> int:
    """How many keys and values there are, as they are counted when a file is read."""
    if isinstance(value, dict):
        return 1 + sum(1 + _count(child) for child in value.values())
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1


def config_of_checkpoint(config: Mapping[str, Any], path: Path) -> Config:
    """Check the config that the checkpoint at `path` has in it.

    Raises:
        CheckpointError: it is not valid.
    """
    try:
        return load_config(config)
    except ConfigError as error:
        raise CheckpointError(f"{path}: the config in it is not valid: {error}") from error


def config_names() -> list[str]:
    """Return the names of the shipped configs, sorted."""
    folder = _shipped_folder()
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml")
    )


def find_config(source: str | Path) -> Path:
    """Return the file that `source` means: an existing file, or else a shipped config.

    Raises:
        ConfigError: it is neither; the message lists the shipped configs, the likeliest first.
    """
    if os.path.exists(source) and not os.path.isdir(source):  # noqa: PTH110, PTH112 - Path's raise
        return Path(source)
    name = PurePath(source).as_posix().removesuffix(".yaml")
    names = config_names()
    if name in names:
        return _shipped_folder() / f"{name}.yaml"
    wanted = name.rsplit("/", 1)[-1]
    likeliest_first = sorted(
        names, key=lambda known: -difflib.SequenceMatcher(None, wanted, known).ratio()
    )
    what = "a folder, not a config file" if os.path.isdir(source) else "no such file"  # noqa: PTH112
    raise ConfigError(
        f"{source}: {what}, and no shipped config has this name;"
        f" shipped are {', '.join(likeliest_first)}."
    )


def resolved_yaml(config: Config) -> str:
    """Write the whole config, defaults included, as YAML that loads back to an equal one."""
    text: str = yaml.dump(
        config.model_dump(mode="json"),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=float("inf"),
    )
    return text


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a config, for editors that complete and check YAML by it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **copy.deepcopy(config_schema()),
    }


@dataclass(frozen=True)
class _Override:
    text: str


@dataclass(frozen=True)
class _Place:
    """Where a value was set: how it is written in a message, and in which order it comes."""

    text: str
    order: tuple[int, int]
    key: str | None = None
    """The dotted key that `text` already names."""


@dataclass(frozen=True)
class _Layer:
    """The values of one source, and where each was set."""

    values: dict[str, Any]
    places: Mapping[KeyPath, _Place] = field(default_factory=dict)

    def deciding_place(self, path: KeyPath) -> _Place | None:
        """Return the place that settles the value at `path` whatever came before, or None."""
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


def _file_layer(path: Path, order: int) -> _Layer:
    located = read_yaml(path)
    places = {key: _Place(f"{path}:{line}", (order, line)) for key, line in located.lines.items()}
    values = _plain(located.values)
    for section in NAMED_SECTIONS:
        if section in places:
            places.setdefault((*section, "name"), places[section])
    _anchor_data_files(values, path.parent)
    return _Layer(values, places)


def _mapping_layer(source: Mapping[str, Any], order: int) -> _Layer:
    values = _plain(source)
    return _Layer(values, dict.fromkeys(_paths(values), _Place("", (order, 0))))


def _paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of everything inside `value`."""
    if isinstance(value, dict):
        children = list(value.items())
    else:
        children = list(enumerate(value)) if isinstance(value, list | tuple) else []
    for part, child in children:
        yield (*path, part)
        yield from _paths(child, (*path, part))


def _override_layer(text: str, order: int) -> _Layer:
    key, equals, value_text = text.partition("=")
    text = text if text.isprintable() else repr(text)
    parts = tuple(key.strip().split("."))
    if not equals or not all(parts):
        raise ConfigError(f"{text}: expected key=value, such as training.epochs=20")
    if not value_text.strip():
        raise ConfigError(f"{text}: expected a value; {key}=null returns to the default")
    value = parse_value(value_text, text)
    place = _Place(text, (order, 0), dotted(parts))
    places: dict[KeyPath, _Place] = {}
    for depth in range(len(parts), 0, -1):
        places[parts[:depth]] = place
        value = {parts[depth - 1]: value}
    values = _plain(value)
    for section in NAMED_SECTIONS:
        if section == parts:
            places[*section, "name"] = place
    return _Layer(values, places)


def _plain(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy with the short form of every named section written out."""

    def copy(value: Any, path: KeyPath) -> Any:
        if path in NAMED_SECTIONS:
            value = expand_shorthand(value)
        if isinstance(value, Mapping):
            return {key: copy(child, (*path, key)) for key, child in value.items()}
        return value

    return {key: copy(value, (key,)) for key, value in source.items()}


def _anchor_data_files(values: dict[str, Any], folder: Path) -> None:
    """Let relative paths of data files start at the folder of the config file."""
    data = values.get("data")
    files = data.get("files") if isinstance(data, dict) else None
    if isinstance(files, dict):
        for key, value in files.items():
            if isinstance(value, str) and value:
                files[key] = str(folder.absolute() / value)


def _drop_settings_of_other_kinds(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """Where a later source chooses another kind, keep of the earlier ones what both kinds have.

    So `optimizer.name=sgd` needs no `optimizer.momentum=null` over a config with momentum. A
    setting whose default is another for the new kind, such as Adam's learning rate, means another
    thing to it, and starts from that default.
    """
    for section in NAMED_SECTIONS:
        chosen, earlier = _at(patch, section), _at(target, section)
        if not isinstance(chosen, dict) or not isinstance(earlier, dict):
            continue
        name = chosen.get("name")
        if isinstance(name, str) and (settings := settings_of_kind(section, name)):
            before = settings_of_kind(section, earlier.get("name"))
            for key in list(earlier):
                if key not in settings or settings[key] != before.get(key):
                    del earlier[key]


def _at(values: Any, path: KeyPath) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def _merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            _merge(target[key], value)
        else:
            target[key] = value


def _unknown_keys_taken_out(values: Mapping[str, Any], path: KeyPath = ()) -> Iterator[Problem]:
    """Yield the misspelt keys that merging would drop without a word, because they are null."""
    for key, value in values.items():
        here = (*path, key)
        if value is None and (problem := unknown_key(here)):
            yield problem
        elif isinstance(value, Mapping):
            yield from _unknown_keys_taken_out(value, here)


def _conflicts_besides(problems: Sequence[Problem], values: Mapping[str, Any]) -> list[Problem]:
    """Find the conflicts that other problems hide: settings are compared once each is valid.

    So the wrong ones are left out, and conflicts in which they had a part are not counted.
    """
    valid = _plain(values)
    for problem in problems:
        section: Any = valid
        one_setting = problem.path[: 1 if problem.path[:1] in NAMED_SECTIONS else 2]
        for part in one_setting[:-1]:
            section = section.get(part)
        if isinstance(section, dict):
            section.pop(one_setting[-1], None)
    try:
        Config.model_validate(valid)
    except ValidationError as error:
        return conflicts_among(error, problems)
    return []


def _report(problems: Sequence[Problem], layers: Sequence[_Layer]) -> str:
    """Write one line for each problem, in the order of sources and lines."""
    located = [(_place(problem.path, layers), problem) for problem in dict.fromkeys(problems)]
    located.sort(key=lambda pair: pair[0].order if pair[0] else (len(layers), 0))
    lines = []
    for place, problem in located:
        key = dotted(problem.path)
        parts = [place.text] if place and place.text else []
        if not place or place.key != key:
            parts.append(key)
        lines.append(": ".join([*parts, problem.message]))
    return "\n".join(lines)


def _place(path: KeyPath, layers: Sequence[_Layer]) -> _Place | None:
    """Return the place that last set the value at `path`, or else its section."""
    for layer in reversed(layers):
        if place := layer.deciding_place(path):
            return place
    for depth in range(len(path) - 1, 0, -1):
        for section in ((*path[:depth], "name"), path[:depth]):  # its kind asks for what it lacks
            for layer in reversed(layers):
                if section in layer.places:
                    return layer.places[section]
    return None


def _run_name(path: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem)[:100].lstrip(".-").rstrip(".")
    return name if is_run_name(name) else DEFAULT_RUN_NAME


def _shipped_folder() -> Path:
    """Return the folder of the shipped configs: in the package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


class _Dumper(yaml.SafeDumper):
    """Writes lists in one line, and quotes every text that would be read as something else."""


def _write_text(dumper: _Dumper, text: str) -> yaml.Node:
    try:
        means_itself = plain_value(text) == text
    except OverflowError:
        means_itself = False
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style=None if means_itself else "'"
    )


def _write_list(dumper: _Dumper, items: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(list, _write_list)
