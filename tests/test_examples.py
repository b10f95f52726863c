"""The example configs show what their comments promise."""

import re
from pathlib import Path

import numpy as np
import pytest

import mlpcli
from mlpcli.pictures.deaths import lives
from mlpcli.pictures.spread import spreads
from mlpcli.pictures.weight_path import follow
from mlpcli.reporting import Reporter
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.storage.records import read_gradients, read_record
from mlpcli.training.loop import train_epochs
from mlpcli.training.setup import prepare


def run(tmp_path, name, *overrides):
    config = mlpcli.load_config(f"examples/{name}", overrides=overrides)
    return mlpcli.train(config, runs_dir=tmp_path)


def test_worked_3_2_3_stops_at_epoch_278(tmp_path):
    finished = run(tmp_path, "worked_3_2_3")
    assert len(finished.history) == 278
    assert abs(finished.history[0].train_loss - 1.4284395268703431) < 1e-12
    assert abs(finished.history[-1].train_loss - 0.009969591242998684) < 1e-12
    assert load_checkpoint(finished.folder / "weights" / "last.safetensors").epoch == 278


def test_chain(tmp_path):
    history = run(tmp_path, "chain").history
    assert [round(row.train_loss, 4) for row in (history[0], history[-1])] == [0.1556, 0.0014]


def test_xor_is_solved_with_tanh_and_cannot_be_with_identity(tmp_path):
    solved = run(tmp_path, "xor")
    assert solved.reached_loss
    assert read_record(solved.folder).has_ended
    assert abs(solved.test.outputs - solved.test.targets).max() < 0.1
    unsolved = run(tmp_path, "xor", "network.activation=identity")
    assert not unsolved.reached_loss
    assert abs(unsolved.test.outputs - 0.5).max() < 0.01
    assert all(row.train_loss > 0.125 - 1e-12 for row in unsolved.history)


def test_a_wider_network_comes_closer_to_the_square(tmp_path):
    narrow, wide = (run(tmp_path, "square", f"network.hidden=[{n}]").test.loss for n in (2, 16))
    assert [round(narrow, 4), round(wide, 4)] == [0.0006, 0.0001]


def test_more_units_come_closer_to_the_sine(tmp_path):
    few, some, many = (run(tmp_path, "sine", f"network.hidden=[{n}]").test.loss for n in (2, 8, 64))
    assert few > 0.1 > 0.02 > some > 5 * many


def test_eight_sigmoid_layers_learn_nothing_and_eight_of_relu_do(tmp_path):
    few = ("data.train_size=600", "training.epochs=8")
    sigmoid = run(tmp_path, "vanishing", *few)
    relu = run(
        tmp_path, "vanishing", *few, "network.activation=relu", "network.initializer=he_normal"
    )
    assert sigmoid.test.accuracy < 0.2
    assert relu.test.accuracy > 0.35
    last, relu_last = (
        [row.gradient_norm for row in read_gradients(r.folder / "gradients.csv") if row.epoch == 8]
        for r in (sigmoid, relu)
    )
    assert 1000 * min(last) < max(last)
    assert 30 * min(relu_last) > max(relu_last)


def losses(run, step):
    """The lines of metrics.csv at a step of a run with one step an epoch."""
    return run.history[step - 1].train_loss


def test_single_examples_stagger_down_faster_than_all_at_once(tmp_path):
    one, some, every = (run(tmp_path, "walk", f"training.batch_size={n}") for n in (1, 5, 20))
    assert one.test.loss < 0.065
    assert some.test.loss < 0.065
    assert 0.31 < every.test.loss < 0.32
    paths = [
        follow(prepare(each.config, None, Reporter()), 10, lambda *_: None) for each in (one, every)
    ]
    assert [len(path.thetas) - 1 for path in paths] == [200, 10]
    turns = [np.diff(path.thetas, axis=0) for path in paths]
    back = [(np.einsum("ij,ij->i", d[1:], d[:-1]) < 0).mean() for d in turns]
    assert back[0] > 0.3
    assert back[1] == 0  # never against the step before


def test_positive_inputs_make_a_zig_zag_and_centred_ones_hardly(tmp_path):
    centred = "data.table.inputs=[[-0.5, 0.5], [0.5, -0.5]]"
    found = [run(tmp_path, "zigzag"), run(tmp_path, "zigzag", centred)]
    for each, same_way in zip(found, (1.0, 0.0), strict=True):
        path = follow(prepare(each.config, None, Reporter()), 20, lambda *_: None)
        first, second = np.diff(path.thetas[:20], axis=0)[:, :2].T
        assert (first * second > 0).mean() == same_way
        model = mlpcli.load_model(each.folder)
        assert model.network.dense[0].W[:, 0] == pytest.approx([1, -1], abs=0.02)


def test_squared_error_learns_nothing_at_first_and_cross_entropy_at_once(tmp_path):
    other = ("loss=binary_cross_entropy", "network.output_activation=identity", "name=other")
    squares = run(tmp_path, "slow_squares", "training.epochs=100")
    entropy = run(tmp_path, "slow_squares", "training.epochs=100", *other)
    assert losses(squares, 100) > 0.95 * losses(squares, 1)
    assert losses(entropy, 100) < 0.02 * losses(entropy, 1)
    assert squares.test.outputs[0, 0] > 0.95
    assert entropy.test.outputs[0, 0] < 0.05


