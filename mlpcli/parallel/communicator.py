"""What the workers of one training need of each other.

Workers are numbered by their rank, from 0 on. Every sum is taken in the order of the ranks, so its
bits depend on the number of workers and on nothing else.
"""

from typing import Any, Protocol


def shard(n: int, rank: int, size: int) -> slice:
    """Return which of n things belong to a worker: each has as many as another, or one more."""
    return slice(n * rank // size, n * (rank + 1) // size)


class Communicator(Protocol):
    """One worker's connection to the others, which make the same calls in the same order."""

    rank: int
    size: int
    """number of workers"""

    def barrier(self) -> None:
        """Wait until every worker has come here as often as this one.

        What a worker wrote before into memory that they share is there for all afterwards.
        """
        ...

    def total(self, numbers: Any) -> Any:
        """Return the sum over all workers of a number, or of arrays, in the same type."""
        ...
