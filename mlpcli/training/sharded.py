"""A network divided among workers, each of which has some units of every layer.

A worker has the weights out of its units, and in a step only it reads and writes them (tensor
parallelism; Shoeybi et al. 2019 divide the layers of a transformer so), but for `max_norm`. What
the workers exchange is as large as a batch: what each adds to the sums, on the way forward, and
errors, on the way back.
"""

from collections.abc import Iterator

import numpy as np

from mlpcli.nn.arrays import Array, column_sums, product_over_rows
from mlpcli.nn.layers import Dense
from mlpcli.nn.network import MLP
from mlpcli.nn.stack import Stack, Stage
from mlpcli.parallel.communicator import Communicator, shard
from mlpcli.parallel.shared_memory import shared_zeros


class Exchange:
    """What the workers give each other of a batch, in memory that they share.

    Args:
        network: the whole.
        n: number of examples in the largest batch.
        workers: their number.

    Attributes:
        terms: of each dense layer, what each worker adds to all sums (workers, n, n_out).
        errors: of each dense layer but the last, dL/dz of all units (n, n_out).
    """

    def __init__(self, network: MLP, n: int, workers: int) -> None:
        sizes, dtype = network.sizes[1:], network.dtype
        self.terms = [shared_zeros((workers, n, n_out), dtype) for n_out in sizes]
        self.errors = [shared_zeros((n, n_out), dtype) for n_out in sizes[:-1]]


class ShardedDense(Dense):
    """The inputs and the units of a dense layer that belong to one worker.

    Forward, z_nj = Σ_i a_ni W_ij + b_j, where i passes through the inputs of one worker after the
    other: each computes its part of all sums, and adds up all parts of its own units' sums.

    Backward, each gets dL/dz of all units. With that it finds dL/da of its own inputs and the
    gradient of their weights, as any dense layer does.

    Args:
        whole: the layer of the network.
        inputs: this worker's.
        units: this worker's.
        communicator: connects it to the other workers.
        terms: where the parts of the sums are (workers, n, n_out).
    """

    def __init__(
        self, whole: Dense, inputs: slice, units: slice, communicator: Communicator, terms: Array
    ) -> None:
        super().__init__(whole.W[inputs], whole.b[units], whole.dW[inputs], whole.db[units])
        self._units, self._communicator, self._terms = units, communicator, terms

    def forward(self, a: Array) -> Array:
        """a (B, own inputs) -> z (B, own units)."""
        self.a = a
        terms = self._terms[:, : len(a)]
        np.matmul(a, self.W, out=terms[self._communicator.rank])
        self._communicator.barrier()
        z = self._z.rows(len(a))
        np.add.reduce(terms[:, :, self._units], axis=0, out=z)
        z += self.b
        return z

    def backward(self, delta: Array) -> Array:
        """delta (B, own units) -> dL/da (B, own inputs)."""
        self.receive(delta)
        da = self._da.rows(len(delta))
        np.matmul(self.delta, self.W.T, out=da)
        return da

    def gradient(self) -> None:
        """Write dW of the own inputs, from a and delta; `receive` has written db."""
        product_over_rows(self.a, self.delta, self.dW)


class ShardedHidden(ShardedDense):
    """A hidden layer: each worker has some of the units, and gets the errors of the others.

    Args:
        errors: where dL/dz of all units is (n, n_out).
    """

    def __init__(
        self,
        whole: Dense,
        inputs: slice,
        units: slice,
        communicator: Communicator,
        terms: Array,
        errors: Array,
    ) -> None:
        super().__init__(whole, inputs, units, communicator, terms)
        self._errors = errors

    def receive(self, delta: Array) -> None:
        """Give delta (B, own units) to all workers, and keep that of all units for `gradient`."""
        column_sums(delta, self.db)
        self.delta = self._errors[: len(delta)]
        self.delta[:, self._units] = delta
        self._communicator.barrier()


class ShardedOutput(ShardedDense):
    """The output layer: each worker has all units, which are few, for the loss takes them together.

    Only the worker that updates the biases writes db.
    """

    def receive(self, delta: Array) -> None:
        """Keep delta (B, n_out) for `gradient`."""
        self.delta = delta
        if updates_biases(self._communicator):
            column_sums(delta, self.db)


def updates_biases(communicator: Communicator) -> bool:
    """Return whether this is the worker that updates all parameters but the weights."""
    return communicator.rank == communicator.size - 1


class ShardedNetwork(Stack):
    """One worker's units of every layer.

    Its `forward` takes the worker's inputs (B, own) and returns all outputs (B, n_out).

    Args:
        network: the whole; its arrays are in memory that the workers share.
        communicator: connects the worker to the others.
        exchange: of all of them.
    """

    def __init__(self, network: MLP, communicator: Communicator, exchange: Exchange) -> None:
        super().__init__(_stages(network, communicator, exchange))


def _stages(network: MLP, communicator: Communicator, exchange: Exchange) -> Iterator[Stage]:
    """Yield one worker's units of each stage of a network."""
    own = [shard(n, communicator.rank, communicator.size) for n in network.sizes]
    own[-1] = slice(0, network.sizes[-1])
    for i, (dropout, whole, batch_norm, activation) in enumerate(network.stages):
        inputs, units = own[i : i + 2]
        place = whole, inputs, units, communicator, exchange.terms[i]
        is_hidden = i < len(exchange.errors)
        yield Stage(
            dropout=dropout.some(inputs) if dropout else None,
            dense=ShardedHidden(*place, exchange.errors[i]) if is_hidden else ShardedOutput(*place),
            batch_norm=batch_norm.some(units) if batch_norm else None,
            activation=activation.some(units) if activation else None,
        )
