"""Training on one's own images and those of another dataset together.

A network that learns only what is new forgets what it knew (McCloskey and Cohen, "Catastrophic
interference in connectionist networks", 1989); rehearsing the old beside the new prevents it
(Robins, "Catastrophic forgetting, rehearsal and pseudorehearsal", 1995).
"""

import dataclasses

import numpy as np
from numpy.random import Generator

from mlpcli.data.classes import with_classes
from mlpcli.data.dataset import Dataset, subset
from mlpcli.errors import DataError


def common_classes(own: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes of both: those of the other dataset, then the new ones."""
    return (*other, *(name for name in own if name not in set(other)))


def mixed(
    own: Dataset, other: Dataset, share: float, class_names: tuple[str, ...], rng: Generator
) -> Dataset:
    """Return one's own images and another dataset's, which has this share of all.

    One's own are repeated as often as comes nearest to that. Where they are too many for all of
    the other dataset, some of it, drawn by `rng`, is enough.

    Raises:
        DataError: the images have different sizes, or other classes than `class_names`.
    """
    if own.image_shape != other.image_shape:
        shapes = ["×".join(map(str, dataset.image_shape)) for dataset in (own, other)]
        raise DataError(
            f"Your images are {shapes[0]} pixels and those of data.mix {shapes[1]}; give images of "
            "one size."
        )
    own = with_classes(own, class_names, "Your data")
    other = with_classes(other, class_names, "data.mix")
    wanted = len(other) * (1 - share) / share
    times = max(1, round(wanted / len(own)))
    if len(own) > wanted:
        enough = min(len(other), max(1, round(len(own) * share / (1 - share))))
        other = subset(other, enough, rng, "data.mix")
    return dataclasses.replace(
        own,
        images=np.concatenate([np.tile(own.images, (times, 1)), other.images]),
        labels=np.concatenate([np.tile(own.labels, times), other.labels]),
    )
