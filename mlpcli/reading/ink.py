"""Separating ink from what is left of the ground."""

from dataclasses import dataclass

import numpy as np

from mlpcli.errors import ImageError
from mlpcli.reading.ground import GROUND_WINDOW, ink_on_ground
from mlpcli.reading.morphology import FloatArray, Mask, median, odd, sliding_max, smoothed
from mlpcli.reading.ruled_lines import without_ruling

INK_FLOOR = 0.25
"""weakest ink, as a fraction of full ink; weaker are paper and noise"""
LEVEL_WINDOW = 0.5
"""window in which the strongest ink is searched, as a fraction of the image's longer side"""
LEAST_LEVEL = 0.4
"""weakest ink that may count as full in places, as a fraction of the strongest"""
LEAST_CONTRAST = 0.05
"""least difference between ink and ground, as a fraction of the light; the faintest of 326 digits
has 0.27, pencil more than 0.1; rounding and JPEG's squares on blank paper have less"""
LEAST_CONTRAST_TO_NOISE = 4.4
"""the same in median deviations of the ground; noise has at most 4.0, each of 326 digits with more
noise than a camera makes in the dark at least 5.4"""

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
    counts, edges = np.histogram(ink, bins=256, range=(0, float(ink.max())))
    centres = (edges[:-1] + edges[1:]) / 2
    # The last bin is never ground, so both classes have pixels: level 0 and the maximum.
    ground_count = np.cumsum(counts)[:-1]
    ground_sum = np.cumsum(counts * centres)[:-1]
    ink_count = ink.size - ground_count
    ink_sum = (counts * centres).sum() - ground_sum
    distance = ink_sum / ink_count - ground_sum / np.maximum(ground_count, 1)
    return float(edges[1 + np.argmax(ground_count * ink_count * distance**2)])


def full_contrast(ink: FloatArray, threshold: float) -> FloatArray:
    """Stretch ink (H, W) to 0 .. 1; full ink is the median of what is above the threshold.

    The edges keep their greys, as MNIST's do; a hard threshold would lose them.
    """
    full = median(ink[ink > threshold])
    floor = INK_FLOOR * full
    stretched: FloatArray = np.clip((ink - floor) / (full - floor), 0, 1)
    return stretched
