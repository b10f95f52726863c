"""Augmentation: images distorted as a config asks."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

import numpy as np

from mlpcli.data.augmentation.draws import Draws, key_of_epoch
from mlpcli.data.augmentation.pixels import Erase, Noise, Thickness
from mlpcli.data.augmentation.warp import Warp
from mlpcli.data.dataset import IntArray, UInt8Array

if TYPE_CHECKING:
    from mlpcli.config.schema.augmentation import AugmentationConfig
    from mlpcli.config.schema.config import Config
    from mlpcli.config.schema.data import Interpolation

CHUNK_PIXELS = 200_704
"""pixels distorted at once: enough to spread the cost of NumPy's calls, few enough for the cache"""

Stage = Callable[[UInt8Array, Draws], None]
"""a distortion, which changes images (n, height, width) in place"""


class Augmenter:
    """Distorts each image in another way in each epoch.

    A distorted image is a function of (seed, epoch, index of the image) alone, whichever images
    come with it. The buffers are allocated once, so two threads need an augmenter each.
    """

    def __init__(
        self,
        settings: "AugmentationConfig",
        image_shape: tuple[int, int],
        seed: int,
        *,
        interpolation: "Interpolation" = "bilinear",
        last_epoch: float = math.inf,
    ) -> None:
        """Prepare for images of (height, width), which stay undistorted after `last_epoch`."""
        height, width = image_shape
        self._seed, self.last_epoch = seed, last_epoch
        self._chunk = np.empty((max(1, CHUNK_PIXELS // (height * width)), height, width), np.uint8)
        self._stages = tuple(_stages(settings, interpolation, image_shape, len(self._chunk)))

    @classmethod
    def from_config(cls, config: "Config", image_shape: tuple[int, int]) -> Self:
        """Return the augmenter of a run with this config."""
        data, epochs = config.data, config.training.epochs
        return cls(
            data.augmentation,
            image_shape,
            config.seed,
            interpolation=data.interpolation,
            last_epoch=_last_distorted_epoch(epochs, data.augmentation.undistorted_fraction),
        )

    @property
    def changes_nothing(self) -> bool:
        """True if the settings ask for no distortion."""
        return not self._stages

    def apply(self, images: UInt8Array, indices: IntArray, epoch: int, out: UInt8Array) -> None:
        """Write the distorted images (n, height * width) into `out`, which may be `images`.

        `indices` (n,) are the positions of the images in the training set.
        """
        if self.changes_nothing or epoch > self.last_epoch:
            if out is not images:
                np.copyto(out, images)
            return
        key = key_of_epoch(self._seed, epoch)
        for start in range(0, len(images), len(self._chunk)):
            rows = slice(start, start + len(self._chunk))
            draws = Draws(key, indices[rows])
            chunk = self._chunk[: len(draws)]
            flat = chunk.reshape(len(draws), -1)
            np.copyto(flat, images[rows])
            for stage in self._stages:
                stage(chunk, draws)
            np.copyto(out[rows], flat)


def _last_distorted_epoch(epochs: int, undistorted_fraction: float) -> float:
    """Return the last epoch with distortions: at least 1, and not the last of several."""
    if not undistorted_fraction:
        return math.inf
    return epochs - min(max(1, round(epochs * undistorted_fraction)), epochs - 1)


def _stages(
    settings: "AugmentationConfig",
    interpolation: "Interpolation",
    image_shape: tuple[int, int],
    chunk_size: int,
) -> Iterator[Stage]:
    """Yield the distortions in the order in which they are applied, without those set to 0."""
    if settings.thickness:
        yield Thickness(settings.thickness)
    elastic = settings.elastic is not None and settings.elastic.alpha
    if settings.shift or settings.rotation or settings.scale or settings.shear or elastic:
        yield Warp(settings, interpolation, image_shape, chunk_size)
    if settings.noise:
        yield Noise(settings.noise)
    if settings.erase is not None and settings.erase.probability:
        yield Erase(settings.erase)
