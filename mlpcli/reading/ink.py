"""Separating ink from what is left of the ground."""

from dataclasses import dataclass

import numpy as np

from mlpcli.errors import ImageError
from mlpcli.reading.boxes import box_of
from mlpcli.reading.grid import without_grid
from mlpcli.reading.ground import GROUND_WINDOW, ink_on_ground
from mlpcli.reading.labelling import labelled
from mlpcli.reading.morphology import (
    FloatArray,
    Mask,
    median,
    odd,
    opened,
    quantile,
    sliding_max,
    smoothed,
)
from mlpcli.reading.resizing import resized, shrunk
from mlpcli.reading.ruled_lines import without_ruling

INK_FLOOR = 0.25
"""weakest ink, as a fraction of full ink; weaker are paper and noise"""
LEVEL_WINDOW = 0.5
"""window in which the strongest ink is searched, as a fraction of the image's longer side"""
LEAST_LEVEL = 0.4
"""weakest ink that may count as full in places, as a fraction of the strongest"""
FULL_STROKE, DIM_STROKE, DIM_SHARE = 0.75, 0.7, 0.08
"""quantile of a digit's ink, each pixel as strong as its stroke, that is full; what is weaker than
this share of full is dim, as a slope of light leaves none; and how much of the digit is dim, at
least, if the edge of a shadow crosses it"""
LEAST_CONTRAST = 0.05
"""least difference between ink and ground, as a fraction of the light; the faintest of 326 digits
has 0.27, pencil more than 0.1; rounding and JPEG's squares on blank paper have less"""
LEAST_CONTRAST_TO_NOISE = 4.4
"""the same in median deviations of the ground; noise has at most 4.0, each of 326 digits with more
noise than a camera makes in the dark at least 5.4"""
CLEAR_CONTRAST, CLEAR_CONTRAST_TO_NOISE = 0.1, 8.0
"""least contrast of a page's ink, and the same in median deviations of its ground, where less may
be the unevenness of the ground"""
MOST_DIVISIONS = 3
"""how often the darker part of a page is divided again to find its ink"""
BROAD, BROAD_OF_ROW, BROAD_PIXELS = 0.05, 0.25, 25
"""width of what is shadow and no stroke of a page, as a fraction of its longer side, or of the
shorter one, up to so many pixels: the larger counts"""
MOST_LOST = 0.3
"""least fraction of the strongest ink that is left without what is broad, unless strokes are"""
PEN_WINDOW, PEN_SIDE, LEAST_PEN = 0.1, 400, 0.5
"""window in which the strongest ink of a page is searched, as a fraction of its longer side; pixels
of the longer side while it is; and the weakest pen, as a fraction of the strongest"""
LEAST_OF_PEN = 0.45
"""weakest ink of a page, as a fraction of the strongest around it"""
ALONG_BORDER = 0.6
"""least fraction of a part that the border cuts where it lies along the border, as a stroke does
not"""
RIM_SIDE, RIM_ROW, RIM_MARGIN = 0.2, 0.08, 8
"""least fraction of a side that is rim where the side has a rim at all; of a row beside it, as far
as that reaches; and how many pixels more are left out"""

LEVELS = 256
"""of ink that are told apart where ground and ink are divided"""

BLANK = "no digit found: the image is blank, or its ink too faint."


@dataclass(frozen=True)
class Ink:
    """The ink in an image (H, W)."""

    ink: FloatArray
    """(H, W) 0 is the ground"""
    sure: FloatArray
    """(H, W) the same, if everything that the border cuts continues beyond it"""
    threshold: float
    """level that divides ground and ink"""

    @property
    def mask(self) -> Mask:
        """(H, W), true where there is ink."""
        mask: Mask = self.ink > self.threshold
        return mask


