"""Datasets of numbers instead of images: rows in a config, or points of a formula."""

import numpy as np

from mlpcli.config.formula import parse_formula
from mlpcli.config.schema.data import TableConfig
from mlpcli.data.dataset import Dataset, FloatArray, numbered, numbered_from_one
from mlpcli.errors import DataError


def training_rows(table: TableConfig, class_names: tuple[str, ...] | None) -> Dataset:
    """Return the training set: every row, or evenly spaced points of the formula.

    Raises:
        DataError: the formula has no value at one of them.
    """
    if table.formula is None:
        return _rows(table, class_names)
    return _points(table, np.linspace(table.low, table.high, table.points))


def test_rows(table: TableConfig, class_names: tuple[str, ...] | None) -> Dataset:
    """Return the test set: the same rows, or points midway between those of the training set.

    Raises:
        DataError: the formula has no value at one of them.
    """
    if table.formula is None:
        return _rows(table, class_names)
    x = np.linspace(table.low, table.high, table.points)
    return _points(table, (x[:-1] + x[1:]) / 2)


def _rows(table: TableConfig, class_names: tuple[str, ...] | None) -> Dataset:
    inputs = np.array(table.inputs, np.float64)
    if table.targets is not None:
        return _regression(inputs, np.array(table.targets, np.float64), table.names.targets)
    labels = np.array(table.labels, np.intp)
    names = class_names or numbered(int(labels.max()) + 1)
    return Dataset(inputs, labels, (1, inputs.shape[1]), names)


def _points(table: TableConfig, points: FloatArray) -> Dataset:
    formula = str(table.formula)
    function, values = parse_formula(formula), []
    for x in points.tolist():
        try:
            values.append(function(x))
        except (ArithmeticError, ValueError) as error:
            raise DataError(
                f"data.table.formula: {formula} has no value at x = {x:g} ({error}); choose other "
                "data.table.low and data.table.high."
            ) from error
    if not np.isfinite(values).all():
        raise DataError(f"data.table.formula: {formula} is not finite everywhere; choose another.")
    return _regression(points[:, np.newaxis], np.array(values)[:, np.newaxis], table.names.targets)


def _regression(inputs: FloatArray, targets: FloatArray, names: tuple[str, ...] | None) -> Dataset:
    one_class = np.zeros(len(inputs), np.intp)
    shape = (1, inputs.shape[1])
    names = names or numbered_from_one(targets.shape[1])
    return Dataset(inputs, one_class, shape, names, targets)
