"""What gradients.csv records, and that recording it changes nothing."""

import numpy as np
import pytest
from helpers.runs import timeless

import mlpcli
from mlpcli.nn.gradcheck import centred_differences
from mlpcli.storage.records import read_gradients
from mlpcli.storage.run_folder import RunFolder
from mlpcli.training import gradient_probe as gradients
from mlpcli.training.gradient_probe import GradientProbe, layer_norms
from mlpcli.training.metrics import GradientNorms
from mlpcli.training.setup import prepare

HEADER = "epoch,layer,gradient_norm,update_norm\n"


@pytest.fixture
def set_up(bars):
    """The parts of a run on the bars, at its start."""

    def with_overrides(*overrides):
        config = mlpcli.load_config(bars, overrides=["dtype=float64", *overrides])
        return prepare(config, None, mlpcli.reporting.Reporter(), may_fetch=False)

    return with_overrides


def test_in_full_batches_an_update_is_the_learning_rate_times_the_gradient_before_it(
    bars, tmp_path
):
    overrides = ["dtype=float64", "training.batch_size=120", "network.hidden=[8, 6]"]
    overrides += ["optimizer={name: sgd, momentum: null, learning_rate: 0.05}"]
    run = mlpcli.train(mlpcli.load_config(bars, overrides=overrides), runs_dir=tmp_path)
    rows = read_gradients(run.folder / "gradients.csv")
    assert [(row.epoch, row.layer) for row in rows] == [
        (epoch, layer) for epoch in (1, 2, 3, 4) for layer in (1, 2, 3)
    ]
    for before, after in zip(rows[:-3], rows[3:], strict=True):
        assert after.update_norm == pytest.approx(0.05 * before.gradient_norm, rel=1e-9)


def test_the_gradient_is_that_of_the_loss_of_the_same_examples(set_up, monkeypatch):
    monkeypatch.setattr(gradients, "EXAMPLES", 5)
    setup = set_up("network.activation=tanh")
    examples = np.array([0, 29, 59, 89, 119])  # evenly spread over 120
    x = np.empty((5, 30))
    t = np.empty((5, 3))
    setup.normalization.apply(setup.training.images[examples], x)
    setup.training.write_targets(examples, t)
    differences = centred_differences(setup.network, setup.loss, x, t)[0]
    expected = layer_norms(setup.network.layout, differences)
    rows = GradientProbe(setup).end_epoch(7)
    assert [row.gradient_norm for row in rows] == pytest.approx(expected, rel=1e-6)
    assert [(row.epoch, row.layer, row.update_norm) for row in rows] == [(7, 1, 0), (7, 2, 0)]


def test_the_update_is_from_the_beginning_of_the_epoch(set_up):
    setup = set_up()
    start = setup.network.theta.copy()
    setup.network.dense[0].W[2, 3] += 3
    setup.network.dense[0].b[1] -= 4
    probe = GradientProbe(setup, start)
    setup.network.dense[1].W[0, 0] += 2
    assert [row.update_norm for row in probe.end_epoch(1)] == pytest.approx([5, 2])
    assert [row.update_norm for row in probe.end_epoch(2)] == [0, 0]


def test_dropout_penalties_clipping_and_distortion_are_left_out(set_up):
    plain = GradientProbe(set_up()).end_epoch(1)
    setup = set_up(
        "network.dropout={input: 0.5, hidden: 0.5}",
        "optimizer={weight_decay: 1, l1: 1, clip_norm: 1e-3}",
        "data.augmentation={noise: 0.5}",
    )
    assert GradientProbe(setup).end_epoch(1) == plain


def test_recording_changes_nothing_in_the_training(bars, tmp_path, monkeypatch):
    overrides = ["network.batch_norm=true", "network.dropout.hidden=0.5", "training.workers=2"]
    config = mlpcli.load_config(bars, overrides=[*overrides, "training.averaging={}"])
    recorded = timeless(mlpcli.train(config, runs_dir=tmp_path / "a").folder)
    assert recorded.pop("gradients").count(b"\n") == 1 + 4 * 2
    monkeypatch.setattr(GradientProbe, "end_epoch", lambda self, epoch: [])
    unrecorded = timeless(mlpcli.train(config, runs_dir=tmp_path / "b").folder)
    assert unrecorded.pop("gradients") == HEADER.encode()
    assert recorded == unrecorded


def test_a_norm_that_is_no_number_is_left_empty(set_up, tmp_path):
    setup = set_up("dtype=float32", "network.hidden=[8, 8]", "loss=mse")
    setup.network.theta[...] = 1e19
    rows = GradientProbe(setup).end_epoch(1)
    assert None in [row.gradient_norm for row in rows]
    RunFolder(tmp_path).append_gradients(rows)
    assert read_gradients(tmp_path / "gradients.csv") == rows


def test_rows_after_an_epoch_and_half_rows_are_forgotten(tmp_path):
    directory = RunFolder(tmp_path)
    directory.cut_gradients_after(1)
    assert not directory.gradients.exists()
    rows = [GradientNorms(epoch, layer, 1 / 3, 5e-324) for epoch in (1, 2) for layer in (1, 2)]
    directory.append_gradients(rows[:2])
    first = directory.gradients.read_bytes()
    directory.append_gradients(rows[2:])
    both = directory.gradients.read_bytes()
    directory.cut_gradients_after(2)
    assert directory.gradients.read_bytes() == both
    directory.gradients.write_bytes(both + b"3,1,0.")
    directory.cut_gradients_after(3)
    assert directory.gradients.read_bytes() == both
    directory.cut_gradients_after(1)
    assert directory.gradients.read_bytes() == first
    directory.cut_gradients_after(0)
    assert not directory.gradients.exists()
    directory.append_gradients(rows)
    assert directory.gradients.read_bytes() == both