def find_ink(grey: FloatArray, dark: bool, window: float = GROUND_WINDOW) -> Ink:
    """Find the ink in `grey` (H, W); `dark` if it is darker than the ground.

    Raises:
        ImageError: there is none, or it is too faint.
    """
    taken = ink = ink_on_ground(grey, dark, window)
    sure = ink_on_ground(grey, dark, window, continued=True)
    if taken.max() < LEAST_CONTRAST:
        raise ImageError(BLANK)
    if not dark:
        level = ink_level(ink)
        ink, sure = ink / level, sure / level
    ink, threshold = _unruled(ink)
    refuse_noise(ink, threshold)
    if median(taken[ink > threshold]) < LEAST_CONTRAST:
        raise ImageError(BLANK)
    return Ink(ink, np.minimum(sure, ink), threshold)


def find_page_ink(grey: FloatArray, dark: bool, window: float, wide_rim: float) -> Ink:
    """Find the ink on a page (H, W), without its lines and what is beside it.

    What the border cuts continues beyond it. Of the rest, what lies along the border, or is cut by
    it and larger than `wide_rim` of the longer side, is the edge of a sheet or a shadow, and no
    ink. Ink counts by the strongest around it: a page may be written with several pens.

    Raises:
        ImageError: there is none, or it is too faint.
    """
    taken = ink_on_ground(grey, dark, window, continued=True)
    broad = odd(max(BROAD * max(taken.shape), min(BROAD_OF_ROW * min(taken.shape), BROAD_PIXELS)))
    ink = taken - opened(taken, broad)
    if ink.max() < MOST_LOST * taken.max():  # a digit as large as the page has broad strokes
        ink = taken
    if ink.max() < LEAST_CONTRAST:
        raise ImageError(BLANK)
    threshold = page_threshold(ink)
    unruled = without_grid(ink, threshold)
    is_lined = unruled is not ink
    rims = rims_of(unruled > threshold, wide_rim * max(grey.shape))
    if rims.any():
        unruled = np.where(rims, 0, unruled)
    if unruled.max() <= LEAST_CONTRAST:
        raise ImageError("no digit found: the paper is ruled, and nothing is on it.")
    threshold = page_threshold(unruled)
    refuse_noise(unruled, threshold)
    if median(taken[unruled > threshold]) < LEAST_CONTRAST:
        raise ImageError(BLANK)
    if not is_lined:  # what is left of lines would be strong where nothing is written
        unruled = unruled / _level_around(unruled, threshold)
        threshold = max(ink_threshold(unruled), LEAST_OF_PEN)
    return Ink(unruled, unruled, threshold)


def page_threshold(ink: FloatArray) -> float:
    """Return the level that divides ground and ink (H, W), of which there may be very little.

    Where it divides the ground itself, because it is uneven, what is above is divided again.
    """
    threshold = ink_threshold(ink)
    middle = median(ink.ravel())
    noise = median(np.abs(ink.ravel() - middle))
    for _ in range(MOST_DIVISIONS):
        above = ink[ink > threshold]
        contrast = median(above) - middle
        if contrast >= max(CLEAR_CONTRAST, CLEAR_CONTRAST_TO_NOISE * noise):
            return threshold
        if above.max() - threshold < LEAST_CONTRAST:
            break
        threshold = ink_threshold(above)
    return ink_threshold(ink)


def _level_around(ink: FloatArray, threshold: float) -> FloatArray:
    """Return the strongest ink (H, W) around each pixel, no less than LEAST_PEN of the usual."""
    small = shrunk(ink, PEN_SIDE)
    window = odd(PEN_WINDOW * max(small.shape))
    usual = quantile(ink[ink > threshold], 0.9)
    level = smoothed(sliding_max(smoothed(small), window), 2)
    share = np.clip(level / max(float(level.max()), 1e-6), LEAST_PEN, 1)
    return usual * resized(share, ink.shape)


