"""The steps of gradient descent, by one worker or by several.

Every worker has a replica of the network over the same parameters, and takes its rows of the batch
forward and back. Then all give their rows of each layer's input and error to the others, and each
worker finds the gradient of its shard of the parameters, from the whole batch, and updates it; then
the next step begins.

So a worker writes only the gradient that it uses. The usual way, a whole gradient in each worker
and then a sum (reduce-scatter; Rabenseifner 2004), moves as many numbers as there are parameters
from core to core, and here a batch brings fewer: benchmarks/README.md has the figures.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mlpcli.nn.arrays import Array, Buffer, column_sums, sum_of_squares
from mlpcli.nn.averaging import move_average
from mlpcli.nn.constraints import clip_norm, clip_value, max_norm
from mlpcli.nn.layers import Dense
from mlpcli.nn.optimizers.muon import Muon
from mlpcli.parallel.communicator import Communicator, shard
from mlpcli.parallel.shared_memory import SharedMemory, shared_zeros
from mlpcli.parallel.workers import Workers
from mlpcli.randomness import Purpose, generator
from mlpcli.training.blocks import Block, BlockBuffers, Filler, next_block
from mlpcli.training.metrics import RunningMetrics
from mlpcli.training.setup import Setup

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
        shared = WholeBatch(setup)
        self._replicas = [Replica(setup, each, shared) for each in memory.communicators]
        self._replicas[0].on_step = on_step

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
        replica = self._replicas[rank]
        if not is_filled:
            filler.fill(block, rank, self._size)
            replica.communicator.barrier()
        x, t = self._buffers.arrays(block)
        z = self._z[: len(x)]
        replica.train(block, x, t, z, rate_factor)
        own = shard(len(x), rank, self._size)
        self.metrics.add(rank, self._setup.loss.value(z[own], t[own]), z[own], t[own])


def _largest_sum(setup: Setup) -> int:
    """Return the size of the largest array that workers will add up."""
    sizes = setup.network.sizes
    gram = max(sizes[1:-1], default=0) ** 2 if isinstance(setup.optimizer, Muon) else 0
    return max(*sizes, gram)


class WholeBatch:
    """Each dense layer's inputs and errors for a whole batch, in memory that workers share."""

    def __init__(self, setup: Setup) -> None:
        sizes, dtype = setup.network.sizes, setup.network.dtype
        n = setup.batches.batch_size if setup.workers > 1 else 0  # a single worker needs none
        self.inputs = [shared_zeros((n, n_in), dtype) for n_in in sizes[:-1]]
        self.errors = [shared_zeros((n, n_out), dtype) for n_out in sizes[1:]]


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


class SomeInputs(Dense):
    """A dense layer with only some of the inputs that another one has."""

    def gradient(self) -> None:
        """Write dW and db, from a and delta."""
        # np.dot copies what is some columns of an array; np.matmul reads it where it lies.
        np.matmul(self.a.T, self.delta, out=self.dW)
        column_sums(self.delta, self.db)


@dataclass(frozen=True)
class _LayerShard:
    """A dense layer as one worker updates it: as if it had only some of its inputs."""

    whole: Dense
    shard: Dense
    inputs: slice
    """of the whole layer"""
    chunks: list[_Chunk]


