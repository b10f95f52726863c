"""A shell in a terminal, in which a test types."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

# The terminal must be the shell's own, which takes a session of its own.
OWN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """The other end of a shell's terminal, of 40 lines of 200 columns."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def read_until(self, *wanted: str, seconds: float = 30) -> str:
        """Return what came since the last call, once it has all of these."""
        end = time.monotonic() + seconds
        while not all(each in self.shown for each in wanted):
            ready, _, _ = select.select([self._descriptor], [], [], max(0, end - time.monotonic()))
            assert ready, f"{wanted} did not come, but: {self.shown!r}"
            self.shown += os.read(self._descriptor, 65536).decode(errors="replace")
        found, self.shown = self.shown, ""
        return found


@contextlib.contextmanager
def shell(command: list[str], cwd: Path, variables: dict[str, str]) -> Iterator[Terminal]:
    """Start a shell, and end it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-c", OWN_TERMINAL, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env={**os.environ, "TERM": "xterm", **variables},
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(ours)
        finally:
            process.kill()
            os.close(ours)
