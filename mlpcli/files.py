"""Writing files so that a reader never sees half of one.

A file is written beside its target under a name of its own, flushed to the disk, and renamed
over the target. Whatever happens on the way, the previous file stays whole. Whatever writes raises
WriteError if it cannot.
"""

import contextlib
import errno
import itertools
import json
import math
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mlpcli.errors import MlpcliError, WriteError

STALE_SECONDS = 24 * 60 * 60
"""Age at which a temporary file has no writer any more.

A live writer waits for half a minute at most. A day exceeds the difference between the clocks of
machines that share a folder, wrong time zones included; locks and process numbers do not reach
across every network file system and container.
"""
READERS_BLOCK = os.name == "nt"
"""whether a file cannot be replaced, nor a folder be renamed, while another program reads it"""
_PATIENCE = 10.0
"""seconds for which a writer waits for other programs, such as a virus scanner, to close a file"""
_RANDOM = re.compile(r"[0-9a-f]{8}\.tmp")
_HAS_NO_LINKS = (
    *(errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS),
    *(errno.EXDEV, errno.EMLINK, errno.EINVAL),
)
"""what a hard link fails with where a file system has none: EINVAL on Windows, EACCES on Android"""
_FLUSHES_NO_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)

if sys.platform == "darwin":
    import fcntl

    def flush_to_disk(descriptor: int) -> None:
        """Wait until a file is on the disk; fsync of macOS leaves it in the disk's own cache."""
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:  # network drives do not have it
            os.fsync(descriptor)

else:

    def flush_to_disk(descriptor: int) -> None:
        """Wait until a file is on the disk, and survives a power cut."""
        os.fsync(descriptor)


