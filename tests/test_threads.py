"""Models used by many threads at the same time, as a web service does."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import mlpcli
from mlpcli.inference.committee import load_committee
from mlpcli.parallel.processors import one_blas_thread

THREADS = 8
IMAGES = [
    np.random.default_rng(n).integers(0, 256, (n, 28, 28)).astype(np.uint8) for n in (1, 3, 40, 7)
]


def blas_threads():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]


def in_threads(work):
    """Call work(0), work(1), ... each in a thread of its own, all begun at once."""
    start, failures = threading.Barrier(THREADS), []

    def run(number):
        start.wait()
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("load", [mlpcli.load_model, lambda path: load_committee([path, path])])
@pytest.mark.parametrize("is_shared", [True, False])
def test_threads_get_the_answers_that_one_alone_gets(load, is_shared):
    before = blas_threads()
    shared = load("boxed")
    expected = [shared.predict_proba(images) for images in IMAGES]

    def ask(number):
        model = shared if is_shared else load("boxed")
        for turn in range(50):
            which = (number + turn) % len(IMAGES)
            assert np.array_equal(model.predict_proba(IMAGES[which]), expected[which])

    in_threads(ask)
    assert blas_threads() == before


def test_blocks_that_overlap_restore_the_number_of_blas_threads():
    before = blas_threads()
    inside, outside = threading.Event(), threading.Event()
    seen = []

    def longer():
        with one_blas_thread():
            inside.set()
            outside.wait()
            seen.append(blas_threads())

    thread = threading.Thread(target=longer)
    with one_blas_thread():
        thread.start()
        inside.wait()
    seen.append(blas_threads())
    outside.set()
    thread.join()
    assert seen == [[1] * len(before)] * 2
    assert blas_threads() == before


def test_a_thread_can_hold_back_blas_after_another_has():
    with one_blas_thread():
        pass
    seen = []

    def hold():
        with one_blas_thread():
            seen.append(blas_threads())

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert seen == [[1] * len(blas_threads())]
