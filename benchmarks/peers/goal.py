"""What the contestants of a goal share: train until so many of the test images are right.

Each script has a recipe for each goal, chosen for speed on 10,000 of the training images
(`--held-out`). Any network of full layers and any optimizer may be used, on digits set upright.
"""

import argparse
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import standardised

SIDE = 28
CHUNK = 250
"""Images that a thread sets upright at once: what it needs for them stays in its cache."""
THREADS = 2
HELD_OUT = 6
"""Of so many training images one judges settings: drawn, as every sixth of MNIST is a hard one."""


@dataclass(frozen=True)
class Distortion:
    """At most so much to either side, drawn evenly for each image and epoch."""

    shift: float = 1
    """pixels, in both directions"""
    rotation: float = 6
    """degrees"""
    scale: float = 0.1
    """share of the width, and of the height"""
    shear: float = 0.1
    """pixels to the side per pixel down"""
    bend: float = 0
    """pixels, the standard deviation of smooth displacements (Simard et al. 2003)"""


@dataclass(frozen=True)
class Recipe:
    """How a contestant trains for a goal: one cycle of learning rates, He's start, ReLU."""

    hidden: tuple[int, ...]
    epochs: int
    batch_size: int
    learning_rate: float
    """the largest"""
    weight_decay: float = 0.0
    """of AdamW; 0 is Nesterov's momentum of 0.9 instead"""
    label_smoothing: float = 0.1
    distortion: Distortion | None = None
    """None trains on the images as they are"""
    averaging: float = 0.0
    """how much of the averaged parameters a step keeps; 0 does not average"""
    activation: str = "relu"
    """or gelu"""
    upright: bool = True
    """whether slanted digits are set upright first"""

    @property
    def sizes(self) -> list[int]:
        """The widths of all layers."""
        return [SIDE * SIDE, *self.hidden, 10]


RECIPES = {
    "98": Recipe(hidden=(256,), epochs=1, batch_size=128, learning_rate=0.16),
    "99": Recipe(
        hidden=(512,), epochs=7, batch_size=128, learning_rate=0.12, distortion=Distortion()
    ),
    "99.5": Recipe(
        hidden=(512, 384, 256, 128),
        epochs=130,
        batch_size=128,
        learning_rate=1e-3,
        weight_decay=0.15,
        label_smoothing=0.0,
        distortion=Distortion(shift=1.5, rotation=8, bend=1),
        averaging=0.999,
        activation="gelu",
        upright=False,
    ),
}
"""of who has all that a recipe asks for, by goal"""


@dataclass(frozen=True)
class Goal:
    """What the command line asks for."""

    goal: str
    """in percent, a key of the script's recipes"""
    seed: int
    folder: Path
    held_out: bool
    """judge by images that are taken out of the training set, not by the test set"""

    def images(self, part: str, recipe: Recipe) -> np.ndarray:
        """(N, 784) float32, standardised; part is "train" or "test"."""
        pixels = self._chosen("images", part)
        return standardised(upright(pixels) if recipe.upright else pixels)

    def labels(self, part: str) -> np.ndarray:
        """(N,) int64."""
        return self._chosen("labels", part)

    def _chosen(self, kind: str, part: str) -> np.ndarray:
        if not self.held_out:
            return np.load(self.folder / f"{part}_{kind}.npy")
        array = np.load(self.folder / f"train_{kind}.npy")
        chance = np.random.default_rng(0).permutation(len(array))
        judges = chance < len(array) // HELD_OUT
        return array[judges if part == "test" else ~judges]


