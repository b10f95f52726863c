"""The three ways to change an output, and what all outputs wish of the layer before.

An output is σ(Σ_i a_i w_ij + b_j). Its bias, its weights and the activations before it can change
it; each should go against its gradient, so with δ_j = dL/dz_j:

    b_j by -δ_j
    w_ij by -a_i δ_j, in proportion to a_i
    a_i by -w_ij δ_j, in proportion to w_ij

Nobody sets an activation, but its wish is what goes on to the layer before: the wishes of all
outputs for a unit add up to -dL/da_i (the "intuition" of Sanderson, "Backpropagation, intuitively",
2017).
"""

from dataclasses import dataclass

from mlpcli.errors import ConfigError
from mlpcli.explaining.prediction import TracedPrediction
from mlpcli.nn.arrays import Array


@dataclass(frozen=True)
class Ways:
    """One output of a traced prediction, and its wishes; what should rise is positive."""

    traced: TracedPrediction
    output: int
    """the class of the output"""
    activations: Array
    """(n,), of the layer before"""
    weights: Array
    """(n,), into the output"""
    bias: float
    of_bias: float
    """-δ"""
    of_weights: Array
    """-a δ (n,)"""
    of_activations: Array
    """-w δ (n,)"""
    wishes: Array
    """of each output for each activation (n, n_out)"""

    @property
    def terms(self) -> Array:
        """What each unit adds to the output's sum (n,)."""
        terms: Array = self.activations * self.weights
        return terms

    @property
    def total(self) -> Array:
        """All outputs' wishes for each activation, added up (n,)."""
        total: Array = self.wishes.sum(axis=1)
        return total


def ways(traced: TracedPrediction, class_name: str) -> Ways:
    """Return the three ways to change the output of a class.

    Raises:
        ConfigError: the network knows no such class, or has no layer before its last.
    """
    if class_name not in traced.class_names:
        raise ConfigError(
            f"--ways {class_name}: the network knows no such class; its classes are "
            f"{', '.join(traced.class_names)}."
        )
    if len(traced.step.layers) == 1:
        raise ConfigError(
            f"--ways {class_name}: this network has no hidden layer, and a wish for a pixel cannot "
            "be granted."
        )
    last = traced.step.layers[-1]
    j, W, a, delta = traced.class_names.index(class_name), last.W.value, last.a_in[0], last.delta[0]
    return Ways(
        traced=traced,
        output=j,
        activations=a,
        weights=W[:, j],
        bias=float(last.b.value[j]),
        of_bias=-float(delta[j]),
        of_weights=-a * delta[j],
        of_activations=-W[:, j] * delta[j],
        wishes=-W * delta,
    )
