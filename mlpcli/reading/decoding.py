"""Reading an image file into an array of grey, whatever its format, mode and size.

Everything that can be wrong with a file is handled here; the other modules work on plain arrays.
"""

import contextlib
import math
import struct
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mlpcli.data.dataset import UInt8Array
from mlpcli.errors import ImageError
from mlpcli.reading.dither import without_dots
from mlpcli.reading.morphology import FloatArray, smoothed

MAX_PIXELS = 50_000_000
"""more than any phone's camera takes by default; a few hundred megabytes once decoded"""
MAX_BYTES = 4 * MAX_PIXELS
"""size of the largest image without compression"""
DECODED_SIDE = 640
"""pixels of the longer side to which a larger image is averaged down"""
FEW_COLOURS = 16
"""number of colours up to which an image may show others by the density of dots"""

_CHANNEL_SIDE = 160  # pixels of the shrunk image on which the channel is chosen

# 2, because a resized image of 0 .. 1 may overshoot at its edges.
_WHITES = (1.0, 2.0, *(2.0**bits - 1 for bits in (8, 10, 12, 14, 16)))

# Named, because Pillow would hand other formats (EPS) to programs that it finds on the machine.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM")

# What Pillow's decoders raise on a damaged file, beside its own exceptions, which are OSErrors.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    EOFError,
    struct.error,
)

Remark = Callable[[str], None]


class GreyImage(NamedTuple):
    """A decoded image."""

    grey: FloatArray
    """(height, width) in 0 .. 1, 0 black and 1 white"""
    full_shape: tuple[int, int]
    """height and width of the upright image before it was averaged down"""


def no_remark(_text: str) -> None:
    """Say nothing."""


def read_grey(
    source: Path | BinaryIO, side: int = DECODED_SIDE, remark: Remark = no_remark
) -> GreyImage:
    """Read an image as grey values.

    An animation gives its first frame, a colour image the channel that separates ink and ground
    best; a photograph is turned upright (EXIF); transparency gets a ground that contrasts with what
    is drawn.

    Args:
        source: a file's path, or an open binary file such as standard input.
        side: longer side of the result, at most; a larger image is averaged down.
        remark: called with what the user should know: that there is more than one frame.

    Raises:
        ImageError: the file is missing, too large, damaged or not an image.
    """
    name = source_name(source)
    content = _content(source, name)
    with _damage_as_image_error(name), Image.open(BytesIO(content), formats=FORMATS) as image:
        _refuse_too_large(image.width * image.height, name)
        size = image.size
        # JPEG decodes to 1/2, 1/4 or 1/8 faster; a whole factor may halve what is just too large.
        image.draft(None, (side // 2, side // 2))
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            remark(f"{name}: has {frames} frames; the first is read.")
            image.seek(0)
        image.load()
        lying = image.size
        ImageOps.exif_transpose(image, in_place=True)
        width, height = size if image.size == lying else size[::-1]
        plain = _plain_mode(image)
        if plain.mode == "F":
            return GreyImage(_unit_range(np.asarray(_shrunk(plain, side))), (height, width))
        few_colours = image.mode == "P" or plain.getcolors(FEW_COLOURS) is not None
        plain = _shrunk(plain, side)
    grey = _grey(np.asarray(plain), has_alpha=plain.mode in ("LA", "RGBA"))
    return GreyImage(without_dots(grey) if few_colours else grey, (height, width))


def source_name(source: Path | BinaryIO) -> str:
    """Return the name of the source in messages."""
    if isinstance(source, Path):
        return str(source)
    name = getattr(source, "name", None)  # "<stdin>"; a number where a descriptor was opened
    return name if isinstance(name, str) else "the image"


def _content(source: Path | BinaryIO, name: str) -> bytes:
    """Return the bytes of a file, read whole because a pipe cannot seek."""
    try:
        if isinstance(source, Path):
            # read() allocates all that is asked for; a pipe does not know its size.
            size = source.stat().st_size if source.is_file() else MAX_BYTES
            with source.open("rb") as file:
                content = file.read(min(size, MAX_BYTES) + 1)
        else:
            content = source.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ImageError(f"{name}: there is no such file.") from error
    except OSError as error:
        if isinstance(source, Path) and source.is_dir():
            raise ImageError(f"{name}: a folder, not an image; name a file in it.") from error
        raise ImageError(f"{name}: cannot be read: {error.strerror or error}.") from error
    if not content:
        raise ImageError(f"{name}: not a readable image (the file is empty).")
    if len(content) > MAX_BYTES:
        raise ImageError(
            f"{name}: the file is larger than {MAX_BYTES // 1_000_000} MB; save a smaller image."
        )
    if content.startswith(b"%PDF"):
        raise ImageError(f"{name}: not a readable image (a PDF document); save the page as PNG.")
    return content


@contextlib.contextmanager
def _damage_as_image_error(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises on a bad file into an ImageError, and silence its warnings.

    They concern metadata, and sizes that are refused here anyway.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
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


def _refuse_too_large(pixels: int, name: str) -> None:
    """Refuse an image by its header, before memory is allocated for it."""
    if pixels > MAX_PIXELS:
        raise _too_large(name, f"{pixels / 1e6:.0f} million pixels")


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


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    """Return an image averaged by a whole factor, to a longer side of at most `side`."""
    factor = math.ceil(max(image.size) / side)
    return image.reduce(factor) if factor > 1 else image


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
    opacity = alpha / np.float32(255)
    border_colours = border(colours)[border(opacity)[:, 0] > 0.5]
    if len(border_colours) > len(border(alpha)) / 2:
        ground = np.median(border_colours, axis=0)
    else:
        drawn = (colours * opacity).sum() / max(opacity.sum() * colours.shape[-1], 1e-12)
        ground = np.full(colours.shape[-1], 255 if drawn < 127.5 else 0)
    laid: UInt8Array = np.rint(colours * opacity + ground * (1 - opacity)).astype(np.uint8)
    return laid


def _strongest_channel(colours: UInt8Array) -> UInt8Array:
    """Return the channel of (H, W, 1 or 3) that varies most: blue ink stands out in red.

    A fixed mixture (luma) would leave some pairs of colours with no contrast at all. Neighbouring
    pixels are averaged first, or the dots of a dithered palette would count as ink.
    """
    if colours.shape[-1] == 1:
        return colours[..., 0]
    averaged = np.asarray(_shrunk(Image.fromarray(colours), _CHANNEL_SIDE), np.float32)
    spread = [smoothed(channel, 2).std() for channel in np.moveaxis(averaged, -1, 0)]
    return colours[..., int(np.argmax(spread))]


def border(image: NDArray[Any]) -> NDArray[Any]:
    """Return the outermost pixels of (H, W, ...), as (pixels, ...)."""
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
