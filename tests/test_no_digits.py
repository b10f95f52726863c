"""Images of what is no digit, and networks that learn them."""

import numpy as np
import pytest

import mlpcli
from mlpcli.config.class_names import NO_DIGIT
from mlpcli.config.loading import load_config
from mlpcli.data import synthetic
from mlpcli.data.dataset import Dataset, numbered
from mlpcli.data.no_digits import LEAST_WIDTH, _Digits, _side_by_side, no_digits, with_no_digit
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints
from mlpcli.reading.boxes import box_of

N = 140


@pytest.fixture(scope="module")
def digits():
    images, labels = synthetic.draw(0, range(200))
    return Dataset(images, labels, (28, 28), numbered(10))


@pytest.fixture(scope="module")
def none(digits):
    return no_digits(digits, N, 3)


def test_they_are_a_class_of_their_own(none):
    assert none.class_names == (*numbered(10), NO_DIGIT)
    assert set(none.labels) == {10}
    assert none.images.shape == (N, 784)


def test_the_seed_decides_them(digits, none):
    assert np.array_equal(no_digits(digits, N, 3).images, none.images)
    assert not np.array_equal(no_digits(digits, N, 4).images, none.images)


def test_others_begin_where_those_end(digits, none):
    others = no_digits(digits, N, 3, start=N)
    assert not {image.tobytes() for image in none.images} & {
        image.tobytes() for image in others.images
    }


def test_a_few_digits_are_enough(digits):
    """Even if there is none of those that are cut or mirrored."""
    ones = digits.labels == 1
    few = Dataset(digits.images[ones], digits.labels[ones], digits.image_shape, numbered(10))
    assert len(no_digits(few, N, 3)) == N


def test_a_single_digit_is_enough(digits):
    """Even if it is a narrow 1, no piece of which is as wide as what is no digit."""
    one = digits.take(np.flatnonzero(digits.labels == 1)[:1])
    found = no_digits(one, 35, 3)
    assert (found.images.max(axis=1) > 128).all()


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_digits_may_be_as_narrow_as_the_narrowest_of_mnist(columns):
    """Two of MNIST's training images have two columns of ink."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 13 : 13 + columns] = 255
    narrow = _Digits(Dataset(image.reshape(1, -1), np.array([1]), (28, 28), numbered(10)))
    for seed in range(30):
        both = _side_by_side(narrow, np.random.default_rng(seed))
        assert both.shape[0] >= 20
        assert columns <= both.shape[1] <= 3 * columns + 4


def test_each_fills_the_frame_as_a_digit_does_and_no_two_are_alike(none):
    for image in none.images.reshape(-1, 28, 28):
        rows, columns = box_of(image > 0)
        assert max(rows.stop - rows.start, columns.stop - columns.start) in (19, 20, 21)
    assert len(np.unique(none.images, axis=0)) == N


def test_none_is_a_digit_that_it_was_made_of_or_may_be_a_one(digits, none):
    known = {image.tobytes() for image in digits.images}
    assert not known & {image.tobytes() for image in none.images}
    made = none.images.reshape(-1, 28, 28)[round(0.6 * N) :]
    shapes = [np.ptp(np.argwhere(image > 0), axis=0) + 1 for image in made]
    assert all(width >= LEAST_WIDTH * height - 1 for height, width in shapes)


def test_a_sign_does_not_depend_on_those_drawn_with_it():
    many = synthetic.draw_signs(5, range(300))
    assert np.array_equal(synthetic.draw_signs(5, range(130, 133)), many[130:133])


def test_a_class_is_added_once(digits):
    widened = with_no_digit(digits)
    assert widened.class_names[-1] == NO_DIGIT
    assert with_no_digit(widened) is widened


@pytest.fixture
def judged(fabricate, mirror, tmp_path, monkeypatch):
    """A small network that learned what is no digit, and its evaluation on its test set."""
    mirror.serve_folder(fabricate("mnist").write_to(tmp_path / "mirror"))
    monkeypatch.setenv("MLPCLI_MIRROR", mirror.url)
    data = {"dataset": "mnist", "validation": 3, "no_digits": 30, "added_digits": 20}
    values = {"name": "refusing", "data": data, "network": {"hidden": [8]}}
    values["training"] = {"epochs": 1, "pictures": False}
    run = mlpcli.train(load_config(values), runs_dir=tmp_path, data_dir=tmp_path / "cache")
    evaluation = evaluate_checkpoints(run.folder, data_dir=tmp_path / "cache")
    return mlpcli.load_model(run.folder), evaluation


def test_a_network_learns_them_and_answers_with_the_ten(judged, digits, none):
    model, evaluation = judged
    assert model.refuses
    assert model.class_names == numbered(10)
    assert model.output_names == (*numbered(10), NO_DIGIT)
    assert evaluation.class_names == numbered(10)
    assert evaluation.predictions.max() < 10
    np.testing.assert_allclose(evaluation.probabilities.sum(axis=1), 1, atol=1e-5)
    assert model.evaluate(with_no_digit(digits)).class_names == numbered(10)
    assert model.predict(digits.images).max() < 10
    among_all = model.evaluate(none)
    assert among_all.class_names == model.output_names
    assert among_all.probabilities.shape == (N, 11)
