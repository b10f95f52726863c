"""Options that several commands share."""

import contextlib
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from mlpcli.cli import candidates


class _Path(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an unset variable of the shell: as a path it would mean this folder."""
        if not str(value):
            self.fail("expected a name, found an empty one", param, ctx)
        return super().convert(value, param, ctx)


NAME = _Path(path_type=str, readable=False)
PATH = _Path(path_type=Path, readable=False)
"""types that check nothing: a wrong file is reported where it is read, with its exit code"""

DEFAULT_CONFIG = "mnist"


def _configs(default: str) -> Callable[[Any], Any]:
    return click.option(
        "--config",
        "-c",
        "configs",
        multiple=True,
        type=NAME,
        metavar="NAME|FILE",
        shell_complete=candidates.configs,
        help="A config file, or the name of one that comes with mlpcli; several are merged in"
        f" order.{default}",
    )


def refuse_configs(words: Iterable[str], *endings: str) -> None:
    """Say how a config is named, where one stands among other arguments.

    Args:
        words: arguments that are no options; settings among them may be.
        endings: of file names that mean a config there, such as .yaml.
    """
    from mlpcli.config.shipped import config_names

    for word in (each for each in words if "=" not in each):
        is_shipped = word in config_names() and not os.path.exists(word)  # noqa: PTH110 - Path's raises
        if (is_shipped and word != "boxed") or word.endswith(endings):  # boxed is a network, too
            raise click.UsageError(f"{word} is a config; name it with --config {word}.")


def _settings_alone(
    _context: click.Context, _argument: click.Parameter, words: tuple[str, ...]
) -> tuple[str, ...]:
    refuse_configs(words, ".yaml", ".yml")
    return words


configs = _configs(f"  [default: {DEFAULT_CONFIG}]")
configs_without_default = _configs("")
overrides = click.argument(
    "overrides",
    nargs=-1,
    metavar="[KEY=VALUE]...",
    shell_complete=candidates.overrides,
    callback=_settings_alone,
)
data_dir = click.option(
    "--data-dir", type=PATH, help="Where datasets are cached.  [default: $MLPCLI_DATA, or data]"
)
runs_dir = click.option(
    "--runs-dir", type=PATH, default=Path("runs"), show_default=True, help="The folder of the runs."
)
trust_paths = click.option(
    "--trust-paths",
    is_flag=True,
    help="Read the data files that a checkpoint names wherever they are.  [default: only in the "
    "working directory and the cache]",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


def is_given(parameter: str) -> bool:
    """Return whether the command line names this parameter of the running command."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source == ParameterSource.COMMANDLINE


def refuse_to_overwrite(name: str, output: Path | None, *read: str | Path) -> None:
    """Refuse to write to a file that is read: what a user has brought would be lost.

    Args:
        name: the option or argument that says where to write.
        output: the file; None for none.
        read: what is read, files or not.
    """
    if output is None:
        return
    for file in read:
        with contextlib.suppress(OSError):  # one of them does not exist
            if output.is_file() and output.samefile(file):
                raise click.UsageError(f"{name} {output}: this file is read; name another one.")


def finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """Refuse nan and infinity: click accepts nan in every range."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"expected a finite number, found {value:g}")
    return value


def named_as(what: str, *endings: str) -> Callable[..., Path | None]:
    """Return a callback that refuses a file name with the ending of another format."""

    def check(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
        if value is not None and value.suffix.lower() not in ("", *endings):
            raise click.BadParameter(
                f"{what} is written; expected a name in {' or '.join(endings)}, found {value}"
            )
        return value

    return check


png = named_as("a PNG file", ".png")
html = named_as("an HTML page", ".html")