@contextlib.contextmanager
def os_errors_as(kind: type[MlpcliError], path: Path | str, problem: str) -> Iterator[None]:
    """Raise an OSError in the block as an error of this kind: `path`: `problem`: its reason."""
    try:
        yield
    except OSError as error:
        raise kind(f"{path}: {problem}: {error.strerror or error}.") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path` when the block ends without an exception.

    A symbolic link is kept, and its target replaced. A device, a pipe, and the file of standard
    output or error are written to directly.

    An exception inside the block, such as a failed check of the content, passes through and leaves
    `path` as it was; the temporary file is removed.
    """
    with os_errors_as(WriteError, path, "cannot be written"):
        if (stream := _open_directly(path)) is not None:
            with stream:
                yield stream
            return
        with _becoming(_target(path)) as temporary, temporary.open("xb") as file:
            yield file
            file.flush()
            flush_to_disk(file.fileno())


def _open_directly(path: Path) -> BinaryIO | None:
    """Open what is not an ordinary file, or is already open as a standard stream; else None."""
    if not path.exists():
        return None
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # there is none, or closed
            if os.path.samestat(path.stat(), os.fstat(stream.fileno())):
                stream.flush()
                return os.fdopen(os.dup(stream.fileno()), "wb")
    return None if path.is_file() or path.is_dir() else path.open("wb")


def _target(path: Path) -> Path:
    """Return the path with all links resolved, or raise OSError if it cannot be a file."""
    try:
        target = path.resolve()
    except RuntimeError as error:  # what older Pythons raise for a loop of links
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    if not target.name:
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    return target


@contextlib.contextmanager
def _becoming(target: Path) -> Iterator[Path]:
    """Yield a temporary path, renamed to `target` when the block ends without an exception."""
    temporary = _temporary_for(target)
    try:
        yield temporary
        _rename(temporary.replace, target)
    except BaseException:
        with contextlib.suppress(OSError):  # a stale one is removed later
            temporary.unlink()
        raise
    _flush_folder(target.parent)


def _rename(rename: Callable[[Path], Path], target: Path) -> None:
    """Rename something to `target`, waiting for programs that keep the system from it.

    Args:
        rename: `replace` of a file's path, or `rename` of a folder's.
        target: the new path.
    """
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            rename(target)
            return
        except PermissionError:
            if not READERS_BLOCK or target.is_dir() or time.monotonic() > give_up:
                raise
        time.sleep(0.05)


def make_numbered_folder(path: Path, fill: Callable[[Path], None]) -> Path:
    """Create `path`, or `path`-2, `path`-3, ...: nothing is ever overwritten.

    The folder is filled as by `make_filled_folder`.
    """
    make_folder(path.parent)
    later = (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
    return make_filled_folder(itertools.chain([path], later), fill)


def make_filled_folder(paths: Iterable[Path], fill: Callable[[Path], None]) -> Path:
    """Create a folder that becomes visible only once it is filled, and return its path.

    The path is the first of the endless `paths` in one parent folder that does not exist. `fill`
    writes into the folder while it has a temporary name; if it raises, no folder is left.
    """
    paths = iter(paths)
    path = next(paths)
    temporary = _temporary_for(path)
    try:
        with os_errors_as(WriteError, path, "cannot be made"):
            temporary.mkdir()
            fill(temporary)
            while not _has_moved(temporary, path):
                path = next(paths)
            _flush_folder(path.parent)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, WriteError):
            raise WriteError(str(error).replace(str(temporary), str(path))) from error
        raise
    return path


def _has_moved(folder: Path, target: Path) -> bool:
    """Rename a folder, and return False if `target` already exists."""
    if os.path.lexists(target):
        return False
    try:
        _rename(folder.rename, target)
    except OSError:
        if os.path.lexists(target):  # another process was quicker
            return False
        raise
    return True


def _temporary_for(target: Path) -> Path:
    """Return a unique path beside `target`, for the file or folder that is to replace it."""
    remove_stale_temporaries(target)
    return target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")


def remove_stale_temporaries(target: Path) -> None:
    """Remove the temporary files and folders that killed writers of `target` left, if possible.

    Those younger than STALE_SECONDS may have a live writer, and stay.
    """
    start = f".{target.name}."
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if not (entry.name.startswith(start) and _RANDOM.fullmatch(entry.name, len(start))):
                continue
            age = time.time() - entry.stat(follow_symlinks=False).st_mtime
            if age > STALE_SECONDS and entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif age > STALE_SECONDS and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):  # another process was quicker
                    Path(entry.path).unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as file:
        file.write(content)


def duplicate(source: Path, path: Path) -> None:
    """Make `path` a duplicate of the file `source`, whole or not at all.

    Files are replaced and never changed, so a hard link will do; it is a copy where the file system
    has none.
    """
    with os_errors_as(WriteError, path, "cannot be written"):
        if path.exists() and path.samefile(source):  # POSIX renames nothing over the same file
            return
        try:
            with _becoming(_target(path)) as temporary:
                temporary.hardlink_to(source)
        except OSError as error:
            if error.errno not in _HAS_NO_LINKS:
                raise
            write_bytes(path, source.read_bytes())


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, as `write_bytes` does.

    File names in it keep bytes that are not UTF-8.
    """
    write_bytes(path, content.encode(errors="surrogateescape"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` to `path` as JSON, as `write_bytes` does."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def open_ordinary(path: Path) -> BinaryIO:
    """Open a file for reading; OSError also for a pipe or device, whose reading might never end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))
    return path.open("rb")


def read_ordinary(path: Path, most: int) -> bytes:
    """Return the content of an ordinary file; OSError also if it has more than `most` bytes."""
    with open_ordinary(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most:,} bytes", str(path))
    return content


def read_json(path: Path, most: int) -> Any:
    """Return the JSON value in a file, read as by `read_ordinary`.

    Raises:
        ValueError: it is not JSON, or a number in it is not finite.
    """
    try:
        return json.loads(
            read_ordinary(path, most), parse_constant=_finite, parse_float=_finite, parse_int=_whole
        )
    except (OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"a number that is not finite: {text[:40]}")
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def as_argument(path: Path) -> str:
    """Return a path quoted for a command line."""
    return f'"{path}"' if os.name == "nt" else shlex.quote(str(path))


def make_folder(path: Path) -> None:
    """Create a folder and its parents if they are missing."""
    with os_errors_as(WriteError, path, "the folder cannot be made"):
        path.mkdir(parents=True, exist_ok=True)


def _flush_folder(folder: Path) -> None:
    """Flush a folder's entries, if the system can, so that a rename survives a power cut."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written and not read
        return
    try:
        flush_to_disk(descriptor)
    except OSError as error:
        if error.errno not in _FLUSHES_NO_FOLDERS:
            raise
    finally:
        os.close(descriptor)
