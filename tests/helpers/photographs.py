"""Photographs of digits, drawn: ink on paper or chalk on slate, lined, turned, in bad light."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

PAPER, SLATE = 0.85, 0.15
SIDE = 240

Array = np.ndarray[Any, np.dtype[Any]]


def resized(grey: Array, height: int, width: int) -> Array:
    image = Image.fromarray(np.asarray(grey, np.float32))
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image).clip(0, 1)


def written(digit: Array, rng: np.random.Generator, *, size=110, side=SIDE, chalk=False) -> Array:
    """A digit (28, 28) of bytes, size × size pixels anywhere on (side, side)."""
    ink = np.zeros((side, side))
    top, left = rng.integers(0, side - size + 1, 2)
    ink[top : top + size, left : left + size] = resized(digit.reshape(28, 28) / 255, size, size)
    return SLATE + 0.65 * ink if chalk else PAPER - 0.65 * ink


def lined(paper: Array, *, gap: int, slope: float = 0.0, squared: bool = False) -> Array:
    """With ruled lines, two pixels wide, under what is written."""
    rows, columns = np.indices(paper.shape)
    lines = np.rint(rows + slope * columns) % gap < 2
    if squared:
        lines |= np.rint(columns - slope * rows) % gap < 2
    return np.minimum(paper, np.where(lines, 0.55, 1))


def turned(paper: Array, degrees: float) -> Array:
    image = Image.fromarray(paper.astype(np.float32))
    return np.asarray(image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=PAPER))


def sloped(paper: Array) -> Array:
    return paper * np.linspace(0.4, 1, paper.shape[1])


def shaded(paper: Array, reach: float = 0.35) -> Array:
    """With a shadow in the corner, up to this share of the way to the other one."""
    rows, columns = np.indices(paper.shape)
    return np.where(rows + columns < np.mean(paper.shape) * 2 * reach, 0.55, 1) * paper


def grainy(paper: Array, rng: np.random.Generator, noise: float = 0.012) -> Array:
    return np.clip(paper + rng.normal(0, noise, paper.shape), 0, 1)


def dithered(paper: Array) -> Array:
    return np.asarray(Image.fromarray(np.rint(255 * paper).astype(np.uint8)).convert("1"), float)


CONDITIONS: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "on paper": lambda digit, rng: grainy(written(digit, rng), rng),
    "chalk on slate": lambda digit, rng: grainy(written(digit, rng, chalk=True), rng),
    "small on a large sheet": lambda digit, rng: grainy(written(digit, rng, size=60), rng),
    "slope of light": lambda digit, rng: grainy(sloped(written(digit, rng)), rng),
    "hard shadow": lambda digit, rng: grainy(shaded(written(digit, rng)), rng),
    "shadow on chalk": lambda digit, rng: grainy(shaded(written(digit, rng, chalk=True)), rng),
    "noise": lambda digit, rng: grainy(written(digit, rng), rng, 0.06),
    "turned a little": lambda digit, rng: grainy(
        turned(written(digit, rng, size=140), rng.uniform(-8, 8)), rng
    ),
    "ruled": lambda digit, rng: grainy(lined(written(digit, rng), gap=34, slope=0.05), rng),
    "squared": lambda digit, rng: grainy(
        lined(written(digit, rng), gap=40, slope=-0.03, squared=True), rng
    ),
    "squared, in shadow": lambda digit, rng: grainy(
        shaded(lined(written(digit, rng), gap=40, squared=True)), rng
    ),
    "filling the sheet": lambda digit, rng: grainy(written(digit, rng, size=84, side=100), rng),
    "filling the sheet, in shadow": lambda digit, rng: grainy(
        shaded(written(digit, rng, size=84, side=100)), rng
    ),
    "filling the slate, sloped": lambda digit, rng: grainy(
        sloped(written(digit, rng, size=84, side=100, chalk=True)), rng
    ),
    "filling the slate, half in shadow": lambda digit, rng: grainy(
        shaded(written(digit, rng, size=84, side=100, chalk=True), 0.475), rng
    ),
    "slope of light on chalk": lambda digit, rng: grainy(
        sloped(written(digit, rng, chalk=True)), rng
    ),
    "dithered": lambda digit, rng: dithered(sloped(written(digit, rng))),
}
