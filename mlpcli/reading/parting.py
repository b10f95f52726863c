"""Which pieces of ink are one digit, which are two, and which are none: the network judges.

Each line of a page is a row of pieces. Where a piece reads badly, it is cut in several places, and
it and its neighbours are put together in every way; the way that reads best is kept (a lattice, as
in LeCun et al., 1998, section VI).
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlpcli.reading.boxes import box_of, moved
from mlpcli.reading.fitting import centred, fitted
from mlpcli.reading.ink import full_contrast
from mlpcli.reading.lines import reading_order
from mlpcli.reading.morphology import UInt8Array, framed, framed_by_itself, sliding_max
from mlpcli.reading.page import Page, Piece
from mlpcli.reading.parts import refuse_too_many
from mlpcli.reading.stroke_width import stroke_width, widened_strokes
from mlpcli.reading.touching import seams

CLEAR = 0.9
"""confidence with which a piece is taken for a digit as it is"""
TOO_WIDE = 1.3
"""width of a piece, as a multiple of its height and the usual one, that is tried in parts anyway"""
LEAST_CUT_WIDTH = 0.5
"""narrowest piece that is cut, as a fraction of the usual height"""
NEAR = 0.3
"""largest gap of pieces that may be one digit, as a fraction of the usual height"""
MOST_WIDTH, MOST_HEIGHT = 1.7, 1.9
"""largest digit of several pieces, as fractions of the usual height"""
MOST_PIECES = 4
"""most pieces in one digit"""
LEAST_CONFIDENCE = 1e-3
"""a worse reading is no worse"""
LOW = 0.55
"""height, as a fraction of the usual one, below which a piece is hardly a digit by itself"""
LOWER = 0.25
"""confidence of a digit that is lower still"""
REFUSED = 0.25
"""confidence of the reading that a piece which looks like no digit is none, and not several"""
LEFT_OUT = 0.2
"""confidence of the reading that a low piece is a speck"""
CUT = 0.6
"""share that is left of the confidence of a digit that is cut off another"""
FRAGMENT = 0.1
"""share that is left of the confidence of a digit made of a cut-off piece and ink that it does not
touch"""
MOST_CANDIDATES = 4000
"""most readings that are tried on a page: one of digits needs a few hundred"""
LONGEST = 40
"""most pieces that are put together in all ways at once"""

Judge = Callable[[UInt8Array], tuple[NDArray[np.floating], NDArray[np.floating]]]
"""from images (N, height * width) to the probability of each class (N, n_classes), and of none of
them (N,)"""


@dataclass(frozen=True)
class Found:
    """A digit that was found on a page."""

    piece: Piece
    pixels: UInt8Array
    """(height * width,), prepared for the network"""
    line: int
    """number of its line, from 1 at the top"""
    place: int
    """its place in the line, from 1 at the left"""
    certainty: float
    """how sure it is that this is one digit, and whole"""


def found_digits(page: Page, shape: tuple[int, int], judge: Judge) -> list[Found]:
    """Return the digits of a page in reading order; images of them have this `shape`."""
    reader = _Reader(page, shape, judge)
    lines = [
        [page.pieces[i] for i in line]
        for line in reading_order([piece.box for piece in page.pieces])
    ]
    reader.read([piece for line in lines for piece in line])
    clusters = [reader.clusters(line) for line in lines]
    lattices: dict[int, _Lattice] = {}
    n_candidates = 0
    for cluster in itertools.chain(*clusters):
        if n_candidates < MOST_CANDIDATES and reader.is_doubtful(cluster):
            lattices[id(cluster)] = lattice = _Lattice(cluster, page)
            n_candidates += len(lattice.candidates)
    reader.read([each for lattice in lattices.values() for each in lattice.candidates.values()])
    found: list[Found] = []
    number = 0
    for line_of_clusters in clusters:
        digits: list[tuple[Piece, float]] = []
        for cluster in line_of_clusters:
            if id(cluster) in lattices:
                digits += lattices[id(cluster)].best(reader)
            else:
                digits += [(piece, 1.0) for piece in cluster]
        if digits:
            number += 1
            found += [
                Found(piece, reader.pixels(piece), number, place, certainty)
                for place, (piece, certainty) in enumerate(digits, 1)
            ]
    refuse_too_many(len(found))
    return found


class _Reader:
    """Prepares pieces, has them judged, and remembers it."""

    def __init__(self, page: Page, shape: tuple[int, int], judge: Judge) -> None:
        self._page, self._shape, self._judge = page, shape, judge
        self._read: dict[int, tuple[UInt8Array, float, float]] = {}

    def read(self, pieces: Sequence[Piece]) -> None:
        new = [piece for piece in pieces if id(piece) not in self._read]
        if not new:
            return
        images = np.stack([self._prepared(piece) for piece in new])
        probabilities, none = self._judge(images)
        confidence = probabilities.max(axis=1)
        read = zip(new, images, confidence.tolist(), none.tolist(), strict=True)
        for piece, image, sure, surely_none in read:
            self._read[id(piece)] = image, sure, surely_none

    def pixels(self, piece: Piece) -> UInt8Array:
        return self._read[id(piece)][0]

    def confidence(self, piece: Piece) -> float:
        """Return how sure the network is that a piece is some digit."""
        sure = self._read[id(piece)][1]
        if piece.height < LOW * self._page.usual:
            sure = min(sure, LOWER)
        return max(sure, LEAST_CONFIDENCE)

    def refusal(self, piece: Piece) -> float:
        """Return how good a reading it is that a whole piece is no digit."""
        return max(self._read[id(piece)][2] * REFUSED, LEAST_CONFIDENCE)

    def _prepared(self, piece: Piece) -> UInt8Array:
        near = sliding_max(framed(piece.own, 1), 3)
        ink = framed_by_itself(self._page.ink[piece.box], 1)
        soft = full_contrast(ink, self._page.threshold) * near
        if soft.max() == 0:
            soft = near.astype(np.float64)
        digit = widened_strokes(soft[box_of(near)], stroke_width(piece.own))
        pixels = np.rint(255 * fitted(digit, self._shape)).astype(np.uint8)
        return centred(pixels, self._shape).ravel()

    def clusters(self, line: list[Piece]) -> list[list[Piece]]:
        """Return a line's pieces in groups: a doubtful piece with those that are near it."""
        groups: list[list[Piece]] = []
        for piece in line:
            if groups and self._belongs(groups[-1], piece):
                groups[-1].append(piece)
            else:
                groups.append([piece])
        return groups

    def _belongs(self, group: list[Piece], piece: Piece) -> bool:
        last = group[-1]
        gap = piece.box[1].start - max(each.box[1].stop for each in group)
        near = gap <= NEAR * self._page.usual
        return near and (self.is_doubtful([last]) or self.is_doubtful([piece]))

    def is_doubtful(self, cluster: list[Piece]) -> bool:
        return any(
            self.confidence(piece) < CLEAR
            or piece.width > TOO_WIDE * max(piece.height, self._page.usual)
            for piece in cluster
        )


