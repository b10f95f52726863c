"""Muon: a step whose matrix is nearly orthogonal."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from mlpcli.nn.arrays import Array, sum_of_squares
from mlpcli.nn.optimizers.adaptive import AdamW

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""a, b and c: a s + b s³ + c s⁵ lifts even a small s, again and again, to between 0.7 and 1.2"""
TIMES = 5
SHORTEST = 1e-7
"""the least length by which a matrix is divided"""

Total = Callable[[Any], Any]
"""completes a sum over the rows of a matrix, if only some of them are at hand"""


class Muon(AdamW):
    """Jordan et al. 2024: momentum, orthogonalised, for each matrix of weights but the last.

    m ← μ m + (1 - μ) g
    u = μ m + (1 - μ) g                      Nesterov's look ahead
    W ← W - 0.2 η √max(n_in, n_out) U Vᵀ     u = U S Vᵀ, its singular value decomposition

    A gradient has a few large singular values, so that a step along it changes the layer's output
    in a few directions only; U Vᵀ has the same directions, each with a singular value of 1. The
    factor makes the numbers of a step about as large as AdamW's, so one η is enough for both (Liu
    et al. 2025).

    AdamW takes the rest: biases, batch normalisation, and the last matrix, whose outputs are
    classes, each a unit that means something by itself. The authors leave the embedding of words
    to it too; the first layer here is no embedding, for every input passes the whole matrix.

    The cost, for n_out ≤ n_in: about 20 n_in n_out² + 10 n_out³ floating-point operations a matrix
    and step, whatever the batch; backpropagation takes 6 n_in n_out an example.

    Args:
        momentum: μ.
        beta1, beta2, epsilon: AdamW's.
    """

    formula = (
        "m ← μ m + (1 − μ) g    u = μ m + (1 − μ) g    u = U S Vᵀ    "
        f"W ← W − 0.2 η √(max(n, k)) U Vᵀ    {AdamW.formula}"
    )
    symbols: ClassVar[Mapping[str, str]] = {"momentum": "μ", **AdamW.symbols}

    def __init__(self, *, momentum: float = 0.95, **settings: float) -> None:
        super().__init__(**settings)
        self.momentum = momentum

    def update_matrix(
        self,
        W: Array,
        g: Array,
        learning_rate: float,
        *vectors: Array,
        total: Total | None = None,
    ) -> None:
        """Change a matrix, or some of its rows, and `vectors` in place, by the formula.

        Args:
            W: weights (n, n_out).
            g: their gradient (n, n_out).
            learning_rate: η.
            vectors: (n, n_out) each, as `vectors` names them.
            total: adds up the sums over all rows, if W is only some of them.
        """
        m, _ = vectors
        m += (1 - self.momentum) * (g - m)
        step = orthogonalized(g + self.momentum * (m - g), total)
        longer = max(len(W) if total is None else total(len(W)), W.shape[1])
        W -= 0.2 * learning_rate * math.sqrt(longer) * step


def orthogonalized(u: Array, total: Total | None = None) -> Array:
    """Return about U Vᵀ (n, n_out) of u = U S Vᵀ (n, n_out), by Newton and Schulz's iteration.

    X ← u / |u|, then five times X ← X (a I + b XᵀX + c (XᵀX)²): a polynomial of X changes its
    singular values alone. Products suit a processor better than the decomposition, and what follows
    needs no more than that all values are about 1.

    Args:
        u: all rows of a matrix, or some of them.
        total: adds up the sums over all rows, if u is only some of them.
    """
    if total is None:
        if u.shape[0] < u.shape[1]:
            return orthogonalized(u.T).T  # XXᵀ is the smaller one
        total = _itself
    X: Array = u / max(math.sqrt(total(sum_of_squares(u))), SHORTEST)
    a, b, c = NEWTON_SCHULZ
    for _ in range(TIMES):
        A = total(X.T @ X)
        X = a * X + X @ (b * A + c * (A @ A))
    return X


def _itself(sums: Any) -> Any:
    return sums
