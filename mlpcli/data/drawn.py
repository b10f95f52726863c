"""What mlpcli draws for a training set: digits, and what is none."""

import dataclasses

import numpy as np

from mlpcli.config.schema.data import DataConfig
from mlpcli.data.dataset import Dataset
from mlpcli.data.no_digits import no_digits, with_no_digit
from mlpcli.data.sources import draw_digits, refuse_to_draw_more


def with_drawn(real: Dataset, config: DataConfig, seed: int) -> Dataset:
    """Return a training set with everything that its config says to draw."""
    return _joined(real, config, seed, range(config.added_digits), range(config.no_digits))


def with_others_drawn(real: Dataset, config: DataConfig, seed: int, share: float) -> Dataset:
    """Return held-out images with drawn ones beside them, none of which the training set has.

    There are `share` times as many of them as in the training set.
    """

    def others(count: int) -> range:
        return range(count, count + round(share * count))

    return _joined(real, config, seed, others(config.added_digits), others(config.no_digits))


def _joined(real: Dataset, config: DataConfig, seed: int, digits: range, none: range) -> Dataset:
    """Return a dataset with drawn digits, and with drawings of no digit, of these indices."""
    added = []
    if digits:
        added.append(draw_digits(seed, digits.start, len(digits), worldwide=True))
    if none:
        refuse_to_draw_more(len(none), "images of what is no digit", "data.no_digits")
        added.append(no_digits(real, len(none), seed, none.start))
    if config.no_digits:
        real = with_no_digit(real)
    if not added:
        return real
    images = np.concatenate([real.images, *(each.images for each in added)])
    labels = np.concatenate([real.labels, *(each.labels for each in added)])
    return dataclasses.replace(real, images=images, labels=labels)
