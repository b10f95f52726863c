"""Images that cost the reader most: many parts, huge parts, lines everywhere, many pixels.

Each pattern is (height, width) of bytes, dark on light.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

Array = np.ndarray
PAPER, INK = 255, 0

TWO = np.array(
    [
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 1, 1, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 1, 0, 0],
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1, 1, 0],
    ],
    bool,
)


def on_paper(ink: Array) -> Array:
    return np.where(ink, INK, PAPER).astype(np.uint8)


def repeated(tile: Array, height: int, width: int) -> Array:
    times = (-(-height // tile.shape[0]), -(-width // tile.shape[1]))
    return on_paper(np.tile(tile, times)[:height, :width])


def small_digits(height: int, width: int, pitch: int = 16) -> Array:
    tile = np.zeros((pitch, pitch), bool)
    scale = max(1, pitch // 14)
    glyph = np.kron(TWO, np.ones((scale, scale), bool))
    tile[1 : 1 + glyph.shape[0], 1 : 1 + glyph.shape[1]] = glyph
    return repeated(tile, height, width)


def touching_digits(height: int, width: int) -> Array:
    row = np.concatenate([np.kron(TWO, np.ones((2, 1), bool))[:, 1:7], np.zeros((4, 6), bool)])
    return repeated(row, height, width)


def dots(height: int, width: int, pitch: int = 4) -> Array:
    tile = np.zeros((pitch, pitch), bool)
    tile[0, 0] = True
    return repeated(tile, height, width)


def dashes(height: int, width: int) -> Array:
    """Short strokes that climb: each part is thin, as a frame is, and within others' boxes."""
    rows, columns = np.indices((height, width))
    return on_paper(((rows + columns) % 5 == 0) & (rows % 16 < 12) & (rows > 20))


def checkerboard(height: int, width: int, cell: int = 1) -> Array:
    tile = np.kron(np.eye(2, dtype=bool), np.ones((cell, cell), bool))
    return repeated(tile, height, width)


def noise(height: int, width: int) -> Array:
    return np.random.default_rng(1).integers(0, 256, (height, width), np.uint8)


def salt_and_pepper(height: int, width: int, share: float = 0.02) -> Array:
    return on_paper(np.random.default_rng(2).random((height, width), np.float32) < share)


