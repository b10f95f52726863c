"""The steps of gradient descent, by one worker or by several.

Every worker has some units of every layer (`sharded.py`). It takes all examples of a batch through
them, forward and back, finds the gradient of its weights, and updates them; then the next step
begins. So no worker reads a weight that another one has written, which costs more than the
arithmetic where a batch has fewer examples than a layer has units: benchmarks/README.md has the
figures.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mlpcli.nn.arrays import Array, Buffer, flush_subnormals, sum_of_squares
from mlpcli.nn.averaging import move_average
from mlpcli.nn.constraints import clip_norm, clip_value, max_norm
from mlpcli.nn.optimizers.muon import Muon
from mlpcli.nn.stack import Stack
from mlpcli.parallel.communicator import Communicator, shard
from mlpcli.parallel.shared_memory import SharedMemory, shared_zeros
from mlpcli.parallel.workers import Workers
from mlpcli.randomness import Purpose, generator
from mlpcli.training.blocks import Block, BlockBuffers, Filler, next_block
from mlpcli.training.metrics import RunningMetrics
from mlpcli.training.setup import Setup
from mlpcli.training.sharded import Exchange, ShardedNetwork, updates_biases

IN_CACHE = 32_768
"""parameters that go through all operations of an update together: with their gradient and a
vector or two of the optimizer they stay in a cache of 1 MB"""


class Training:
    """The steps of a run, with what they need allocated once.

    The result is a function of the data and of the number of workers: every worker always gets the
    same rows and the same shard.

    Args:
        setup: the run.
        prefetch: whether another worker fills the next block meanwhile; None as `setup` says.
        processes: whether workers are processes; None for wherever that is possible.
        on_step: called before each step, while `setup.network.theta` is as the last one left it.

    Attributes:
        workers: a context; blocks run inside it.
        metrics: of the epoch so far.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        prefetch: bool | None = None,
        processes: bool | None = None,
        on_step: Callable[[], None] | None = None,
    ) -> None:
        self._setup, self._size = setup, setup.workers
        self._prefetches = setup.prefetch if prefetch is None else prefetch
        self._prefetched: Block | None = None
        self.metrics = RunningMetrics(self._size, has_classes=setup.training.targets is None)
        self.workers = Workers(self._size + self._prefetches, self._work, processes=processes)
        self._buffers = BlockBuffers(setup, count=1 + self._prefetches)
        self._fillers = [Filler(setup, self._buffers) for _ in range(self.workers.size)]
        n_out = setup.network.sizes[-1]
        self._z: Array = shared_zeros((setup.batches.block_size, n_out), setup.network.dtype)
        memory = SharedMemory(self._size, _largest_sum(setup), self.workers.check)
        exchange = None
        if self._size > 1:
            exchange = Exchange(setup.network, setup.batches.batch_size, self._size)
        self._parts = [Part(setup, each, exchange) for each in memory.communicators]
        self._parts[0].on_step = on_step

    def run_block(self, block: Block, rate_factor: float = 1.0) -> None:
        """Train on a block, batch after batch.

        Args:
            block: the next one, or the first of this object.
            rate_factor: multiplies the learning rate.
        """
        self.workers.run(block, rate_factor, block == self._prefetched)
        if self._prefetches:
            self._prefetched = next_block(block, self._setup.batches)

    def first_step_not_finite(self, block: Block) -> int:
        """Return the first step of the block just done, from 1 on, whose loss was not finite."""
        _, t = self._buffers.arrays(block)
        finite = np.isfinite(self._setup.loss.value(self._z[: len(t)], t))
        return (block.start + int(finite.argmin())) // self._setup.batches.batch_size + 1

    def _work(self, rank: int, block: Block, rate_factor: float, is_filled: bool) -> None:
        """Do one worker's part of a block."""
        filler = self._fillers[rank]
        if rank == self._size:
            filler.fill(next_block(block, self._setup.batches))
            return
        part = self._parts[rank]
        if not is_filled:
            filler.fill(block, rank, self._size)
            part.communicator.barrier()
        x, t = self._buffers.arrays(block)
        z = self._z[: len(x)]
        part.train(block, x, t, z, rate_factor)
        own = shard(len(x), rank, self._size)
        self.metrics.add(rank, self._setup.loss.value(z[own], t[own]), z[own], t[own])


