"""One process at a time: a lock that the system takes back when its holder ends, however it ends.

It is the process that holds it, so on POSIX neither a process forked from it nor another thread of
it can keep it or be kept out by it.
"""

import contextlib
import errno
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD = (errno.EACCES, errno.EAGAIN)


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold the lock that belongs to the file `path`, which is made and stays, empty.

    Yields:
        False where another process holds it. True also where the file cannot be made, or the file
        system has no locks: then nothing keeps the others out.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise OSError(errno.EINVAL, "not an ordinary file")
        file = path.open("ab")
    except OSError:
        yield True
        return
    try:
        yield _is_ours(file)
    finally:
        with contextlib.suppress(OSError):  # nothing is in it that could be lost
            file.close()


def _is_ours(file: BinaryIO) -> bool:
    try:
        _lock(file)
    except OSError as error:
        return error.errno not in _HELD
    return True
