import numpy as np
import pytest

from mlpcli.nn.arrays import one_hot
from mlpcli.nn.losses import CrossEntropy
from mlpcli.training.metrics import RunningMetrics


def test_running_metrics_are_those_of_all_members_outputs_together():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(23, 4)), one_hot(rng.integers(0, 4, 23), 4, np.float64)
    running = RunningMetrics(CrossEntropy(), members=3)
    for i, start in enumerate(range(0, 23, 5)):
        running.add(i % 3, z[start : start + 5], t[start : start + 5])

    assert running.loss == pytest.approx(CrossEntropy().value(z, t).mean())
    assert running.accuracy == (z.argmax(axis=1) == t.argmax(axis=1)).mean()
    running.reset()
    assert (running.loss, running.accuracy) == (0, 0)


def test_equal_outputs_do_not_count_as_right_for_every_class():
    running = RunningMetrics(CrossEntropy(), members=1)
    running.add(0, np.zeros((4, 4)), np.eye(4))
    assert running.accuracy == 0.25
