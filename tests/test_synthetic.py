"""Synthetic digits: reproducible, balanced, prepared as MNIST's are, and fit to learn from."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from mlpcli.data.dice import Dice
from mlpcli.data.synthetic import draw
from mlpcli.data.synthetic.handwriting import choose_skeletons, write
from mlpcli.data.synthetic.pen import DIGITS
from mlpcli.data.synthetic.rendering import fit_into_box, render
from mlpcli.data.synthetic.skeletons import SKELETONS, Skeleton

MNIST = Path(__file__).parents[1].parent / "shared" / "mnist"


@pytest.fixture(scope="module")
def digits():
    return draw(seed=3, indices=range(3000))


def dice(count: int, seed: int = 0) -> Dice:
    return Dice(seed, 1, np.arange(count, dtype=np.uint64))


def test_no_indices_give_no_images():
    images, labels = draw(0, range(0))
    assert images.shape == (0, 784)
    assert labels.shape == (0,)
    assert images.dtype == np.uint8
    assert labels.dtype == np.intp


def test_a_second_call_gives_the_same_bytes(digits):
    images, labels = draw(3, range(3000))
    np.testing.assert_array_equal(images, digits[0])
    np.testing.assert_array_equal(labels, digits[1])


@pytest.mark.parametrize(
    "indices", [range(1), range(77, 78), range(100, 357), range(2999, 3000), range(5, 900, 7)]
)
def test_an_image_does_not_depend_on_those_drawn_with_it(digits, indices):
    images, labels = draw(3, indices)
    np.testing.assert_array_equal(images, digits[0][list(indices)])
    np.testing.assert_array_equal(labels, digits[1][list(indices)])


def test_indices_far_away_work_and_give_other_images():
    far, near = draw(3, range(2**40, 2**40 + 20))[0], draw(3, range(20))[0]
    assert not (far == near).all(axis=1).any()
    np.testing.assert_array_equal(draw(3, range(2**40 + 19, 2**40 + 20))[0], far[19:])


@pytest.mark.parametrize("other_seed", [4, 0, -3, 2**63])
def test_another_seed_gives_other_images_and_another_order_of_labels(digits, other_seed):
    images, labels = draw(other_seed, range(100))
    assert not (images == digits[0][:100]).all(axis=1).any()
    assert (labels != digits[1][:100]).any()


def test_no_image_repeats(digits):
    assert len(np.unique(digits[0], axis=0)) == 3000


def test_every_ten_images_show_every_digit(digits):
    tens = digits[1].reshape(-1, 10)
    np.testing.assert_array_equal(np.sort(tens, axis=1), np.tile(np.arange(10), (300, 1)))
    assert len(np.unique(tens, axis=0)) > 250


def test_any_range_is_balanced_within_two_images_a_digit(digits):
    for first, last in [(3, 25), (8, 2331), (1009, 1024)]:
        counts = np.bincount(digits[1][first:last], minlength=10)
        assert np.ptp(counts) <= 2


def test_the_larger_side_of_the_ink_is_20_pixels(digits):
    ink = digits[0].reshape(-1, 28, 28) > 0
    sides = [np.ptp(np.flatnonzero(image.any(axis=axis))) + 1 for axis in (0, 1) for image in ink]
    larger = np.maximum(sides[:3000], sides[3000:])
    assert np.mean(larger == 20) > 0.999
    assert larger.min() >= 19
    assert larger.max() <= 20


def test_the_ink_is_fitted_into_the_box_together_with_the_pens_width():
    streams = dice(500)
    kinds = np.arange(500) % len(SKELETONS)
    x, y, pressure, radius = write(streams, kinds)
    radii = radius * pressure
    spans = []
    for places in fit_into_box(x, y, radii):
        first, last = (places - radii).min(axis=0), (places + radii).max(axis=0)
        assert first.min() > -0.05
        assert last.max() < 20.05
        spans.append(last - first)
    np.testing.assert_allclose(np.maximum(*spans), 20, atol=0.05)


def test_the_centre_of_mass_is_in_the_middle(digits):
    images = digits[0].reshape(-1, 28, 28).astype(np.float64)
    pixels = np.arange(28)
    for axis in (1, 2):
        profile = images.sum(axis=axis)
        centre = profile @ pixels / profile.sum(axis=1)
        assert np.mean((centre > 13.5) & (centre <= 14.5)) > 0.995
        assert np.abs(centre - 14).max() < 2


def test_the_ink_is_about_as_much_and_as_soft_as_mnists(digits):
    images = digits[0]
    assert 30 < images.mean() < 37  # MNIST: 33.3
    white = np.mean(images[images > 0] >= 224)
    assert 0.38 < white < 0.55  # MNIST: 0.48


def test_every_digit_has_several_skeletons_with_distinct_names():
    for digit in range(10):
        names = [skeleton.name for skeleton in SKELETONS if skeleton.digit == digit]
        assert len(set(names)) == len(names) >= 3


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda s: f"{s.digit} {s.name}")
def test_every_skeleton_is_well_formed(skeleton: Skeleton):
    assert skeleton.share >= 0
    assert skeleton.worldwide > 0
    for stroke in skeleton.strokes:
        assert len(stroke) >= 2
        assert len(stroke[0]) == len(stroke[-1]) == 2, "a stroke cannot turn at its end"
        places = np.array([point[:2] for point in stroke])
        assert places.min() >= -0.05
        assert places.max() <= 1.1
        assert np.abs(np.diff(places, axis=0)).sum(axis=1).min() > 0, "a point stands twice"


@pytest.mark.parametrize("kind", ["share", "worldwide"])
def test_every_skeleton_is_chosen_as_often_as_its_share_says(kind):
    for digit in range(10):
        chosen = choose_skeletons(
            dice(20_000), np.full(20_000, digit), worldwide=kind == "worldwide"
        )
        ours = [i for i, skeleton in enumerate(SKELETONS) if skeleton.digit == digit]
        shares = np.array([getattr(SKELETONS[i], kind) for i in ours])
        counts = np.bincount(chosen, minlength=len(SKELETONS))
        assert counts.sum() == counts[ours].sum()
        np.testing.assert_allclose(counts[ours] / 20_000, shares / shares.sum(), atol=0.015)


def test_every_skeleton_draws_ink():
    kinds = np.arange(len(SKELETONS))
    streams = dice(len(kinds))
    images = render(streams, *write(streams, kinds))
    assert ((images > 200).sum(axis=(1, 2)) > 10).all()


def test_a_path_passes_through_its_control_points():
    for weights, points, skeleton in zip(DIGITS.weights, DIGITS.points, SKELETONS, strict=True):
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
        path = weights @ points.T
        used = sum(map(len, skeleton.strokes))
        distances = np.hypot(*(path[:, None] - points.T[None, :used]).transpose(2, 0, 1))
        # Half the distance between two points of the path.
        assert distances.min(axis=0).max() < 0.04


def test_a_path_has_no_jumps_but_between_strokes():
    for weights, points, skeleton in zip(DIGITS.weights, DIGITS.points, SKELETONS, strict=True):
        steps = np.hypot(*np.diff(weights @ points.T, axis=0).T)
        assert (steps > 0.08).sum() <= len(skeleton.strokes) - 1


def test_the_dice_are_even_and_independent():
    u = dice(20_000).uniform(4)
    assert u.min() >= 0
    assert u.max() < 1
    np.testing.assert_allclose(u.mean(axis=1), 0.5, atol=0.01)
    np.testing.assert_allclose(u.var(axis=1), 1 / 12, atol=0.002)
    assert np.abs(np.corrcoef(u) - np.eye(4)).max() < 0.03
    assert abs(np.corrcoef(u[0, 1:], u[0, :-1])[0, 1]) < 0.03


def test_the_bell_has_mean_0_and_deviation_1():
    b = dice(20_000).bell(2)
    assert b.dtype == np.float32
    np.testing.assert_allclose(b.mean(axis=1), 0, atol=0.03)
    np.testing.assert_allclose(b.std(axis=1), 1, atol=0.02)
    assert np.abs(b).max() <= 3


@pytest.mark.skipif(not MNIST.is_dir(), reason="the real MNIST files are not in ../shared/mnist")
def test_what_is_learnt_from_synthetic_digits_holds_for_real_ones():
    images, labels = draw(0, range(6000))
    with gzip.open(MNIST / "t10k-images-idx3-ubyte.gz") as file:
        real = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)[:2000]
    with gzip.open(MNIST / "t10k-labels-idx1-ubyte.gz") as file:
        real_labels = np.frombuffer(file.read(), np.uint8, offset=8)[:2000]

    def unit(x):
        return x / np.linalg.norm(x.astype(np.float32), axis=1, keepdims=True)

    nearest = np.argmax(unit(real) @ unit(images).T, axis=1)
    # The harder part of the test set: seeds 0 to 4 reach 0.872 to 0.898. Control points that jitter
    # by 0.12 give 0.78.
    assert np.mean(labels[nearest] == real_labels) > 0.85


def test_images_and_labels_have_the_promised_shapes_and_types(digits):
    images, labels = digits
    assert images.shape == (3000, 784)
    assert images.dtype == np.uint8
    assert labels.shape == (3000,)
    assert labels.dtype == np.intp


def test_the_dice_follow_splitmix64():
    # The published generator's first outputs for the state 1234567.
    one = dice(1)
    one._streams = np.array([1234567], np.uint64)
    assert one.bits(3)[:, 0].tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
