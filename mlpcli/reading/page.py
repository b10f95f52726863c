"""Finding what may be digits in an image of many: pieces of ink, in lines as they are read."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlpcli.errors import ImageError
from mlpcli.reading.boxes import Box
from mlpcli.reading.forms import without_boxes
from mlpcli.reading.ground import is_dark_on_light
from mlpcli.reading.ink import find_page_ink
from mlpcli.reading.labelling import stretches
from mlpcli.reading.lines import reading_order
from mlpcli.reading.morphology import (
    FloatArray,
    IntArray,
    Mask,
    framed,
    framed_by_itself,
    sliding_max,
)
from mlpcli.reading.not_a_digit import LEAST_HEIGHT_TO_WIDTH
from mlpcli.reading.parts import Parts, joined, parts_of, refuse_crowd, refuse_too_many
from mlpcli.reading.resizing import resized, shrunk
from mlpcli.reading.stroke_width import stroke_width
from mlpcli.reading.touching import separated

PAGE_SIDE = 1200
"""longer side of a page, in pixels: with forty rows, a digit still has twenty"""
SMALL_DIGITS, ENLARGED_DIGITS = 30, 52
"""height of digits, in pixels, below which a page is searched again, enlarged so that they have the
other: thin strokes of small ones run together"""
MOST_ENLARGED = 4
"""how often, at most"""
PAGE_WINDOW = 0.1
"""window for the ground, as a fraction of the longer side: wider than any stroke, but narrow enough
to follow shadows"""
ROW_WINDOW = 0.33
"""the same as a fraction of the shorter side, of a page that is a single row"""
SIDE_SHOWING_STROKES, NARROW_BLUR = 256, 0.05
"""pixels at which thin strokes are still seen, and the blur that leaves a dark rim out"""
LEAST_DIGIT_HEIGHT, MOST_DIGIT_HEIGHT = 0.4, 2.5
"""heights of a digit, as fractions of the usual one; commas and specks are lower, frames higher"""
LEAST_STROKE, MOST_GAP, MOST_JOINED = 0.15, 0.25, 1.4
"""size of a stroke, its distance from the rest of its digit, and the height of both together, as
fractions of the usual digit's height"""
OVERLAP = 0.5
"""least fraction of the narrower stroke's width that lies above or below the other"""
LEAST_STROKE_WIDTH = 0.35
"""least width of a digit's strokes, as a fraction of the usual one; less is left of a line"""
BESIDE_BORDER, LEAST_STROKE_BESIDE = 0.02, 0.6
"""distance from the image's border, as a fraction of its longer side, in which the edge of a sheet
may lie, and the least width of strokes there; digits have more than 0.7, an edge less than 0.5"""
WIDE_RIM = 0.35
"""size of what the border cuts, as a fraction of the page's longer side, that is no digit but the
edge of a sheet, a table or a shadow"""

_PAIRS_AT_ONCE = 500_000


@dataclass(frozen=True)
class Piece:
    """A connected piece of ink, perhaps a digit."""

    own: Mask
    """(h, w), true where the piece is in its box"""
    box: Box
    """rows and columns on the page"""

    @property
    def height(self) -> int:
        """The height of its box, in pixels of the page."""
        return len(self.own)

    @property
    def width(self) -> int:
        """The width of its box, in pixels of the page."""
        return int(self.own.shape[1])


@dataclass(frozen=True)
class Page:
    """The ink of a page (H, W), without its lines, and the pieces of it that may be digits."""

    ink: FloatArray
    threshold: float
    """level that divides ground and ink"""
    usual: float
    """height of the usual digit, in pixels"""
    pieces: list[Piece]
    dark: bool
    """the ink is darker than the paper"""


def find_page(grey: FloatArray) -> Page:
    """Find the ink of a page (H, W) in 0 .. 1, at the scale that its digits need.

    Raises:
        ImageError: there is none, or there is more than a page has.
    """
    page = shrunk(grey, PAGE_SIDE)
    dark = is_dark_on_light(page, SIDE_SHOWING_STROKES, NARROW_BLUR)
    found = _find(page, dark)
    if found.usual >= SMALL_DIGITS:
        return found
    larger = min(MOST_ENLARGED, ENLARGED_DIGITS / found.usual, PAGE_SIDE / max(page.shape))
    if larger <= 1:
        return found
    height, width = (round(larger * side) for side in page.shape)
    return _find(resized(page, (height, width)), dark)


