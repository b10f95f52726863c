"""Memory that processes share, and how the workers in it wait and add."""

import os
import sys
import threading

import numpy as np
import pytest

from mlpcli.parallel.communicator import shard
from mlpcli.parallel.shared_memory import SharedMemory, shared_zeros


@pytest.mark.parametrize("shape", [0, 5, (2, 3), (0, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_shared_zeros_are_zeros_that_can_be_written(shape, dtype):
    found = shared_zeros(shape, dtype)
    assert found.dtype == dtype
    assert np.array_equal(found, np.zeros(shape))
    found += 1
    assert np.array_equal(found, np.ones(shape))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_process_writes_into_the_same_memory():
    shared, own = shared_zeros(3, np.float32), np.zeros(3, np.float32)
    child = os.fork()
    if child == 0:
        shared[1] = own[1] = 7
        os._exit(0)
    os.waitpid(child, 0)
    assert shared.tolist() == [0, 7, 0]
    assert own.tolist() == [0, 0, 0]


@pytest.mark.parametrize("n", [2**60, 2**80])
def test_zeros_that_no_memory_holds(n):
    with pytest.raises(MemoryError, match="bytes are wanted"):
        shared_zeros((n, 1), np.float32)


@pytest.mark.parametrize("size", [1, 2, 3, 9])
@pytest.mark.parametrize("n", [0, 1, 7, 100])
def test_each_thing_is_in_one_shard(n, size):
    shards = [shard(n, rank, size) for rank in range(size)]
    assert [i for each in shards for i in range(n)[each]] == list(range(n))
    lengths = [each.stop - each.start for each in shards]
    assert max(lengths) - min(lengths) <= 1


def in_threads(size, work, longest=4):
    """What `work(communicator)` returns for each of `size` workers that run at once."""
    memory = SharedMemory(size, longest, check=lambda: None)
    found = [None] * size

    def run(communicator):
        found[communicator.rank] = work(communicator)

    threads = [threading.Thread(target=run, args=(each,)) for each in memory.communicators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_worker_gets_each_sum(size):
    def add(communicator):
        return [communicator.total(i * (communicator.rank + 1)) for i in range(50)]

    expected = [i * sum(range(1, size + 1)) for i in range(50)]
    assert in_threads(size, add) == [expected] * size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_arrays_keep_their_type(dtype):
    def add(communicator):
        arrays = communicator.total(np.array([1, communicator.rank], dtype))
        return arrays, communicator.total(0.5), communicator.total(2)

    for arrays, fraction, whole in in_threads(3, add):
        assert arrays.tolist() == [3, 3]
        assert arrays.dtype == dtype
        assert (fraction, whole) == (1.5, 6)
        assert (type(fraction), type(whole)) == (float, int)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_what_workers_wrote_is_there_after_the_barrier(size):
    numbers = np.zeros(7)

    def write(communicator):
        own = shard(7, communicator.rank, size)
        numbers[own] = np.arange(7)[own]
        communicator.barrier()
        return numbers.tolist()

    assert in_threads(size, write) == [[*range(7)]] * size
