import numpy as np
import pytest

from mlpcli.nn.arrays import one_hot
from mlpcli.nn.losses import CrossEntropy
from mlpcli.training.metrics import RunningMetrics


def test_running_metrics_are_those_of_all_workers_outputs_together():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(23, 4)), one_hot(rng.integers(0, 4, 23), 4, np.float64)
    running = RunningMetrics(3)
    for i, start in enumerate(range(0, 23, 5)):
        part = slice(start, start + 5)
        running.add(i % 3, CrossEntropy().value(z[part], t[part]), z[part], t[part])

    assert running.loss == pytest.approx(CrossEntropy().value(z, t).mean())
    assert running.accuracy == (z.argmax(axis=1) == t.argmax(axis=1)).mean()
    running.start_from(())
    assert (running.loss, running.accuracy) == (0, 0)


def test_equal_outputs_do_not_count_as_right_for_every_class():
    running = RunningMetrics(1)
    running.add(0, np.zeros(4), np.zeros((4, 4)), np.eye(4))
    assert running.accuracy == 0.25


def test_an_epoch_goes_on_from_the_sums_of_more_or_fewer_workers():
    rows = ((3.0, 1.5, 2.0), (4.0, 2.0, 1.0), (1.0, 0.5, 0.0))
    for workers in (1, 2, 3, 4):
        running = RunningMetrics(workers)
        running.start_from(rows)
        assert len(running.sums) == workers
        assert (running.loss, running.accuracy) == (4 / 8, 3 / 8)
    assert RunningMetrics(2).sums == ((0, 0, 0), (0, 0, 0))


def test_without_classes_there_is_no_accuracy():
    running = RunningMetrics(1, has_classes=False)
    running.add(0, np.array([1.0, 3.0]), np.zeros((2, 1)), np.zeros((2, 1)))
    assert (running.loss, running.accuracy) == (2, None)
