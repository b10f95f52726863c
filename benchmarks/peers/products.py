"""The floor: the matrix products of an epoch and nothing else, with one BLAS thread or with all."""

import itertools
import math
import statistics
import time

import numpy as np
from common import Task, contest

from mlpcli.parallel.processors import one_blas_thread


def train(task: Task) -> tuple[list[float], None]:
    """Forward, weight gradients and the errors sent back, batch after batch on the same arrays."""
    sizes, batch = task.sizes, task.batch_size
    rng = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return rng.normal(size=(rows, columns)).astype(np.float32)

    a = [matrix(batch, n) for n in sizes]
    z = [matrix(batch, n) for n in sizes]
    W = [matrix(n, m) for n, m in itertools.pairwise(sizes)]
    dW = [np.empty_like(w) for w in W]

    def epoch() -> float:
        started = time.perf_counter()
        for _ in range(math.ceil(task.samples / batch)):
            for i, w in enumerate(W):
                np.matmul(a[i], w, out=z[i + 1])
            for i in reversed(range(len(W))):
                np.matmul(a[i].T, z[i + 1], out=dW[i])
                if i:
                    np.matmul(z[i + 1], W[i].T, out=z[i])
        return time.perf_counter() - started

    with_all = [epoch() for _ in range(task.epochs + 1)][1:]
    with one_blas_thread():
        with_one = [epoch() for _ in range(task.epochs + 1)][1:]
    return min(with_one, with_all, key=statistics.median), None


if __name__ == "__main__":
    contest(train)
