import os

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from mlpcli.parallel import processors
from mlpcli.parallel.processors import available_cores, one_blas_thread


def test_cores_are_those_that_this_process_may_use():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        (["max 100000"], 8),
        (["200000 100000"], 2),
        (["150000 100000"], 2),
        (["50000 100000"], 1),
        (["-1", "100000"], 8),
        (["300000", "100000"], 3),
        (["6400000", "100000"], 8),
        (["nonsense"], 8),
        (["1 0"], 8),
        ([], 8),
    ],
)
def test_a_container_has_as_many_cores_as_it_may_keep_busy(tmp_path, monkeypatch, files, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(8), raising=False)
    paths = tuple(tmp_path / f"file{i}" for i in range(max(len(files), 1)))
    for path, text in zip(paths, files, strict=False):
        path.write_text(f"{text}\n")
    monkeypatch.setattr(processors, "_QUOTAS", (paths, (tmp_path / "missing",)))
    assert available_cores() == cores


def test_inside_the_block_a_product_stays_on_one_thread():
    np.ones((2, 2)) @ np.ones((2, 2))

    def blas_threads():
        return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

    before = blas_threads()
    with one_blas_thread():
        assert blas_threads() <= {1}
    assert blas_threads() == before
