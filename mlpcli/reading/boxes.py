"""Boxes: a slice of rows and a slice of columns, which select a piece of an array."""

import math
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from mlpcli.reading.morphology import Mask

Box: TypeAlias = tuple[slice, slice]


def box_of(inside: Mask) -> Box:
    """Return the smallest box around the true pixels of (H, W), of which there is at least one."""
    rows = np.flatnonzero(inside.any(axis=1))
    columns = np.flatnonzero(inside.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def longer_side(box: Box) -> int:
    """Return the larger of its height and width."""
    return max(int(side.stop - side.start) for side in box)


def widened(box: Box, margin: float, shape: tuple[int, ...]) -> Box:
    """Return the box with `margin` more pixels on each side, within an array of `shape`."""
    return _box(
        (max(0, math.floor(side.start - margin)), min(extent, math.ceil(side.stop + margin)))
        for side, extent in zip(box, shape, strict=True)
    )


def moved(box: Box, view: Box) -> Box:
    """Return a box in the piece that `view` selects, as a box in the whole."""
    return _box(
        (side.start + whole.start, side.stop + whole.start)
        for side, whole in zip(box, view, strict=True)
    )


def rescaled(box: Box, shape: tuple[int, ...], other: tuple[int, ...]) -> Box:
    """Return a box in an image of `shape`, as a box in the same image of shape `other`."""
    return _box(
        (math.floor(side.start * to / extent), math.ceil(side.stop * to / extent))
        for side, extent, to in zip(box, shape, other, strict=True)
    )


def _box(sides: Iterable[tuple[int, int]]) -> Box:
    rows, columns = (slice(*side) for side in sides)
    return rows, columns
