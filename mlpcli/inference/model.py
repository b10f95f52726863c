"""A trained network, ready to use."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlpcli import notebook
from mlpcli.config.class_names import NO_DIGIT, NO_DIGIT_ODDS
from mlpcli.data.classes import with_classes
from mlpcli.data.dataset import Dataset, FloatArray, UInt8Array, named_inputs
from mlpcli.data.no_digits import with_no_digit
from mlpcli.data.normalization import PLAIN, Normalization, with_normal_targets
from mlpcli.data.shaping import Shaping
from mlpcli.errors import CheckpointError, DataError
from mlpcli.inference.layer_table import layer_rows, sizes
from mlpcli.nn.arrays import Array
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.storage.checkpoint import Checkpoint, load_checkpoint
from mlpcli.storage.run_folder import checkpoint_path
from mlpcli.text import count, file_name
from mlpcli.training.building import build_loss
from mlpcli.training.evaluation import Evaluation, evaluate

_MOST_NAMES = 20
"""classes that a notebook lists"""


@dataclass(frozen=True)
class Model:
    """A network with everything that prediction needs.

    Any number of threads may use it at the same time. Its methods raise DataError if the images do
    not fit the network, and CheckpointError if its weights are so large that a number computed with
    them is not finite.
    """

    network: MLP
    loss: Loss
    normalization: Normalization
    image_shape: tuple[int, int]
    """(height, width)"""
    output_names: tuple[str, ...]
    """a class for each output; perhaps "no digit" is among them"""
    config: dict[str, Any]
    """the resolved config of the run that trained it"""
    epoch: int
    """number of epochs that it was trained for"""
    path: Path
    """its checkpoint"""
    temperature: float = 1.0
    """divisor of its outputs that calibrates its probabilities"""
    target_normalization: Normalization = PLAIN
    """of the targets of a regression; undone in its answers"""

    def __repr__(self) -> str:
        kind = (
            "a regression"
            if self.is_regression
            else count(len(self.class_names), "class", "classes")
        )
        trained = count(self.epoch, "epoch")
        return f"<Model {self.path}: {sizes(self.network)}, {kind}, trained for {trained}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: what the network answers, and its layers."""
        names = [*map(file_name, self.class_names[:_MOST_NAMES])]
        names += ["…"] * (len(self.class_names) > _MOST_NAMES)
        height, width = self.image_shape
        takes = (
            ", ".join(self.input_names)
            if self.learned_from_a_table
            else f"{height} × {width} pixels"
        )
        facts = [
            ("checkpoint", self.path),
            ("trained for", count(self.epoch, "epoch")),
            ("input", takes),
            ("outputs" if self.is_regression else "classes", ", ".join(names)),
            ("loss", self.config["loss"]["name"]),
        ]
        settings = self.config["network"]
        if settings.get("batch_norm"):
            facts.append(("batch normalisation", "in training; now part of the weights"))
        facts += [
            (f"dropout, {where}", f"{rate:g}, in training")
            for where, rate in settings.get("dropout", {}).items()
            if rate
        ]
        if self.temperature != 1:
            facts.append(("temperature", f"{self.temperature:.4g}"))
        layers = notebook.table(layer_rows(self.network), has_header=True)
        return notebook.page(f"Network {sizes(self.network)}", notebook.table(facts), layers)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that it answers with, so without "no digit", which refuses to answer."""
        return tuple(name for name in self.output_names if name != NO_DIGIT)

    @property
    def refuses(self) -> bool:
        """Whether it has learned what is no digit."""
        return NO_DIGIT in self.output_names

    def predict_proba(self, x: ArrayLike) -> Array:
        """Return the probability of each class: (N, n_classes), given that it is one of them.

        Args:
            x: images of whole numbers from 0 (background) to 255 (ink), as in MNIST:
                (N, height, width), (N, height * width), or one image (height, width). For a network
                that learned from a table: rows of numbers (N, n_in), or one (n_in,).

        Raises:
            DataError: the network learned a regression, which has no classes.
        """
        if self.is_regression:
            raise DataError(
                f"{self.path}: this network learned a regression and knows no classes; predict "
                "returns its outputs."
            )
        return self._among_classes(self._evaluated(self._unlabelled(x))).probabilities

    def judge(self, x: ArrayLike) -> tuple[Array, Array]:
        """Return the probability of each class (N, n_classes), and of none of them (N,).

        Together they are 1 for each image. The latter counts NO_DIGIT_ODDS times what the network
        says, and is 0 for one that has not learned what is no digit.
        """
        probabilities = self.output_probabilities(x)
        if not self.refuses:
            return probabilities, np.zeros(len(probabilities), probabilities.dtype)
        none = self.output_names.index(NO_DIGIT)
        probabilities[:, none] *= NO_DIGIT_ODDS
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        return np.delete(probabilities, none, axis=1), probabilities[:, none]

    def output_probabilities(self, x: ArrayLike) -> Array:
        """Return the probability of each of `output_names`: (N, n_out)."""
        return self._evaluated(self._unlabelled(x)).probabilities

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return the index of the class of each image or row: (N,); `x` as in `predict_proba`.

        For a regression, return the outputs (N, n_out), in the units of its targets.
        """
        found = self._among_classes(self._evaluated(self._unlabelled(x)))
        return found.predictions if found.outputs is None else found.outputs

    def evaluate(self, dataset: Dataset) -> Evaluation:
        """Evaluate the network on a labelled dataset.

        Classes are matched by their names, in whatever order, where the network knows all of them;
        otherwise, as with another kind of images, by their places.

        Where all images show one of the classes, it has to say which: it may not refuse. Where
        targets are normalised, the loss is of the normalised ones, as in training.
        """
        if dataset.targets is None and set(dataset.class_names) <= set(self.output_names):
            dataset = with_classes(dataset, self.output_names, "The dataset")
        found = self._evaluated(dataset)
        if NO_DIGIT in dataset.class_names:
            none = self.output_names.index(NO_DIGIT)
            if (dataset.labels == none).any():
                return found
        return self._among_classes(found)

    def _among_classes(self, found: Evaluation) -> Evaluation:
        """Return an evaluation of all outputs as one of the classes, where refusing is none."""
        if not self.refuses:
            return found
        none = self.output_names.index(NO_DIGIT)
        probabilities = _given_a_class(found.probabilities, none)
        uncalibrated = found.uncalibrated
        if uncalibrated is not None:
            uncalibrated = _given_a_class(uncalibrated, none)
        largest = found.predictions - (found.predictions > none)
        refused = found.predictions == none
        return dataclasses.replace(
            found,
            labels=found.labels - (found.labels > none),
            predictions=np.where(refused, probabilities.argmax(axis=1), largest),
            probabilities=probabilities,
            uncalibrated=uncalibrated,
            class_names=self.class_names,
        )

    def _evaluated(self, dataset: Dataset) -> Evaluation:
        """Evaluate all outputs of the network."""
        n_classes = len(dataset.class_names) - (NO_DIGIT in dataset.class_names)
        if self.refuses:
            dataset = with_no_digit(dataset)
        if dataset.image_shape != self.image_shape:
            raise DataError(
                f"The images are {_by(dataset.image_shape)} pixels, but the network was trained on "
                f"{_by(self.image_shape)}; evaluate it on images of that size."
            )
        if len(dataset.class_names) != len(self.output_names):
            raise DataError(
                f"The dataset has {count(n_classes, 'class', 'classes')}, but the network knows "
                f"{len(self.class_names):,}; evaluate it on a dataset of as many."
            )
        seen = self.as_seen(dataset)
        # A network writes into its buffers, so each call has a network of its own.
        network = self.network.with_parameters(self.network.theta)
        with one_blas_thread():
            found = evaluate(network, self.loss, seen, self.normalization, self.temperature)
        self.refuse_unless_finite(found.loss, found.probabilities)
        if found.outputs is None or self.target_normalization.changes_nothing:
            return found
        outputs = self.target_normalization.undone(found.outputs)
        return dataclasses.replace(
            found, outputs=outputs, targets=dataset.targets, loss_is="of the standardised targets"
        )

    def as_seen(self, dataset: Dataset) -> Dataset:
        """Return the dataset as for training: images shaped, targets normalised."""
        shaped = Shaping.from_settings(self.config["data"]).apply(dataset)
        return with_normal_targets(shaped, self.target_normalization)

    def seen(self, x: ArrayLike) -> UInt8Array:
        """Return the images as the network sees them (N, height * width); `x` as above."""
        images: UInt8Array = self.as_seen(self._unlabelled(x)).images
        return images

    def refuse_unless_finite(self, *numbers: ArrayLike) -> None:
        """Check numbers that were computed with finite but perhaps huge weights."""
        if not all(np.isfinite(each).all() for each in numbers):
            raise CheckpointError(
                f"{self.path}: its weights are so large that not every number computed with them "
                "is finite; the training diverged. Use another checkpoint."
            )

    def refuse_unless_it_reads_images(self) -> None:
        """Raise DataError if it learned from a table."""
        if self.learned_from_a_table:
            raise DataError(
                f"{self.path}: this network was trained on a table of numbers and knows no images; "
                "`mlpcli predict --inputs` answers rows of numbers."
            )

    @property
    def preparation(self) -> str:
        """How an image file becomes what it reads, by a name in `mlpcli.reading.preparations`."""
        return str(self.config["data"].get("prepare", "digit"))

    @property
    def learned_from_a_table(self) -> bool:
        """Whether it was trained on rows of numbers, not on images."""
        return bool(self.config["data"].get("dataset") == "table")

    @property
    def is_regression(self) -> bool:
        """Whether it learned targets, and not classes."""
        return self.learned_from_a_table and self._table.get("labels") is None

    @property
    def given_input_names(self) -> tuple[str, ...]:
        """The names that the config gives the columns of its table; empty without any."""
        return tuple(map(str, (self._table.get("names") or {}).get("inputs") or ()))

    @property
    def input_names(self) -> tuple[str, ...]:
        """The same, or else x1, x2 and so on."""
        return named_inputs(self.given_input_names or None, self.network.sizes[0])

    @property
    def _table(self) -> dict[str, Any]:
        return self.config["data"].get("table") or {}

    def _unlabelled(self, x: ArrayLike) -> Dataset:
        images = self._rows(x) if self.learned_from_a_table else self._images(x)
        unknown = np.zeros(len(images), np.intp)
        targets = np.zeros((len(images), len(self.output_names))) if self.is_regression else None
        return Dataset(images, unknown, self.image_shape, self.output_names, targets)

    def _rows(self, x: ArrayLike) -> FloatArray:
        names = self.input_names
        expected = f"{len(names)} numbers ({', '.join(names)})" if names[1:] else "1 number"
        try:
            rows = np.atleast_2d(np.asarray(x, np.float64))
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{self.path}: this network was trained on a table; expected rows of {expected}."
            ) from error
        if rows.ndim != 2 or rows.shape[1] != len(names):
            raise DataError(
                f"{self.path}: this network was trained on a table; expected rows of {expected}, "
                f"found the shape {np.shape(x)}."
            )
        if not np.isfinite(rows).all():
            raise DataError("Inputs must be finite numbers.")
        return rows

    def _images(self, x: ArrayLike) -> UInt8Array:
        try:
            images: NDArray[Any] = np.asarray(x)
        except ValueError as error:
            raise DataError("Images must be of one size, in one array of numbers.") from error
        expected = "Images must be whole numbers from 0 (background) to 255 (ink)"
        if images.dtype.kind not in "ui":
            raise DataError(
                f"{expected}, found {images.dtype}; for pixels from 0 to 1, give "
                "np.rint(255 * x).astype(np.uint8)."
            )
        if images.dtype != np.uint8 and images.size:
            low, high = images.min(), images.max()
            if low < 0 or high > 255:
                raise DataError(f"{expected}, found {low} to {high}; scale them.")
        n_in = self.network.sizes[0]
        if images.shape == self.image_shape or images.shape == (n_in,):
            images = images[np.newaxis]
        if images.ndim < 2 or images.shape[1:] not in ((n_in,), self.image_shape):
            raise DataError(
                f"Images must have the shape (N, {self.image_shape[0]}, {self.image_shape[1]}) or "
                f"(N, {n_in}), found {images.shape}."
            )
        return images.reshape(len(images), n_in).astype(np.uint8)