def goal_from_arguments() -> Goal:
    """What the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--goal", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--held-out", action="store_true")
    return Goal(**vars(parser.parse_known_args()[0]))


def upright(pixels: np.ndarray) -> np.ndarray:
    """Images (N, 784) of bytes without their slant (LeCun et al. 1998), as float32.

    The slant is the slope of the regression of x on y, by the ink. Each row moves by its own
    distance, so it is one window of the same row with blanks around it.
    """
    out = np.empty((len(pixels), SIDE * SIDE), np.float32)

    def straighten(start: int) -> None:
        chunk = slice(start, start + CHUNK)
        _straighten(pixels[chunk].reshape(-1, SIDE, SIDE), out[chunk].reshape(-1, SIDE))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(straighten, range(0, len(pixels), CHUNK)))
    return out


def _straighten(images: np.ndarray, out: np.ndarray) -> None:
    """Images (n, 28, 28) into their rows (n·28, 28)."""
    blank = SIDE + 1
    n = len(images)
    flat = np.zeros(n * SIDE * (blank + SIDE) + blank, np.float32)
    rows = flat[:-blank].reshape(n, SIDE, blank + SIDE)[:, :, blank:]
    rows[:] = images
    at = np.arange(SIDE, dtype=np.float32)
    ink, moment = rows.sum(axis=2), rows @ at
    middle = ink @ at / np.maximum(ink.sum(axis=1), 1)
    down = at - middle[:, None]
    slant = (moment * down).sum(axis=1) / np.maximum((ink * down**2).sum(axis=1), 1)
    shift = (np.clip(slant, -1, 1)[:, None] * down).ravel()
    whole = np.floor(shift)
    starts = np.arange(n * SIDE) * (blank + SIDE) + blank + whole.astype(np.intp)
    windows = np.lib.stride_tricks.sliding_window_view(flat, SIDE + 1)[starts]
    np.subtract(windows[:, 1:], windows[:, :-1], out=out)
    out *= (shift - whole)[:, None]
    out += windows[:, :-1]


def one_cycle(steps: int) -> Iterator[float]:
    """The learning rate of each step as a share of the largest (Smith and Topin 2018)."""
    yield from (share(step, steps) for step in range(steps))


def share(step: int, steps: int) -> float:
    """Up from 1/25 in three tenths of the steps, down to 0, each half a cosine."""
    top = 0.3 * steps
    if step < top:
        return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * step / top)) / 2
    return (1 + math.cos(math.pi * (step - top) / (steps - top))) / 2


def bend_basis() -> np.ndarray:
    """B (28, 8), for smooth displacements B·r·Bᵀ of standard deviation 1 from standard normal r.

    Each of 8 numbers, 4 pixels apart, is spread by a Gaussian of 4 pixels.
    """
    at, centres = np.arange(SIDE), np.linspace(0, SIDE - 1, 8)
    spread = np.exp(-((at[:, None] - centres) ** 2) / (2 * 4**2))
    return (spread / np.sqrt((spread**2).sum(axis=1, keepdims=True))).astype(np.float32)


def random_bends(n: int, how: Distortion, rng: np.random.Generator) -> np.ndarray:
    """What `bend_basis` spreads for each of n images, x and y: (n, 2, 8, 8) float32, in pixels."""
    return how.bend * rng.standard_normal((n, 2, 8, 8), np.float32)


def random_maps(n: int, how: Distortion, rng: np.random.Generator) -> np.ndarray:
    """For each of n images the map (2, 3) from a new pixel to its source, both from the centre.

    (n, 2, 3) float32, in pixels: rotation, shear, scale and shift.
    """

    def within(limit: float, *shape: int) -> np.ndarray:
        return rng.uniform(-limit, limit, (n, *shape)).astype(np.float32)

    angle, shear = within(math.radians(how.rotation)), within(how.shear)
    scale, shift = 1 + within(how.scale, 2), within(how.shift, 2)
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [
        [cos / scale[:, 0], (shear * cos - sin) / scale[:, 0], shift[:, 0]],
        [sin / scale[:, 1], (shear * sin + cos) / scale[:, 1], shift[:, 1]],
    ]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def distorted(x: np.ndarray, how: Distortion, rng: np.random.Generator) -> np.ndarray:
    """Each image (N, 784) in its own way, bilinear, by NumPy."""
    maps, bends = random_maps(len(x), how, rng), random_bends(len(x), how, rng)
    out = np.empty_like(x)

    def distort(start: int) -> None:
        chunk = slice(start, start + CHUNK)
        sources = maps[chunk] @ _NEW
        if how.bend:
            sources += (_BASIS @ bends[chunk] @ _BASIS.T).reshape(sources.shape)
        out[chunk] = _moved(x[chunk], sources)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(distort, range(0, len(x), CHUNK)))
    return out


def _moved(images: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Images (n, 784) taken at x and y (n, 2, 784) from their centres."""
    sources += np.float32((SIDE - 1) / 2)
    np.clip(sources, 0, SIDE - 1.001, out=sources)
    whole = sources.astype(np.int32)
    sources -= whole
    right, down = sources[:, 0], sources[:, 1]
    first = whole[:, 1] * SIDE + whole[:, 0]
    first += np.arange(len(images), dtype=np.int32)[:, None] * (SIDE * SIDE)
    flat = images.ravel()
    upper = flat.take(first)
    upper += right * (flat.take(first + 1) - upper)
    first += SIDE
    lower = flat.take(first)
    lower += right * (flat.take(first + 1) - lower)
    lower -= upper
    lower *= down
    return upper + lower


_AT = np.arange(SIDE, dtype=np.float32) - np.float32((SIDE - 1) / 2)
_NEW = np.stack(np.broadcast_arrays(_AT, _AT[:, None], np.float32(1))).reshape(3, SIDE * SIDE)
_BASIS = bend_basis()
