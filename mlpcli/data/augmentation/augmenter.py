"""From the settings of a config to distorted images."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

import numpy as np

from mlpcli.data.augmentation.draws import Draws, key_of_epoch
from mlpcli.data.augmentation.pixels import Erase, Noise
from mlpcli.data.augmentation.thickness import Thickness
from mlpcli.data.augmentation.warp import Warp
from mlpcli.data.dataset import IntArray, UInt8Array

if TYPE_CHECKING:
    from mlpcli.config.schema.augmentation import AugmentationConfig
    from mlpcli.config.schema.config import Config
    from mlpcli.config.schema.data import Interpolation

# 256 images of 28×28: enough to spread NumPy's cost of a call, few enough for the work to stay in
# a core's cache.
BLOCK_PIXELS = 200_704

Stage = Callable[[UInt8Array, Draws], None]
"""Changes images (n, height, width) in place."""


class Augmenter:
    """Gives each image another look in each epoch.

    What becomes of an image is a function of (seed, epoch, index of the image) alone, whichever
    other images come with it. The buffers are made once: two threads need an augmenter each.
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
        """Prepare what the settings ask for, for images of (height, width).

        After `last_epoch` the images are left as they are.
        """
        height, width = image_shape
        self._seed, self.last_epoch = seed, last_epoch
        self._block = np.empty((max(1, BLOCK_PIXELS // (height * width)), height, width), np.uint8)
        self._stages = tuple(_stages(settings, interpolation, image_shape, len(self._block)))

    @classmethod
    def from_config(cls, config: "Config", image_shape: tuple[int, int]) -> Self:
        """Distort as a run of this config does."""
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
        """True where the settings ask for no distortion."""
        return not self._stages

    def apply(self, images: UInt8Array, indices: IntArray, epoch: int, out: UInt8Array) -> None:
        """Write the distorted images into `out`.

        Args:
            images: (n, height * width); 0 is the background.
            indices: (n,), the position of each image in the training set.
            epoch: From 1 on.
            out: As `images`, and it may be the same array.
        """
        if self.changes_nothing or epoch > self.last_epoch:
            if out is not images:
                np.copyto(out, images)
            return
        key = key_of_epoch(self._seed, epoch)
        for start in range(0, len(images), len(self._block)):
            part = slice(start, start + len(self._block))
            draws = Draws(key, indices[part])
            block = self._block[: len(draws)]
            flat = block.reshape(len(draws), -1)
            np.copyto(flat, images[part])
            for stage in self._stages:
                stage(block, draws)
            np.copyto(out[part], flat)


def _last_distorted_epoch(epochs: int, undistorted_fraction: float) -> float:
    """One at least is distorted; of two or more epochs, one at least is not, if any shall be."""
    if not undistorted_fraction:
        return math.inf
    return epochs - min(max(1, round(epochs * undistorted_fraction)), epochs - 1)


def _stages(
    settings: "AugmentationConfig",
    interpolation: "Interpolation",
    image_shape: tuple[int, int],
    block_size: int,
) -> Iterator[Stage]:
    """Yield what is done to an image, in this order; what is 0 is left out."""
    if settings.thickness:
        yield Thickness(settings.thickness)
    elastic = settings.elastic is not None and settings.elastic.alpha
    if settings.shift or settings.rotation or settings.scale or settings.shear or elastic:
        yield Warp(settings, interpolation, image_shape, block_size)
    if settings.noise:
        yield Noise(settings.noise)
    if settings.erase is not None and settings.erase.probability:
        yield Erase(settings.erase)
