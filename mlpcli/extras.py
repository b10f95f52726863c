"""Packages that only one command needs: each is an extra of pyproject.toml."""

import importlib

from mlpcli.errors import ConfigError


def require(package: str, extra: str, what: str) -> None:
    """Import a package of an extra.

    Args:
        package: its name in an import.
        extra: its extra in pyproject.toml.
        what: what needs it, as the subject of a sentence.

    Raises:
        ConfigError: it is not installed, or cannot be imported; says how to install it.
    """
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"{what} needs the package {package} ({error}); pip install 'mlpcli[{extra}]' adds it."
        ) from error
