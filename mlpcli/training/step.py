"""One step of gradient descent, shared among a team, and a block of steps.

The rows of a batch are divided for what is done to each example: forward, the loss, the error sent
backward. The parameters are divided for what is done to each of them: the gradient, a sum over
every example, and the update. So no member computes a number that another has, and each keeps its
part of the parameters in its own processor's cache. Where a layer's weights are more than what a
batch brings to it, the first product and the large ones are divided by inputs: a member then reads
the weights that it updates, and no others.

Where steps are too small to be shared, one member trains, and another fills the next block.
"""

import functools

import numpy as np

from mlpcli.nn.arrays import Array, Rows, Share, part_of, shared_zeros
from mlpcli.nn.constraints import MaxNorm, NormClipping
from mlpcli.parallel.workers import Team
from mlpcli.randomness import Purpose, generator
from mlpcli.training.blocks import Filling, Stretch
from mlpcli.training.metrics import RunningMetrics
from mlpcli.training.setup import Setup

BLOCK = 524_288
"""Parameters whose gradient is found, and which are updated, in one go. An epoch of 784-800-800-10,
of whose large layers a member has 320,000 each, takes 1.01 times as long with half as many."""


class Training:
    """The steps of a run, with what they need allocated once.

    The result is a function of the data and of the team's size: every member always gets the same
    rows and the same parameters.

    Attributes:
        team: shares the work; to be entered by whoever runs blocks.
        measured: the figures of the blocks since its last `reset`.
    """

    def __init__(self, setup: Setup, *, steps_done: int = 0, processes: bool | None = None) -> None:
        """Prepare to go on after some steps, of which `setup` has the result."""
        self._setup = setup
        config, network, size = setup.config, setup.network, setup.batches.block_size
        members = setup.threads + setup.fills_ahead
        self._filling = Filling(setup, members, buffers=2 if setup.fills_ahead else 1)
        self._filled: list[Stretch | None] = [None] * members
        self._z: Array = shared_zeros((size, network.sizes[-1]), network.dtype)
        self._delta = Rows(network.sizes[-1], network.dtype)
        self._reserve()
        self._blocks = network.blocks(setup.threads, BLOCK)
        most_norm, most_length = config.optimizer.max_norm, config.optimizer.clip_norm
        self._max_norm = MaxNorm(most_norm, network) if most_norm else None
        self._clipping = NormClipping(most_length) if most_length else None
        # One for every member, because each counts its steps.
        self._optimizers = [setup.optimizer.twin() for _ in range(setup.threads)]
        for optimizer in self._optimizers:
            optimizer.steps = steps_done
        self._share = functools.cache(self._share_of)  # a batch has one of two sizes
        self.measured = RunningMetrics(
            setup.loss, setup.threads, has_classes=setup.training.targets is None
        )
        self.team = Team(members, self._do_block, processes=processes)

    def run_block(self, epoch: int, start: int, stop: int, rate_factor: float = 1.0) -> None:
        """Train on the examples from `start` to `stop` of an epoch's order, batch after batch.

        Args:
            epoch: from 1 on.
            start: a multiple of the batch size.
            stop: at most a block after it.
            rate_factor: what the learning rate is multiplied by.
        """
        self.team.run(epoch, start, stop, rate_factor)

    def first_step_not_finite(self, epoch: int, start: int, stop: int) -> int:
        """The first step of the block just done, counted from 1, whose loss was not finite."""
        _, t = self._filling.arrays(Stretch(epoch, start, stop))
        finite = np.isfinite(self._setup.loss.value(self._z[: len(t)], t))
        return (start + int(finite.argmin())) // self._setup.batches.batch_size + 1

    def _reserve(self) -> None:
        """Allocate every buffer before the team divides, so that its members share them."""
        network, size = self._setup.network, self._setup.batches.batch_size
        running = network.running.copy()
        whole = Share(members=self._setup.threads, by_inputs=self._by_inputs)
        left_over = len(self._setup.training) % size
        for n in (size, left_over) if left_over else (size,):
            network.draw_dropout(n, generator(0, Purpose.DROPOUT))
            x, _ = self._filling.arrays(Stretch(1, 0, n))
            network.forward(x, whole)
            network.send_back(self._delta.first(n), whole)
        network.running[...] = running

    def _do_block(
        self, member: int, epoch: float, start: float, stop: float, rate_factor: float
    ) -> None:
        """One member's part of a block."""
        stretch = Stretch(int(epoch), int(start), int(stop))
        if self._setup.fills_ahead:
            self._train_or_fill_ahead(member, stretch, rate_factor)
        else:
            self._filling.fill(member, stretch, self._rows(member, stretch.stop - stretch.start))
            self.team.meet(member)
            self._train(member, stretch, rate_factor)

    def _train_or_fill_ahead(self, member: int, stretch: Stretch, rate_factor: float) -> None:
        """Member 0 trains on this block while the other fills the next one."""
        fills = member > 0
        if self._filled[member] != stretch:
            if fills:
                self._filling.fill(member, stretch)
            self.team.meet(member)
        self._filled[member] = self._filling.next(stretch)
        if fills:
            self._filling.fill(member, self._filling.next(stretch))
        else:
            self._train(member, stretch, rate_factor)

    def _train(self, member: int, stretch: Stretch, rate_factor: float) -> None:
        """One member's part of the steps of a block."""
        setup = self._setup
        epoch, start, stop = stretch
        n, size = stop - start, setup.batches.batch_size
        x, t = self._filling.arrays(stretch)
        dice = generator(setup.config.seed, Purpose.DROPOUT, epoch, start, member)
        drops = any(setup.network.dropout)
        for step, at in enumerate(range(0, n, size), start // size):
            batch = slice(at, min(at + size, n))
            share = self._share(member, batch.stop - at)
            if drops:
                setup.network.draw_dropout(batch.stop - at, dice, share)
            rate = rate_factor * setup.learning_rate(epoch, step)
            self._step(share, x[batch], t[batch], self._z[batch], rate)
        own = self._rows(member, n)
        self.measured.add(member, self._z[own], t[own])

    def _step(self, share: Share, x: Array, t: Array, z: Array, learning_rate: float) -> None:
        """One member's part of a step; leaves the outputs (B, n_out) before the update in z."""
        network, optimizer = self._setup.network, self._optimizers[share.member]
        rows, own_blocks = share.rows, self._blocks[share.member]
        z[rows] = network.forward(x, share)[rows]
        delta = self._delta.first(len(x))
        own = delta[rows]
        self._setup.loss.delta(z[rows], t[rows], own)
        scale = optimizer.begin_step(learning_rate)
        own *= scale / len(x)
        network.send_back(delta, share)
        share.meet()
        if self._clipping:
            for block in own_blocks:
                network.gradient(block)
            self._clipping.apply(network.grad, own_blocks, scale, share)
        for block in own_blocks:
            if not self._clipping:
                network.gradient(block)
            optimizer.update(network.theta, network.grad, block.part)
        if self._max_norm:
            self._max_norm.apply(own_blocks, share)
        if self._setup.average:
            for block in own_blocks:
                self._setup.average.update(network.theta, block.part, optimizer.steps)
        if self._setup.running_average and share.member == 0:  # which has moved them
            self._setup.running_average.update(network.running, slice(0, 2), optimizer.steps)

    def _share_of(self, member: int, n: int) -> Share:
        """The member's share of a batch of n."""
        rows, members = self._rows(member, n), self._setup.threads
        if members == 1:
            return Share(rows)
        meet = functools.partial(self.team.meet, member)
        return Share(rows, member, members, meet, self._by_inputs)

    @property
    def _by_inputs(self) -> bool:
        """Whether sums and errors go from processor to processor, instead of weights.

        With fewer rows than inputs they are less: an epoch of 784-128-10, batch 64, takes 0.92 of
        the time.
        """
        setup = self._setup
        return setup.threads > 1 and setup.batches.batch_size < setup.network.sizes[0]

    def _rows(self, member: int, n: int) -> slice:
        """The member's rows of n."""
        return part_of(n, member, self._setup.threads)
