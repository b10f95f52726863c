"""Ctrl-C and the like, noted until the work has come to a point where it can stop."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Interruption:
    """Within it, the first signal is only noted; another goes to whoever handled signals before.

    A signal that nobody handles keeps its meaning, and so do all of them outside the main thread.

    Attributes:
        signal: the number of the one that came; 0 if none did.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if callable(before):
                    self._before[number] = before
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_back()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if not self.signal:
            self.signal = number
            return
        self._give_back()
        signal.raise_signal(number)

    def _give_back(self) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
