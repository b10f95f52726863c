"""Ctrl-C, SIGTERM and SIGHUP end a command with an exit code of their own and no traceback.

This module imports next to nothing, so that the signals are handled before anything else loads.
"""

import os
import signal
import sys
from types import FrameType

STOPS: dict[int, tuple[str, int]] = {
    signal.SIGINT: ("Interrupted.", 130),
    signal.SIGTERM: ("Terminated.", 143),
}
"""The message and the exit code of each signal that ends a command."""
if hasattr(signal, "SIGHUP"):
    STOPS[signal.SIGHUP] = STOPS[signal.SIGTERM]

_first: int | None = None
"""The first signal that came."""


def handle() -> None:
    """Let the first signal raise KeyboardInterrupt; another ends the process at once."""
    for number in STOPS:
        is_hangup = number not in (signal.SIGINT, signal.SIGTERM)
        if is_hangup and signal.getsignal(number) == signal.SIG_IGN:  # by nohup
            continue
        signal.signal(number, _stop)
    sys.unraisablehook = _stop_where_python_drops_exceptions


def ignore() -> None:
    """Ignore the signals from now on: the command is over, and its exit code is settled."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)


def came() -> bool:
    """Return whether a signal has come."""
    return _first is not None


def message_and_code(number: int | None = None) -> tuple[str, int]:
    """Return what ends a command after this signal, or after the first that came."""
    return STOPS[number or _first or signal.SIGINT]


def _stop(number: int, _frame: FrameType | None) -> None:
    global _first
    if _first is not None:
        os._exit(STOPS[number][1])
    _first = number
    raise KeyboardInterrupt


def _stop_where_python_drops_exceptions(dropped: "sys.UnraisableHookArgs") -> None:
    """End at once where Python would drop the exception, as in a finalizer."""
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        os._exit(message_and_code()[1])
    sys.__unraisablehook__(dropped)
