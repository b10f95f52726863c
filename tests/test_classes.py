"""From labels to classes, and two datasets as one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.data.classes import classes_of, labelled, with_classes
from mlpcli.data.dataset import Dataset
from mlpcli.data.mixing import common_classes, mixed
from mlpcli.data.problems import Problems
from mlpcli.errors import DataError


def test_numbers_in_their_order_before_names():
    labels = ["10", "9", "b", "9", "a"]
    assert classes_of(labels, "t", all_numbers_below=False) == ("9", "10", "a", "b")
    assert classes_of(["3", "1"], "t", all_numbers_below=True) == ("0", "1", "2", "3")
    assert classes_of(["3", "x"], "t", all_numbers_below=True) == ("3", "x")


def test_too_many_classes():
    with pytest.raises(DataError, match="the label 1000"):
        classes_of(["1000"], "t", all_numbers_below=True)
    with pytest.raises(DataError, match="1,001 classes"):
        classes_of([f"c{i}" for i in range(1001)], "t", all_numbers_below=False)
    with pytest.raises(DataError, match="printable"):
        classes_of(["a", "\x07"], "t", all_numbers_below=False)


def joined(labels, class_names, *, skip=False):
    problems = Problems("t", "row", skip=skip)
    names = list(map(str, range(len(labels))))
    images = np.arange(len(labels), dtype=np.uint8)[:, np.newaxis]
    return labelled(images, (1, 1), labels, names, class_names, problems)


def test_a_label_is_a_name_or_else_a_number():
    assert joined(["7", "1"], ("1", "7")).labels.tolist() == [1, 0]
    assert joined(["1", "0"], ("circle", "square")).labels.tolist() == [1, 0]
    with pytest.raises(DataError, match="row 1: its class '2' is none of circle, square"):
        joined(["1", "2"], ("circle", "square"))
    found = joined(["1", "2", "0"], ("circle", "square"), skip=True)
    assert (found.labels.tolist(), found.images.tolist()) == ([1, 0], [[0], [2]])
    with pytest.raises(DataError, match="No image is left"):
        joined(["2"], ("circle", "square"), skip=True)


def dataset(labels, names, value=0):
    images = np.full((len(labels), 4), value, np.uint8)
    return Dataset(images, np.array(labels), (2, 2), names)


def test_other_classes_by_their_names():
    found = with_classes(dataset([0, 1, 1], ("b", "c")), ("a", "b", "c"), "t")
    assert found.labels.tolist() == [1, 2, 2]
    with pytest.raises(DataError, match="images of the class 'c', which is none of a, b"):
        with_classes(dataset([0, 1], ("b", "c")), ("a", "b"), "t")


@given(
    n_own=st.integers(1, 40),
    n_other=st.integers(1, 400),
    share=st.floats(0.1, 0.99),
)
def test_the_share_of_a_mix(n_own, n_other, share):
    names = common_classes(("x", "1"), ("0", "1"))
    assert names == ("0", "1", "x")
    own = dataset(np.arange(n_own) % 2, ("x", "1"), 1)
    other = dataset(np.arange(n_other) % 2, ("0", "1"), 2)
    found = mixed(own, other, share, names, np.random.default_rng(0))
    mine = int((found.images[:, 0] == 1).sum())
    rest = len(found) - mine
    assert mine % n_own == 0  # each as often as any other
    if mine > n_own:
        assert rest == n_other
        assert abs(mine - n_other * (1 - share) / share) <= n_own / 2 + 1e-6
    assert rest / len(found) <= share + 0.5 or rest == 1
    assert set(found.labels[found.images[:, 0] == 1]) <= {1, 2}


def test_images_of_another_size_do_not_mix():
    own = Dataset(np.zeros((1, 6), np.uint8), np.zeros(1, int), (2, 3), ("0",))
    with pytest.raises(DataError, match=r"2×3 pixels and those of data\.mix 2×2"):
        mixed(own, dataset([0], ("0",)), 0.5, ("0",), np.random.default_rng(0))