def test_relu_dies_and_the_others_recover(tmp_path):
    dead, leaky, elu = (
        run(tmp_path, "dead_relu", f"network.activation={name}")
        for name in ("relu", "leaky_relu", "elu")
    )
    assert [round(each.test.loss, 4) for each in (dead, leaky, elu)] == [0.0448, 0.0012, 0.0009]
    silent = []
    for each in (leaky, elu):
        setup = prepare(each.config, None, Reporter())
        (life,) = lives(setup, follow(setup, 100, lambda *_: None))
        assert life.death == (None, None)
        silent.append((life.rates == 0).sum(axis=0).tolist())
    assert silent == [[0, 175], [1, 1]]


def test_the_perceptron_learns_and_but_not_xor_nor_a_hidden_layer(tmp_path):
    learned = run(tmp_path, "perceptron")
    assert learned.reached_loss
    assert learned.test.outputs.ravel().tolist() == [0, 0, 0, 1]
    xor = run(tmp_path, "perceptron", "data.table.targets=[[0], [1], [1], [0]]")
    assert not xor.reached_loss
    assert min(row.train_loss for row in xor.history) > 0
    hidden = ("network={hidden: [2], activation: step}", "network.initializer=xavier_normal")
    config = mlpcli.load_config(
        "examples/perceptron", overrides=[*hidden, "network.bias_initializer=zeros"]
    )
    setup = prepare(config, None, Reporter())
    before = setup.network.dense[0].W.copy()
    train_epochs(setup, on_batch=lambda *_: None, on_epoch=lambda row: row.epoch == 5)
    assert np.array_equal(setup.network.dense[0].W, before)


def test_who_is_taught_2s_alone_sees_2s_everywhere(tmp_path):
    taught = run(tmp_path, "only_twos")
    assert set(taught.test.predictions.tolist()) == {2}
    assert taught.test.accuracy == pytest.approx(0.1)
    every = run(tmp_path, "only_twos", "data.train_classes=null")
    assert every.test.accuracy > 0.8


def test_a_line_cannot_part_a_ring_from_its_middle_and_three_units_can(tmp_path):
    one, three = run(tmp_path, "logistic"), run(tmp_path, "logistic", "network.hidden=[3]")
    inside = np.array(one.config.data.table.targets)[:, 0] == 0
    (unit,) = mlpcli.load_model(one.folder).network.dense
    x = np.array(one.config.data.table.inputs)
    p = 1 / (1 + np.exp(-(x @ unit.W + unit.b)))
    assert one.test.outputs == pytest.approx(p, rel=1e-12)
    assert (p[inside] > 0.5).any()  # whatever the line
    assert one.test.loss > 0.6
    assert ((three.test.outputs[:, 0] < 0.5) == inside).all()
    assert three.test.loss < 0.05


def test_the_price_of_a_house_in_its_own_units(tmp_path):
    trained = run(tmp_path, "house_price")
    model = mlpcli.load_model(trained.folder)
    told = re.search(r"about (\d+) thousand for 120 m² and 3 rooms", LESSONS)
    assert np.ravel(model.predict([[120, 3]])) == pytest.approx([float(told[1])], abs=2)
    assert trained.test.outputs == pytest.approx(trained.test.targets, abs=15)


LESSONS = (Path(__file__).parents[1] / "docs" / "lessons.md").read_text(encoding="utf-8")


def rows_of(header):
    """The rows of the table in docs/lessons.md with this first cell, as names and numbers."""
    table = LESSONS[LESSONS.index(f"| {header} |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {name: [float(number) for number in numbers] for name, *numbers in cells}


def test_how_far_the_signal_spreads_by_how_the_weights_start():
    starts = {
        "tanh, normal with 0.01": ["network.initializer={name: normal, std: 0.01}"],
        "tanh, Xavier": [],
        "relu, Xavier": ["network.activation=relu"],
        "relu, He": ["network.activation=relu", "network.initializer=he_normal"],
    }
    told = rows_of("start")
    assert told.keys() == starts.keys()
    for name, overrides in starts.items():
        config = mlpcli.load_config("examples/xavier", overrides=overrides)
        layers = spreads(prepare(config, None, Reporter()))
        found = [layers[0].activations, layers[5].activations, layers[0].errors]
        assert found == pytest.approx(told[name], rel=0.05)


def test_one_image_a_step_is_quickest_by_epoch_and_all_at_once_by_step(tmp_path):
    one, some, every = (
        run(
            tmp_path,
            "batch_size",
            "training.epochs=4",
            f"training.batch_size={n}",
            f"optimizer.learning_rate={rate}",
        )
        for n, rate in ((1, 0.01), (32, 0.1), (1000, 0.2))
    )
    by_epoch = [each.history[-1].train_loss for each in (one, some, every)]
    assert by_epoch == sorted(by_epoch)


def test_what_keeps_a_large_network_from_learning_by_heart(tmp_path):
    remedies = {
        "overfitting": (),
        "decay": ("optimizer.weight_decay=0.02",),
        "dropout": ("network.dropout={input: 0.2, hidden: 0.5}",),
        "stopped": ("training.early_stopping={monitor: val_loss, patience: 5}",),
    }
    told = rows_of("run")
    assert told.keys() == remedies.keys()
    for name, overrides in remedies.items():
        history = run(tmp_path, "overfitting", f"name={name}", *overrides).history
        validation = [row.val_loss for row in history]
        found = [len(history), min(validation), validation[-1], history[-1].train_loss]
        assert found == pytest.approx(told[name], abs=0.03)
