"""Whether a network begins where it cannot learn: σ' near 0 for nearly all units and examples.

The error that backpropagation sends back is multiplied by σ' at each unit. Where inputs are large,
or weights, sigmoids and tanh are flat there, and units of ReLU may be off for every example.
"""

import numpy as np

from mlpcli.training.setup import Setup

FLAT = 0.01
"""slope below which less than a hundredth of the error passes"""
NEARLY_ALL = 0.9
"""share of flat slopes in a layer from which on it hardly learns"""
EXAMPLES = 256


def saturated_start(setup: Setup) -> str:
    """Return a warning with what to do if a layer begins saturated; otherwise an empty text."""
    if setup.network.batch_norms:  # which keeps the sums where they can learn
        return ""
    network = setup.network.for_prediction()
    a, _ = setup.spread_examples(EXAMPLES)
    largest = float(np.abs(a).max())
    with np.errstate(over="ignore", invalid="ignore"):
        for number, stage in enumerate(network.stages, 1):
            a = z = stage.dense.forward(a)
            if stage.activation is None:
                continue
            a = stage.activation.forward(z)
            slope = np.ones_like(z)
            stage.activation.activation.derivative(z, a, slope)
            flat = float(np.mean(np.abs(slope) < FLAT))
            if flat >= NEARLY_ALL:
                return _warning(setup, number, flat, largest)
    return ""


def _warning(setup: Setup, layer: int, flat: float, largest: float) -> str:
    return (
        f"Warning: layer {layer} begins saturated: for {100 * flat:.0f} % of its units and "
        f"examples the slope σ′ is below {FLAT:g}, so next to no error passes it, and the layers "
        f"up to it learn next to nothing. Try {', or '.join(_tries(setup, layer, largest))}."
    )


def _tries(setup: Setup, layer: int, largest: float) -> list[str]:
    """Return what may help a layer, from 1 on, where the largest input is `largest`."""
    names = setup.network.activations
    name, is_last = names[layer - 1], layer == len(names)
    key = "network.output_activation" if is_last else "network.activation"
    if name == "step":
        return [f"another activation than step, whose slope is 0 everywhere ({key})"]
    tries = []
    data = setup.config.data
    if largest > 10 and data.normalization != "standardize":
        tries.append(
            f"smaller inputs, of which the largest is {largest:g} (data.normalization=standardize)"
        )
    tries.append("smaller weights (network.initializer=xavier_normal or he_normal)")
    if name in ("sigmoid", "tanh", "relu"):
        other = "identity" if is_last else "leaky_relu"
        tries.append(f"another activation than {name}, such as {other} ({key})")
    return tries