def rims_of(mask: Mask, size: float) -> Mask:
    """Return (H, W), the parts of a mask that are the edge of a sheet, and what is beside it."""
    labels, count = labelled(mask)
    rims = np.zeros(count + 1, bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        touching, contact = np.unique(side[side > 0], return_counts=True)
        for part, n in zip(touching.tolist(), contact.tolist(), strict=True):
            rows, columns = box_of(labels == part)
            height, width = rows.stop - rows.start, columns.stop - columns.start
            along, across = (width, height) if len(side) == labels.shape[1] else (height, width)
            lies_along = n >= ALONG_BORDER * along and along >= 2 * across
            rims[part] |= max(height, width) > size or lies_along
    found = rims[labels]
    if not rims.any():
        return found
    for turn in range(4):  # what is as near to a side as its rim is part of it
        turned = np.rot90(found, turn)
        inked = np.count_nonzero(turned.mean(axis=1) > RIM_ROW)
        if turned[:2].any(axis=0).mean() > RIM_SIDE:
            turned[: min(inked + RIM_MARGIN, len(turned) // 6)] = True
    return np.asarray(sliding_max(found, 5))


def _unruled(ink: FloatArray) -> tuple[FloatArray, float]:
    """Return the ink (H, W) without ruled lines, and the threshold of the rest."""
    threshold = ink_threshold(ink)
    unruled = without_ruling(ink, threshold)
    if np.array_equal(unruled, ink):
        return ink, threshold
    if unruled.max() <= threshold:
        raise ImageError("no digit found: the paper is ruled, and nothing is on it.")
    return unruled, ink_threshold(unruled)


def refuse_noise(ink: FloatArray, threshold: float) -> None:
    """Raise ImageError if the "ink" is only the stronger half of the noise."""
    ground = ink[ink <= threshold]
    middle = median(ground)
    noise = median(np.abs(ground - middle))
    contrast = median(ink[ink > threshold]) - middle
    if contrast < LEAST_CONTRAST_TO_NOISE * noise:
        raise ImageError(BLANK)


def ink_level(ink: FloatArray) -> FloatArray:
    """Return the strongest ink (H, W) around each pixel, but no less than LEAST_LEVEL of all.

    For light ink only, which is weaker in weak light. Dark ink is a fraction of the light already.
    """
    smooth = smoothed(ink)
    strongest = float(smooth.max())
    window = odd(LEVEL_WINDOW * max(ink.shape))
    level = smoothed(sliding_max(smooth, window), 2)
    return np.maximum(level, LEAST_LEVEL * strongest)


def ink_threshold(ink: FloatArray) -> float:
    """Return the level that maximises the variance between ground and ink (H, W), not all 0.

    Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    largest = float(ink.max())
    edges = np.linspace(0, largest, LEVELS + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    level = np.minimum(ink.ravel() * (LEVELS / largest), LEVELS - 1).astype(np.uint8)
    counts = np.bincount(level, minlength=LEVELS)
    # The last bin is never ground, so both classes have pixels: level 0 and the maximum.
    ground_count = np.cumsum(counts)[:-1]
    ground_sum = np.cumsum(counts * centres)[:-1]
    ink_count = ink.size - ground_count
    ink_sum = (counts * centres).sum() - ground_sum
    distance = ink_sum / ink_count - ground_sum / np.maximum(ground_count, 1)
    return float(edges[1 + np.argmax(ground_count * ink_count * distance**2)])


def evenly_lit(ink: FloatArray, mask: Mask, width: float) -> FloatArray:
    """Return light ink (H, W) as strong in the shadow as in the light.

    Where the edge of a shadow crosses the digit in the `mask` (H, W), a window as wide as the
    strokes follows it, as that of `ink_level` cannot. Digits that are lit alike stay as they are.
    """
    level = sliding_max(np.where(mask, ink, 0), odd(max(3, width)))
    full = quantile(level[mask], FULL_STROKE)
    if (level[mask] < DIM_STROKE * full).mean() < DIM_SHARE:
        return ink
    level = np.clip(level, LEAST_LEVEL * full, full)
    near = sliding_max(mask, 3)
    return np.where(near, np.minimum(ink * (full / level), ink.max()), ink)


def full_contrast(ink: FloatArray, threshold: float) -> FloatArray:
    """Stretch ink (H, W) to 0 .. 1; full ink is the median of what is above the threshold.

    The edges keep their greys, as MNIST's do; a hard threshold would lose them.
    """
    full = median(ink[ink > threshold])
    floor = INK_FLOOR * full
    stretched: FloatArray = np.clip((ink - floor) / (full - floor), 0, 1)
    return stretched
