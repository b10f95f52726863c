"""Precision, recall and confusion, class by class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlpcli.training.evaluation import Evaluation

Counts = NDArray[np.intp]


def confusion_matrix(evaluation: Evaluation) -> Counts:
    """Return how often each class (row) was predicted as each (column): (n_classes, n_classes)."""
    n_classes = len(evaluation.class_names)
    pairs = np.ravel_multi_index(
        (evaluation.labels, evaluation.predictions), (n_classes, n_classes)
    )
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


@dataclass(frozen=True)
class ClassMetrics:
    """Precision, recall and F1 of one class; 0 where the denominator is 0, as is usual."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    """number of its examples"""


def class_metrics(confusion: Counts, class_names: tuple[str, ...]) -> list[ClassMetrics]:
    """Return the metrics of each class from a confusion matrix (n_classes, n_classes)."""
    report = []
    for i, name in enumerate(class_names):
        right = int(confusion[i, i])
        predicted, support = int(confusion[:, i].sum()), int(confusion[i].sum())
        report.append(
            ClassMetrics(
                name=name,
                precision=right / predicted if predicted else 0.0,
                recall=right / support if support else 0.0,
                f1=2 * right / (predicted + support) if predicted + support else 0.0,
                support=support,
            )
        )
    return report


def most_confused(confusion: Counts, most: int) -> list[tuple[int, int, int]]:
    """Return at most `most` of the commonest mistakes: (true class, predicted class, count)."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    rows, columns = np.unravel_index(order, wrong.shape)
    return [
        (int(i), int(j), int(wrong[i, j]))
        for i, j in zip(rows, columns, strict=True)
        if wrong[i, j]
    ]
