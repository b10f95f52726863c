"""Images of what is no digit, so that a network learns to tell: drawn, or made of digits.

Letters and signs are drawn; digits are put side by side, cut apart, mirrored, laid on their side,
crossed out and crossed by lines; blots and things are noise, smoothed and cut off at a level. All
are fitted into MNIST's frame, as an image file's would be.
"""

import dataclasses

import numpy as np
from numpy.random import Generator

from mlpcli.config.class_names import NO_DIGIT
from mlpcli.data.dataset import Dataset, UInt8Array
from mlpcli.randomness import Purpose, generator
from mlpcli.reading.boxes import box_of
from mlpcli.reading.fitting import centred, fitted
from mlpcli.reading.ground import blurred
from mlpcli.reading.morphology import FloatArray, sliding_max

SIGNS_SHARE = 0.6
"""share of drawn signs; the rest are made in equal parts in the ways of `_WAYS`"""
MIRRORED = (3, 4, 7, 9)
"""digits whose mirror image is none; a 2 and a 5 are nearly each other's, and a 6 is a looped 2"""
LAID = (2, 3, 4, 5, 6, 7, 8, 9)
"""digits that are none when they lie on their side"""
LEAST_WIDTH = 0.45
"""least width of what is made by its height: a narrower one may be a 1"""
LEAST_PIECE = 14
"""least height of a digit's piece, in pixels: a lower one would only be enlarged, and blurred"""
LEAST_NEIGHBOUR = 0.6
"""least height of a neighbour's piece by the digit's: a lower one is a speck beside it"""

MOST_TRIES = 1000
"""tries in one way; with digits of every kind, a hundred are enough"""

Shape = tuple[int, int]


def with_no_digit(dataset: Dataset) -> Dataset:
    """Return the dataset with one more class, of which it has no image."""
    if NO_DIGIT in dataset.class_names:
        return dataset
    return dataclasses.replace(dataset, class_names=(*dataset.class_names, NO_DIGIT))


def no_digits(digits: Dataset, count: int, seed: int, start: int = 0) -> Dataset:
    """Return `count` images of what is no digit, some made of the images of `digits`.

    `start` is the number of images that were made before: another one makes other images.
    """
    from mlpcli.data.synthetic import draw_signs  # the pen computes much when it is imported

    rng = generator(seed, Purpose.NO_DIGITS, start)
    n_signs = round(SIGNS_SHARE * count)
    images = np.empty((count, digits.images.shape[1]), np.uint8)
    images[:n_signs] = draw_signs(seed, range(start, start + n_signs))
    sources = _Digits(digits)
    for i in range(n_signs, count):
        images[i] = _made(i, sources, rng, digits.image_shape).ravel()
    widened = with_no_digit(digits)
    labels = np.full(count, widened.class_names.index(NO_DIGIT))
    return dataclasses.replace(widened, images=images, labels=labels)


