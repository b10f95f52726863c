"""Preparing an image of a digit as MNIST's images were.

A network trained on MNIST knows light ink on an exactly black ground, 20 pixels large, with its
centre of mass in the middle of 28×28. It misreads anything else (dark on light, large, off-centre,
on grey paper) however well it was trained, so `predict` repeats MNIST's own preparation: LeCun et
al., "Gradient-based learning applied to document recognition", 1998, section III A.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mlpcli.errors import ImageError
from mlpcli.reading.boxes import Box, box_of, longer_side, moved, rescaled, widened
from mlpcli.reading.decoding import Remark, no_remark, read_grey, source_name
from mlpcli.reading.edges import refuse_without_edges
from mlpcli.reading.fitting import centred, fitted, is_already_prepared
from mlpcli.reading.grey import border
from mlpcli.reading.ground import is_dark_on_light
from mlpcli.reading.ink import evenly_lit, find_ink, full_contrast
from mlpcli.reading.morphology import FloatArray, UInt8Array, sliding_max
from mlpcli.reading.not_a_digit import refuse_no_digit
from mlpcli.reading.page import PAGE_SIDE, alone, digits_by_shape, find_page
from mlpcli.reading.parting import Judge, found_digits
from mlpcli.reading.parts import digit_mask
from mlpcli.reading.resizing import shrunk
from mlpcli.reading.stroke_width import stroke_width, widened_strokes

MNIST_SHAPE = (28, 28)
DIGIT_SIDE = 128
"""pixels of the longer side while the digit is searched: six times its final size"""
LEAST_DIGIT_SIZE = 6
"""pixels of the digit's longer side: fewer cannot tell one digit from another"""
SMALL_DIGIT = 0.45
"""fraction of the image's longer side: a smaller digit is searched again in a close-up"""
SURROUNDINGS = 0.6
"""margin of that close-up on each side, as a fraction of the digit's size"""


@dataclass(frozen=True)
class Prepared:
    """The pixels that the network expects, and what was found on the way."""

    pixels: UInt8Array
    """(height * width,) 0 is the ground and 255 full ink"""
    inverted: bool
    """the image was dark on light"""
    already_prepared: bool
    """the image was like MNIST's own: at most moved, neither scaled nor stretched in contrast"""
    box: Box
    """rows and columns of the digit, in pixels of the upright image or of the array"""
    line: int = 1
    """number of its line on a page, from 1 at the top"""
    place: int = 1
    """its place in the line, from 1 at the left"""
    certainty: float = 1.0
    """how sure it is that this is one digit and whole, where others touch it"""


def prepare(
    source: Path | BinaryIO, shape: tuple[int, int] = MNIST_SHAPE, remark: Remark = no_remark
) -> Prepared:
    """Read an image file of one digit and prepare it as MNIST was.

    Args:
        source: a file's path, or an open binary file.
        shape: (height, width) of the images that the network was trained on.
        remark: called with what the user should know.

    Raises:
        ImageError: the file is not a readable image, or has no digit in it.
    """
    grey, full_shape = read_grey(source, remark=remark)
    try:
        found = prepare_array(grey, shape)
    except ImageError as error:
        raise type(error)(f"{source_name(source)}: {error}") from error
    return replace(found, box=rescaled(found.box, grey.shape, full_shape))


def prepare_array(grey: FloatArray, shape: tuple[int, int] = MNIST_SHAPE) -> Prepared:
    """Prepare grey values (H, W) in 0 .. 1, light on dark or dark on light.

    `shape` is (height, width) of the images that the network was trained on.

    Raises:
        ImageError: there is no digit in it; the message names no file.
    """
    small = shrunk(grey, DIGIT_SIDE)
    dark = is_dark_on_light(small)
    exact = 1 - grey if dark else grey
    already_prepared = float(np.median(border(exact))) == 0 and is_already_prepared(exact, shape)
    if already_prepared:
        box = box_of(exact > 0)
        found = digit = exact[box]
    else:
        found, box = _digit(grey, small, dark)
        digit = fitted(found, shape)
    refuse_no_digit(found)
    pixels = np.rint(digit * 255).astype(np.uint8)
    return Prepared(centred(pixels, shape).ravel(), dark, already_prepared, box)


def _digit(grey: FloatArray, small: FloatArray, dark: bool) -> tuple[FloatArray, Box]:
    """Return the digit's ink (h, w) in 0 .. 1, and its box in `grey` (H, W).

    `small` is `grey`, shrunk.
    """
    digit, box = _large_digit(small, grey.shape, dark)
    size = longer_side(box)
    if size < LEAST_DIGIT_SIZE:
        raise ImageError("no digit found: there is nothing but specks.")
    if size >= SMALL_DIGIT * max(grey.shape):
        return digit, box
    refuse_no_digit(digit, is_small=True)
    view = widened(box, SURROUNDINGS * size, grey.shape)
    close_up = grey[view]
    digit, box = _large_digit(shrunk(close_up, DIGIT_SIDE), close_up.shape, dark)
    return digit, moved(box, view)


def _large_digit(small: FloatArray, shape: tuple[int, ...], dark: bool) -> tuple[FloatArray, Box]:
    """Return the ink (h, w) of a digit that is not small in its image, and its box.

    `small` is the image, shrunk; the box is that in the image of `shape`.
    """
    found = find_ink(small, dark)
    mask = digit_mask(found)
    refuse_without_edges(found.ink, mask)
    width = stroke_width(mask)
    ink = found.ink if dark else evenly_lit(found.ink, mask, width)
    soft = full_contrast(ink, found.threshold) * sliding_max(mask, 3)
    box = box_of(mask)
    digit = widened_strokes(soft[box], width)
    return digit, rescaled(box, small.shape, shape)


def prepare_many(
    source: Path | BinaryIO,
    shape: tuple[int, int] = MNIST_SHAPE,
    remark: Remark = no_remark,
    judge: Judge | None = None,
) -> list[Prepared]:
    """Read an image of many digits and prepare each, in reading order.

    With a `judge`, a network decides where digits that touch are parted, and which pieces are one;
    without one, only their shapes do.

    Raises:
        ImageError: the file is not a readable image, or has no digit in it.
    """
    # Decoding averages by whole factors: to no less than half of this.
    grey, full_shape = read_grey(source, 2 * PAGE_SIDE, remark)
    try:
        found = _found_by(judge, grey, shape) if judge else list(_found_by_shape(grey, shape))
    except ImageError as error:
        raise ImageError(f"{source_name(source)}: {error}") from error
    if not found:
        raise ImageError(f"{source_name(source)}: no digit found: there is nothing but spots.")
    return [replace(each, box=rescaled(each.box, grey.shape, full_shape)) for each in found]


def _found_by_shape(grey: FloatArray, shape: tuple[int, int]) -> Iterator[Prepared]:
    page = find_page(grey)
    for piece, line, place in digits_by_shape(page):
        box = rescaled(piece.box, page.ink.shape, grey.shape)
        with contextlib.suppress(ImageError):  # a spot among the digits
            found = prepare_array(alone(page.ink, piece), shape)
            yield replace(found, box=box, inverted=page.dark, line=line, place=place)


def _found_by(judge: Judge, grey: FloatArray, shape: tuple[int, int]) -> list[Prepared]:
    page = find_page(grey)
    return [
        Prepared(
            each.pixels,
            page.dark,
            already_prepared=False,
            box=rescaled(each.piece.box, page.ink.shape, grey.shape),
            line=each.line,
            place=each.place,
            certainty=each.certainty,
        )
        for each in found_digits(page, shape, judge)
    ]
