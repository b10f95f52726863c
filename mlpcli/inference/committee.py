"""Several trained networks that answer together."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from mlpcli.data.dataset import Dataset, UInt8Array
from mlpcli.errors import CheckpointError
from mlpcli.inference.model import Model, load_model
from mlpcli.nn.arrays import Array
from mlpcli.storage.run_folder import BOXED, newest_checkpoints
from mlpcli.training.evaluation import Evaluation


@dataclass(frozen=True)
class Committee:
    """Models for the same images and classes; its methods raise what those of `Model` raise."""

    models: Sequence[Model]
    """at least one"""

    def __post_init__(self) -> None:
        first = self.models[0]
        for model in self.models[1:]:
            ours, theirs = (
                (each.image_shape, each.output_names, each.is_regression, each.preparation)
                for each in (first, model)
            )
            if ours != theirs:
                raise CheckpointError(
                    f"{model.path}: reads other images or knows other classes than {first.path}; "
                    "only networks trained for the same task can answer together."
                )

    @property
    def image_shape(self) -> tuple[int, int]:
        """The images' (height, width)."""
        return self.models[0].image_shape

    @property
    def preparation(self) -> str:
        """How an image file becomes what they read: a key of `PREPARATIONS`."""
        return self.models[0].preparation

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.models[0].class_names

    @property
    def refuses(self) -> bool:
        """Whether they have learned what is no digit."""
        return self.models[0].refuses

    def predict_proba(self, x: ArrayLike) -> Array:
        """Return the mean of the models' probabilities (N, n_classes); `x` as for `Model`."""
        mean: Array = np.mean([model.predict_proba(x) for model in self.models], axis=0)
        return mean

    def judge(self, x: ArrayLike) -> tuple[Array, Array]:
        """Return the means of what `Model.judge` returns: (N, n_classes) and (N,)."""
        digits, none = zip(*(model.judge(x) for model in self.models), strict=True)
        return np.mean(digits, axis=0), np.mean(none, axis=0)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the columns of the table that the models learned from."""
        return self.models[0].input_names

    def predict(self, x: ArrayLike) -> Array:
        """Return the outputs (N, n_out) of a regression; `x` as for `Model`."""
        outputs: Array = np.mean([model.predict(x) for model in self.models], axis=0)
        return outputs

    def seen(self, pixels: UInt8Array) -> UInt8Array:
        """Return a prepared image (height * width,) as the first model sees it: (height, width)."""
        return self.models[0].seen(pixels).reshape(self.image_shape)

    def evaluate(self, dataset: Dataset) -> Evaluation:
        """Evaluate the models' common answer on a labelled dataset.

        The loss of several models is the mean of -log p of the right class, in nats, where p is
        their mean probability; of regressions it is the mean squared error of their mean output. A
        single model keeps its own loss.
        """
        evaluations = [model.evaluate(dataset) for model in self.models]
        if len(evaluations) == 1:
            return evaluations[0]
        if dataset.targets is not None:
            return _mean_of_regressions(evaluations, dataset.targets)
        probabilities = [each.probabilities for each in evaluations]
        mean: Array = np.mean(probabilities, axis=0, dtype=np.float64)
        labels = evaluations[0].labels
        right = mean[np.arange(len(mean)), labels]
        surprise = -np.log(np.maximum(right, np.finfo(np.float64).tiny))
        return Evaluation(
            loss=float(surprise.mean()) if len(mean) else 0.0,
            labels=labels,
            predictions=mean.argmax(axis=1),
            probabilities=mean,
            class_names=evaluations[0].class_names,
        )


def _mean_of_regressions(evaluations: Sequence[Evaluation], targets: Array) -> Evaluation:
    outputs: Array = np.mean(
        [np.asarray(each.outputs) for each in evaluations], axis=0, dtype=np.float64
    )
    return dataclasses.replace(
        evaluations[0],
        loss=float(np.mean((outputs - targets) ** 2)) if outputs.size else 0.0,
        loss_is="mean squared error",
        predictions=outputs.argmax(axis=1),
        outputs=outputs,
    )


def newest_reader(runs: Path) -> Committee:
    """Return the newest network under `runs` that reads images, or else the boxed one."""
    models = map(load_model, [*newest_checkpoints(runs), BOXED])
    return Committee([next(model for model in models if not model.learned_from_a_table)])


def newest_of_tables(runs: Path) -> Committee:
    """Return the newest network under `runs` that learned from a table of numbers.

    Raises:
        CheckpointError: there is none.
    """
    for model in map(load_model, newest_checkpoints(runs)):
        if model.learned_from_a_table:
            return Committee([model])
    raise CheckpointError(
        f"{runs}: no run there learned from a table of numbers; train one, such as "
        "`mlpcli train --config examples/xor`, or name it with --checkpoint."
    )


def load_committee(paths: Sequence[str | Path]) -> Committee:
    """Load the networks of checkpoints or run folders, at least one, as `load_model` does."""
    return Committee([load_model(path) for path in paths])
