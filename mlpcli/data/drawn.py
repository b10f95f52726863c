"""What mlpcli draws for a training set: digits, and what is none."""

import dataclasses

import numpy as np

from mlpcli.config.schema.data import DataConfig
from mlpcli.data.dataset import Dataset
from mlpcli.data.no_digits import no_digits, with_no_digit
from mlpcli.data.sources import draw_digits


def with_drawn(real: Dataset, config: DataConfig, seed: int) -> Dataset:
    """Return a training set with all that its config has drawn."""
    return _joined(real, config, seed, (0, config.added_digits), (0, config.no_digits))


def with_others_drawn(real: Dataset, config: DataConfig, seed: int, share: float) -> Dataset:
    """Return images that are no training images, with this share of as many as training has drawn.

    They are others, too.
    """
    digits, none = config.added_digits, config.no_digits
    return _joined(real, config, seed, (digits, round(share * digits)), (none, round(share * none)))


def _joined(
    real: Dataset, config: DataConfig, seed: int, digits: tuple[int, int], none: tuple[int, int]
) -> Dataset:
    """Return a dataset with drawn digits, and with what is none: each from an index on, so many."""
    added = []
    if digits[1]:
        added.append(draw_digits(seed, *digits, worldwide=True))
    if none[1]:
        added.append(no_digits(real, none[1], seed, none[0]))
    if config.no_digits:
        real = with_no_digit(real)
    if not added:
        return real
    images = np.concatenate([real.images, *(each.images for each in added)])
    labels = np.concatenate([real.labels, *(each.labels for each in added)])
    return dataclasses.replace(real, images=images, labels=labels)
