"""Read config files and overrides into one checked `Config`.

All problems are reported at once, each with the place that set the value last.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlpcli.config.json_schema import config_schema
from mlpcli.config.merging import merged
from mlpcli.config.problems import Problem, SchemaWords, conflicts_among, dotted
from mlpcli.config.schema.config import Config, is_run_name
from mlpcli.config.shipped import find_config
from mlpcli.config.sources import (
    NAMED_SECTIONS,
    Place,
    Source,
    file_source,
    mapping_source,
    override_source,
    written_out,
)
from mlpcli.config.yaml_loader import MAX_VALUES, KeyPath
from mlpcli.errors import CheckpointError, ConfigError

DEFAULT_RUN_NAME = "run"


def load_config(*sources: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Return the config that the sources, then the overrides, make together.

    Args:
        sources: config files, names of shipped configs (`mnist`), or mappings. The last config
            file gives the config its default `name`.
        overrides: texts such as `optimizer.learning_rate=1e-2`; the value is YAML.

    Raises:
        ConfigError: one line for each problem, with its file and line or its override.
    """
    if isinstance(overrides, str):
        overrides = [overrides]
    read: list[Source] = []
    unreadable: list[str] = []
    run_name = DEFAULT_RUN_NAME
    for order, given in enumerate([*sources, *overrides]):
        try:
            if order >= len(sources):
                read.append(override_source(str(given), order))
            elif isinstance(given, Mapping):
                read.append(mapping_source(given, order))
            else:
                path = find_config(given)
                run_name = name_from(path)
                read.append(file_source(path, order))
        except ConfigError as error:
            unreadable.append(str(error))
    if unreadable:
        raise ConfigError("\n".join(unreadable))

    return build_config(read[: len(sources)], read[len(sources) :], run_name)


def build_config(
    files: Sequence[Source], overrides: Sequence[Source], run_name: str = DEFAULT_RUN_NAME
) -> Config:
    """Return the config that these sources make together, as `load_config` does.

    Raises:
        ConfigError: one line for each problem, with its place.
    """
    sources = [*files, *overrides]
    values = merged(files, overrides)
    values.setdefault("name", run_name)
    words = SchemaWords(config_schema)
    problems = [each for source in sources for each in _unknown_null_keys(words, source.values)]
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems += words.problems_of(error, values)
        problems += _hidden_conflicts(problems, values)
    if problems:
        raise ConfigError(report(problems, sources))
    if _count(config.model_dump(mode="json")) > MAX_VALUES:
        raise ConfigError(
            f"More than {MAX_VALUES:,} keys and values together, which no config file may have; "
            "write many examples as IDX files (data.dataset=idx), or as a formula."
        )
    return config


def _count(value: Any) -> int:
    """Return the number of keys and values, counted as the YAML reader does."""
    if isinstance(value, dict):
        return 1 + sum(1 + _count(child) for child in value.values())
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1


def config_of_checkpoint(config: Mapping[str, Any], path: Path) -> Config:
    """Return the checked config of the checkpoint at `path`.

    Raises:
        CheckpointError: the config is not valid.
    """
    try:
        return load_config(config)
    except ConfigError as error:
        raise CheckpointError(f"{path}: the config in it is not valid: {error}") from error


def _unknown_null_keys(
    words: SchemaWords, values: Mapping[str, Any], path: KeyPath = ()
) -> Iterator[Problem]:
    """Yield a problem for each misspelt key that merging would drop because its value is null."""
    for key, value in values.items():
        here = (*path, key)
        if value is None and (problem := words.unknown_key(here)):
            yield problem
        elif isinstance(value, Mapping):
            yield from _unknown_null_keys(words, value, here)


def _hidden_conflicts(problems: Sequence[Problem], values: Mapping[str, Any]) -> list[Problem]:
    """Return the conflicts that other problems hide, because only valid settings are compared.

    The wrong settings are left out, and so are conflicts that involve them.
    """
    valid: dict[Any, Any] = written_out(values)
    for problem in problems:
        section, *setting = problem.path[:2]
        if setting and (section,) not in NAMED_SECTIONS and isinstance(valid.get(section), dict):
            valid[section].pop(setting[0], None)
        else:
            valid.pop(section, None)
    try:
        Config.model_validate(valid)
    except ValidationError as error:
        return conflicts_among(error, problems)
    return []


def report(problems: Sequence[Problem], sources: Sequence[Source]) -> str:
    """Return one line for each problem, in the order of sources and lines."""
    located = [(_place(problem.path, sources), problem) for problem in dict.fromkeys(problems)]
    located.sort(key=lambda pair: pair[0].order if pair[0] else (len(sources), 0))
    lines = []
    for place, problem in located:
        key = dotted(problem.path)
        line = place.start if place else ""
        if not place or place.key != key:
            line += f"{key}: "
        lines.append(line + problem.message)
    return "\n".join(lines)


def _place(path: KeyPath, sources: Sequence[Source]) -> Place | None:
    """Return the place that set the value at `path` last, or else its section."""
    candidates = [path]
    for depth in range(len(path) - 1, 0, -1):
        candidates += [(*path[:depth], "name"), path[:depth]]  # a kind may lack a setting
    for candidate in candidates:
        for source in reversed(sources):
            if place := source.deciding_place(candidate):
                return place
    return None


def name_from(path: Path) -> str:
    """Return the name that a config file gives its runs."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem)[:100].lstrip(".-").rstrip(".")
    return name if is_run_name(name) else DEFAULT_RUN_NAME
