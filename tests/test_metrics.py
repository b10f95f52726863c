import numpy as np
import pytest

from mlpcli.nn.losses import CrossEntropy
from mlpcli.training import metrics
from mlpcli.training.metrics import (
    RunningMetrics,
    class_metrics,
    confusion_matrix,
    most_confused,
)

#                    predicted: a  b  c
CONFUSION = np.array([[5, 1, 0], [2, 3, 0], [0, 4, 0]])


def test_confusion_matrix_has_true_rows():
    labels, predictions = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    assert confusion_matrix(labels, predictions, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


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


@pytest.mark.parametrize("block", [1, 7, 100])
def test_running_metrics_are_those_of_all_outputs_together(block, monkeypatch):
    monkeypatch.setattr(metrics, "BLOCK_IMAGES", block)
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(23, 4)), rng.integers(0, 4, 23)
    running = RunningMetrics(CrossEntropy(), 4, 5, z.dtype)
    for start in range(0, 23, 5):
        running.add(z[start : start + 5], y[start : start + 5])
    running.renew()

    assert running.loss == pytest.approx(CrossEntropy().value(z, y).mean())
    assert running.accuracy == (z.argmax(axis=1) == y).mean()


def test_equal_outputs_do_not_count_as_right_for_every_class():
    running = RunningMetrics(CrossEntropy(), 4, 5, np.dtype(float))
    running.add(np.zeros((4, 4)), np.array([0, 1, 2, 3]))
    running.renew()
    assert running.accuracy == 0.25
