"""The digits of a page, found by their shapes."""

from collections.abc import Iterator

from mlpcli.reading.boxes import Box, rescaled
from mlpcli.reading.morphology import FloatArray
from mlpcli.reading.page import alone, digits_by_shape, find_page


def digits_on_page(grey: FloatArray) -> Iterator[tuple[FloatArray, Box]]:
    """Yield each digit of a page (H, W) in reading order: its ink (h, w), and its box in `grey`."""
    page = find_page(grey)
    for piece, _, _ in digits_by_shape(page):
        yield alone(page.ink, piece), rescaled(piece.box, page.ink.shape, grey.shape)
