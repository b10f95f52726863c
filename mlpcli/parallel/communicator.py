"""What the workers of one training need of each other, whatever connects them.

Workers are numbered by their rank, from 0 on. Every sum is taken in the order of the ranks, so its
bits depend on the number of workers and on nothing else.
"""

from typing import Any, Protocol

from numpy.typing import NDArray


def shard(n: int, rank: int, size: int) -> slice:
    """Return which of n things belong to a worker: each has as many as another, or one more."""
    return slice(n * rank // size, n * (rank + 1) // size)


class Communicator(Protocol):
    """One worker's connection to the others. Every worker makes the same calls in the same order.

    In shared memory, what was gathered is there for all after the next barrier. Over a network,
    `gather` would be an all-gather, and the barrier after an update an all-gather of the shards.
    """

    rank: int
    size: int
    """number of workers"""

    def barrier(self) -> None:
        """Wait until every worker has come here as often as this one."""
        ...

    def total(self, numbers: Any) -> Any:
        """Return the sum over all workers of a number, or of arrays, in the same type."""
        ...

    def gather(self, rows: NDArray[Any], place: slice, whole: NDArray[Any]) -> NDArray[Any]:
        """Return all workers' rows (B, n), complete after the next barrier.

        Args:
            rows: this worker's.
            place: where they belong.
            whole: where all of them go (B, n).
        """
        ...