class Replica:
    """One worker's network: takes its rows of each batch through a step.

    Args:
        setup: the run.
        communicator: connects it to the other workers.
        whole_batch: where the workers give each other their rows.

    Attributes:
        on_step: called before each step.
    """

    def __init__(self, setup: Setup, communicator: Communicator, whole_batch: WholeBatch) -> None:
        self._setup, self.communicator, self._whole = setup, communicator, whole_batch
        self.on_step: Callable[[], None] | None = None
        # All workers find the same running means; those of the first are the run's own.
        running = setup.network.running
        self._network = network = setup.network.replica(
            np.zeros_like(setup.network.theta),
            running if communicator.rank == 0 else running.copy(),
        )
        for batch_norm in network.batch_norms:
            batch_norm.total = communicator.total
        self._delta = Buffer(network.sizes[-1], network.dtype)
        self._layers = list(self._layer_shards())
        last = communicator.rank == communicator.size - 1
        after_layers = 0 if self._is_small else network.n_weights
        self._rest = list(self._cut(after_layers, len(network.theta) if last else 0))
        self._chunks = [chunk for layer in self._layers for chunk in layer.chunks] + self._rest

    @property
    def _is_small(self) -> bool:
        """Whether one update of all parameters at once costs less than one for each layer."""
        is_one_piece = len(self._network.theta) <= IN_CACHE and not self._takes_matrices
        return self.communicator.size == 1 and is_one_piece

    @property
    def _takes_matrices(self) -> bool:
        return isinstance(self._setup.optimizer, Muon)

    def _layer_shards(self) -> Iterator[_LayerShard]:
        """Yield this worker's inputs of every dense layer."""
        start, alone = 0, self.communicator.size == 1
        for dense in self._network.dense:
            n_in, n_out = dense.W.shape
            inputs = shard(n_in, self.communicator.rank, self.communicator.size)
            first, last = start + inputs.start * n_out, start + inputs.stop * n_out
            part = SomeInputs(dense.W[inputs], dense.b, dense.dW[inputs], dense.db)
            chunks = [] if self._is_small else list(self._cut(first, last))
            if self._takes_matrices and dense is not self._network.dense[-1]:
                chunks = [self._chunk(slice(first, last), part.W.shape)]
            yield _LayerShard(dense, dense if alone else part, inputs, chunks)
            start += n_in * n_out

    def _cut(self, start: int, stop: int) -> Iterator[_Chunk]:
        """Yield the parameters from `start` to `stop`, in pieces that stay in the cache."""
        for at in range(start, stop, IN_CACHE):
            yield self._chunk(slice(at, min(at + IN_CACHE, stop)))

    def _chunk(self, here: slice, shape: tuple[int, int] | None = None) -> _Chunk:
        setup, network = self._setup, self._network
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
        setup, communicator = self._setup, self.communicator
        batch_size = setup.batches.batch_size
        rng = generator(
            setup.config.seed, Purpose.DROPOUT, block.epoch, block.start, communicator.rank
        )
        for step, at in enumerate(range(0, len(x), batch_size), block.start // batch_size):
            if self.on_step:
                self.on_step()
            batch = slice(at, at + batch_size)
            learning_rate = rate_factor * setup.learning_rate(block.epoch, step)
            self._backpropagate(x[batch], t[batch], z[batch], rng)
            self._update(learning_rate, (block.epoch - 1) * len(setup.batches) + step + 1)

    def _backpropagate(self, x: Array, t: Array, z: Array, rng: np.random.Generator) -> None:
        """Take this worker's rows of a batch forward and back, and give them to all workers."""
        network, communicator = self._network, self.communicator
        own = shard(len(x), communicator.rank, communicator.size)
        network.draw_dropout(own.stop - own.start, rng)
        z[own] = network.forward(x[own])
        delta = self._delta.rows(own.stop - own.start)
        self._setup.loss.delta(z[own], t[own], delta)
        delta /= len(x)
        network.send_back(delta)
        if communicator.size > 1:
            self._give(x, own)

    def _give(self, x: Array, own: slice) -> None:
        """Give this worker's rows of inputs and errors to all; take all rows of its own inputs."""
        layers = zip(self._layers, self._whole.inputs, self._whole.errors, strict=True)
        for layer, inputs, errors in layers:
            a, delta = layer.whole.a, layer.whole.delta
            a = x if a.base is x.base else self.communicator.gather(a, own, inputs[: len(x)])
            layer.shard.a = a[:, layer.inputs]
            layer.shard.delta = self.communicator.gather(delta, own, errors[: len(x)])

    def _update(self, learning_rate: float, t: int) -> None:
        """Update this worker's shard of the parameters; return when all shards are updated."""
        setup, network, communicator = self._setup, self._network, self.communicator
        limits = setup.config.optimizer
        communicator.barrier()
        for layer in reversed(self._layers):  # the errors of the first came last
            layer.shard.gradient()
            if not limits.clip_norm:
                self._take(layer.chunks, learning_rate, t)
        if limits.clip_norm:
            self._clip(limits.clip_norm)
            for layer in self._layers:
                self._take(layer.chunks, learning_rate, t)
        self._take(self._rest, learning_rate, t)
        communicator.barrier()
        if limits.max_norm:
            for dense in network.dense[:-1]:
                columns = shard(dense.W.shape[1], communicator.rank, communicator.size)
                max_norm(dense.W[:, columns], limits.max_norm)
            communicator.barrier()
            for chunk in self._chunks:
                self._average(chunk, t)
        if setup.running_average is not None and communicator.rank == 0:
            move_average(setup.running_average, network.running, setup.decay, t)

    def _clip(self, most: float) -> None:
        """Shorten the gradient, of which each worker has its shard."""
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
