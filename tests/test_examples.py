"""The example configs show what their comments promise."""

import mlpcli
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.storage.records import read_gradients, read_record


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
