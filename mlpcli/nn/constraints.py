"""Limits on the gradient, and on the weights into a unit. Each changes its array in place."""

import numpy as np

from mlpcli.nn.arrays import Array


def clip_value(g: Array, most: float) -> None:
    """g ← max(-c, min(g, c)), number by number, with c = `most`."""
    np.clip(g, -most, most, out=g)


def clip_norm(g: Array, norm: float, most: float) -> None:
    """g ← g min(1, c / |g|), with c = `most` (Pascanu, Mikolov and Bengio 2013).

    One step from a cliff of the loss would otherwise throw the parameters far away.

    Args:
        g: the gradient (P,), or a slice of it.
        norm: |g|, the Euclidean norm of the whole gradient.
        most: c, the largest norm it may have.
    """
    if norm > most:
        g *= most / norm


def max_norm(W: Array, most: float) -> None:
    """w ← w min(1, c / |w|) for each column w of W, with c = `most` (Srivastava et al. 2014).

    A column holds the weights into one unit. A large learning rate cannot blow them up.
    """
    norms = np.sqrt(np.einsum("ij,ij->j", W, W))
    W *= most / np.maximum(norms, most)
