"""Writing files so that a reader never sees half of one.

A file is written beside its target under a name of its own, flushed to the disk, and renamed
over the target. Whatever happens on the way, the previous file stays whole.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mlpcli.errors import WriteError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path` when the block ends without an exception.

    A symbolic link stays one: what it points to is replaced. What is no ordinary file (a device, a
    pipe) is written to as it is.

    An exception inside the block (a failed check of what was written, say) leaves `path` as it
    was and passes through; the temporary file is removed.

    Raises:
        WriteError: the file could not be written, flushed or renamed.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            with path.open("wb") as stream:
                yield stream
            return
        target = path.resolve()
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        file = temporary.open("xb")
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror}.") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _flush_folder(target.parent)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all.

    Raises:
        WriteError: the file could not be written.
    """
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all.

    Raises:
        WriteError: the file could not be written.
    """
    write_bytes(path, content.encode())


def make_folder(path: Path) -> None:
    """Make a folder and its parents where they are missing.

    Raises:
        WriteError: the folder could not be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{path}: the folder cannot be made: {error.strerror}.") from error


def _flush_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename survives a power cut; only POSIX can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
