"""Read a sweep: from a sweep file, the command line, or both."""

import contextlib
import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlpcli.config.json_schema import config_schema, sweep_schema
from mlpcli.config.loading import build_config, name_from, report
from mlpcli.config.merging import merge
from mlpcli.config.problems import Problem, SchemaWords
from mlpcli.config.schema.config import Config
from mlpcli.config.schema.conflicts import DECIDED_BY_START
from mlpcli.config.schema.sweep import (
    DEFAULT_SAMPLER,
    MOST_VALUES,
    GridConfig,
    ParameterConfig,
    SweepConfig,
    TpeConfig,
)
from mlpcli.config.shipped import find_config, find_sweep, is_shipped
from mlpcli.config.sources import (
    Place,
    Source,
    anchor_paths,
    file_source,
    override_source,
    places_of,
    setting_source,
    written_out,
)
from mlpcli.config.sweep_values import items_in, long_form, nested, parameter_from
from mlpcli.config.writing import as_yaml
from mlpcli.config.yaml_loader import KeyPath, parse_value, read_yaml
from mlpcli.errors import ConfigError

DEFAULT_BASE = "mnist"
DEFAULT_TRIALS = 20
MOST_TRIES, MOST_TRIES_IN_ALL = 200, 5000
"""values of other parameters that a value is tried with, and all values together"""
COMMAND_LINE = 1000
"""order of the first override among the sources, after all files"""
WHOLE = "config"
"""the parameter whose values are whole configs, or pieces of them"""
INSTEAD = {
    "seed": "seeds",
    "name": "name",
    "training.monitor": "monitor",
    "training.workers": None,
    "training.pictures": None,
}
"""settings that no parameter may be, and the setting of a sweep that takes their place"""
_SETTINGS = frozenset(SweepConfig.model_fields)


