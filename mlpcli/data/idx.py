"""Read IDX, the format of MNIST and its siblings: a header of big-endian numbers, then bytes.

LeCun, Cortes and Burges ("The MNIST database", 1998) define it. No file is trusted: it may be cut
short, a web page, or a few kilobytes that unpack to terabytes.
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlpcli.errors import DataError
from mlpcli.files import open_ordinary

IMAGES_MAGIC = 0x00000803
"""unsigned bytes (08) in three dimensions (03)"""
LABELS_MAGIC = 0x00000801
"""unsigned bytes (08) in one dimension (01)"""
LABEL_ROWS_MAGIC = 0x00000C02
"""integers of four bytes (0C) in two dimensions (02)"""
GZIP_MAGIC = b"\x1f\x8b"
MAX_SIZE = 2**31
"""largest content that a header may announce, in bytes; MNIST's has 47 million"""
UNPACKED_SIZE = 2**20
"""bytes unpacked at once, so that memory grows with the content, not with the header's numbers"""


def read_images(source: bytes | Path, *, name: str = "images") -> NDArray[np.uint8]:
    """Return the images (N, height, width), read-only, of a file, packed with gzip or not.

    `source` is the file's path or its bytes, which `name` names in errors.

    Raises:
        DataError: the file cannot be read, or is not exactly one whole IDX file of images.
    """
    return _read(source, name, IMAGES_MAGIC)


def read_labels(
    source: bytes | Path, *, name: str = "labels", classes: int | None = None
) -> NDArray[np.uint8]:
    """Return the labels (N,), read-only, of a file, packed with gzip or not.

    `source` is the file's path or its bytes, which `name` names in errors.

    Raises:
        DataError: the file cannot be read, is not exactly one whole IDX file of labels, or has
            a label that is not below `classes`.
    """
    labels = _read(source, name, LABELS_MAGIC)
    if classes is not None and labels.max() >= classes:
        first = int(np.argmax(labels >= classes))
        file = source if isinstance(source, Path) else name
        raise DataError(
            f"{file}: label {first} is {labels[first]}, but there are {classes} classes, from 0 to "
            f"{classes - 1}. The files may not belong together, or data.class_names lack a name."
        )
    return labels


def read_first_labels(content: bytes, *, name: str = "labels") -> NDArray[np.uint8]:
    """Return the first column (N,) of a file with a row of numbers for each image, as QMNIST's.

    `content` is that of the file, packed with gzip or not, which `name` names in errors.

    Raises:
        DataError: it is not exactly one whole IDX file of rows, or a label is not from 0 to 255.
    """
    numbers = _read(content, name, LABEL_ROWS_MAGIC)
    labels = numbers.reshape(len(numbers), -1, 4)[:, 0]
    if labels[:, :3].any():
        raise _fault(name, "its labels are not from 0 to 255")
    return labels[:, 3]


def _read(source: bytes | Path, name: str, magic: int) -> NDArray[np.uint8]:
    if isinstance(source, Path):
        name = str(source)
    try:
        with open_ordinary(source) if isinstance(source, Path) else io.BytesIO(source) as raw:
            packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            if not packed:
                return _parse(raw, name, magic)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _parse(unpacked, name, magic)
    except MemoryError as error:
        raise DataError(f"{name}: its content does not fit into memory.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _fault(name, f"its gzip packing is damaged ({error})") from error
    except EOFError as error:
        raise _fault(name, "it is cut short within its gzip packing") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}.") from error


def _parse(stream: BinaryIO | gzip.GzipFile, name: str, magic: int) -> NDArray[np.uint8]:
    dimensions = magic & 0xFF
    header = _read_at_most(stream, 4 + 4 * dimensions)
    if len(header) >= 4:
        _check_magic(int.from_bytes(header[:4], "big"), name, magic)
    if len(header) < 4 + 4 * dimensions:
        raise _fault(name, f"it ends within its header, after {len(header)} bytes")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if magic == LABEL_ROWS_MAGIC:
        shape = (*shape, 4)  # the bytes of each number, the highest first
    size = math.prod(shape)
    announced = " x ".join(map(str, shape))
    if not 0 < size <= MAX_SIZE:
        raise _fault(name, f"its header promises {announced} bytes, not 1 to {MAX_SIZE}")
    # One byte more is asked for: to see that none follows, and to reach gzip's checksum.
    content = _read_at_most(stream, size + 1)
    if len(content) != size:
        found = "more follow" if len(content) > size else f"it holds {len(content)}"
        raise _fault(name, f"its header promises {announced} bytes, but {found}")
    array = np.frombuffer(content, np.uint8).reshape(shape)
    array.flags.writeable = False
    return array


def _check_magic(found: int, name: str, magic: int) -> None:
    if found == magic:
        return
    kinds = {IMAGES_MAGIC: "images", LABELS_MAGIC: "labels", LABEL_ROWS_MAGIC: "rows of labels"}
    if found in kinds:
        raise _fault(name, f"it holds {kinds[found]}, where {kinds[magic]} are needed")
    raise _fault(
        name,
        f"it is no IDX file of {kinds[magic]}: it begins with 0x{found:08x}, not 0x{magic:08x}",
    )


def _read_at_most(stream: BinaryIO | gzip.GzipFile, size: int) -> memoryview | bytearray:
    if isinstance(stream, io.BytesIO):  # not copied: MNIST has 47 MB
        start = stream.tell()
        stream.seek(size, io.SEEK_CUR)
        return memoryview(stream.getvalue())[start : start + size]
    content = bytearray()
    while chunk := stream.read(min(UNPACKED_SIZE, size - len(content))):
        content += chunk
    return content


def _fault(name: str, problem: str) -> DataError:
    return DataError(f"{name}: {problem}. Replace it with a whole copy of the file.")