def _made(number: int, digits: "_Digits", rng: Generator, shape: Shape) -> UInt8Array:
    """Return an image (height, width) in the way whose turn it is at this number.

    Some digits leave nothing in some way: no piece of a narrow 1 is wide enough. Then it is the
    next way's turn.
    """
    tries = 0
    while True:
        way = _WAYS[(number + tries // MOST_TRIES) % len(_WAYS)]
        image = _in_frame(way(digits, rng), shape)
        if image is not None:
            return image
        tries += 1


class _Digits:
    """Chooses digits of a dataset, without their margins."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._of = [np.flatnonzero(dataset.labels == label) for label in range(10)]

    def any(self, rng: Generator, labels: tuple[int, ...] = tuple(range(10))) -> FloatArray:
        """Return the ink (h, w) in 0 .. 1 of a random digit with one of the labels.

        Where the dataset has none of them, it is any other digit.
        """
        present = [label for label in labels if len(self._of[label])]
        present = present or [label for label in range(10) if len(self._of[label])]
        indices = self._of[present[rng.integers(len(present))]]
        image = self._dataset.images[indices[rng.integers(len(indices))]]
        grey = image.reshape(self._dataset.image_shape) / np.float32(255)
        digit: FloatArray = grey[box_of(grey > 0)]
        return digit


def _in_frame(ink: FloatArray | None, shape: Shape) -> UInt8Array | None:
    """Return ink (h, w) as an image of `shape`, or None if there is none, or it may be a 1."""
    if ink is None or ink.max() < 0.5:
        return None
    inside = ink[box_of(ink > 0.1)]
    if inside.shape[1] < LEAST_WIDTH * inside.shape[0]:
        return None
    digit = fitted(inside, shape)
    return centred(np.rint(255 * digit).astype(np.uint8), shape)


def _side_by_side(digits: _Digits, rng: Generator) -> FloatArray:
    """Return two digits that touch or overlap a little, or, more rarely, three."""
    row = digits.any(rng)
    for _ in range(1 + (rng.random() < 0.2)):
        other = digits.any(rng)
        overlap = int(rng.integers(-2, 4))
        height = max(len(row), len(other)) + 2
        wide = np.zeros((height, row.shape[1] + other.shape[1] + 4), np.float32)
        top = int(rng.integers(0, height - len(row) + 1))
        wide[top : top + len(row), : row.shape[1]] = row
        top = int(rng.integers(0, height - len(other) + 1))
        left = max(0, row.shape[1] - overlap)  # a 1 may have two columns
        place = wide[top : top + len(other), left : left + other.shape[1]]
        np.maximum(place, other, out=place)
        row = wide[box_of(wide > 0)]
    return row


def _with_a_neighbour(digits: _Digits, rng: Generator) -> FloatArray | None:
    """Return a digit with a piece of its neighbour on one side."""
    digit, other = digits.any(rng), digits.any(rng)
    cut = max(2, round(rng.uniform(0.3, 0.7) * other.shape[1]))
    is_left = rng.random() < 0.5
    piece = other[:, -cut:] if is_left else other[:, :cut]
    if piece.max() < 0.5 or len(piece[box_of(piece > 0.1)]) < LEAST_NEIGHBOUR * len(digit):
        return None
    row = [piece, digit] if is_left else [digit, piece]
    height = max(len(digit), len(other))
    return np.hstack([np.pad(each, ((height - len(each), 0), (0, 0))) for each in row])


def _piece(digits: _Digits, rng: Generator) -> FloatArray | None:
    """Return the left or right part of a digit, or None if nothing is there."""
    digit = digits.any(rng)
    cut = round(rng.uniform(0.35, 0.5) * digit.shape[1])
    piece = digit[:, :cut] if rng.random() < 0.5 else digit[:, -cut:]
    if cut == 0 or piece.max() < 0.5 or len(piece[box_of(piece > 0.1)]) < LEAST_PIECE:
        return None
    return piece


def _mirrored(digits: _Digits, rng: Generator) -> FloatArray:
    """Return the mirror image of a digit."""
    return digits.any(rng, MIRRORED)[:, ::-1]


def _laid(digits: _Digits, rng: Generator) -> FloatArray:
    """Return a digit that lies on its side."""
    return np.rot90(digits.any(rng, LAID), 1 if rng.random() < 0.5 else 3)


def _crossed(digits: _Digits, rng: Generator) -> FloatArray:
    """Return a digit under two or three straight lines, as if crossed out."""
    wide = np.pad(digits.any(rng), 3)
    for _ in range(rng.integers(2, 4)):
        np.maximum(wide, _line(wide.shape, rng), out=wide)
    return wide


def _lines(_: _Digits, rng: Generator) -> FloatArray:
    """Return two to four straight lines across each other."""
    ink = np.zeros((24, 24), np.float32)
    for _number in range(rng.integers(2, 5)):
        np.maximum(ink, _line(ink.shape, rng), out=ink)
    return ink


def _line(shape: Shape, rng: Generator) -> FloatArray:
    """Return the ink (H, W) of a line from side to side, upright or level, slightly turned."""
    level = rng.random() < 0.5
    height, width = shape if level else shape[::-1]
    ends = rng.uniform(0, height - 1) + rng.uniform(-0.15, 0.15) * width * np.array([-1, 1])
    middle = np.linspace(ends[0], ends[1], width)
    distance = np.abs(np.arange(height)[:, np.newaxis] - middle)
    line: FloatArray = np.clip(rng.uniform(0.9, 1.8) - distance, 0, 1).astype(np.float32)
    return line if level else line.T


def _shuffled(digits: _Digits, rng: Generator) -> FloatArray:
    """Return quarters of four digits."""
    rows = []
    for down in (0, 1):
        row = []
        for across in (0, 1):
            digit = digits.any(rng, LAID)[:20, :20]
            frame = np.zeros((20, 20), np.float32)
            top, left = (20 - side + 1 >> 1 for side in digit.shape)
            frame[top : top + len(digit), left : left + digit.shape[1]] = digit
            row.append(frame[10 * down : 10 * down + 10, 10 * across : 10 * across + 10])
        rows.append(np.hstack(row))
    return np.vstack(rows)


def _blot(_: _Digits, rng: Generator) -> FloatArray:
    """Return a blot or a thing: its outline and its shades are smooth noise."""
    side = 40
    noise = blurred(rng.normal(size=(side, side)), rng.uniform(2, 6))
    shades = blurred(rng.normal(size=(side, side)), rng.uniform(0.8, 3))
    down, across = np.linspace(-1, 1, side)[:, np.newaxis], np.linspace(-1, 1, side)
    form = noise / noise.std() + rng.uniform(1, 4) * (0.5 - np.hypot(down, across))
    shade = 0.7 + rng.uniform(0, 0.4) * shades / shades.std()
    return np.asarray(np.clip(4 * form, 0, 1) * np.clip(shade, 0, 1), np.float32)


def _dots(_: _Digits, rng: Generator) -> FloatArray:
    """Return several thick dots or dashes apart from each other."""
    ink = np.zeros((24, 24), np.float32)
    for _number in range(rng.integers(2, 6)):
        top, left = rng.integers(0, 20, 2)
        ink[top : top + rng.integers(1, 5), left : left + rng.integers(1, 5)] = 1
    return sliding_max(ink, 3)


def _strokes(_: _Digits, rng: Generator) -> FloatArray:
    """Return a pen's path through random places."""
    n = int(rng.integers(5, 10))
    knots = np.cumsum(rng.normal(size=(2, n)), axis=1)
    places = np.linspace(0, n - 1, 200)
    path = np.stack([blurred(np.interp(places, range(n), k)[np.newaxis], 8)[0] for k in knots])
    path -= path.min(axis=1, keepdims=True)
    path *= 34 / max(path.max(), 1e-6)
    ink = np.zeros((40, 40), np.float32)
    rows, columns = (np.rint(path).astype(int) + 2).tolist()
    ink[rows, columns] = 1
    return sliding_max(ink, int(rng.choice([3, 3, 5])))


_WAYS = (
    _side_by_side,
    _with_a_neighbour,
    _side_by_side,
    _piece,
    _mirrored,
    _laid,
    _crossed,
    _lines,
    _shuffled,
    _blot,
    _blot,
    _dots,
    _strokes,
    _strokes,
)
