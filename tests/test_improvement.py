from mlpcli.training.improvement import BestSoFar
from mlpcli.training.metrics import EpochMetrics


def follow(metric, column, values):
    better = []
    for epoch, value in enumerate(values, start=1):
        figures = dict.fromkeys(
            ("train_loss", "train_accuracy", "val_loss", "val_accuracy"), 0.5
        ) | {column: value}
        better.append(metric.improves(EpochMetrics(epoch, 1.0, 0.1, **figures)))
    return better


def test_a_loss_is_better_lower():
    metric = BestSoFar("val_loss")
    assert follow(metric, "val_loss", [3, 2, 2, 2.5, 1]) == [True, True, False, False, True]
    assert (metric.best, metric.best_epoch, metric.epochs_without_improvement) == (1, 5, 0)


def test_an_accuracy_is_better_higher():
    metric = BestSoFar("val_accuracy")
    assert follow(metric, "val_accuracy", [0.5, 0.7, 0.7, 0.6]) == [True, True, False, False]
    assert (metric.best, metric.best_epoch, metric.epochs_without_improvement) == (0.7, 2, 2)


def test_a_small_change_is_no_improvement():
    metric = BestSoFar("val_loss", min_delta=0.5)
    assert follow(metric, "val_loss", [3, 2.6, 2.4]) == [True, False, True]


def test_nan_is_never_the_best():
    nan = float("nan")
    metric = BestSoFar("val_loss")
    assert follow(metric, "val_loss", [nan, 2, nan, 1]) == [False, True, False, True]