class _Lattice:
    """All ways to read some pieces that are near each other."""

    def __init__(self, pieces: list[Piece], page: Page) -> None:
        self.pieces = pieces
        self._usual = usual = page.usual
        cut = [_cut(piece, usual) for piece in pieces]
        if sum(map(len, cut)) > LONGEST:
            cut = [[piece] for piece in pieces]
        self._atoms = [atom for atoms in cut for atom in atoms]
        self.candidates: dict[tuple[int, int], Piece] = {}
        n = len(self._atoms)
        for first in range(n):
            for last in range(first + 1, min(n, first + MOST_PIECES) + 1):
                joined = _joined(self._atoms[first:last])
                if last - first == 1 or (
                    joined.width <= MOST_WIDTH * usual and joined.height <= MOST_HEIGHT * usual
                ):
                    self.candidates[first, last] = joined
        ends = np.cumsum([0, *map(len, cut)]).tolist()
        self._ends = frozenset(ends)
        self._wholes = dict(zip(itertools.pairwise(ends), pieces, strict=True))
        self.candidates |= self._wholes

    def best(self, reader: _Reader) -> list[tuple[Piece, float]]:
        """Return the digits of the way that reads best, and how much better than the others."""
        n = len(self._atoms)
        score = np.full(n + 1, -np.inf)
        second = np.full(n + 1, -np.inf)
        score[0] = 0
        way: list[tuple[int, Piece | None]] = [(0, None)] * (n + 1)
        for last in range(1, n + 1):
            ways: list[tuple[float, int, Piece | None]] = []
            for (first, end), piece in self.candidates.items():
                if end == last:
                    reading = reader.confidence(piece)
                    if (first, end) in self._wholes:
                        reading = max(reading, reader.refusal(piece))
                    elif self._is_fragment(first, end):
                        reading *= FRAGMENT
                    elif not self._is_of_wholes(first, end):
                        reading *= CUT
                    ways.append((score[first] + np.log(reading), first, piece))
            atom = self._atoms[last - 1]
            if atom.height < LOW * self._usual:
                ways.append((score[last - 1] + np.log(LEFT_OUT), last - 1, None))
            ways.sort(key=lambda each: -each[0])
            score[last] = ways[0][0]
            second[last] = ways[1][0] if len(ways) > 1 else -np.inf
            way[last] = ways[0][1:]
        digits: list[tuple[Piece, float]] = []
        last = n
        while last > 0:
            first, digit = way[last]
            if digit is not None:
                better = score[last] - second[last]
                digits.append((digit, float(1 / (1 + np.exp(-better)))))
            last = first
        return digits[::-1]

    def _is_fragment(self, first: int, last: int) -> bool:
        """Return whether the atoms are of several pieces, and not all of each."""
        of_several = any(end in self._ends for end in range(first + 1, last))
        return of_several and not self._is_of_wholes(first, last)

    def _is_of_wholes(self, first: int, last: int) -> bool:
        """Return whether the atoms are whole pieces."""
        return first in self._ends and last in self._ends


def _cut(piece: Piece, usual: float) -> list[Piece]:
    """Return the parts of a piece between all places where two digits may touch."""
    if piece.width < LEAST_CUT_WIDTH * usual:
        return [piece]
    number = np.zeros(piece.own.shape, np.intp)
    columns = np.arange(piece.width)
    for seam in seams(piece.own):
        number += columns >= seam[:, np.newaxis]
    parts = []
    for part in range(int(number.max()) + 1):
        own = piece.own & (number == part)
        if own.any():
            within = box_of(own)
            parts.append(Piece(own[within], moved(within, piece.box)))
    return parts


def _joined(pieces: list[Piece]) -> Piece:
    """Return several pieces as one."""
    if len(pieces) == 1:
        return pieces[0]
    boxes = [piece.box for piece in pieces]
    rows, columns = (
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
        for axis in (0, 1)
    )
    own = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
    for piece in pieces:
        down, across = piece.box
        place = own[
            down.start - rows.start : down.stop - rows.start,
            across.start - columns.start : across.stop - columns.start,
        ]
        place |= piece.own
    return Piece(own, (rows, columns))
