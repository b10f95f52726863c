"""All geometric distortions as one map of the plane, so that an image is resampled only once."""

from typing import TYPE_CHECKING

import numpy as np

from mlpcli.data.augmentation.affine import Affine
from mlpcli.data.augmentation.draws import Draws
from mlpcli.data.augmentation.elastic import ElasticField
from mlpcli.data.dataset import UInt8Array
from mlpcli.data.resampling import RESAMPLERS

if TYPE_CHECKING:
    from mlpcli.config.schema.augmentation import AugmentationConfig
    from mlpcli.config.schema.data import Interpolation


class Warp:
    """Shifts, rotates, scales, shears and bends each image of a chunk in its own way."""

    def __init__(
        self,
        settings: "AugmentationConfig",
        interpolation: "Interpolation",
        image_shape: tuple[int, int],
        chunk_size: int,
    ) -> None:
        """Prepare for at most `chunk_size` images of (height, width)."""
        self._settings = settings
        self._elastic = None
        if settings.elastic is not None and settings.elastic.alpha:
            alpha, sigma = settings.elastic.alpha, settings.elastic.sigma
            self._elastic = ElasticField(alpha, sigma, image_shape, chunk_size)
        self._resampler = RESAMPLERS[interpolation](image_shape, chunk_size)
        self._x, self._y = np.empty((2, chunk_size, *image_shape), np.float32)

    def __call__(self, images: UInt8Array, draws: Draws) -> None:
        """Distort the images (n, height, width) in place."""
        x, y = self._x[: len(images)], self._y[: len(images)]
        Affine.draw(self._settings, draws).sources(x, y)
        if self._elastic is not None:
            self._elastic.displace(x, y, draws)
        self._resampler.resample(images, x, y)
