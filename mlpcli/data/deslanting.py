"""Digits set upright, each by its own slant.

LeCun, Bottou, Bengio and Haffner ("Gradient-based learning applied to document recognition", 1998)
trained on digits "deslanted" by their second moments: the slant is what the middle of the ink moves
to the right for each row, the slope of the regression of x on y.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from mlpcli.data.dataset import Dataset, UInt8Array
from mlpcli.data.resampling import Resampler

STEEPEST = 1.0
"""pixels to the side for each row; a digit that leans more is not writing but a flat line"""
BLOCK = 1000
"""images; their coordinates take 6 MB"""


def deslanted(dataset: Dataset) -> Dataset:
    """The same dataset with every image upright, and its own left as they are."""
    shape = dataset.image_shape
    images = dataset.images.reshape(-1, *shape).copy()
    resampler = Resampler(shape, min(BLOCK, max(1, len(images))))
    columns, rows = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in reversed(shape)))
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        slant, middle = slants(block)
        x = columns + slant[:, None, None] * (rows - middle[:, None, None])
        y = np.broadcast_to(rows, x.shape).copy()
        resampler.resample(block, x.astype(np.float32), y)
    return dataclasses.replace(dataset, images=images.reshape(dataset.images.shape))


def slants(images: UInt8Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each of the images (n, height, width) leans, and about which row: (n,) both.

    In pixels to the right for each row downwards, at most STEEPEST; 0 where all ink is in one row.
    """
    height, width = images.shape[1:]
    y = np.arange(height, dtype=np.float64)
    columns = np.stack([np.ones(width), np.arange(width)], axis=1).astype(np.float32)
    ink, moment = np.moveaxis((images @ columns).astype(np.float64), 2, 0)  # (n, height) both
    total = np.maximum(ink.sum(axis=1), 1)
    middle = ink @ y / total
    down = y - middle[:, None]
    variance = (ink * down**2).sum(axis=1)
    covariance = (moment * down).sum(axis=1)  # the mean of x falls out, as the ink is balanced
    slant = np.divide(covariance, variance, out=np.zeros_like(total), where=variance > 0)
    return np.clip(slant, -STEEPEST, STEEPEST), middle
