"""One step of gradient descent, shared among a team, and a block of steps.

The rows of a batch are divided for what is done to each example: forward, the loss, the error sent
backward. The parameters are divided for what is done to each of them: the gradient, a sum over
every example, and the update. So no member computes a number that another has, and each keeps its
part of the parameters in its own processor's cache.
"""

from functools import lru_cache

from mlpcli.data.augmentation import Augmenter
from mlpcli.nn.arrays import Array, Rows, shared_zeros
from mlpcli.training.metrics import RunningMetrics
from mlpcli.training.setup import Setup
from mlpcli.training.team import Team

BLOCK = 262_144
"""Parameters whose gradient and update are done in one go, so that the update finds the gradient
still in the processor's cache. From 65,536 to everything at once an epoch differs by no more than a
twentieth, from 784-512-512-10 to 784-2500-2000-1500-1000-500-10."""


class Training:
    """The steps of a run, with what they need allocated once.

    The result is a function of the data and of the team's size: every member always gets the same
    rows and the same parameters.

    Attributes:
        team: shares the work; to be entered by whoever runs blocks.
        measured: the figures of the blocks since its last `reset`.
    """

    def __init__(self, setup: Setup, *, processes: bool | None = None) -> None:
        self._setup = setup
        network, size = setup.network, setup.batches.block_size
        self._x: Array = shared_zeros((size, network.sizes[0]), network.dtype)
        self._t: Array = shared_zeros((size, network.sizes[-1]), network.dtype)
        self._z: Array = shared_zeros((size, network.sizes[-1]), network.dtype)
        self._delta = Rows(network.sizes[-1], network.dtype)
        self._reserve(setup.batches.batch_size)
        self._blocks = network.blocks(setup.threads, BLOCK)
        data = setup.config.data
        self._augmenters = [  # one for each, because they have buffers
            Augmenter(data.augmentation, setup.training.image_shape, setup.config.seed)
            for _ in range(setup.threads)
        ]
        self._order = lru_cache(maxsize=1)(setup.batches.order)
        self.measured = RunningMetrics(setup.loss, setup.threads)
        self.team = Team(setup.threads, self._do_block, processes=processes)

    def run_block(self, epoch: int, start: int, stop: int) -> None:
        """Train on the examples from `start` to `stop` of an epoch's order, batch after batch.

        `start` is a multiple of the batch size, and `stop - start` at most a block.
        """
        self.team.run(epoch, start, stop)

    def learning_rate(self, epoch: int, step: int) -> float:
        """The learning rate of a step, counted from 0, of an epoch, counted from 1."""
        setup = self._setup
        middle_of_step = epoch - 1 + (step + 0.5) / len(setup.batches)
        share = setup.schedule(middle_of_step, setup.config.training.epochs)
        return setup.config.optimizer.learning_rate * share

    def _reserve(self, batch_size: int) -> None:
        """Allocate every buffer before the team divides, so that its members share them."""
        network = self._setup.network
        network.forward(self._x[:batch_size])
        network.send_back(self._delta.first(batch_size))

    def _do_block(self, member: int, epoch: float, start: float, stop: float) -> None:
        """One member's part of a block."""
        setup, meet = self._setup, self.team.meet
        batches, size = setup.batches, setup.batches.batch_size
        indices = self._order(int(epoch))[int(start) : int(stop)]
        n = len(indices)
        own = self._share(member, n)
        augmenter = self._augmenters[member]
        batches.fill(indices[own], int(epoch), augmenter, self._x[own], self._t[own])
        meet(member)
        first_step = int(start) // size
        for step, at in enumerate(range(0, n, size), first_step):
            batch = slice(at, min(at + size, n))
            rate = self.learning_rate(int(epoch), step)
            self._step(member, self._x[batch], self._t[batch], self._z[batch], rate)
        self.measured.add(member, self._z[own], self._t[own])

    def _step(self, member: int, x: Array, t: Array, z: Array, learning_rate: float) -> None:
        """One member's part of a step; leaves the outputs (B, n_out) before the update in z."""
        network, optimizer = self._setup.network, self._setup.optimizer
        rows = self._share(member, len(x))
        z[rows] = network.forward(x, rows)[rows]
        delta = self._delta.first(len(x))
        own = delta[rows]
        self._setup.loss.delta(z[rows], t[rows], own)
        own *= optimizer.gradient_scale(learning_rate) / len(x)
        network.send_back(delta, rows)
        self.team.meet(member)
        for block in self._blocks[member]:
            network.gradient(block)
            optimizer.update(network.theta, network.grad, learning_rate, block.part)
        self.team.meet(member)

    def _share(self, member: int, n: int) -> slice:
        """The member's rows of n."""
        size = self.team.size
        return slice(n * member // size, n * (member + 1) // size)
