"""The variety of handwriting: deviations of the pen's path from a skeleton.

Every deviation is a bell-shaped random number times one of the constants below. They were measured
on skeletons fitted to MNIST training images, and then tuned for the accuracy, on 10,000 of these,
of a network trained on synthetic digits alone. They are a little larger than in real handwriting:
too much variety costs a network less than too little.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dice import Dice
from mlpcli.data.synthetic.pen import DIGITS, PATH_POINTS, Alphabet
from mlpcli.data.synthetic.skeletons import SKELETONS

Array = NDArray[np.float32]

# Lengths are in units of the digit's height, except where noted.

# The hand misses each control point by this much. At the ends of a stroke that opens gaps and
# makes overshoots; elsewhere it bends the stroke.
JITTER = 0.045
# Writers differ in care: jitter is multiplied by 1 plus this times a number of the image.
JITTER_SPREAD = 0.35
# Bends of the digit as a whole, which move neighbouring strokes alike: a larger upper half, a
# leaning stem, strokes that open to one side.
BEND = 0.085
# Width, relative to the skeleton's.
WIDTH, WIDTH_SPREAD = 0.97, 0.23
# Shift to the right for each unit of height: most people lean to the right, many do not.
SLANT, SLANT_SPREAD = 0.18, 0.30
# In radians.
ROTATION_SPREAD = 0.10
# The square root of half the pen's width in pixels of the finished image. The square lets
# pens be much thicker than usual but not much thinner, as in MNIST.
ROOT_RADIUS, ROOT_RADIUS_SPREAD = 1.10, 0.18
# Thinner strokes would fall between the pixels.
SMALLEST_RADIUS = 0.7
# The pen's width varies by this much along a stroke, with pressure.
PRESSURE_SPREAD = 0.18


@cache
def _chances(worldwide: bool) -> Array:
    """Return (10, skeletons): the cumulative probability of each skeleton for each digit."""
    shares = np.zeros((10, len(SKELETONS)))
    for i, skeleton in enumerate(SKELETONS):
        shares[skeleton.digit, i] = skeleton.worldwide if worldwide else skeleton.share
    chances = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
    # Rounding must not leave a digit's last skeleton below 1.
    chances[chances > 1 - 1e-9] = 1.0
    return chances.astype(np.float32)


def choose_skeletons(
    dice: Dice, labels: NDArray[np.intp], *, worldwide: bool = False
) -> NDArray[np.intp]:
    """Return a random position in SKELETONS (B,) for each label (B,)."""
    passed_over = dice.uniform(1)[0][:, None] >= _chances(worldwide)[labels]
    return np.asarray(np.count_nonzero(passed_over, axis=1), np.intp)


def _jittered_paths(
    dice: Dice, skeletons: NDArray[np.intp], alphabet: Alphabet
) -> tuple[Array, Array, Array]:
    """Return x, y and pressure, each (PATH_POINTS, B), along the paths; x and y centred on 0."""
    care = 1 + JITTER_SPREAD * dice.bell(1)
    count = alphabet.control_points
    points = alphabet.points[skeletons].transpose(1, 2, 0) - np.float32(0.5)
    control_x = points[0] + JITTER * care * dice.bell(count)
    control_y = points[1] + JITTER * care * dice.bell(count)
    control_pressure = 1 + PRESSURE_SPREAD * dice.bell(count)
    weights = alphabet.weights[skeletons].transpose(2, 1, 0)
    x, y, pressure = np.zeros((3, PATH_POINTS, len(skeletons)), np.float32)
    # A matrix product might round differently for another number of images.
    for k in range(count):
        x += weights[k] * control_x[k]
        y += weights[k] * control_y[k]
        pressure += weights[k] * control_pressure[k]
    return x, y, pressure


def write(
    dice: Dice, skeletons: NDArray[np.intp], alphabet: Alphabet = DIGITS
) -> tuple[Array, Array, Array, Array]:
    """Return a path for each of the skeletons of an alphabet at these positions (B,).

    The path is x, y and pressure (PATH_POINTS, B), in any unit, y down, and the radius of the pen
    (B,), in pixels, which the pressure multiplies.
    """
    x, y, pressure = _jittered_paths(dice, skeletons, alphabet)

    # The quadratic terms of a smooth distortion; both coordinates are from about -1 to 1.
    u, v = 2 * x, 2 * y
    bend = BEND * dice.bell(6)
    x = x + bend[0] * u * u + bend[1] * u * v + bend[2] * v * v
    y = y + bend[3] * u * u + bend[4] * u * v + bend[5] * v * v

    width = WIDTH * (1 + WIDTH_SPREAD * dice.bell(1))
    slant = SLANT + SLANT_SPREAD * dice.bell(1)
    rotation = ROTATION_SPREAD * dice.bell(1)
    x = x * width - slant * y
    # A rotation to first order: the fit that follows undoes its stretch by less than 5 %.
    x, y = x - rotation * y, y + rotation * x

    radius = (ROOT_RADIUS + ROOT_RADIUS_SPREAD * dice.bell(1)[0]) ** 2
    return x, y, pressure, np.maximum(radius, np.float32(SMALLEST_RADIUS))