def _given_a_class(probabilities: Array, none: int) -> Array:
    """Return probabilities (N, n) without the output `none`, so that each row adds up to 1."""
    digits = np.delete(probabilities, none, axis=1)
    total = digits.sum(axis=1, keepdims=True)
    tiny = np.finfo(digits.dtype).tiny
    shares: Array = np.where(total > tiny, digits / np.maximum(total, tiny), 1 / digits.shape[1])
    return shares


def load_model(path: str | Path) -> Model:
    """Load a trained network from a checkpoint, or from a run folder (its best epoch).

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
    """
    file = checkpoint_path(Path(path))
    return model_of(load_checkpoint(file), file)


def model_of(checkpoint: Checkpoint, path: Path) -> Model:
    """Return the network of a checkpoint, ready to use; messages name `path`."""
    return Model(
        network=checkpoint.for_prediction(),
        loss=build_loss(checkpoint.config["loss"]),
        normalization=checkpoint.normalization,
        image_shape=checkpoint.image_shape,
        output_names=checkpoint.class_names,
        config=checkpoint.config,
        epoch=checkpoint.epoch,
        temperature=checkpoint.temperature,
        target_normalization=checkpoint.target_normalization,
        path=path,
    )


def _by(shape: tuple[int, int]) -> str:
    return f"{shape[0]}×{shape[1]}"
