"""The process that local workers are forked from, which has imported already what they need.

It imports while the command itself still reads its config and imports Optuna and Dask. Nothing of
those is imported here, so that it can start first.
"""

import multiprocessing
import signal
import sys
from multiprocessing import resource_tracker
from typing import Literal

IMPORTS = "mlpcli.sweeps.worker_imports"
HAS_ONE = sys.platform.startswith("linux")
"""Elsewhere a library may not survive that its process forks."""

_is_running = False


def start() -> None:
    """Start it, for a process that has no other use for Python's own: there is one in a process."""
    global _is_running
    if not HAS_ONE or _is_running:
        return
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload([IMPORTS])
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        spare_children_signals()
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _is_running = True


def start_method() -> Literal["forkserver", "spawn"]:
    """Return how multiprocessing is to start local workers."""
    return "forkserver" if _is_running else "spawn"


def spare_children_signals() -> None:
    """Leave it to this process what Ctrl-C and a closed terminal mean.

    Processes that this thread starts inherit what it blocks.
    """
    if hasattr(signal, "pthread_sigmask"):
        # Python's tracker of resources inherits this, too, and lets Ctrl-C through as it starts.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
