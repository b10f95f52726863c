"""A lock between processes, which the system releases when its holder ends, however it ends.

The process holds it: on POSIX neither its forked processes nor its other threads keep the lock or
are kept out by it.
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
    """Hold the lock of the file `path`, which is created, and remains empty.

    Yields:
        False if another process holds the lock. True also if the file cannot be created or the
        file system has no locks: then other processes are not kept out.
    """
    try:
        if path.exists() and not path.is_file():  # opening a pipe would block
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
