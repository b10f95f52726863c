"""Pictures of runs and of what is explained: the only place that knows matplotlib.

One short file a picture: it has a function that computes what is drawn, unless that is known
already, and one that draws it.
"""

import contextlib
import logging
import os
import sys

from mlpcli.errors import WriteError


def _import_matplotlib() -> None:
    """Import it whatever the user's settings say of windows, and without remarks on its cache.

    Raises:
        WriteError: it can keep its cache nowhere.
    """
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    backend = os.environ.pop("MPLBACKEND", None)  # an unknown one is an error, and none is needed
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


if "matplotlib" not in sys.modules:
    _import_matplotlib()