def _largest_sum(setup: Setup) -> int:
    """Return the size of the largest array that workers will add up."""
    sizes = setup.network.sizes
    return max(sizes[1:-1], default=0) ** 2 if isinstance(setup.optimizer, Muon) else 1


@dataclass(frozen=True)
class _Chunk:
    """What an update reads and writes together, because it stays in the cache."""

    theta: Array
    g: Array
    vectors: list[Array]
    """of the optimizer"""
    place: slice
    """in theta"""
    w: Array
    """its weights"""
    dw: Array
    w_vectors: list[Array]
    shape: tuple[int, int] | None
    """(n, n_out), where these are rows of a matrix that the optimizer takes as a whole"""


class Part:
    """One worker's part of each step.

    Args:
        setup: the run.
        communicator: connects the worker to the others.
        exchange: what they give each other of a batch; None for a single worker.

    Attributes:
        on_step: called before each step.
    """

    def __init__(self, setup: Setup, communicator: Communicator, exchange: Exchange | None) -> None:
        self._setup, self.communicator = setup, communicator
        self.on_step: Callable[[], None] | None = None
        whole = setup.network
        self._network: Stack = whole
        if exchange is not None:
            self._network = ShardedNetwork(whole, communicator, exchange)
        self._delta = Buffer(whole.sizes[-1], whole.dtype)
        self._inputs = self._own(whole.sizes[0])
        weights = [[] if self._is_small else chunks for chunks in self._chunks_of_weights()]
        self._layers = list(zip(self._network.dense, weights, strict=True))
        rest = slice(0 if self._is_small else whole.n_weights, len(whole.theta))
        self._rest = list(self._cut(rest)) if updates_biases(communicator) else []
        self._chunks = [*itertools.chain(*weights), *self._rest]

    @property
    def _is_small(self) -> bool:
        """Whether one update of all parameters at once costs less than one for each layer."""
        is_one_piece = len(self._setup.network.theta) <= IN_CACHE and not self._takes_matrices
        return self.communicator.size == 1 and is_one_piece

    @property
    def _takes_matrices(self) -> bool:
        return isinstance(self._setup.optimizer, Muon)

    def _own(self, n: int) -> slice:
        """Return which of n things are this worker's."""
        return shard(n, self.communicator.rank, self.communicator.size)

    def _chunks_of_weights(self) -> Iterator[list[_Chunk]]:
        """Yield those of this worker's weights, layer by layer."""
        start, whole = 0, self._setup.network
        for dense in whole.dense:
            n_in, n_out = dense.W.shape
            inputs = self._own(n_in)
            here = slice(start + inputs.start * n_out, start + inputs.stop * n_out)
            if self._takes_matrices and dense is not whole.dense[-1]:
                yield [self._chunk(here, (inputs.stop - inputs.start, n_out))]
            else:
                yield list(self._cut(here))
            start += n_in * n_out

    def _cut(self, here: slice) -> Iterator[_Chunk]:
        """Yield some of the parameters in pieces that stay in the cache."""
        for start in range(here.start, here.stop, IN_CACHE):
            yield self._chunk(slice(start, min(start + IN_CACHE, here.stop)))

    def _chunk(self, here: slice, shape: tuple[int, int] | None = None) -> _Chunk:
        setup, network = self._setup, self._setup.network
        weights = slice(here.start, max(here.start, min(here.stop, network.n_weights)))
        return _Chunk(
            theta=network.theta[here],
            g=network.grad[here],
            vectors=[vector[here] for vector in setup.vectors.values()],
            place=here,
            w=network.theta[weights],
            dw=network.grad[weights],
            w_vectors=[vector[weights] for vector in setup.vectors.values()],
            shape=shape,
        )

    def train(self, block: Block, x: Array, t: Array, z: Array, rate_factor: float) -> None:
        """Take the steps of a block.

        Args:
            block: of an epoch.
            x: its inputs (n, n_in).
            t: its targets (n, n_out).
            z: where the outputs (n, n_out) go, each from before its step.
            rate_factor: multiplies the learning rate.
        """
        setup, rank = self._setup, self.communicator.rank
        batch_size, steps_per_epoch = setup.batches.batch_size, len(setup.batches)
        rng = generator(setup.config.seed, Purpose.DROPOUT, block.epoch, block.start, rank)
        for step, at in enumerate(range(0, len(x), batch_size), block.start // batch_size):
            if self.on_step:
                self.on_step()
            batch = slice(at, at + batch_size)
            learning_rate = rate_factor * setup.learning_rate(block.epoch, step)
            self._backpropagate(x[batch], t[batch], z[batch], rng)
            self._update(learning_rate, (block.epoch - 1) * steps_per_epoch + step + 1)
        for chunk in self._chunks:
            for vector in chunk.vectors:
                flush_subnormals(vector)

    def _backpropagate(self, x: Array, t: Array, z: Array, rng: np.random.Generator) -> None:
        """Take a batch through this worker's units, forward and back."""
        network, n = self._network, len(x)
        network.draw_dropout(n, rng)
        outputs = network.forward(x[:, self._inputs])
        examples = self._own(n)
        z[examples] = outputs[examples]
        delta = self._delta.rows(n)
        self._setup.loss.delta(outputs, t, delta)
        delta /= n
        network.send_back(delta)

    def _update(self, learning_rate: float, t: int) -> None:
        """Update this worker's parameters; return when every worker has updated its own."""
        setup, network, communicator = self._setup, self._setup.network, self.communicator
        limits = setup.config.optimizer
        for dense, chunks in reversed(self._layers):  # the errors of the first came last
            dense.gradient()
            if not limits.clip_norm:
                self._take(chunks, learning_rate, t)
        if limits.clip_norm:
            self._clip(limits.clip_norm)
            for _, chunks in self._layers:
                self._take(chunks, learning_rate, t)
        self._take(self._rest, learning_rate, t)
        communicator.barrier()
        if limits.max_norm:
            for whole in network.dense[:-1]:
                max_norm(whole.W[:, self._own(whole.W.shape[1])], limits.max_norm)
            communicator.barrier()
            for chunk in self._chunks:
                self._average(chunk, t)
        if setup.running_average is not None and communicator.rank == 0:
            move_average(setup.running_average, network.running, setup.decay, t)

    def _clip(self, most: float) -> None:
        """Shorten the gradient, of which each worker has some."""
        squares = sum(sum_of_squares(chunk.g) for chunk in self._chunks)
        norm = math.sqrt(self.communicator.total(float(squares)))
        for chunk in self._chunks:
            clip_norm(chunk.g, norm, most)

    def _take(self, chunks: list[_Chunk], learning_rate: float, t: int) -> None:
        """Take the optimizer's step for some chunks, whose gradient is known."""
        optimizer, limits = self._setup.optimizer, self._setup.config.optimizer
        for chunk in chunks:
            if limits.clip_value:
                clip_value(chunk.g, limits.clip_value)
            optimizer.penalize(chunk.w, chunk.dw, learning_rate, *chunk.w_vectors)
            if chunk.shape is not None and isinstance(optimizer, Muon):
                W, dW, *vectors = (
                    each.reshape(chunk.shape) for each in (chunk.theta, chunk.g, *chunk.vectors)
                )
                total = self.communicator.total if self.communicator.size > 1 else None
                optimizer.update_matrix(W, dW, learning_rate, *vectors, total=total)
            else:
                optimizer.update(chunk.theta, chunk.g, learning_rate, t, *chunk.vectors)
            if not limits.max_norm:  # now, while it is in the cache
                self._average(chunk, t)

    def _average(self, chunk: _Chunk, t: int) -> None:
        """Move the averaged parameters of a chunk after its step `t`."""
        setup = self._setup
        if setup.average is not None:
            move_average(setup.average[chunk.place], chunk.theta, setup.decay, t)
