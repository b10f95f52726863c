"""Where a step moves all weights of a unit up, or all down: by hand."""

import numpy as np
import pytest

import mlpcli
from mlpcli.explaining.first_steps import explain_training
from mlpcli.explaining.one_sign import one_sign_words, units_of_one_sign


def step(inputs, targets, W, **settings):
    config = {
        "dtype": "float64",
        "data": {"dataset": "table", "table": {"inputs": inputs, "targets": targets}},
        "network": {
            "hidden": [],
            "initializer": {"name": "given", "values": [W]},
            "bias_initializer": "zeros",
        },
        "loss": "quadratic",
        "optimizer": {"name": "sgd", **settings},
        "training": {"batch_size": len(inputs)},
    }
    return explain_training(mlpcli.load_config(config), 1).shown.layers[0]


def test_each_unit_with_the_sign_of_its_error():
    # z = (3, -1): δ = (3, -1) - (1, 1) = (2, -2)
    layer = step([[1, 2]], [[1, 1]], [[1, 1], [1, -1]])
    assert layer.W.gradient.tolist() == [[2, -2], [4, -4]]
    assert units_of_one_sign(layer).tolist() == [0, 1]
    assert "all entries of ∂L/∂W₁ of a unit have the sign of its δ₁, and" in one_sign_words(layer)


def test_weight_decay_may_move_weights_of_one_sign_apart():
    # the gradient of before plus λ W: (12, 14) for the first unit, (8, -14) for the second
    layer = step([[1, 2]], [[1, 1]], [[1, 1], [1, -1]], weight_decay=10)
    assert layer.W.taken.tolist() == [[12, 8], [14, -14]]
    assert one_sign_words(layer).endswith("have the sign of its δ₁.")


def test_a_unit_whose_examples_disagree_is_left_out():
    # z = (1, 1), (2, 2), which is too much for the first unit twice, for the second once
    layer = step([[1, 0], [0, 2]], [[0, 0], [0, 3]], [[1, 1], [1, 1]])
    assert sorted(np.sign(layer.delta).tolist()) == [[1, -1], [1, 1]]
    assert units_of_one_sign(layer).tolist() == [0]
    assert "of unit 1 have the sign of its δ₁, which is the same for every" in one_sign_words(layer)


@pytest.mark.parametrize("inputs", [[[1, -1]], [[0, 2]]])
def test_nothing_is_said_of_centred_inputs_or_of_a_single_weight(inputs):
    assert one_sign_words(step(inputs, [[9]], [[1], [1]])) == ""
