"""Options that several commands share."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.types import StringParamType


class _Name(StringParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        _refuse_empty(self, value, param, ctx)
        return super().convert(value, param, ctx)


class _Path(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        _refuse_empty(self, value, param, ctx)
        return super().convert(value, param, ctx)


def _refuse_empty(
    kind: _Name | _Path, value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> None:
    """An unset variable of the shell is an empty name, and as a path would mean this folder."""
    if not str(value):
        kind.fail("expected a name, found an empty one", param, ctx)


NAME = _Name()
PATH = _Path(path_type=Path, readable=False)
"""Unchecked: what is wrong with a file is said where it is read, with the exit code of its kind."""

DEFAULT_CONFIG = "mnist"

configs = click.option(
    "--config",
    "-c",
    "configs",
    multiple=True,
    type=NAME,
    metavar="NAME|FILE",
    help="A config file, or the name of one that comes with mlpcli; several are merged in order.  "
    f"[default: {DEFAULT_CONFIG}]",
)
configs_without_default = click.option(
    "--config",
    "-c",
    "configs",
    multiple=True,
    type=NAME,
    metavar="NAME|FILE",
    help="A config file, or the name of one that comes with mlpcli; several are merged in order.",
)
overrides = click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
data_dir = click.option(
    "--data-dir",
    type=PATH,
    help="Where datasets are cached.  [default: $MLPCLI_DATA, or data]",
)
runs_dir = click.option(
    "--runs-dir",
    type=PATH,
    default=Path("runs"),
    show_default=True,
    help="Where runs lie.",
)
trust_paths = click.option(
    "--trust-paths",
    is_flag=True,
    help="Read the data files that a checkpoint names wherever they lie.  [default: only in the "
    "working directory and the cache]",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


def is_given(parameter: str) -> bool:
    """Whether the command line names this parameter of the command that runs."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source == ParameterSource.COMMANDLINE


def finite(_context: click.Context, _option: click.Parameter, value: float) -> float:
    """A number that is one: click takes nan for one within every range."""
    if not math.isfinite(value):
        raise click.BadParameter(f"expected a finite number, found {value:g}")
    return value


def named_as(ending: str, what: str) -> Callable[..., Path | None]:
    """A file that is not named as another format's than `what`, whose names end in `ending`."""

    def check(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
        if value is not None and value.suffix.lower() not in ("", ending):
            raise click.BadParameter(
                f"{what} is written; expected a name in {ending}, found {value}"
            )
        return value

    return check


png = named_as(".png", "a PNG file")
safetensors = named_as(".safetensors", "a safetensors file")
