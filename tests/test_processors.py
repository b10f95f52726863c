import os

import numpy as np
from threadpoolctl import threadpool_info

from mlpcli.parallel.processors import available_cores, one_blas_thread


def test_cores_are_those_that_this_process_may_use():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_inside_the_block_a_product_stays_on_one_thread():
    np.ones((2, 2)) @ np.ones((2, 2))

    def blas_threads():
        return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

    before = blas_threads()
    with one_blas_thread():
        assert blas_threads() <= {1}
    assert blas_threads() == before
