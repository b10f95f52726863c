"""Is the gradient right? Backpropagation against centred differences.

(L(θ + h) - L(θ - h)) / 2h differs from dL/dθ by a term in h², and needs nothing but the forward
pass: whatever is wrong in a backward pass shows. In float64 a smooth network agrees to better than
1e-7; a ReLU does so away from its kink.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array, Labels
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP

STEP = 1e-5  # the error of the difference, h² · L''', meets the rounding of L, 1e-16/h, near here
WIDE_STEP = 1e-3  # likewise for differences of fourth order, in a network without kinks
ROUNDING = 10 * float(np.finfo(np.float64).eps)
"""relative error, on the safe side, of a loss in float64"""
VANISHED = 1e-6
"""relative error that rounding may make from which on a gradient is too small for differences"""


def centred_differences(
    network: MLP, loss: Loss, x: Array, t: Array, step: float = STEP
) -> tuple[Array, NDArray[np.bool_]]:
    """Return (L(θ + h) - L(θ - h)) / 2h for each parameter (P,), and which cross a kink (P,).

    Each takes two forward passes.

    Args:
        network: its parameters are moved, and put back.
        loss: L is its mean.
        x: inputs (B, n_in).
        t: targets (B, n_out).
        step: h.
    """
    gradient, crossed = np.empty_like(network.theta), np.empty(len(network.theta), bool)
    for i, value in enumerate(network.theta.copy()):
        network.theta[i] = value + step
        above, side = _loss_and_sides(network, loss, x, t)
        network.theta[i] = value - step
        below, other_side = _loss_and_sides(network, loss, x, t)
        network.theta[i] = value
        gradient[i] = (above - below) / (2 * step)
        crossed[i] = not np.array_equal(side, other_side)
    return gradient, crossed


def backpropagated_gradient(network: MLP, loss: Loss, x: Array, t: Array) -> Array:
    """Return the gradient of the mean loss by backpropagation (P,)."""
    z = network.forward(x)
    delta = np.empty_like(z)
    loss.delta(z, t, delta)
    delta /= len(delta)
    network.backward(delta)
    return network.grad.copy()


def relative_error(a: Array, b: Array) -> float:
    """Return |a - b| / (|a| + |b|), where |a| is the length of a vector; 0 where both are 0."""
    scale = float(np.linalg.norm(a) + np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / scale if scale else 0.0


def rounding_error(loss: float, step: float, n: int) -> float:
    """Return the length of the error that rounding may make in `n` differences of a loss.

    A gradient that is no longer than this has vanished: no difference of this step can check it.
    """
    return ROUNDING * (abs(loss) / step + 1) * math.sqrt(n)


@dataclass(frozen=True)
class LayerCheck:
    """How well both gradients of one layer agree."""

    number: int
    """from 1 on"""
    activation: str
    """after it"""
    shape: tuple[int, int]
    """of W"""
    parameters: int
    """of the layer: weights, biases and those of batch normalisation"""
    checked: int
    """parameters that were compared"""
    at_a_kink: int
    """parameters left out, because the step leads across the kink of an activation"""
    relative_error: float
    rounding: float
    """the relative error that rounding alone may make: large where the gradient has vanished"""

    @property
    def is_too_small(self) -> bool:
        """Whether the gradient is too small for differences, and they show nothing else."""
        return self.rounding > VANISHED and self.relative_error <= self.rounding

    def passes(self, tolerance: float) -> bool:
        """Return whether the gradients agree, or cannot be compared; not if an error is nan."""
        return self.relative_error <= tolerance or self.is_too_small


def check_layers(network: MLP, loss: Loss, x: Array, t: Array, most: int) -> list[LayerCheck]:
    """Compare both gradients, layer by layer, at a random sample of each layer's parameters.

    W, b, γ and β are sampled separately: the many weights must not crowd out the others, or a
    wrong gradient of the biases would pass.

    The differences are of fourth order, (8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / 12h, wrong by
    h⁴ · L'''''/30: the wider step that they allow drowns less of a small gradient in rounding.

    Args:
        network: in float64; its parameters are moved, and put back.
        loss: the gradient is that of its mean.
        x: inputs (B, n_in).
        t: targets (B, n_out).
        most: parameters of a layer that are compared, all its arrays together.
    """
    found = backpropagated_gradient(network, loss, x, t)
    names, step = network.activations, _step(network, loss)
    at, _ = _loss_and_sides(network, loss, x, t)
    rng = np.random.default_rng(0)
    checks = []
    for i, arrays in enumerate(_positions(network)):
        sample = _sample(arrays, most, rng)
        expected, smooth = _differences(network, loss, x, t, sample, step)
        both = found[sample[smooth]], expected[smooth]
        length = sum(float(np.linalg.norm(each)) for each in both)
        rounding = rounding_error(at, step, int(smooth.sum()))
        checks.append(
            LayerCheck(
                number=i + 1,
                activation=names[i],
                shape=network.dense[i].W.shape,
                parameters=sum(map(len, arrays)),
                checked=int(smooth.sum()),
                at_a_kink=int(len(smooth) - smooth.sum()),
                relative_error=relative_error(*both),
                rounding=rounding / length if length else 0.0,
            )
        )
    return checks


def _positions(network: MLP) -> list[list[Labels]]:
    """Return, for each layer, the places in theta of its W, its b and any γ and β."""
    views = network.layout.views(np.arange(len(network.theta), dtype=np.float64))
    return [[each.ravel().astype(np.intp) for each in layer.values()] for layer in views]


def _sample(arrays: list[Labels], most: int, rng: np.random.Generator) -> Labels:
    """Return at most `most` numbers, as evenly from all arrays as their lengths allow."""
    chosen = []
    for done, each in enumerate(sorted(arrays, key=len)):
        fair = most // (len(arrays) - done)
        chosen.append(rng.choice(each, min(fair, len(each)), replace=False))
        most -= len(chosen[-1])
    return np.sort(np.concatenate(chosen))


def _step(network: MLP, loss: Loss) -> float:
    """Return the step of differences of fourth order, which is narrow where kinks may be near."""
    has_kink = loss.has_kink or any(ACTIVATIONS[name].has_kink for name in network.activations)
    return STEP if has_kink else WIDE_STEP


def _differences(
    network: MLP, loss: Loss, x: Array, t: Array, sample: Labels, step: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Return the differences of the parameters in `sample` (n,), and which cross no kink (n,)."""
    differences = np.empty(len(sample))
    smooth = np.empty(len(sample), bool)
    for at, i in enumerate(sample):
        value = float(network.theta[i])
        losses, sides = [], []
        for steps in (1, -1, 2, -2):
            network.theta[i] = value + steps * step
            found, side = _loss_and_sides(network, loss, x, t)
            losses.append(found)
            sides.append(side)
        network.theta[i] = value
        near, far = losses[0] - losses[1], losses[2] - losses[3]
        differences[at] = (8 * near - far) / (12 * step)
        smooth[at] = all(np.array_equal(side, sides[0]) for side in sides)
    return differences, smooth


def _loss_and_sides(
    network: MLP, loss: Loss, x: Array, t: Array
) -> tuple[float, NDArray[np.bool_]]:
    """Return the mean loss, and which units whose activation or loss has a kink are above it."""
    z = network.forward(x)
    after = zip(network.activations, [*(layer.a for layer in network.dense[1:]), z], strict=True)
    sides = [a.ravel() > 0 for name, a in after if ACTIVATIONS[name].has_kink]
    if loss.has_kink:
        sides.append(z.ravel() > 0)
    return float(loss.value(z, t).mean()), np.concatenate([np.zeros(0, bool), *sides])
