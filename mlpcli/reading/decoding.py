"""Reading an image file into an array of grey, whatever its format, mode and size.

Everything that can be wrong with a file is handled here; the other modules work on plain arrays.
"""

import contextlib
import math
import os
import struct
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.Image import Transpose

from mlpcli.errors import ImageError
from mlpcli.reading.decoder_cost import refuse_costly
from mlpcli.reading.dither import without_dots
from mlpcli.reading.grey import grey, unit_range
from mlpcli.reading.morphology import FloatArray

MAX_PIXELS = 50_000_000
"""more than any phone's camera takes by default"""
MAX_BYTES = 4 * MAX_PIXELS
"""size of the largest image without compression"""
DECODED_SIDE = 640
"""longer side, in pixels, to which a larger image is averaged down"""
FEW_COLOURS = 16
"""most colours of an image that may show others by the density of its dots"""

_TILE_SIDE = 1024  # pixels, at least; only so much is converted at once
_PIPE_PIECE = 2**20  # bytes

# Named, because Pillow would hand other formats (EPS) to programs that it finds on the machine.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM")

# What Pillow's decoders raise on a damaged file, beside its own exceptions, which are OSErrors.
_DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError),
    *(AttributeError, ArithmeticError, EOFError, struct.error),
)

Remark = Callable[[str], None]


class _Turn(NamedTuple):
    """How to turn a stored image upright, by its EXIF orientation."""

    method: Transpose | None = None
    from_bottom: bool = False
    """the upright image begins with the last of the stored rows"""
    from_right: bool = False
    """the upright image begins with the last of the stored columns"""
    lies: bool = False
    """the stored rows are columns of the upright image"""


_TURNS = {
    2: _Turn(Transpose.FLIP_LEFT_RIGHT, from_right=True),
    3: _Turn(Transpose.ROTATE_180, from_bottom=True, from_right=True),
    4: _Turn(Transpose.FLIP_TOP_BOTTOM, from_bottom=True),
    5: _Turn(Transpose.TRANSPOSE, lies=True),
    6: _Turn(Transpose.ROTATE_270, from_bottom=True, lies=True),
    7: _Turn(Transpose.TRANSVERSE, from_bottom=True, from_right=True, lies=True),
    8: _Turn(Transpose.ROTATE_90, from_right=True, lies=True),
}


class GreyImage(NamedTuple):
    """A decoded image."""

    grey: FloatArray
    """(height, width) in 0 .. 1, 0 black and 1 white"""
    full_shape: tuple[int, int]
    """height and width of the upright image before it was averaged down"""


class _Decoded(NamedTuple):
    """An upright image that is averaged down, in mode L, LA, RGB, RGBA or F."""

    values: NDArray[Any]
    """(H, W) or (H, W, channels)"""
    mode: str
    few_colours: bool
    """whether it had at most FEW_COLOURS before, or a palette"""
    full_shape: tuple[int, int]


def no_remark(_text: str) -> None:
    """Say nothing."""


def read_grey(
    source: Path | BinaryIO, side: int = DECODED_SIDE, remark: Remark = no_remark
) -> GreyImage:
    """Read an image as grey values.

    An animation gives its first frame, a colour image the channel that separates ink and ground
    best. A photograph is turned upright (EXIF). Transparency becomes a ground that contrasts with
    what is drawn.

    Args:
        source: a file's path, or an open binary file such as standard input.
        side: longer side of the result, at most; a larger image is averaged down.
        remark: receives what the user should know: that there are more frames.

    Raises:
        ImageError: the file is missing, too large, damaged or not an image.
    """
    name = source_name(source)
    with _opened(source, name) as (file, size):
        image = _decoded(file, size, side, name, remark)
    if image.mode == "F":
        return GreyImage(image.values, image.full_shape)
    plain = grey(image.values, has_alpha=image.mode in ("LA", "RGBA"))
    return GreyImage(without_dots(plain) if image.few_colours else plain, image.full_shape)


def source_name(source: Path | BinaryIO) -> str:
    """Return the name of the source in messages."""
    if isinstance(source, Path):
        return str(source)
    name = getattr(source, "name", None)  # "<stdin>"; a number where a descriptor was opened
    return name if isinstance(name, str) else "the image"


