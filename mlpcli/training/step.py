"""One step of gradient descent, shared among a team.

The gradient of a batch is the sum of those of its parts. So each member runs forward and backward
on its own rows of the batch, through the same parameters but with buffers and a gradient of its
own; then each adds up and updates its own stretch of the parameters.
"""

import numpy as np

from mlpcli.nn.arrays import Array, Labels
from mlpcli.nn.network import MLP
from mlpcli.training.setup import Setup
from mlpcli.training.team import Team


class TrainingStep:
    """The step, with what it needs allocated once.

    The result is a function of the data and of the team's size: every member always gets the same
    rows and the same stretch, and the gradients are added in the same order.
    """

    def __init__(self, setup: Setup, team: Team) -> None:
        self._team = team
        self._loss = setup.loss
        self._optimizer = setup.optimizer
        self._networks: list[MLP] = [setup.network]
        self._networks += [setup.network.twin() for _ in range(team.size - 1)]
        self._deltas = [
            np.empty((setup.batches.batch_size, setup.network.sizes[-1]), setup.network.dtype)
            for _ in self._networks
        ]
        self._stretches = setup.optimizer.stretches(team.size)

    def take(self, x: Array, y: Labels, learning_rate: float) -> list[tuple[Array, Labels]]:
        """Forward, backward, update.

        Args:
            x: inputs (B, n_in).
            y: labels (B,).
            learning_rate: the size of the step.

        Returns:
            Outputs and labels before the update, a pair for each member that had rows: together
            the batch. The next step overwrites them.
        """
        size, batch = self._team.size, len(y)
        rows = [slice(batch * i // size, batch * (i + 1) // size) for i in range(size)]
        members = [i for i in range(size) if rows[i].start < rows[i].stop]
        outputs: dict[int, Array] = {}

        def find_gradient(member: int) -> None:
            if member in members:
                own = rows[member]
                share = (own.stop - own.start) / batch
                outputs[member] = self._gradient(member, x[own], y[own], share)

        def update(member: int) -> None:
            self._update(self._stretches[member], members, learning_rate)

        self._team.run(find_gradient)
        self._team.run(update)
        return [(outputs[i], y[rows[i]]) for i in members]

    def _gradient(self, member: int, x: Array, y: Labels, share: float) -> Array:
        """Fill the member's gradient with its share of the batch's; returns the outputs."""
        network, delta = self._networks[member], self._deltas[member][: len(y)]
        z = network.forward(x)
        self._loss.delta(z, y, delta)
        if share < 1:
            delta *= share
        network.backward(delta)
        return z

    def _update(self, stretch: list[slice], members: list[int], learning_rate: float) -> None:
        theta = self._networks[0].theta
        first, *others = (self._networks[i].grad for i in members)
        for block in stretch:
            for other in others:
                first[block] += other[block]
            self._optimizer.update(theta, first, learning_rate, block)