def _find(page: FloatArray, dark: bool) -> Page:
    height, width = page.shape
    window = max(PAGE_WINDOW, ROW_WINDOW * min(height, width) / max(height, width))
    found = find_page_ink(page, dark, min(window, ROW_WINDOW), WIDE_RIM)
    ink = without_boxes(found.ink, found.threshold)
    parts = parts_of(ink > found.threshold, ink, reach=1)
    usual = _usual_height(parts)
    refuse_crowd(parts, _as_high_as_digits(parts, usual))
    parts = joined(parts, _strokes_of_one(parts, usual), ink)
    chosen = _as_high_as_digits(parts, usual) & ~parts.frames
    pieces = [
        Piece(parts.labels[box] == part + 1, box)
        for part in np.flatnonzero(chosen).tolist()
        for box in [parts.box(part)]
    ]
    widths = [stroke_width(piece.own) for piece in pieces]
    usual_width = float(np.median(widths)) if pieces else 0
    pieces = [
        piece
        for piece, width in zip(pieces, widths, strict=True)
        if width >= _least_stroke(piece, ink.shape) * usual_width
    ]
    if not pieces:
        raise ImageError("no digit found: nothing on the page has the shape of one.")
    return Page(ink, found.threshold, usual, pieces, dark)


def _least_stroke(piece: Piece, shape: tuple[int, ...]) -> float:
    beside = BESIDE_BORDER * max(shape)
    sides = zip(piece.box, shape, strict=True)
    is_beside = any(side.start < beside or side.stop > extent - beside for side, extent in sides)
    return LEAST_STROKE_BESIDE if is_beside else LEAST_STROKE_WIDTH


def digits_by_shape(page: Page) -> Iterator[tuple[Piece, int, int]]:
    """Yield the digits of a page by their shapes alone, each with its line and its place there.

    Raises:
        ImageError: there is none, or there is more than a page has.
    """
    digits: list[Piece] = []
    for piece in page.pieces:
        digits += [
            Piece(own, box)
            for own, box in separated(piece.own, piece.box, page.usual)
            if own.shape[0] > LEAST_HEIGHT_TO_WIDTH * own.shape[1]
        ]
        refuse_too_many(len(digits))
    if not digits:
        raise ImageError("no digit found: nothing on the page has the shape of one.")
    for line, indices in enumerate(reading_order([piece.box for piece in digits]), 1):
        for place, i in enumerate(indices, 1):
            yield digits[i], line, place


def _as_high_as_digits(parts: Parts, usual: float) -> Mask:
    high: Mask = parts.height >= LEAST_DIGIT_HEIGHT * usual
    return high & (parts.height <= MOST_DIGIT_HEIGHT * usual)


def alone(ink: FloatArray, piece: Piece) -> FloatArray:
    """Return the ink (h, w) of one digit, where it is its own, with empty margins."""
    near = sliding_max(framed(piece.own, 1), 3)
    soft = framed_by_itself(ink[piece.box], 1) * near
    return framed(np.clip(soft, 0, 1), max(piece.own.shape) // 4)


def _usual_height(parts: Parts) -> float:
    """Return the height of the digits: most of the ink of a page is in them, not in its specks."""
    height = parts.height
    upright = (height > LEAST_HEIGHT_TO_WIDTH * parts.width) & (parts.mass > 0) & ~parts.frames
    if not upright.any():  # all digits of each row touch
        upright = parts.mass > 0
    order = np.argsort(height[upright])
    ink = np.cumsum(parts.mass[upright][order])
    return float(height[upright][order][np.searchsorted(ink, ink[-1] / 2)])


def _strokes_of_one(parts: Parts, usual: float) -> IntArray:
    """Return the pairs of parts (2, n) that lie so closely above each other that they are one.

    The bar of a 5 is often drawn apart, and a ruled line that was removed leaves a gap.
    """
    real = np.flatnonzero(
        (parts.size >= LEAST_STROKE * usual) & (parts.height <= MOST_JOINED * usual)
    )
    real = real[np.argsort(parts.top[real], kind="stable")]
    top, lowest = parts.top[real], parts.bottom[real] + MOST_GAP * usual
    first, last = (np.searchsorted(top, row, "right") for row in (top, lowest))
    pairs = [np.zeros((2, 0), np.intp)]
    n_chunks = 1 + int((last - first).sum()) // _PAIRS_AT_ONCE
    for chunk in np.array_split(np.arange(len(real)), n_chunks):
        upper = real[np.repeat(chunk, last[chunk] - first[chunk])]
        lower = real[stretches(first[chunk], last[chunk])]
        overlap = np.minimum(parts.right[upper], parts.right[lower])
        overlap -= np.maximum(parts.left[upper], parts.left[lower])
        together = overlap >= OVERLAP * np.minimum(parts.width[upper], parts.width[lower])
        height = np.maximum(parts.bottom[upper], parts.bottom[lower]) - parts.top[upper]
        together &= height <= MOST_JOINED * usual
        pairs.append(np.stack([upper[together], lower[together]]))
    return np.concatenate(pairs, axis=1)