@dataclass(frozen=True)
class Sweep:
    """A checked sweep."""

    settings: SweepConfig
    """with every default filled in"""
    base: Config
    """the config that the trials share"""

    @property
    def trials(self) -> int:
        """The number of trials."""
        return self.settings.trials or DEFAULT_TRIALS

    @property
    def has_more(self) -> bool:
        """Whether there are combinations beyond these trials."""
        if self.settings.sampler is not None and self.settings.sampler.name == "tpe":
            return bool(self.settings.parameters)
        most = most_trials(self.settings)
        return most is None or 2 * self.trials <= most

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of each trial."""
        return self.settings.seeds or (self.base.seed,)

    @property
    def monitor(self) -> str:
        """The column of metrics.csv by which a trial is the best."""
        return str(self.settings.monitor)

    @property
    def minimize(self) -> bool:
        """Whether a trial is better with a lower value."""
        return self.monitor.endswith("loss")

    def config(self, values: Mapping[str, Any], seed: int) -> Config:
        """Return the config of a training with these values of the parameters.

        Raises:
            ConfigError: the values cannot be together.
        """
        place = Place("", (1, 0))
        chosen = [_chosen(key, value, place) for key, value in values.items()]
        training = {"workers": 1, "monitor": self.monitor}
        same = {"seed": seed, "name": self.base.name, "training": training}
        base = Source(_shared(self.base, self.settings), Place("", (0, 0)))
        return build_config([base], [*chosen, Source(same, place)])

    def as_yaml(self) -> str:
        """Return the sweep as a sweep file, from which it can be repeated."""
        values = self.settings.model_dump(mode="json")
        for key, parameter in self.settings.parameters.items():
            values["parameters"][key] = parameter.model_dump(mode="json", exclude_defaults=True)
        return as_yaml(values)


def load_sweep(
    sweep: str | Path | Mapping[str, Any] | None = None,
    *,
    configs: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
) -> Sweep:
    """Return the sweep that a sweep file and a command line describe together.

    Args:
        sweep: a sweep file, or its content; None for none.
        configs: names or files of configs, merged in order, that take the place of its base.
        overrides: texts such as `optimizer.learning_rate=0.1,0.3`: several values make a parameter,
            one value changes the base; or a setting of the sweep, such as `trials=50`.

    Raises:
        ConfigError: one line for each problem, with its file and line or its override.
    """
    problems: list[str] = []
    reading = _Reading()
    with _collected(problems):
        reading.read_sweep(sweep)
    for order, text in enumerate(overrides, COMMAND_LINE):
        with _collected(problems):
            reading.read_override(str(text), order)
    with _collected(problems):
        reading.read_base(configs)
    _raise(problems)
    with _collected(problems):
        settings = reading.settings()
    with _collected(problems):
        base = reading.base_config()
        problems += _impossible_values(reading, base)
    _raise(problems)
    return _complete(settings, base, reading.name)


@contextlib.contextmanager
def _collected(problems: list[str]) -> Iterator[None]:
    """Add the problems found in the block to a list."""
    try:
        yield
    except ConfigError as error:
        problems.append(str(error))


def _raise(problems: Sequence[str]) -> None:
    if problems:
        raise ConfigError("\n".join(problems))


class _Reading:
    """The sources of a sweep."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.folder = Path()
        """where the configs lie that the sweep file names"""
        self.anchor = Path()
        """where the relative paths in it start"""
        self.file = Source({}, Place("", (0, 0)))
        self.changes: list[Source] = []
        """what the command line changes in the settings of the sweep"""
        self.base: list[Source] = []
        self.base_changes: list[Source] = []

    def read_sweep(self, sweep: str | Path | Mapping[str, Any] | None) -> None:
        """Read a sweep file, or its content."""
        if sweep is None:
            return
        if isinstance(sweep, Mapping):
            self.file = Source(long_form(sweep), self.file.place)
            return
        path = find_sweep(sweep)
        located = read_yaml(path)
        self.name, self.folder = name_from(path), path.parent
        self.anchor = Path() if is_shipped(path) else path.parent
        places = places_of(located, path, 0)
        values = self._with_configs_beside(long_form(located.values))
        self.file = Source(values, Place(str(path), (0, 0)), places)

    def _with_configs_beside(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the sweep in which whole configs that lie beside its file have full paths."""
        parameters = values.get("parameters")
        whole = parameters.get(WHOLE) if isinstance(parameters, dict) else None
        if isinstance(whole, dict) and isinstance(whole.get("values"), list):
            whole["values"] = [self._beside(each) or each for each in whole["values"]]
        return values

    def _beside(self, name: Any) -> str | None:
        """Return the full path of a config beside the sweep file; None if it is found without."""
        if not isinstance(name, str) or os.path.exists(name):  # noqa: PTH110 - Path's may raise
            return None
        path = self.folder.absolute() / name
        return str(path) if os.path.isfile(path) else None  # noqa: PTH113 - Path's may raise

    def read_override(self, text: str, order: int) -> None:
        """Read `key=value`, where key is a setting of the sweep or of a config."""
        key, equals, values = text.partition("=")
        key = key.strip()
        if not equals or not all(key.split(".")) or not values.strip():
            override_source(text, order)  # raises what is wrong
        place = Place(text if text.isprintable() else repr(text), (order, 0), key)
        if key == "seed":
            key, place = "seeds", Place(place.text, place.order)
        if key.split(".")[0] == "base":
            raise ConfigError(
                f"{place.start}here the base is named by --config, and changed by its own keys, "
                "such as training.epochs=20"
            )
        if key.split(".")[0] in _SETTINGS:
            value = parse_value(values, place.text)
            if key == "seeds":
                items = parse_value(f"[{values}]", place.text)
                value = items if len(items) > 1 or not isinstance(value, list) else value
            path: KeyPath = tuple(key.split("."))
            if path[0] == "parameters" and len(path) > 1:
                path = ("parameters", key.partition(".")[2])
            self.changes.append(Source(long_form(nested(path, value)), place))
            return
        items = items_in(values, place.text)
        parameter = parameter_from(items)
        for source in (self.file, *self.changes):
            taken = source.values.get("parameters")
            if isinstance(taken, dict):
                taken.pop(key, None)
        if parameter is None:
            change = setting_source(tuple(key.split(".")), items[0], place)
            self.base_changes.append(change)
        else:
            where = Place(place.text, place.order)
            self.changes.append(Source({"parameters": {key: parameter}}, where))

    def read_base(self, configs: Sequence[str | Path]) -> None:
        """Read the config that the trials share."""
        base = self.file.values.pop("base", DEFAULT_BASE)
        if configs:
            parts, inside, folder = list(configs), False, Path()
        else:
            parts, inside, folder = base if isinstance(base, list) else [base], True, self.folder
        for order, part in enumerate(parts, 1):
            if isinstance(part, Mapping):
                prefix: KeyPath = ("base", order - 1) if isinstance(base, list) else ("base",)
                self.base.append(self._part_of_file(part, prefix))
            elif isinstance(part, str | Path):
                beside = folder / part
                is_beside = inside and os.path.isfile(beside)  # noqa: PTH113 - Path's may raise
                path = beside if is_beside else find_config(part)
                self.base.append(file_source(path, order))
                self.name = self.name or name_from(path)
            else:
                place = self.file.places.get(("base",), self.file.place)
                expected = "the name of a config, a file, a mapping, or a list of those"
                raise ConfigError(f"{place.start}base: expected {expected}")

    def _part_of_file(self, values: Mapping[str, Any], prefix: KeyPath) -> Source:
        """Return settings within the sweep file as a source, with their lines."""
        depth = len(prefix)
        places = {
            path[depth:]: place
            for path, place in self.file.places.items()
            if path[:depth] == prefix and len(path) > depth
        }
        part = written_out(values)
        anchor_paths(part, self.anchor)
        return Source(part, self.file.place, places)

    def settings(self) -> SweepConfig:
        """Return the settings of the sweep, or raise ConfigError."""
        sources = [self.file, *self.changes]
        values = self.values()
        problems: list[Problem] = []
        try:
            settings = SweepConfig.model_validate(values)
        except ValidationError as error:
            problems += SchemaWords(sweep_schema).problems_of(error, values)
        problems += _wrong_keys(values.get("parameters"))
        if problems:
            raise ConfigError(report(problems, sources))
        return settings

    def values(self) -> dict[str, Any]:
        """Return the settings of the sweep as they were given, merged."""
        values: dict[str, Any] = {}
        merge(values, self.file.values)
        for change in self.changes:
            if _is_of_another_kind(change.values.get("sampler"), values.get("sampler")):
                del values["sampler"]  # the settings of another kind have no meaning
        for change in self.changes:
            merge(values, change.values)
        return values

    def base_config(self) -> Config:
        """Return the config that the trials share, or raise ConfigError."""
        one_worker = Source({"training": {"workers": 1}}, Place("", (2 * COMMAND_LINE, 0)))
        return build_config(self.base, [*self.base_changes, one_worker], self.name or "sweep")

    def place_of(self, key: str, index: int) -> Place:
        """Return the place of a value of a parameter."""
        for source in reversed([self.file, *self.changes]):
            for path in (("parameters", key, "values", index), ("parameters", key, index)):
                if place := source.places.get(path):
                    return place
            if place := source.deciding_place(("parameters", key)):
                return place
        return self.file.place


def _is_of_another_kind(sampler: Any, before: Any) -> bool:
    """Return whether a sampler's settings name another kind than those before."""
    if not isinstance(sampler, Mapping) or not isinstance(before, Mapping):
        return False
    kind = before.get("name", DEFAULT_SAMPLER)
    return bool(sampler.get("name", kind) != kind)


def _complete(settings: SweepConfig, base: Config, name: str | None) -> Sweep:
    """Fill in the defaults that depend on the base."""
    regression = base.data.table is not None and base.data.table.is_regression
    monitor = settings.monitor or ("val_loss" if regression else "val_accuracy")
    if base.data.validation == 0 and "data.validation" not in settings.parameters:
        raise ConfigError(
            "data.validation: found 0, but a sweep compares its trials by validation images; "
            "expected at least 1"
        )
    if base.data.validation != 0:
        change = Source({"training": {"monitor": monitor}}, Place("monitor", (0, 0)))
        base = build_config([Source(_shared(base, settings), Place("", (0, 0)))], [change])
    grids = [grid_values(parameter) for parameter in settings.parameters.values()]
    sampler = settings.sampler
    if sampler is None:
        is_grid = all(grids) and all(each.step is None for each in settings.parameters.values())
        sampler = GridConfig(name="grid") if is_grid else TpeConfig(name="tpe")
    trials = settings.trials
    finite = most_trials(settings)
    if sampler.name != "tpe" and finite is not None:
        if trials is not None and trials > finite:
            raise ConfigError(
                f"trials: expected at most {finite}, the number of different combinations, "
                f"found {trials}"
            )
        if sampler.name == "grid":
            trials = trials or finite
    if not settings.parameters:
        trials = 1
    complete = settings.model_copy(
        update={
            "name": settings.name or name or base.name,
            "base": _shared(base, settings),
            "sampler": sampler,
            "trials": trials or (min(DEFAULT_TRIALS, finite) if finite else DEFAULT_TRIALS),
            "seeds": settings.seeds or (base.seed,),
            "monitor": monitor,
        }
    )
    return Sweep(complete, base)


def _shared(base: Config, settings: SweepConfig) -> dict[str, Any]:
    """Return the config that all trials share, with its defaults.

    What it leaves open to the network from which a trial starts stays open.
    """
    values = base.model_dump(mode="json")
    if base.training.start_from or "training.start_from" in settings.parameters:
        for section, keys in DECIDED_BY_START.items():
            for key in keys - getattr(base, section).model_fields_set:
                del values[section][key]
    return values


def most_trials(settings: SweepConfig) -> int | None:
    """Return the number of different combinations; None if there are infinitely many."""
    grids = [grid_values(parameter) for parameter in settings.parameters.values()]
    return math.prod(map(len, grids)) if all(grids) else None


def grid_values(parameter: ParameterConfig) -> tuple[Any, ...]:
    """Return the values of a parameter in order; empty if it may have any value in a range."""
    if parameter.values is not None:
        return parameter.values
    low, high, step = parameter.low, parameter.high, parameter.step
    if (
        low is None
        or high is None
        or (step is None and (parameter.log or not parameter.is_integer))
    ):
        return ()
    step = 1 if step is None else step
    count = math.floor((high - low) / step + 1e-9) + 1
    return tuple(low + i * step for i in range(count)) if count <= MOST_VALUES else ()


def _wrong_keys(parameters: Any) -> Iterator[Problem]:
    """Yield the problem of each parameter that is no setting, or none that may differ."""
    words = SchemaWords(config_schema)
    for key in parameters if isinstance(parameters, Mapping) else ():
        path = ("parameters", key)
        if key in INSTEAD:
            instead = INSTEAD[key]
            hint = f"set {instead} of the sweep" if instead else "it is the same for all trials"
            yield Problem(path, f"no parameter can be this setting; {hint}")
        elif key != WHOLE and (problem := words.unknown_key(tuple(key.split(".")))):
            yield Problem(path, problem.message)


def _impossible_values(reading: _Reading, base: Config) -> Iterator[str]:
    """Yield the problem of each value that no trial can have.

    A value that fits only some values of other parameters is no problem: the other trials are
    reported as impossible. Where very many values do not fit, the first of them are yielded.
    """
    tries_left = MOST_TRIES_IN_ALL
    parameters = reading.values().get("parameters")
    words = SchemaWords(config_schema)
    candidates = {
        key: list(_candidates(parameter))
        for key, parameter in (parameters.items() if isinstance(parameters, Mapping) else ())
        if key == WHOLE or not words.unknown_key(tuple(key.split(".")))
    }
    start = [Source(base.model_dump(mode="json"), Place("", (0, 0)))]
    for key, values in candidates.items():
        for index, value in enumerate(values):
            try:
                own = _chosen(key, value, reading.place_of(key, index))
            except ConfigError as error:
                yield str(error)
                continue
            problem = _problem(start, [own])
            if not problem:
                continue
            others = (
                _chosen(other, each, Place("", (1, 0)))
                for other, others in candidates.items()
                if other != key
                for each in others
            )
            for each in itertools.islice(others, MOST_TRIES):
                if not tries_left:
                    return
                tries_left -= 1
                if not _problem(start, [each, own]):
                    break
            else:
                yield problem


def _candidates(parameter: Any) -> Iterator[Any]:
    """Yield the values of a parameter, or the ends of its range."""
    if isinstance(parameter, Mapping):
        values = parameter.get("values")
        yield from values if isinstance(values, list) else ()
        yield from (parameter[end] for end in ("low", "high") if end in parameter)


def _chosen(key: str, value: Any, place: Place) -> Source:
    """Return the source of a parameter's value, or raise ConfigError if it names no config."""
    if key != WHOLE:
        return setting_source(tuple(key.split(".")), value, place)
    if isinstance(value, str):
        return Source(file_source(find_config(value), 0).values, place)
    if isinstance(value, Mapping):
        return Source(written_out(value), place)
    raise ConfigError(f"{place.start}{key}: expected the name of a config or a mapping")


def _problem(base: list[Source], changes: list[Source]) -> str:
    """Return why these sources make no config; empty if they make one."""
    try:
        build_config(base, changes)
    except ConfigError as error:
        return str(error)
    return ""
