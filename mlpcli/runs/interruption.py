"""Ctrl-C and other signals, noted until training can stop."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Self

from mlpcli.errors import Interrupted

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Interruption:
    """A context in which the first signal is only noted; the next one goes to the earlier handler.

    Signals without a handler are left alone; outside the main thread, all of them are.

    Attributes:
        signal: the number of the latest signal; 0 without one.
        folder: the folder of the run that can be resumed; None where there is none yet.

    Raises:
        Interrupted: a second signal came, and there is such a run.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.signal = 0
        self.folder = folder
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if callable(before):
                    self._before[number] = before
                    signal.signal(number, self._note)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._restore_handlers()
        stops_at_once = isinstance(error, KeyboardInterrupt) and not isinstance(error, Interrupted)
        if stops_at_once and self.folder is not None:
            number = self.signal or signal.SIGINT
            raise Interrupted(f"What was saved last is in {self.folder}.", number, self.folder)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        is_the_first = not self.signal
        self.signal = number
        if not is_the_first:
            self._restore_handlers()
            signal.raise_signal(number)

    def _restore_handlers(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
