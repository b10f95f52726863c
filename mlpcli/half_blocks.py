"""Drawing an image in text: one character for two pixels, one above the other."""

from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

HALF = 127
"""pixels above this are ink where there are no greys"""
BLACK = 232
"""number of the darkest grey among a terminal's 256 colours"""
SIGNS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def in_black(ink: NDArray[np.bool_]) -> list[str]:
    """Return the lines of plain text for an image (H, W), true where it is black."""
    return ["".join(SIGNS[bool(a), bool(b)] for a, b in pair) for pair in _pairs(ink)]


def in_greys(pixels: NDArray[np.uint8]) -> str:
    """Return an image (H, W) of 0 .. 255 for a terminal, in 24 levels of grey."""
    shades = BLACK + np.minimum(pixels // 11, 23)
    return "\n".join(
        "".join(f"\x1b[38;5;{a};48;5;{b}m\N{UPPER HALF BLOCK}" for a, b in pair) + "\x1b[0m"
        for pair in _pairs(shades, BLACK)
    )


def drawn_for(stream: TextIO, pixels: NDArray[np.uint8]) -> str:
    """Return an image (H, W) of 0 .. 255 in greys for a terminal, or in black for a file."""
    return in_greys(pixels) if stream.isatty() else "\n".join(in_black(pixels > HALF))


def _pairs(rows: NDArray[Any], ground: int = 0) -> Iterator[Iterator[tuple[Any, Any]]]:
    """Yield the upper and lower pixels of each two rows; below an odd last row is ground."""
    if len(rows) % 2:
        rows = np.pad(rows, ((0, 1), (0, 0)), constant_values=ground)
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        yield zip(upper, lower, strict=True)
