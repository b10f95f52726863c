"""Options that several commands share."""

import math
from collections.abc import Callable
from pathlib import Path

import click

PATH = click.Path(path_type=Path, readable=False)
"""Unchecked: what is wrong with a file is said where it is read, with the exit code of its kind."""

DEFAULT_CONFIG = "mnist"

configs = click.option(
    "--config",
    "-c",
    "configs",
    multiple=True,
    metavar="NAME|FILE",
    help="A config file, or the name of one that comes with mlpcli; several are merged in order.  "
    f"[default: {DEFAULT_CONFIG}]",
)
configs_without_default = click.option(
    "--config",
    "-c",
    "configs",
    multiple=True,
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