def shapes(height: int, width: int, number: int = 400) -> Array:
    rng = np.random.default_rng(3)
    image = Image.new("L", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    for _ in range(number):
        left, right = sorted(rng.integers(0, width, 2).tolist())
        top, bottom = sorted(rng.integers(0, height, 2).tolist())
        kind, thick = int(rng.integers(4)), int(rng.integers(1, 5))
        if kind == 0:
            draw.line((left, top, right, bottom), INK, thick)
        elif kind == 1:
            draw.ellipse((left, top, right, bottom), outline=INK, width=thick)
        elif kind == 2:
            draw.rectangle((left, top, right, bottom), outline=INK, width=thick)
        else:
            draw.rectangle((left, top, left + 9, top + 9), PAPER)
    return np.asarray(image)


def squares_within_squares(height: int, width: int, pitch: int = 4) -> Array:
    rows, columns = np.indices((height, width))
    inwards = np.minimum(
        np.minimum(rows, height - 1 - rows), np.minimum(columns, width - 1 - columns)
    )
    return on_paper(inwards % pitch == pitch // 2)


def diagonals(height: int, width: int, pitch: int = 8) -> Array:
    return on_paper(np.add.outer(np.arange(height), np.arange(width)) % pitch < 2)


def angles(height: int, width: int, pitch: int = 5) -> Array:
    """Corners within corners: the box of each holds all that follow."""
    return on_paper(np.minimum.outer(np.arange(height), np.arange(width)) % pitch == pitch // 2)


def spiral(height: int, width: int, pitch: int = 4) -> Array:
    """One line to the middle of the page."""
    ink = np.zeros((height, width), bool)
    top, left, bottom, right = pitch, pitch, height - pitch, width - pitch
    while top + pitch < bottom and left + pitch < right:
        ink[top, left : right + 1] = ink[top : bottom + 1, right] = True
        ink[bottom, left : right + 1] = True
        ink[top + pitch : bottom + 1, left] = True
        ink[top + pitch, left : left + pitch + 1] = True  # leads into the next turn
        top, left, bottom, right = top + pitch, left + pitch, bottom - pitch, right - pitch
    return on_paper(ink)


def comb(height: int, width: int, pitch: int = 3) -> Array:
    ink = np.zeros((height, width), bool)
    ink[2:-2:pitch, 4:-4] = True
    ink[2:-2, 4] = True
    return on_paper(ink)


def thick_comb(height: int, width: int) -> Array:
    """One part whose every row, at every slope, is nearly full: a line everywhere."""
    ink = np.zeros((height, width), bool)
    ink[4:-4, 4:-4] = (np.arange(height - 8) % 12 < 9)[:, np.newaxis]
    ink[4:-4, 4:8] = True
    return on_paper(ink)


def zigzag(height: int, width: int, pitch: int = 4) -> Array:
    """One line that fills the page."""
    ink = np.zeros((height, width), bool)
    for turn, row in enumerate(range(2, height - pitch - 2, pitch)):
        ink[row, 4:-4] = True
        ink[row : row + pitch + 1, 4 if turn % 2 else -5] = True
    return on_paper(ink)


def stripes(height: int, width: int, pitch: int = 6) -> Array:
    return on_paper(np.repeat(np.arange(height)[:, np.newaxis] % pitch < pitch // 3, width, 1))


def ruled(height: int, width: int, pitch: int = 12, squared: bool = True) -> Array:
    across = np.arange(height)[:, np.newaxis] % pitch == 0
    down = np.arange(width) % pitch == 0
    return on_paper(across | down if squared else np.repeat(across, width, 1))


def cells(height: int, width: int, side: int = 28) -> Array:
    """Boxes of a form, each a part of its own, with a dash in it."""
    tile = np.zeros((side + 4, side + 4), bool)
    tile[2:-2, 2:-2] = True
    tile[3:-3, 3:-3] = False
    tile[side // 2 : side // 2 + 6, side // 2] = True
    return repeated(tile, height, width)


PATTERNS: dict[str, Callable[[int, int], Array]] = {
    "full page": lambda height, width: small_digits(height, width, max(16, height // 41)),
    "small digits": small_digits,
    "smaller digits": lambda height, width: small_digits(height, width, 11),
    "touching digits": touching_digits,
    "dots": dots,
    "dashes": dashes,
    "checkerboard": checkerboard,
    "checkerboard of 4": lambda height, width: checkerboard(height, width, 4),
    "noise": noise,
    "salt and pepper": salt_and_pepper,
    "salt and pepper, 20 %": lambda height, width: salt_and_pepper(height, width, 0.2),
    "salt and pepper, half": lambda height, width: salt_and_pepper(height, width, 0.5),
    "shapes": shapes,
    "squares within squares": squares_within_squares,
    "squares within squares, 12 apart": lambda height, width: squares_within_squares(
        height, width, 12
    ),
    "diagonals": diagonals,
    "angles": angles,
    "spiral": spiral,
    "comb": comb,
    "thick comb": thick_comb,
    "zigzag": zigzag,
    "stripes": stripes,
    "ruled": lambda height, width: ruled(height, width, 40, squared=False),
    "squared": lambda height, width: ruled(height, width, 30),
    "squared finely": ruled,
    "cells": cells,
}


def mixed(number: int) -> Array:
    """Patterns in pieces of a page, each enlarged, turned over, faint or strong; then the light."""
    rng = np.random.default_rng(number)
    height, width = rng.choice([600, 900, 1200, 1200, 1200, 2400], 2).tolist()
    page = np.full((height, width), PAPER, np.uint8)
    for _ in range(rng.integers(1, 5)):
        top, left = (int(rng.integers(0, side // 2)) for side in page.shape)
        piece = page[top : height - rng.integers(0, height // 3), left:]
        scale = int(rng.choice([1, 1, 2, 3]))
        pattern = PATTERNS[rng.choice(list(PATTERNS))]
        drawn = pattern(*(-(-side // scale) for side in piece.shape))
        drawn = drawn[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
        drawn = np.kron(drawn, np.ones((scale, scale), np.uint8))
        drawn = drawn[: piece.shape[0], : piece.shape[1]]
        np.minimum(piece, np.maximum(drawn, np.uint8(rng.choice([0, 60, 150]))), out=piece)
    if rng.random() < 0.3:
        turned = Image.fromarray(page).rotate(rng.uniform(-10, 10), fillcolor=PAPER)
        page = np.asarray(turned)
    return 255 - page if rng.random() < 0.3 else page


def large(mode: str, height: int = 6250, width: int = 8000) -> Image.Image:
    """A page of 50 million pixels with a few digits."""
    page = np.full((height, width), PAPER, np.uint8)
    digit = np.kron(TWO, np.ones((60, 60), bool))
    for at in range(5):
        piece = page[1000:1480, 1000 + 1000 * at : 1480 + 1000 * at]
        piece[digit] = INK
    if mode == "I;16":
        return Image.fromarray(page.astype(np.uint16) * 257)
    return Image.fromarray(page).convert(mode)


def noisy(height: int, width: int) -> Image.Image:
    colours = np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(colours)


TURNED = Image.Exif()
TURNED[0x0112] = 6
FILES: dict[str, Callable[[Path], object]] = {
    "PNG 1": lambda path: large("1").save(path, "PNG"),
    "PNG L": lambda path: large("L").save(path, "PNG", compress_level=1),
    "PNG P": lambda path: large("P").save(path, "PNG", compress_level=1, transparency=3),
    "PNG RGB": lambda path: large("RGB").save(path, "PNG", compress_level=1),
    "PNG RGBA": lambda path: large("RGBA").save(path, "PNG", compress_level=1),
    "PNG I;16": lambda path: large("I;16").save(path, "PNG", compress_level=1),
    "PNG turned": lambda path: large("RGB").save(path, "PNG", compress_level=1, exif=TURNED),
    "PNG noise, 12 MP": lambda path: noisy(3000, 4000).save(path, "PNG", compress_level=1),
    "JPEG RGB": lambda path: large("RGB").save(path, "JPEG"),
    "JPEG progressive": lambda path: large("RGB").save(
        path, "JPEG", progressive=True, subsampling=0
    ),
    "JPEG CMYK": lambda path: large("CMYK").save(path, "JPEG"),
    "GIF": lambda path: large("L").save(path, "GIF"),
    "TIFF RGB": lambda path: large("RGB").save(path, "TIFF"),
    "TIFF CMYK": lambda path: large("CMYK").save(path, "TIFF", compression="tiff_lzw"),
    "TIFF one strip": lambda path: large("RGB").save(
        path, "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: 6250}
    ),
    "TIFF turned": lambda path: large("RGB").save(path, "TIFF", exif=TURNED),
    "WEBP": lambda path: large("RGB").save(path, "WEBP", quality=50, method=0),
    "PPM": lambda path: large("RGB").save(path, "PPM"),
}
"""what writes a picture of 50 million pixels, of each kind that takes the decoder most"""


def write_pattern(pattern: Array, path: Path) -> None:
    Image.fromarray(pattern).save(path, "PNG", compress_level=1)
