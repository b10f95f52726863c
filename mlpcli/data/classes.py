"""From labels as a folder or a table has them to classes."""

from collections.abc import Sequence

import numpy as np

from mlpcli.config.class_names import MOST_CLASSES, check_class_names
from mlpcli.data.dataset import Dataset, IntArray, UInt8Array, numbered
from mlpcli.data.problems import Problems
from mlpcli.errors import DataError


def classes_of(labels: Sequence[str], source: str, *, all_numbers_below: bool) -> tuple[str, ...]:
    """Return the classes that labels name: numbers in their order, before names in theirs.

    With `all_numbers_below`, labels that are all numbers stand for each number from 0 to the
    largest, as in MNIST's files.

    Raises:
        DataError: there are too many, or one cannot be printed.
    """
    distinct = sorted(set(labels), key=_by_number_then_name)
    if all_numbers_below and all(map(_is_plain_number, distinct)):
        largest = int(distinct[-1])
        if largest >= MOST_CLASSES:
            raise DataError(
                f"{source}: has the label {largest}; expected labels from 0 to {MOST_CLASSES - 1}, "
                "or names."
            )
        return numbered(largest + 1)
    if len(distinct) > MOST_CLASSES:
        raise DataError(
            f"{source}: has {len(distinct):,} classes, but at most {MOST_CLASSES:,} can be learned."
        )
    try:
        check_class_names(tuple(distinct))
    except ValueError as error:
        raise DataError(
            f"{source}: the names of its classes are not right: expected {error}."
        ) from None
    return tuple(distinct)


def _is_plain_number(label: str) -> bool:
    return label.isascii() and label.isdigit() and str(int(label[:10])) == label


def _by_number_then_name(label: str) -> tuple[bool, int, str]:
    is_number = label.isascii() and label.isdigit() and len(label) <= 9
    return not is_number, int(label) if is_number else 0, label


def labelled(
    images: UInt8Array,
    image_shape: tuple[int, int],
    labels: Sequence[str],
    names: Sequence[str],
    class_names: tuple[str, ...],
    problems: Problems,
) -> Dataset:
    """Return images (N, height * width) with labels as a dataset of these classes.

    A label is the name of a class, or else, where all labels are numbers, its number. An image
    whose label is neither is a problem.

    Args:
        images: (N, height * width).
        image_shape: (height, width).
        labels: (N,), the label of each image.
        names: (N,), the name of each image in a message: its file, or its row.
        class_names: the classes.
        problems: receives the images of no class; they are an error, or are left out.

    Raises:
        DataError: an image has no class, or none is left.
    """
    place = {name: index for index, name in enumerate(class_names)}
    distinct = set(labels)
    if not distinct <= place.keys() and all(map(_is_plain_number, distinct)):
        place |= {str(number): number for number in range(len(class_names))}
    found = np.array([place.get(label, -1) for label in labels], np.intp)
    for at in np.flatnonzero(found < 0).tolist():
        problems.add(names[at], f"its class {labels[at]!r} is none of {_some(class_names)}")
    problems.raise_if_any()
    known = found >= 0
    if not known.any():
        raise DataError(f"{problems.text()}\nNo image is left.")
    if not known.all():
        images, found = images[known], found[known]
    return Dataset(images, found, image_shape, class_names)


def with_classes(dataset: Dataset, class_names: tuple[str, ...], source: str) -> Dataset:
    """Return a dataset with other classes, among which its own are found by their names.

    Raises:
        DataError: one of its images is of another class.
    """
    if dataset.class_names == class_names:
        return dataset
    place = {name: index for index, name in enumerate(class_names)}
    places = np.array([place.get(name, -1) for name in dataset.class_names], np.intp)
    labels: IntArray = places[dataset.labels]
    if (labels < 0).any():
        missing = dataset.class_names[dataset.labels[int(np.argmin(labels))]]
        raise DataError(
            f"{source}: has images of the class {missing!r}, which is none of {_some(class_names)}."
        )
    return Dataset(dataset.images, labels, dataset.image_shape, class_names, dataset.targets)


def _some(class_names: tuple[str, ...], most: int = 12) -> str:
    shown = ", ".join(class_names[:most])
    return f"{shown}, …" if len(class_names) > most else shown
