"""Shipped configs, and the config file that a name or a path denotes."""

import difflib
import os
from pathlib import Path, PurePath

from mlpcli.errors import ConfigError

SWEEPS = "sweeps/"
"""beginning of the names of shipped sweep files"""


def config_names() -> list[str]:
    """Return the names of the shipped configs, sorted."""
    return [name for name in _names() if not name.startswith(SWEEPS)]


def sweep_names() -> list[str]:
    """Return the names of the shipped sweep files, sorted."""
    return [name for name in _names() if name.startswith(SWEEPS)]


def _names() -> list[str]:
    folder = _folder()
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml")
    )


def schema_file() -> Path:
    """Return the JSON Schema that lies beside the shipped configs."""
    return _folder() / "schema.json"


def find_config(source: str | Path) -> Path:
    """Return the file that `source` names: an existing file, or else a shipped config.

    Raises:
        ConfigError: it is neither; the message lists the shipped configs, the likeliest first.
    """
    return _find(source, config_names(), "config")


def find_sweep(source: str | Path) -> Path:
    """Return the sweep file that `source` names, as `find_config` does."""
    return _find(source, sweep_names(), "sweep")


def _find(source: str | Path, names: list[str], kind: str) -> Path:
    if os.path.exists(source) and not os.path.isdir(source):  # noqa: PTH110, PTH112 - Path's raise
        return Path(source)
    name = PurePath(source).as_posix().removesuffix(".yaml")
    if name in names:
        return _folder() / f"{name}.yaml"
    wanted = name.rsplit("/", 1)[-1]
    likeliest_first = sorted(
        names, key=lambda known: -difflib.SequenceMatcher(None, wanted, known).ratio()
    )
    what = f"a folder, not a {kind} file" if os.path.isdir(source) else "no such file"  # noqa: PTH112
    raise ConfigError(
        f"{source}: {what}, and no shipped {kind} has this name;"
        f" shipped are {', '.join(likeliest_first)}."
    )


def is_shipped(path: Path) -> bool:
    """Return whether a config file is one of those that come with mlpcli."""
    return path.resolve().is_relative_to(_folder().resolve())


def _folder() -> Path:
    """Return the folder of the shipped configs, in the package or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"
