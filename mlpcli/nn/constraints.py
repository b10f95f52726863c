"""What is done to a whole gradient or to whole units, of which each member has a part."""

import math
from collections.abc import Sequence

import numpy as np

from mlpcli.nn.arrays import Array, Share, shared_zeros, sum_of_squares
from mlpcli.nn.layers import MOST_MEMBERS, Dense
from mlpcli.nn.network import MLP, Block


class NormClipping:
    """A gradient longer than `most` is shortened to that length (Pascanu, Mikolov, Bengio 2013).

    One step from a cliff of the loss would otherwise throw the parameters far away.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self._parts: Array = shared_zeros((MOST_MEMBERS, 1), np.float64)

    def apply(self, grad: Array, blocks: Sequence[Block], scale: float, share: Share) -> None:
        """Shorten the gradient, of which each member has its blocks.

        Args:
            grad: the gradient (P,), times `scale`.
            blocks: the member's.
            scale: the factor in it, which is left out of its length.
            share: the member.
        """
        own = sum(float(np.vdot(grad[b.part], grad[b.part])) for b in blocks)
        if not math.isfinite(own):  # rare: so only then in float64, which is slower
            own = sum(sum_of_squares(grad[b.part]) for b in blocks)
        length = math.sqrt(share.total(self._parts, np.array([own]))[0])
        if length > self.most * scale:
            for block in blocks:
                grad[block.part] *= self.most * scale / length


class MaxNorm:
    """The weights into a hidden unit are no longer than `most` (Srivastava et al. 2014).

    Longer ones are shortened after each step, so that a large learning rate cannot blow them up.
    """

    def __init__(self, most: float, network: MLP) -> None:
        self.most = most
        self._parts = {
            layer: shared_zeros((MOST_MEMBERS, layer.W.shape[1]), network.dtype)
            for layer in network.dense[:-1]
        }

    def apply(self, blocks: Sequence[Block], share: Share) -> None:
        """Shorten the weights of every hidden unit, of which each member has some rows."""
        own = [part for block in blocks for part in block.weights if part[0] in self._parts]
        squares: dict[Dense, Array] = {
            layer: np.zeros(parts.shape[1], parts.dtype) for layer, parts in self._parts.items()
        }
        for layer, rows in own:
            squares[layer] += np.einsum("ij,ij->j", layer.W[rows], layer.W[rows])
        for layer, parts in self._parts.items():
            parts[share.member] = squares[layer]
        share.meet()
        for layer, rows in own:
            length = np.sqrt(self._parts[layer][: share.members].sum(axis=0))
            factor = self.most / np.maximum(length, self.most)
            layer.W[rows] *= factor