@contextlib.contextmanager
def _opened(source: Path | BinaryIO, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open an image file at its beginning, to read it anywhere; yield it and its size in bytes."""
    with contextlib.ExitStack() as stack:
        try:
            file: IO[bytes] = (
                stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
            )
            if not (isinstance(source, Path) and source.is_file()):
                copy = stack.enter_context(tempfile.SpooledTemporaryFile(_PIPE_PIECE))
                _copy(file, copy)
                file = copy
            beginning = file.read(4)
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
        except FileNotFoundError as error:
            raise ImageError(f"{name}: there is no such file.") from error
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            if isinstance(source, Path) and os.path.isdir(source):  # noqa: PTH112 - Path's raises
                raise ImageError(f"{name}: a folder, not an image; name a file in it.") from error
            reason = getattr(error, "strerror", None) or error
            raise ImageError(f"{name}: cannot be read: {reason}.") from error
        if not size:
            raise ImageError(f"{name}: not a readable image (the file is empty).")
        if size > MAX_BYTES:
            raise ImageError(
                f"{name}: the file is larger than {MAX_BYTES // 1_000_000} MB; "
                "save a smaller image."
            )
        if beginning == b"%PDF":
            raise ImageError(
                f"{name}: not a readable image (a PDF document); save the page as PNG."
            )
        yield file, size


def _copy(pipe: IO[bytes], copy: IO[bytes]) -> None:
    """Copy a pipe, which cannot seek, up to MAX_BYTES + 1 bytes."""
    left = MAX_BYTES + 1
    while piece := pipe.read(min(left, _PIPE_PIECE)):
        copy.write(piece)
        left -= len(piece)
    copy.seek(0)


def _decoded(file: IO[bytes], file_size: int, side: int, name: str, remark: Remark) -> _Decoded:
    """Decode an image, and average it by a whole factor to a longer side of at most `side`."""
    with _damage_as_image_error(name), Image.open(file, formats=FORMATS) as image:
        full_shape = (image.height, image.width)
        if math.prod(full_shape) > MAX_PIXELS:
            raise _too_large(name, f"{math.prod(full_shape) / 1e6:.0f} million pixels")
        # JPEG decodes to 1/2, 1/4 or 1/8 faster; a whole factor may halve what is just too large.
        image.draft(None, (side // 2, side // 2))
        if getattr(image, "is_animated", False):  # n_frames would seek through all
            remark(f"{name}: has several frames; the first is read.")
            image.seek(0)
        refuse_costly(image, math.prod(full_shape), file_size, name)
        image.load()
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1), _Turn())
        values, mode, few_colours = _averaged(image, turn, math.ceil(max(image.size) / side))
        if mode == "F":
            values = unit_range(values)
    return _Decoded(values, mode, few_colours, full_shape[::-1] if turn.lies else full_shape)


def _averaged(image: Image.Image, turn: _Turn, factor: int) -> tuple[NDArray[Any], str, bool]:
    """Average a decoded image over factor × factor pixels and turn it upright.

    It is done tile by tile, which changes no value, to need no memory for a second image.
    """
    side = factor * math.ceil(_TILE_SIDE / factor)
    few_colours, colours = True, set[object]()
    grid = []
    for top, bottom in _ranges(image.height, side, turn.from_bottom):
        row = []
        for left, right in _ranges(image.width, side, turn.from_right):
            tile = _plain_mode(image.crop((left, top, right, bottom)))
            if image.mode != "P" and tile.mode != "F" and few_colours:
                found = tile.getcolors(FEW_COLOURS)
                colours.update(colour for _, colour in found or [])
                few_colours = found is not None and len(colours) <= FEW_COLOURS
            if turn.method is not None:
                tile = tile.transpose(turn.method)
            row.append(np.asarray(tile.reduce(factor)))
        grid.append(row)
    if turn.lies:
        grid = [list(column) for column in zip(*grid, strict=True)]
    values = np.concatenate([np.concatenate(row, axis=1) for row in grid])
    return values, tile.mode, few_colours


def _ranges(extent: int, side: int, from_end: bool) -> list[tuple[int, int]]:
    """Return where the tiles of an extent begin and end."""
    ranges = [(start, min(start + side, extent)) for start in range(0, extent, side)]
    return [(extent - stop, extent - start) for start, stop in ranges] if from_end else ranges


@contextlib.contextmanager
def _damage_as_image_error(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises on a bad file into an ImageError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata, and of sizes that are refused here anyway
        try:
            yield
        except Image.DecompressionBombError as error:
            raise _too_large(name, str(error)) from error
        except UnidentifiedImageError as error:
            raise ImageError(
                f"{name}: not a readable image (no known format); save it as PNG or JPEG."
            ) from error
        except MemoryError as error:
            raise ImageError(
                f"{name}: the image does not fit into memory; save a smaller one."
            ) from error
        except _DAMAGED as error:
            raise ImageError(
                f"{name}: not a readable image ({str(error) or type(error).__name__}); "
                "save it again as PNG or JPEG."
            ) from error


def _too_large(name: str, found: str) -> ImageError:
    return ImageError(
        f"{name}: the image is too large ({found}); "
        f"at most {MAX_PIXELS // 1_000_000} million pixels are read."
    )


def _plain_mode(image: Image.Image) -> Image.Image:
    """Return the image in mode L, LA, RGB, RGBA or F, whatever its mode."""
    if image.mode.startswith("I"):
        image = image.convert("I")  # not every mode of 16 bits converts to F
        plain = "F"
    elif image.has_transparency_data:
        plain = "LA" if image.mode == "LA" else "RGBA"
    else:
        plain = {"1": "L", "L": "L", "F": "F"}.get(image.mode, "RGB")
    return image if image.mode == plain else image.convert(plain)
