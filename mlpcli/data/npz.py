"""Read NumPy's archives of arrays, such as Keras' `mnist.npz`.

An archive is a zip file of arrays, each with a header that says its type and shape. No file is
trusted: nothing in it is unpickled, and memory grows with the content, not with what a header says.
"""

import math
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mlpcli.data.dataset import UInt8Array
from mlpcli.errors import DataError
from mlpcli.files import open_ordinary
from mlpcli.text import listed

MOST_BYTES = 2**31
"""largest array; MNIST's has 47 million bytes"""
PIECE = 2**20
BYTES = "; pixels from 0 to 1 become such by np.rint(255 * x).astype(np.uint8)"
TRAINING = (
    *(("x_train", "y_train"), ("train_images", "train_labels"), ("train_x", "train_y")),
    *(("images", "labels"), ("x", "y"), ("data", "labels"), ("data", "target")),
)
"""names of the arrays of images and of labels, in any case"""
TEST = (("x_test", "y_test"), ("test_images", "test_labels"), ("test_x", "test_y"))
MOST_DIMENSIONS = 4
# What zipfile and NumPy raise on a damaged or foreign archive, beside OSError.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, TypeError, SyntaxError),
    *(RuntimeError, OverflowError, KeyError, struct.error, TokenError),
)


class Images(NamedTuple):
    """Images with their labels."""

    pixels: UInt8Array
    """(N, height, width), or (N, height * width)"""
    labels: NDArray[np.integer[Any]]
    """(N,)"""


def read_archive(path: Path) -> tuple[Images, Images | None]:
    """Return the training images in an archive, and the test images, if there are any.

    Raises:
        DataError: the file cannot be read, or has no arrays of images and labels.
    """
    try:
        with (
            warnings.catch_warnings(),
            open_ordinary(path) as file,
            zipfile.ZipFile(file) as archive,
        ):
            warnings.simplefilter("ignore")  # of headers that a Python of long ago wrote
            names = {name.removesuffix(".npy").lower(): name for name in archive.namelist()}
            training = _pair(archive, names, TRAINING, path)
            if training is None:
                found = ", ".join(list(names)[:8]) or "nothing"
                expected = listed([" with ".join(pair) for pair in TRAINING[:2]], "or")
                raise DataError(f"{path}: expected arrays named {expected}; it has {found}.")
            return training, _pair(archive, names, TEST, path)
    except MemoryError as error:
        raise DataError(f"{path}: its content does not fit into memory.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except _DAMAGED as error:
        raise DataError(
            f"{path}: no archive of NumPy arrays, or a damaged one ({error}); replace it with a "
            "whole copy."
        ) from error


def _pair(
    archive: zipfile.ZipFile, names: dict[str, str], pairs: tuple[tuple[str, str], ...], path: Path
) -> Images | None:
    for images, labels in pairs:
        if images in names and labels in names:
            pixels = _pixels(_array(archive, names[images], path, BYTES), f"{path}: {images}")
            values = _labels(_array(archive, names[labels], path), f"{path}: {labels}")
            if len(pixels) != len(values):
                raise DataError(
                    f"{path}: {images} has {len(pixels):,} images, but {labels} has "
                    f"{len(values):,} labels."
                )
            return Images(pixels, values)
    return None


def _array(archive: zipfile.ZipFile, name: str, path: Path, remedy: str = "") -> NDArray[Any]:
    """Return one array of whole numbers; `remedy` says how others become such."""
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{path}: {name} is packed in a way that NumPy does not use.")
    with archive.open(name) as member:
        version = npy.read_magic(member)
        if version == (1, 0):
            shape, is_fortran, dtype = npy.read_array_header_1_0(member)
        elif version == (2, 0):
            shape, is_fortran, dtype = npy.read_array_header_2_0(member)
        else:
            raise DataError(f"{path}: {name} is of a version that is not read: {version}.")
        if dtype.kind not in "ui":
            raise DataError(
                f"{path}: {name} has elements of type {dtype}, where whole numbers were expected"
                f"{remedy}."
            )
        size = math.prod(shape) * dtype.itemsize
        if not 1 <= len(shape) <= MOST_DIMENSIONS or not 0 < size <= MOST_BYTES or min(shape) < 1:
            raise DataError(
                f"{path}: {name} has the shape {shape}, which no images or labels have."
            )
        content = bytearray()
        for piece in _pieces(member, size + 1):
            content += piece
        if len(content) != size:
            found = "more follow" if len(content) > size else f"it holds {len(content):,}"
            raise DataError(f"{path}: the header of {name} promises {size:,} bytes, but {found}.")
    array: NDArray[Any] = np.frombuffer(content, dtype)
    return array.reshape(shape[::-1]).T if is_fortran else array.reshape(shape)


def _pieces(member: IO[bytes], size: int) -> Iterator[bytes]:
    while size and (piece := member.read(min(size, PIECE))):
        size -= len(piece)
        yield piece


def _pixels(array: NDArray[Any], name: str) -> UInt8Array:
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3):
        raise DataError(
            f"{name} has the shape {array.shape}; expected grey images, (N, height, width)."
        )
    if array.dtype != np.uint8 and (array.min() < 0 or array.max() > 255):
        raise DataError(f"{name} has numbers that are no pixels; expected 0 to 255.")
    return np.ascontiguousarray(array, np.uint8)


def _labels(array: NDArray[Any], name: str) -> NDArray[np.integer[Any]]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{name} has the shape {array.shape}; expected a number for each image.")
    if array.min() < 0:
        raise DataError(f"{name} has negative numbers; expected classes from 0 on.")
    return array
