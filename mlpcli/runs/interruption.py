"""Ctrl-C and the like, noted until the work has come to a point where it can stop."""

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
    """Within it, the first signal is only noted; another goes to whoever handled signals before.

    A signal that nobody handles keeps its meaning, and so do all of them outside the main thread.

    Attributes:
        signal: the number of the one that came last; 0 if none did.
        folder: of the run that can be gone on with after it; None where there is none yet.

    Raises:
        Interrupted: another came, and there is such a run.
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
        self._give_back()
        left_at_once = isinstance(error, KeyboardInterrupt) and not isinstance(error, Interrupted)
        if left_at_once and self.folder is not None:
            number = self.signal or signal.SIGINT
            raise Interrupted(f"What was saved last is in {self.folder}.", number, self.folder)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        is_the_first = not self.signal
        self.signal = number
        if not is_the_first:
            self._give_back()
            signal.raise_signal(number)

    def _give_back(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
