"""The learning rate by hand, epoch by epoch."""

import pytest

import mlpcli
from mlpcli.training.improvement import BestSoFar, ReduceOnPlateau
from mlpcli.training.metrics import EpochMetrics


def factors(plateau, values):
    """What the learning rate of each epoch is multiplied by, where these were measured."""
    other = dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_accuracy"), 0.5)
    history: list[EpochMetrics] = []
    found = []
    for epoch, value in enumerate([*values, None], start=1):
        found.append(plateau.after(history).factor)
        history.append(EpochMetrics(epoch, 1.0, 0.1, **{**other, plateau.monitor: value}))
    return found


@pytest.mark.parametrize(
    ("plateau", "values", "expected"),
    [
        # better, better, worse, as good: two without improvement
        (ReduceOnPlateau("val_loss", 0.5, 2, 0.0), [3, 2, 2.5, 2], [1, 1, 1, 1, 0.5]),
        # the count starts again, and an improvement on the best alone ends it
        (ReduceOnPlateau("val_loss", 0.5, 2, 0.0), [2, 3, 3, 2.5, 2.5], [1, 1, 1, 0.5, 0.5, 0.25]),
        (ReduceOnPlateau("val_loss", 0.5, 2, 0.0), [2, 3, 1, 2, 0.5, 1], [1] * 7),
        # 1.9 is no improvement on 2, nor is 1.8: it is compared with the best that counted
        (ReduceOnPlateau("train_loss", 0.1, 2, 0.3), [2, 1.9, 1.8, 1.6], [1, 1, 1, 0.1, 0.1]),
        (ReduceOnPlateau("val_accuracy", 0.1, 1, 0.0), [0.5, 0.6, 0.6, 0.7], [1, 1, 1, 0.1, 0.1]),
    ],
)
def test_by_hand(plateau, values, expected):
    assert factors(plateau, values) == pytest.approx(expected)


def test_an_epoch_of_a_long_run_looks_at_no_more_rows(tmp_path, monkeypatch):
    rows = []
    improves = BestSoFar.improves

    def counted(self, row):
        rows.append(row)
        return improves(self, row)

    monkeypatch.setattr(BestSoFar, "improves", counted)
    looks = []
    for epochs in (5, 10):
        rows.clear()
        schedule = "schedule={name: plateau, monitor: train_loss, patience: 2}"
        overrides = [schedule, f"training.epochs={epochs}"]
        mlpcli.train(mlpcli.load_config("examples/xor", overrides=overrides), runs_dir=tmp_path)
        looks.append(len(rows))
    assert looks[1] == 2 * looks[0]
