import numpy as np
import pytest

from mlpcli.data.dataset import Dataset, of_classes, split_validation, subset
from mlpcli.errors import DataError


def dataset(labels):
    labels = np.asarray(labels)
    images = np.arange(len(labels), dtype=np.uint8)[:, np.newaxis].repeat(4, axis=1)
    return Dataset(images, labels, (2, 2), ("a", "b", "c"))


@pytest.fixture
def uneven():
    return dataset([0] * 60 + [1] * 30 + [2] * 10)


def rng():
    return np.random.default_rng(5)


def test_a_part_keeps_images_and_labels_together(uneven):
    part = uneven.take(np.array([65, 3]))
    assert part.images[:, 0].tolist() == [65, 3]
    assert part.labels.tolist() == [1, 0]


@pytest.mark.parametrize("validation", [10, 0.1])
def test_each_class_keeps_its_share_in_the_validation_part(uneven, validation):
    training, held_out = split_validation(uneven, validation, rng())
    assert np.bincount(held_out.labels).tolist() == [6, 3, 1]
    assert np.bincount(training.labels).tolist() == [54, 27, 9]


def test_no_example_is_lost_or_used_twice(uneven):
    training, held_out = split_validation(uneven, 17, rng())
    both = np.concatenate([training.images[:, 0], held_out.images[:, 0]])
    assert sorted(both) == list(range(100))


def test_shares_that_do_not_come_out_even_still_sum_up(uneven):
    for size in range(1, 100):
        _, held_out = split_validation(uneven, size, rng())
        assert len(held_out) == size


def test_the_split_follows_from_the_generator(uneven):
    first, second = (split_validation(uneven, 20, rng())[1].images for _ in range(2))
    other = split_validation(uneven, 20, np.random.default_rng(6))[1].images
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_split_that_leaves_nothing_is_refused(uneven):
    with pytest.raises(DataError, match="100 of 100 images"):
        split_validation(uneven, 100, rng())


def test_a_share_too_small_to_hold_anything_out_is_refused(uneven):
    with pytest.raises(DataError, match=r"a share of 0\.001, which is none of 100 images"):
        split_validation(uneven, 0.001, rng())


def test_a_subset_is_stratified_and_in_order(uneven):
    part = subset(uneven, 20, rng(), "data.train_size")
    assert np.bincount(part.labels).tolist() == [12, 6, 2]
    assert (np.diff(part.images[:, 0]) > 0).all()


def test_a_whole_subset_is_the_dataset_itself(uneven):
    assert subset(uneven, 100, rng(), "data.train_size") is uneven


def test_a_subset_larger_than_the_dataset_is_refused(uneven):
    with pytest.raises(
        DataError, match=r"data\.train_size asks for 101 images, but there are only 100"
    ):
        subset(uneven, 101, rng(), "data.train_size")


def test_a_label_nobody_has_takes_no_place():
    _, held_out = split_validation(dataset([0, 2] * 10), 4, rng())
    assert np.bincount(held_out.labels).tolist() == [2, 0, 2]


def test_some_classes_alone_keep_their_order_and_all_names(uneven):
    part = of_classes(uneven, [2, 0], "data.train_classes")
    assert part.images[:, 0].tolist() == [*range(60), *range(90, 100)]
    assert np.unique(part.labels).tolist() == [0, 2]
    assert part.class_names == uneven.class_names


def test_classes_that_do_not_exist_or_have_no_example(uneven):
    with pytest.raises(DataError, match=r"data\.train_classes asks for the class 3, .* 0 to 2"):
        of_classes(uneven, [0, 3], "data.train_classes")
    with pytest.raises(DataError, match="none of the 2 images"):
        of_classes(dataset([0, 1]), [2], "data.train_classes")
