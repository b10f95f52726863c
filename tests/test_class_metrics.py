import numpy as np
import pytest

from mlpcli.data.dataset import numbered
from mlpcli.inference.class_metrics import class_metrics, confusion_matrix, most_confused
from mlpcli.training.evaluation import Evaluation

#                    predicted: a  b  c
CONFUSION = np.array([[5, 1, 0], [2, 3, 0], [0, 4, 0]])


def evaluation(labels, predictions, n_classes):
    return Evaluation(0.0, labels, predictions, np.empty((0, n_classes)), numbered(n_classes))


def test_confusion_matrix_has_true_rows():
    labels, predictions = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    counts = confusion_matrix(evaluation(labels, predictions, 3))
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_labels_of_a_byte_each_are_counted_in_their_own_class():
    labels = np.array([0, 20, 25], np.uint8)
    counts = confusion_matrix(evaluation(labels, labels, 26))
    assert np.argwhere(counts).tolist() == [[0, 0], [20, 20], [25, 25]]


def test_class_metrics_by_hand():
    a, b, c = class_metrics(CONFUSION, ("a", "b", "c"))
    assert (a.precision, a.recall, a.support) == (5 / 7, 5 / 6, 6)
    assert a.f1 == pytest.approx(2 * (5 / 7) * (5 / 6) / (5 / 7 + 5 / 6))
    assert (b.precision, b.recall) == (3 / 8, 3 / 5)
    assert (c.precision, c.recall, c.f1, c.support) == (0, 0, 0, 4)


def test_most_confused_are_the_commonest_mistakes():
    assert most_confused(CONFUSION, 2) == [(2, 1, 4), (1, 0, 2)]
    assert most_confused(CONFUSION, 99) == [(2, 1, 4), (1, 0, 2), (0, 1, 1)]
    assert most_confused(np.diag([3, 4]), 5) == []
