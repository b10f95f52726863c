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
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from mlpcli.data.dataset import UInt8Array
from mlpcli.errors import ImageError
from mlpcli.reading.dither import without_dots
from mlpcli.reading.morphology import FloatArray, row_strips, smoothed

MAX_PIXELS = 50_000_000
"""more than any phone's camera takes by default"""
MAX_BYTES = 4 * MAX_PIXELS
"""size of the largest image without compression"""
DECODED_SIDE = 640
"""longer side, in pixels, to which a larger image is averaged down"""
FEW_COLOURS = 16
"""most colours of an image that may show others by the density of its dots"""
MAX_DECODER_BYTES = 320_000_000
"""memory that a decoder may take: enough for MAX_PIXELS of the usual formats"""
MAX_SLOW_VALUES = 5_000_000
"""most bytes, in the file or decoded, for a decoder that Pillow has in Python"""

_DECODERS_IN_PYTHON = ("bmp_rle", "ppm", "ppm_plain")
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # 4 in other modes
_WEBP_BYTES_PER_PIXEL = 16  # libwebp and Pillow keep four copies
_ROWS_PER_STRIP, _ROWS_PER_TILE = 278, 323  # tags of TIFF
_CHANNEL_SIDE = 160  # pixels of the shrunk image on which the channel is chosen
_TILE_SIDE = 1024  # pixels, at least; only so much is converted at once
_PIPE_PIECE = 2**20  # bytes

# 2, because a resized image of 0 .. 1 may overshoot at its edges.
_WHITES = (1.0, 2.0, *(2.0**bits - 1 for bits in (8, 10, 12, 14, 16)))

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
    grey = _grey(image.values, has_alpha=image.mode in ("LA", "RGBA"))
    return GreyImage(without_dots(grey) if image.few_colours else grey, image.full_shape)


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
        except OSError as error:
            if isinstance(source, Path) and source.is_dir():
                raise ImageError(f"{name}: a folder, not an image; name a file in it.") from error
            raise ImageError(f"{name}: cannot be read: {error.strerror or error}.") from error
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
        _refuse_costly(image, math.prod(full_shape), file_size, name)
        image.load()
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1), _Turn())
        values, mode, few_colours = _averaged(image, turn, math.ceil(max(image.size) / side))
        if mode == "F":
            values = _unit_range(values)
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


def _refuse_costly(image: ImageFile, full_pixels: int, file_size: int, name: str) -> None:
    """Refuse an image of `full_pixels` in its file whose decoder would take much memory or time."""
    pixels = image.width * image.height
    n_bands = len(image.getbands())
    decoded = pixels * _BYTES_PER_PIXEL.get(image.mode, 4)
    codec = image.tile[0].codec_name if image.tile else ""
    memory = decoded
    if image.format == "WEBP":
        memory = _WEBP_BYTES_PER_PIXEL * pixels
    elif "progressive" in image.info:
        memory += 2 * n_bands * full_pixels  # all coefficients
    elif isinstance(image, TiffImageFile):
        if image.tag_v2.get(ExifTags.Base.Orientation) in _TURNS:  # Pillow makes a copy
            memory += decoded
        if codec == "libtiff":  # takes the file, and a strip of rows or a row of tiles
            rows = image.tag_v2.get(_ROWS_PER_STRIP) or image.tag_v2.get(_ROWS_PER_TILE)
            strip = decoded * min(1, (rows or image.height) / image.height)
            memory += file_size + int(strip * (3 if image.info.get("compression") == "jpeg" else 1))
    if memory > MAX_DECODER_BYTES or (
        codec in _DECODERS_IN_PYTHON and max(pixels * n_bands, file_size) > MAX_SLOW_VALUES
    ):
        raise ImageError(
            f"{name}: the image is too large for its kind of file "
            f"({full_pixels / 1e6:.0f} million pixels of {image.format}); save it as PNG."
        )


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


def _unit_range(values: FloatArray) -> FloatArray:
    """Scale deep or float values to 0 .. 1, by the smallest usual white that holds them all.

    Their modes define no white: a file may hold 0 .. 1, bytes or values of 10 to 16 bits.
    """
    if not np.isfinite(values).all():
        raise ValueError("a pixel is not a finite number")
    values = values - min(0.0, float(values.min()))
    largest = float(values.max())
    white = next((white for white in _WHITES if largest <= white), largest)
    return values / white


def _grey(values: UInt8Array, has_alpha: bool) -> FloatArray:
    """Return grey (H, W) in 0 .. 1 of (H, W) or (H, W, channels), the last perhaps alpha."""
    if has_alpha:
        values = _on_contrasting_ground(values[..., :-1], values[..., -1:])
    return (values if values.ndim == 2 else _strongest_channel(values)) / np.float32(255)


def _on_contrasting_ground(colours: UInt8Array, alpha: UInt8Array) -> UInt8Array:
    """Lay an image (H, W, channels) on white where what is drawn is dark, and on black where light.

    Where most of the border is opaque, the image has its own ground, and the transparent rest
    (rounded corners) gets that. Alpha (H, W, 1) is 0 where transparent.
    """
    if alpha.min() == 255:
        return colours
    strips = row_strips(len(colours))
    border_colours = border(colours)[border(alpha)[:, 0] > 127]
    if len(border_colours) > len(border(alpha)) / 2:
        ground = np.median(border_colours, axis=0)
    else:
        weighted = sum(float((colours[rows] * np.float32(alpha[rows])).sum()) for rows in strips)
        drawn = weighted / max(alpha.sum() * colours.shape[-1], 1)
        ground = np.full(colours.shape[-1], 255 if drawn < 127.5 else 0)
    laid = np.empty_like(colours)
    for rows in strips:
        opacity = alpha[rows] / np.float32(255)
        laid[rows] = np.rint(colours[rows] * opacity + ground * (1 - opacity))
    return laid


def _strongest_channel(colours: UInt8Array) -> UInt8Array:
    """Return the channel of (H, W, 1 or 3) that varies most: blue ink stands out in red.

    A fixed mixture (luma) would leave some pairs of colours with no contrast at all. Neighbouring
    pixels are averaged first, or the dots of a dithered palette would count as ink.
    """
    if colours.shape[-1] == 1:
        return colours[..., 0]
    factor = math.ceil(max(colours.shape) / _CHANNEL_SIDE)
    averaged = np.asarray(Image.fromarray(colours).reduce(factor), np.float32)
    spread = [smoothed(channel, 2).std() for channel in np.moveaxis(averaged, -1, 0)]
    return colours[..., int(np.argmax(spread))]


def border(image: NDArray[Any]) -> NDArray[Any]:
    """Return the outermost pixels of (H, W, ...), as (pixels, ...)."""
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
