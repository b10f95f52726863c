"""A 3-2-3 network worked by hand: sigmoid, softmax, cross-entropy, learning rate 0.1.

One example x = (1, 1, 1) of class 0, the figures in float64 at full precision:

    z1 = (0.1 + 0.2 + 0.3 + 0.1, 0.4 + 0.5 + 0.6 + 0.1) = (0.7, 1.6)
    a1 = sigmoid(z1)                                    = (0.668188, 0.832018)
    z2 = (0.7 a1_1 + 0.8 a1_2 + 0.2, ...)               = (1.333346, 1.633387, 1.933429)
    p  = softmax(z2)                                    = (0.239683, 0.323551, 0.436766)
    L  = -log p_0                                       = 1.428440
    delta2 = p - (1, 0, 0);  dW2 = a1ᵀ delta2;  delta1 = (delta2 W2ᵀ) ⊙ a1 (1 - a1)
"""

import numpy as np
import pytest
from helpers.processes import in_process

import mlpcli
from mlpcli.nn.gradcheck import backpropagated_gradient
from mlpcli.nn.losses import CrossEntropy
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD

X = np.ones((1, 3))
T = np.array([[1.0, 0.0, 0.0]])
W1 = [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]
W2 = [[0.7, 0.9, 1.1], [0.8, 1.0, 1.2]]
Z1, A1 = [[0.7, 1.6]], [[0.6681877721681662, 0.8320183851339245]]
Z2 = [[1.333346148624856, 1.633387380085274, 1.9334286115456922]]
P = [[0.2396826489059724, 0.32355107485719, 0.43676627623683767]]
LOSS = [1.4284395268703431]
DELTA2 = [-0.7603173510940275, 0.32355107485719, 0.43676627623683767]
DW2 = [
    [-0.5080347569683197, 0.21619287189144135, 0.2918418850768784],
    [-0.6325980146465559, 0.26920044281102473, 0.36339757183553123],
]
DELTA1 = [0.05308177011753272, 0.03346178940334901]
NEW_B1 = [0.09469182298824673, 0.09665382105966511]
NEW_W2 = [
    [0.7508034756968319, 0.8783807128108558, 1.0708158114923123],
    [0.8632598014646556, 0.9730799557188975, 1.1636602428164469],
]
LAST_LOSS = 0.009969591242998684
LAST_B2 = [1.868405430583812, -0.5738066199077801, -0.6945988106760334]
EXACT = 1e-12


@pytest.fixture
def network():
    network = MLP((3, 2, 3), "sigmoid", dtype=np.float64)
    hidden, output = network.dense
    hidden.W[...], hidden.b[...] = W1, 0.1
    output.W[...], output.b[...] = W2, 0.2
    return network


def assert_exact(found, expected):
    np.testing.assert_allclose(found, expected, rtol=EXACT, atol=0)


def test_forward(network):
    z1 = network.layers[0].forward(X)
    assert_exact(z1, Z1)
    a1 = network.layers[1].forward(z1)
    assert_exact(a1, A1)
    z2 = network.layers[2].forward(a1)
    assert_exact(z2, Z2)
    assert_exact(CrossEntropy().probabilities(z2), P)
    assert_exact(CrossEntropy().value(z2, T), LOSS)


def test_backward(network):
    backpropagated_gradient(network, CrossEntropy(), X, T)
    hidden, output = network.dense

    assert_exact(output.dW, DW2)
    assert_exact(output.db, DELTA2)
    assert_exact(hidden.dW, [DELTA1] * 3)
    assert_exact(hidden.db, DELTA1)


def test_first_update(network):
    step(network)
    hidden, output = network.dense

    assert_exact(
        hidden.W,
        [
            [0.09469182298824673, 0.3966538210596651],
            [0.19469182298824675, 0.4966538210596651],
            [0.2946918229882467, 0.596653821059665],
        ],
    )
    assert_exact(hidden.b, NEW_B1)
    assert_exact(output.W, NEW_W2)
    assert_exact(output.b, [0.27603173510940276, 0.167644892514281, 0.15632337237631624])


def test_training_until_the_loss_is_below_a_hundredth(network):
    epoch = 1
    while (loss := CrossEntropy().value(network.forward(X), T)[0]) >= 0.01:
        step(network)
        epoch += 1
    hidden, output = network.dense

    assert epoch == 278
    assert_exact(loss, LAST_LOSS)
    assert_exact(
        hidden.W,
        [
            [0.2679505325911283, 0.5384158740135855],
            [0.36795053259112825, 0.6384158740135862],
            [0.4679505325911284, 0.7384158740135861],
        ],
    )
    assert_exact(hidden.b, [0.2679505325911283, 0.23841587401358585])
    assert_exact(
        output.W,
        [
            [1.8665409098651078, 0.35795836539707726, 0.4755007247378143],
            [2.2185564389462344, 0.34155588109982876, 0.4398876799539393],
        ],
    )
    assert_exact(output.b, LAST_B2)


def step(network):
    backpropagated_gradient(network, CrossEntropy(), X, T)
    SGD().update(network.theta, network.grad, learning_rate=0.1, t=1)


def in_columns():
    """The same training as a program of the textbook has it: columns, and a loop that breaks.

    Returns:
        epoch: in which the loss is below 0.01.
        loss: of the weights then.
        parameters: W⁽¹⁾, b⁽¹⁾, W⁽²⁾ and b⁽²⁾.
    """
    w1, c1 = np.transpose(W1), np.full((2, 1), 0.1)
    w2, c2 = np.transpose(W2), np.full((3, 1), 0.2)
    x, t = X.T, T.T
    epoch = 0
    while True:
        epoch += 1
        a2 = 1 / (1 + np.exp(-(w1 @ x + c1)))
        e = np.exp(w2 @ a2 + c2)
        a3 = e / e.sum()
        loss = -float((t * np.log(a3)).sum())
        if loss < 0.01:
            return epoch, loss, (w1, c1, w2, c2)
        delta3 = a3 - t
        delta2 = w2.T @ delta3 * a2 * (1 - a2)
        w2, c2 = w2 - 0.1 * delta3 @ a2.T, c2 - 0.1 * delta3
        w1, c1 = w1 - 0.1 * delta2 @ x.T, c1 - 0.1 * delta2


def test_train_ends_where_a_program_in_columns_does(tmp_path):
    epoch, loss, parameters = in_columns()
    done = in_process(
        "train", "-c", "examples/worked_3_2_3", "training.pictures=false", cwd=tmp_path
    )
    assert f"epoch {epoch}  train loss {loss:.6f} " in done.stderr
    assert f"stopped at training loss {loss:.6f}, below training.stop_at_loss" in done.stdout
    assert f"The weights kept are those of {epoch - 1} steps, which have this loss." in done.stdout
    assert f"loss {loss:.6f}\n" in done.stdout  # of the test, by the weights kept
    model = mlpcli.load_model(tmp_path / "runs" / "worked_3_2_3")
    hidden, output = model.network.dense
    found = (hidden.W.T, hidden.b[:, np.newaxis], output.W.T, output.b[:, np.newaxis])
    for ours, theirs in zip(found, parameters, strict=True):
        assert_exact(ours, theirs)
        assert str(ours) == str(theirs)  # all printed digits
