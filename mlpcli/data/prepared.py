"""Images of a folder, prepared once and kept in the cache.

What is kept is named by the SHA-256 of all that it depends on: the bytes of the files, the
settings, and the code and libraries that prepare them. So it is never out of date, and whatever is
damaged is made again.
"""

import contextlib
import functools
import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

import mlpcli.reading
from mlpcli.data.dataset import UInt8Array
from mlpcli.data.image_folder import ImageFile, fingerprint
from mlpcli.data.problems import Problems
from mlpcli.errors import ImageError, WorkerError, WriteError
from mlpcli.files import make_folder, read_ordinary, write_bytes
from mlpcli.parallel.processors import available_cores, one_blas_thread
from mlpcli.parallel.shared_memory import shared_zeros
from mlpcli.parallel.workers import Workers
from mlpcli.reading.preparations import PREPARATIONS
from mlpcli.reporting import Reporter

FOLDER = "prepared"
"""the folder in the cache"""
AT_ONCE = 16
"""images that a process prepares between two reports"""
WORTH_A_PROCESS = 64
"""images, fewer of which are prepared in one process"""
MOST_PROCESSES = 4
_FOREIGN = (
    *(OSError, ValueError, KeyError, EOFError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""what reading a damaged file raises; RuntimeError, if a wrong bit says that it is encrypted"""

Arrays = tuple[UInt8Array, NDArray[np.bool_]]
"""pixels (N, height * width), and whether each image could be read (N,)"""


def prepared_images(
    images: Sequence[ImageFile],
    shape: tuple[int, int],
    how: str,
    data_dir: Path,
    reporter: Reporter,
    problems: Problems,
) -> Arrays:
    """Return the pixels of image files, (N, height * width), and which could be read (N,).

    Args:
        images: the files.
        shape: (height, width) that they are brought to.
        how: a key of `PREPARATIONS`.
        data_dir: the cache.
        reporter: receives the progress.
        problems: receives images that cannot be read.

    Raises:
        WorkerError: a process that helps was ended from outside.
    """
    key = fingerprint(list(images), [how, shape, _code()])
    path = data_dir / FOLDER / f"{key}.npz"
    found = _cached(path, (len(images), shape[0] * shape[1]))
    if found is None:
        found = _prepare(images, shape, how, reporter)
        if found[1].all() or problems.skip:
            _keep(path, found, reporter)
    for at in np.flatnonzero(~found[1]).tolist():
        problems.add(images[at].name, _why_not(images[at], shape, how, problems))
    return found


def _why_not(image: ImageFile, shape: tuple[int, int], how: str, problems: Problems) -> str:
    """Return why an image cannot be read, by reading it once more, unless nobody will be told."""
    if problems.is_full:
        return ""
    try:
        PREPARATIONS[how](Path(image.path), shape)
    except ImageError as error:
        return str(error).removeprefix(f"{image.path}: ")
    return "it could not be read before, and now can be; begin again"


@functools.cache
def _code() -> str:
    """Return a SHA-256 of the code that prepares images, and the versions of its libraries."""
    digest = hashlib.sha256(f"{mlpcli.__version__} {np.__version__} {PIL.__version__}".encode())
    for folder in mlpcli.reading.__path__:
        for file in sorted(Path(folder).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _prepare(
    images: Sequence[ImageFile], shape: tuple[int, int], how: str, reporter: Reporter
) -> Arrays:
    total = len(images)
    pixels = shared_zeros((total, shape[0] * shape[1]), np.uint8)
    is_read = shared_zeros(total, np.bool_)
    prepare = PREPARATIONS[how]
    processes = 1
    if total >= WORTH_A_PROCESS:
        processes = min(available_cores(), MOST_PROCESSES)

    def work(rank: int, start: int, stop: int) -> None:
        for at in range(start + rank, stop, processes):
            with contextlib.suppress(ImageError):
                pixels[at] = prepare(Path(images[at].path), shape).pixels
                is_read[at] = True

    at_once = AT_ONCE * processes
    try:
        with one_blas_thread(), Workers(processes, work) as workers:
            for start in range(0, total, at_once):
                reporter.work_done("images", start, total)
                workers.run(start, min(start + at_once, total))
    except WorkerError as error:
        raise WorkerError(
            "One of the processes that read images was ended, perhaps for lack of memory; begin "
            "again, with fewer or smaller images if it happens once more."
        ) from error
    reporter.work_done("images", total, total)
    return pixels, is_read


def _cached(path: Path, shape: tuple[int, int]) -> Arrays | None:
    """Return what is kept, or None if it is missing or damaged."""
    most = 2 * (shape[0] * (shape[1] + 1)) + 2**16
    try:
        content = io.BytesIO(read_ordinary(path, most))
        with np.load(content) as arrays:
            pixels, is_read, digest = (arrays[name] for name in ("pixels", "is_read", "digest"))
    except _FOREIGN:
        return None
    is_right = (
        (pixels.shape, pixels.dtype) == (shape, np.uint8)
        and (is_read.shape, is_read.dtype) == (shape[:1], np.bool_)
        and digest.tobytes() == _digest(pixels, is_read)
    )
    return (pixels, is_read) if is_right else None


def _keep(path: Path, arrays: Arrays, reporter: Reporter) -> None:
    """Keep prepared images in the cache; only tell if that fails, for they are at hand."""
    pixels, is_read = arrays
    content = io.BytesIO()
    digest = np.frombuffer(_digest(pixels, is_read), np.uint8)
    np.savez(content, pixels=pixels, is_read=is_read, digest=digest)
    try:
        make_folder(path.parent)
        write_bytes(path, content.getvalue())
    except WriteError as error:
        reporter.remark(f"{error} The images will be prepared again the next time.")


def _digest(pixels: UInt8Array, is_read: NDArray[np.bool_]) -> bytes:
    return hashlib.sha256(pixels.tobytes() + is_read.tobytes()).digest()
