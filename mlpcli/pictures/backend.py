"""Imports matplotlib under any settings of windows and caches that the user has."""

import contextlib
import logging
import os
import sys

from mlpcli.errors import WriteError


def import_matplotlib() -> None:
    """Import matplotlib without its remarks on the cache; call it before drawing anything.

    Raises:
        WriteError: matplotlib finds no place for its cache.
    """
    if "matplotlib" in sys.modules:
        return
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    backend = os.environ.pop("MPLBACKEND", None)  # an unknown one would be an error
    try:
        import matplotlib.font_manager
    except OSError as error:
        raise WriteError(f"Matplotlib cannot be used: {error}") from error
    finally:
        logger.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend is not None:
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
