"""The letters of a network: the same in the code, in explanations, on pages and in the texts."""

from collections.abc import Mapping

SYMBOLS: Mapping[str, str] = {
    "x": "input",
    "t": "target",
    "W": "weights of a layer",
    "b": "biases of a layer",
    "z": "weighted sums",
    "a": "activations, a = σ(z)",
    "σ": "activation function",
    "p": "what the loss compares with the target",
    "L": "loss",
    "δ": "error of a layer, ∂L/∂z",
    "η": "learning rate",
    "θ": "all weights and biases",
}
