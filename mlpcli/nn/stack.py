"""Layers one after the other: forward through all of them, and the error back."""

from collections.abc import Iterable
from typing import NamedTuple

from numpy.random import Generator

from mlpcli.nn.arrays import Array
from mlpcli.nn.layers import BatchNorm, Dense, Dropout, Elementwise, Layer


class Stage(NamedTuple):
    """A dense layer with what belongs to it, in the order in which an example passes through."""

    dropout: Dropout | None
    dense: Dense
    batch_norm: BatchNorm | None
    activation: Elementwise | None
    """None for the identity"""


class Stack:
    """The layers of some stages.

    Args:
        stages: from the input's to the output's.
    """

    def __init__(self, stages: Iterable[Stage]) -> None:
        self.stages = list(stages)
        self.dense = [stage.dense for stage in self.stages]
        self.batch_norms = [stage.batch_norm for stage in self.stages if stage.batch_norm]
        self.layers: list[Layer] = [
            layer for stage in self.stages for layer in stage if layer is not None
        ]
        self._after_the_first_dense = self.layers.index(self.dense[0]) + 1

    def draw_dropout(self, n: int, rng: Generator) -> None:
        """Draw which units are switched off for each of the next `n` examples."""
        for stage in self.stages:
            if stage.dropout:
                stage.dropout.draw(n, rng)

    def forward(self, x: Array) -> Array:
        """x (B, n_in) -> output (B, n_out): logits where there is no output activation.

        The output is a view of a buffer, which the next call overwrites.
        """
        a = x
        for layer in self.layers:
            a = layer.forward(a)
        return a

    def backward(self, delta: Array) -> None:
        """Backpropagation (Rumelhart, Hinton and Williams 1986): write every dW and db.

        Args:
            delta: dL/d(output) (B, n_out) of the last `forward`; it may be overwritten.
        """
        self.send_back(delta)
        for layer in self.dense:
            layer.gradient()

    def send_back(self, delta: Array) -> None:
        """The first half of backpropagation: bring to each dense layer its error dL/dz.

        Nothing asks for the error at the inputs, so the first layer does not compute it.
        """
        for layer in reversed(self.layers[self._after_the_first_dense :]):
            delta = layer.backward(delta)
        self.dense[0].receive(delta)
