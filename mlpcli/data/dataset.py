"""Datasets of labelled images, or of rows of numbers with targets, and their splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mlpcli.config.class_names import MOST_CLASSES, check_class_names
from mlpcli.errors import DataError

UInt8Array = NDArray[np.uint8]
IntArray = NDArray[np.intp]
FloatArray = NDArray[np.floating[Any]]
PixelsOrNumbers = NDArray[Any]
"""bytes of images, or floats of a table"""


@dataclass(frozen=True)
class Dataset:
    """Images and their labels.

    Pixels stay bytes, a quarter of float32, until a block of batches is filled. A table's inputs
    are floats, as images of one row. A regression has targets instead of classes: its labels are
    all 0, and `class_names` name its outputs.
    """

    images: PixelsOrNumbers
    """(N, height * width); 0 is the background"""
    labels: IntArray
    """(N,), each in 0 .. len(class_names) - 1"""
    image_shape: tuple[int, int]
    """(height, width)"""
    class_names: tuple[str, ...]
    targets: FloatArray | None = None
    """(N, n_out) of a regression; None with classes"""

    @classmethod
    def from_arrays(
        cls, images: ArrayLike, labels: ArrayLike, class_names: Sequence[object] | None = None
    ) -> Self:
        """Return a dataset of images and labels in memory, checked.

        Args:
            images: (N, height, width), whole numbers from 0 (background) to 255 (ink).
            labels: (N,), numbers of classes from 0 on, or their names.
            class_names: the name of each class in turn, or a number; None for the numbers, or for
                all names that there are, sorted.

        Raises:
            DataError: they are not of that form.
        """
        x, y = np.asarray(images), np.asarray(labels)
        if x.ndim != 3 or not x.size or x.dtype.kind not in "ui" or x.min() < 0 or x.max() > 255:
            raise DataError(
                "Expected images (N, height, width) of whole numbers from 0 to 255, found "
                f"{x.dtype} of shape {x.shape}; pixels from 0 to 1 become such by "
                "np.rint(255 * x).astype(np.uint8)."
            )
        if y.shape != x.shape[:1] or y.dtype.kind not in "uiU":
            raise DataError(
                f"Expected a label for each of {len(x)} images, a number or a name, found "
                f"{y.dtype} of shape {y.shape}."
            )
        names = () if class_names is None else tuple(map(str, class_names))
        if y.dtype.kind == "U":
            names = names or tuple(sorted(set(y.tolist())))
            place = {name: index for index, name in enumerate(names)}
            y = np.array([place.get(name, -1) for name in y.tolist()])
        names = names or numbered(min(int(y.max()) + 1, MOST_CLASSES))
        if y.min() < 0 or y.max() >= len(names):
            raise DataError(f"A label is none of the {len(names):,} classes.")
        if len(names) > MOST_CLASSES:
            raise DataError(f"There are {len(names):,} classes, more than {MOST_CLASSES:,}.")
        try:
            check_class_names(names)
        except ValueError as error:
            raise DataError(f"The class names are wrong: expected {error}.") from None
        n, height, width = x.shape
        pixels = x.reshape(n, height * width).astype(np.uint8)
        return cls(pixels, y.astype(np.intp), (height, width), names)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: IntArray) -> "Dataset":
        """Return the examples at `indices` (n,), in that order."""
        targets = None if self.targets is None else self.targets[indices]
        images, labels = self.images[indices], self.labels[indices]
        return Dataset(images, labels, self.image_shape, self.class_names, targets)

    def write_targets(self, indices: IntArray, out: FloatArray) -> None:
        """Write the targets (n, n_out) of the examples at `indices` (n,), one-hot for classes."""
        if self.targets is not None:
            out[...] = self.targets[indices]
            return
        out.fill(0)
        out[np.arange(len(indices)), self.labels[indices]] = 1


def numbered(n: int) -> tuple[str, ...]:
    """Return the default names of `n` classes, which are their labels: "0", "1", ..."""
    return tuple(map(str, range(n)))


def numbered_from_one(n: int) -> tuple[str, ...]:
    """Return the default names of `n` outputs of a regression: "1", "2", ..."""
    return tuple(map(str, range(1, n + 1)))


def named_inputs(given: tuple[str, ...] | None, n_in: int) -> tuple[str, ...]:
    """Return the names of a table's inputs; where none are given: x, or x1, x2 and so on."""
    return given or (("x",) if n_in == 1 else tuple(f"x{i}" for i in range(1, n_in + 1)))


def subset(dataset: Dataset, size: int, rng: Generator, setting: str) -> Dataset:
    """Return a stratified sample of `size` examples, in their order, as `setting` asks for.

    Raises:
        DataError: there are fewer examples.
    """
    if size > len(dataset):
        raise DataError(f"{setting} asks for {size:,} images, but there are only {len(dataset):,}.")
    if size == len(dataset):
        return dataset
    return dataset.take(np.sort(_stratified_sample(dataset.labels, size, rng)))


def of_classes(dataset: Dataset, classes: Sequence[int], setting: str) -> Dataset:
    """Return the examples of some classes, in their order, as `setting` asks for.

    The dataset still has all class names, so that a network has an output for each.

    Raises:
        DataError: there is no such class, or no example of any of them.
    """
    n = len(dataset.class_names)
    for label in classes:
        if label >= n:
            raise DataError(
                f"{setting} asks for the class {label}, but there are only {n}, 0 to {n - 1}."
            )
    chosen = np.flatnonzero(np.isin(dataset.labels, classes))
    if not len(chosen):
        raise DataError(f"{setting} leaves none of the {len(dataset):,} images to train on.")
    return dataset.take(chosen)


def split_validation(
    dataset: Dataset, validation: int | float, rng: Generator
) -> tuple[Dataset, Dataset]:
    """Return (training, validation), as `held_out` does it."""
    return held_out(dataset, validation, rng, "data.validation")


def held_out(
    dataset: Dataset, part: int | float, rng: Generator, setting: str
) -> tuple[Dataset, Dataset]:
    """Return (what is left, what is held out), both stratified by class.

    `part` is a number of images (int) or a share of them (float), as `setting` asks for.

    Raises:
        DataError: nothing would be left to train on, or nothing held out.
    """
    size = part if isinstance(part, int) else round(part * len(dataset))
    if size == 0:
        raise DataError(
            f"{setting} asks for a share of {part:g}, which is none of {len(dataset)} images; ask "
            "for more"
            + (", or for 0 to hold nothing out." if setting == "data.validation" else ".")
        )
    if size >= len(dataset):
        raise DataError(
            f"{setting} asks for {size} of {len(dataset)} images, which leaves none to train "
            "on; ask for fewer."
        )
    chosen = np.zeros(len(dataset), bool)
    chosen[_stratified_sample(dataset.labels, size, rng)] = True
    return dataset.take(np.flatnonzero(~chosen)), dataset.take(np.flatnonzero(chosen))


def _stratified_sample(labels: IntArray, size: int, rng: Generator) -> IntArray:
    """Return the indices (size,) of a random sample with the same shares of classes as `labels`.

    Each class gets its share rounded down; the remaining places go to the largest remainders.
    """
    counts = np.bincount(labels)
    share = counts * size / len(labels)
    sizes = share.astype(np.intp)
    largest_remainders = np.argsort(sizes - share, kind="stable")
    sizes[largest_remainders[: size - int(sizes.sum())]] += 1
    picks = [np.empty(0, np.intp)]
    for label, n in enumerate(sizes):
        if n:
            picks.append(rng.permutation(np.flatnonzero(labels == label))[:n])
    return np.concatenate(picks)
