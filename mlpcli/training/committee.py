"""Several trained networks that answer together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mlpcli.errors import CheckpointError
from mlpcli.nn.arrays import Array
from mlpcli.training.model import Model


@dataclass(frozen=True)
class Committee:
    """Models that read the same images and know the same classes."""

    models: Sequence[Model]
    """at least one"""

    def __post_init__(self) -> None:
        first = self.models[0]
        for model in self.models[1:]:
            if model.image_shape != first.image_shape or model.class_names != first.class_names:
                raise CheckpointError(
                    f"{model.path}: reads other images or knows other classes than {first.path}; "
                    "only networks trained for the same task can answer together."
                )

    @property
    def image_shape(self) -> tuple[int, int]:
        """The images' (height, width)."""
        return self.models[0].image_shape

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the answers are called."""
        return self.models[0].class_names

    def predict_proba(self, x: ArrayLike) -> Array:
        """The mean of the models' probabilities: (N, n_classes); `x` as in `Model.predict_proba`.

        Raises:
            DataError: the images do not fit the networks.
            CheckpointError: a model's outputs are not finite.
        """
        mean: Array = np.mean([model.predict_proba(x) for model in self.models], axis=0)
        return mean
