"""The pen's path: closely spaced points on smooth curves through the points of a skeleton.

A curve is linear in its control points: each of its points is a weighted sum of them. So every
skeleton becomes one table of weights, computed once, and drawing a digit is a sum of products.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from math import dist

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.synthetic.signs import SIGNS
from mlpcli.data.synthetic.skeletons import SKELETONS, Point, Skeleton

# Enough for the points of the longest path, an 8 of about 60 pixels, to lie closer together than
# the thinnest pen is wide, so that a stroke does not fall apart into dots.
PATH_POINTS = 96

_SPLINE_STEPS = 24  # samples of a curve between two control points


def _spline(points: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Return the weights (S, n) of samples along the smooth curve through n points.

    It is a centripetal Catmull-Rom spline with natural ends: its knots are spaced by the square
    root of the distance, which keeps it from looping (Yuksel, Schaefer and Keyser, 2011).
    """
    n = len(points)
    gaps = [dist(a, b) ** 0.5 for a, b in pairwise(points)]
    identity = np.eye(n)
    slopes = [(identity[i + 1] - identity[i]) / gap for i, gap in enumerate(gaps)]
    tangents = np.zeros((n, n))
    for i in range(1, n - 1):
        before, after = gaps[i - 1], gaps[i]
        tangents[i] = (after * slopes[i - 1] + before * slopes[i]) / (before + after)
    if n == 2:
        tangents[:] = slopes[0]
    else:
        tangents[0] = 1.5 * slopes[0] - 0.5 * tangents[1]
        tangents[-1] = 1.5 * slopes[-1] - 0.5 * tangents[-2]
    t = np.arange(_SPLINE_STEPS)[:, None] / _SPLINE_STEPS
    pieces = [
        (1 + 2 * t) * (1 - t) ** 2 * identity[i]
        + t * (1 - t) ** 2 * gap * tangents[i]
        + t**2 * (3 - 2 * t) * identity[i + 1]
        - t**2 * (1 - t) * gap * tangents[i + 1]
        for i, gap in enumerate(gaps)
    ]
    return np.concatenate([*pieces, identity[-1:]])


def _stroke_weights(stroke: Sequence[Point]) -> NDArray[np.float64]:
    """Return the weights (S, n) of samples along a stroke of n points with corners."""
    n = len(stroke)
    corners = [i for i, point in enumerate(stroke) if len(point) == 3]
    pieces = []
    for first, last in pairwise([0, *corners, n - 1]):
        piece = [(point[0], point[1]) for point in stroke[first : last + 1]]
        weights = np.zeros((_SPLINE_STEPS * (last - first) + 1, n))
        weights[:, first : last + 1] = _spline(piece)
        pieces.append(weights)
    return np.concatenate(pieces)


def _path_weights(skeleton: Skeleton, control_points: int) -> NDArray[np.float64]:
    """Return the weights (PATH_POINTS, control_points), evenly spaced along all the strokes."""
    curves, lengths = [], []
    for stroke in skeleton.strokes:
        weights = _stroke_weights(stroke)
        samples = weights @ np.array([point[:2] for point in stroke])
        steps = np.hypot(*np.diff(samples, axis=0).T)
        curves.append((weights, np.concatenate([[0.0], np.cumsum(steps)])))
        lengths.append(steps.sum())
    shares = np.cumsum([0.0, *lengths]) / sum(lengths)
    bounds = np.rint(shares * PATH_POINTS).astype(int)
    rows = np.zeros((PATH_POINTS, control_points))
    column = 0
    for (weights, walked), first, last in zip(curves, bounds, bounds[1:], strict=False):
        places = np.linspace(0.0, walked[-1], last - first)
        for k in range(weights.shape[1]):
            rows[first:last, column + k] = np.interp(places, walked, weights[:, k])
        column += weights.shape[1]
    return rows


class Alphabet:
    """Skeletons, and the tables that draw them."""

    def __init__(self, skeletons: Sequence[Skeleton]) -> None:
        """Prepare tables, which are computed when they are first needed."""
        self.skeletons = skeletons
        self.control_points = max(sum(map(len, each.strokes)) for each in skeletons)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """(skeletons, PATH_POINTS, control points) of every skeleton's path."""
        paths = [_path_weights(skeleton, self.control_points) for skeleton in self.skeletons]
        return np.stack(paths).astype(np.float32)

    @cached_property
    def points(self) -> NDArray[np.float32]:
        """x and y of every skeleton's points (skeletons, 2, control points), 0 beyond them."""
        table = np.zeros((len(self.skeletons), 2, self.control_points), np.float32)
        for row, skeleton in zip(table, self.skeletons, strict=True):
            points = [point[:2] for stroke in skeleton.strokes for point in stroke]
            row[:, : len(points)] = np.array(points).T
        return table


DIGITS, LETTERS = Alphabet(SKELETONS), Alphabet(SIGNS)
