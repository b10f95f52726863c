"""Augmentation against slow textbook forms, and as a function of (seed, epoch, index) alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.config.schema.augmentation import AugmentationConfig, ElasticConfig, EraseConfig
from mlpcli.config.schema.config import Config
from mlpcli.data.augmentation import Augmenter
from mlpcli.data.augmentation.augmenter import CHUNK_PIXELS
from mlpcli.data.augmentation.draws import Draws, Kind
from mlpcli.data.augmentation.elastic import ElasticField, grid_weights
from mlpcli.data.augmentation.pixels import Erase, thicken
from mlpcli.data.augmentation.warp import Affine
from mlpcli.data.resampling import RESAMPLERS

EVERYTHING = AugmentationConfig(
    shift=2,
    rotation=12,
    scale=0.12,
    shear=0.15,
    elastic=ElasticConfig(),
    thickness=0.5,
    noise=0.1,
    erase=EraseConfig(),
)
KINDS = EVERYTHING.model_dump(exclude={"undistorted_fraction"})
EACH = [EVERYTHING] + [
    AugmentationConfig.model_validate({name: value}) for name, value in KINDS.items()
]
NAMES = ["everything", *KINDS]


def pictures(n, height=28, width=28, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width), dtype=np.uint8)


def augmented(images, settings, indices=None, epoch=1, seed=1, interpolation="bilinear"):
    indices = np.arange(len(images)) if indices is None else np.asarray(indices)
    flat = images.reshape(len(images), -1)
    out = np.empty_like(flat)
    augmenter = Augmenter(settings, images.shape[1:], seed, interpolation=interpolation)
    augmenter.apply(flat, indices, epoch, out)
    return out.reshape(images.shape)


def affine(n=1, *, shift=(0, 0), rotation=0, scale=(1, 1), shear=0):
    def for_each(values):
        return np.array(values, float)[..., None].repeat(n, axis=-1)

    return Affine(*map(for_each, (shift, math.radians(rotation), scale, shear)))


def warped(images, mapping, interpolation="bilinear"):
    x, y = np.empty((2, *images.shape), np.float32)
    mapping.write_sources(x, y)
    result = images.copy()
    RESAMPLERS[interpolation](images.shape[1:], len(images)).resample(result, x, y)
    return result


def hat(distance):
    """What a pixel at that distance counts for along a line."""
    return max(0.0, 1 - abs(distance))


def cubic(distance):
    """The same for the cubic convolution of Keys (1981), equation 15."""
    s = abs(distance)
    if s < 1:
        return 3 / 2 * s**3 - 5 / 2 * s**2 + 1
    return -1 / 2 * s**3 + 5 / 2 * s**2 - 4 * s + 2 if s < 2 else 0.0


KERNELS = {"bilinear": hat, "bicubic": cubic}


def between_pixels(image, x, y, interpolation="bilinear"):
    """What an image shows at one point, in float64; 0 outside."""
    height, width = image.shape
    kernel = KERNELS[interpolation]
    across = np.array([kernel(x - column) for column in range(width)])
    down = np.array([kernel(y - row) for row in range(height)])
    return min(max(float(down @ image.astype(float) @ across), 0.0), 255.0)


def textbook(image, interpolation, *, shift=(0, 0), rotation=0, scale=(1, 1), shear=0):
    """One matrix for each step, in homogeneous coordinates with y upwards; pixel by pixel."""
    height, width = image.shape
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    angle = math.radians(rotation)
    cos, sin = math.cos(angle), math.sin(angle)
    move = np.array([[1, 0, shift[0]], [0, 1, -shift[1]], [0, 0, 1]])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    slant = np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])
    stretch = np.diag([*scale, 1])
    back = np.linalg.inv(move @ turn @ slant @ stretch)
    result = np.empty((height, width))
    for row in range(height):
        for column in range(width):
            x, y, _ = back @ [column - middle_x, middle_y - row, 1]
            source = x + middle_x, middle_y - y
            result[row, column] = between_pixels(image, *source, interpolation)
    return result


@pytest.mark.parametrize(
    "change",
    [
        {"shift": (3.4, -1.7)},
        {"rotation": 13},
        {"rotation": -140},
        {"scale": (1.3, 0.7)},
        {"shear": 0.4},
        {"shift": (-0.6, 2.2), "rotation": 25, "scale": (0.8, 1.15), "shear": -0.3},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(28, 28), (9, 14), (1, 1)])
@pytest.mark.parametrize("interpolation", KERNELS)
def test_affine_maps_against_the_textbook(change, shape, interpolation):
    images = pictures(2, *shape)
    result = warped(images, affine(2, **change), interpolation)
    for image, found in zip(images, result, strict=True):
        assert abs(textbook(image, interpolation, **change) - found).max() <= 0.51


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, 1), (-2, 3), (5, -4), (28, 0), (0, -100)])
@pytest.mark.parametrize("interpolation", KERNELS)
def test_a_shift_by_whole_pixels(right, down, interpolation):
    images = pictures(2)
    expected = np.roll(np.pad(images, ((0, 0), (100, 100), (100, 100))), (down, right), (1, 2))
    result = warped(images, affine(2, shift=(right, down)), interpolation)
    np.testing.assert_array_equal(result, expected[:, 100:128, 100:128])


def test_the_amounts_lie_evenly_between_their_limits():
    settings = AugmentationConfig(shift=2, rotation=90, scale=0.2, shear=0.3)
    drawn = Affine.draw(settings, Draws(1, np.arange(20_000)))
    for values, middle, limit in (
        (drawn.shift, 0, 2),
        (drawn.rotation[None], 0, math.pi / 2),
        (drawn.scale, 1, 0.2),
        (drawn.shear[None], 0, 0.3),
    ):
        assert abs(values - middle).max() <= limit
        np.testing.assert_allclose(values.mean(axis=1), middle, atol=0.02 * limit)
        np.testing.assert_allclose(values.std(axis=1), limit / math.sqrt(3), rtol=0.02)
    kinds = np.stack([*drawn.shift, drawn.rotation, *drawn.scale, drawn.shear])
    np.testing.assert_allclose(np.corrcoef(kinds), np.eye(6), atol=0.04)


SIDE = 20


def elastic_fields(alpha, sigma, n=3000, seed=1, shape=(SIDE, SIDE)):
    x, y = np.zeros((2, n, *shape), np.float32)
    ElasticField(alpha, sigma, shape, n).displace(x, y, Draws(seed, np.arange(n)))
    return x, y


def simards_smoothing(sigma, pixels=SIDE):
    """What each pixel (rows) takes of the numbers of the pixels, those beyond the edge included."""
    reach = math.ceil(4 * sigma)
    kernel = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    kernel /= kernel.sum()
    return np.array([np.convolve(row, kernel, "valid") for row in np.eye(pixels + 2 * reach)]).T


def simards_fields(alpha, sigma, n, seed=1):
    """A number for every pixel, also well beyond the image's edge, smoothed and multiplied."""
    smooth = simards_smoothing(sigma)
    noise = np.random.default_rng(seed).uniform(-1, 1, (n, smooth.shape[1], smooth.shape[1]))
    return alpha * (smooth @ noise @ smooth.T)


@pytest.mark.parametrize("sigma", [0.5, 1, 1.2, 2, 3.3, 4, 6, 10, 40])
@pytest.mark.parametrize("pixels", [1, 2, 28])
def test_the_grid_gives_every_pair_of_pixels_simards_covariance(sigma, pixels):
    weights, smooth = grid_weights(pixels, sigma), simards_smoothing(sigma, pixels)
    variance = (smooth[0] ** 2).sum()
    np.testing.assert_allclose(weights @ weights.T, smooth @ smooth.T, atol=1e-3 * variance)


@pytest.mark.parametrize("sigma", [0.5, 0.8, 1, 1.1, 4, 100])
def test_no_sum_of_an_elastic_field_outgrows_the_integers_of_float32(sigma):
    weights = np.rint(grid_weights(28, sigma) * 2**12).sum(axis=1).max()
    half_way = np.rint(255 * weights * 2.0**-8 * 2.0**-12 * 2**11)
    assert weights * half_way < 2**24
    fields = np.stack(elastic_fields(1, sigma, n=50)).astype(float)
    units = fields * 2**11 * 2**12
    np.testing.assert_array_equal(units, np.rint(units))


def correlation(fields, distance):
    """The correlation (rows and columns together) of pixels so far apart."""
    across = (fields[:, :, distance:] * fields[:, :, :-distance]).mean()
    down = (fields[:, distance:] * fields[:, :-distance]).mean()
    return (across + down) / 2 / (fields**2).mean()


@pytest.mark.parametrize(("alpha", "sigma"), [(34, 4), (8, 2), (60, 7), (10, 1), (5, 0.5), (20, 3)])
def test_elastic_fields_are_as_strong_and_as_smooth_as_simards(alpha, sigma):
    direct = simards_fields(alpha, sigma, 3000)
    for fields in elastic_fields(alpha, sigma):
        assert fields.std() == pytest.approx(direct.std(), rel=0.03)
        for distance in (1, round(sigma) + 1, round(2 * sigma)):
            assert correlation(fields, distance) == pytest.approx(
                correlation(direct, distance), abs=0.03
            )


def test_the_two_directions_of_an_elastic_field_are_independent():
    x, y = elastic_fields(34, 4)
    assert abs((x * y).mean() / (x.std() * y.std())) < 0.03


def test_an_elastic_field_is_exact_whatever_its_company():
    """The integers in the matrix products leave nothing to the order in which BLAS adds."""
    alone = np.zeros((2, 1, 20, 20), np.float32)
    ElasticField(34, 4, (20, 20), 1).displace(alone[0], alone[1], Draws(1, np.array([7])))
    x, y = elastic_fields(34, 4, n=301)
    np.testing.assert_array_equal(alone[:, 0], [x[7], y[7]])


@pytest.mark.parametrize("interpolation", KERNELS)
def test_elastic_pictures_against_the_textbook(interpolation):
    images = pictures(3)
    x, y = elastic_fields(34, 4, n=3, shape=(28, 28))
    x += np.arange(28)
    y += np.arange(28)[:, None]
    result = images.copy()
    RESAMPLERS[interpolation]((28, 28), 3).resample(result, x.copy(), y.copy())
    for i in np.ndindex(images.shape):
        shown = between_pixels(images[i[0]], float(x[i]), float(y[i]), interpolation)
        assert abs(shown - result[i]) <= 0.51


@pytest.mark.parametrize("interpolation", KERNELS)
def test_pixels_that_stay_in_their_rows_are_those_of_their_rows(interpolation):
    """To the bit, though only a part of it is computed."""
    images, rng = pictures(3), np.random.default_rng(0)
    x = rng.uniform(-6, 34, images.shape).astype(np.float32)
    rows = np.broadcast_to(np.arange(28, dtype=np.float32)[:, None], images.shape)
    expected, found = images.copy(), images.copy()
    RESAMPLERS[interpolation]((28, 28), 3).resample(expected, x.copy(), rows.copy())
    RESAMPLERS[interpolation]((28, 28), 3).resample(found, x.copy(), None)
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(found, images)


def test_thickness_by_hand():
    stroke = np.zeros((1, 5, 7), np.uint8)
    stroke[0, 1:4, 2:5] = 200
    stroke = stroke.repeat(5, axis=0)
    thicken(stroke, np.array([1, 0.5, 0, -0.5, -1]))
    edge = [[200, 100, 0, 0, 0], [200, 200, 200, 100, 0], [200, 200, 200, 200, 200]]
    np.testing.assert_array_equal(stroke[:, 2, 1], edge[0])  # beside the stroke
    np.testing.assert_array_equal(stroke[:, 2, 2], edge[1])  # its edge
    np.testing.assert_array_equal(stroke[:, 2, 3], edge[2])  # its middle
    np.testing.assert_array_equal(stroke[:, 0, 1], [0] * 5)  # across the corner


def test_erosion_comes_in_from_the_edge_of_the_image():
    images = np.full((1, 4, 5), 255, np.uint8)
    thicken(images, np.array([-1]))
    assert images.sum() == 255 * 2 * 3
    assert images[0, 1:3, 1:4].all()


def test_noise_is_normal():
    grey = np.full((500, 28, 28), 128, np.uint8)
    noise = augmented(grey, AugmentationConfig(noise=0.1)).astype(float) - 128
    assert noise.mean() == pytest.approx(0, abs=0.2)
    assert noise.std() == pytest.approx(25.5, rel=0.01)
    within = [np.mean(abs(noise) <= 25.5 * z) for z in (1, 2, 3)]
    np.testing.assert_allclose(within, [0.6827, 0.9545, 0.9973], atol=0.01)
    assert abs(np.corrcoef(noise.reshape(500, -1)[:, :2].T)[0, 1]) < 0.2
    assert abs(np.corrcoef(noise.reshape(500, -1)[:2])[0, 1]) < 0.15


def test_noise_is_cut_off_at_black_and_white():
    images = np.zeros((2, 28, 28), np.uint8)
    images[1] = 255
    black, white = augmented(images, AugmentationConfig(noise=1)).astype(int)
    assert (black == 0).mean() == pytest.approx(0.5, abs=0.1)
    assert (white == 255).mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("probability", [0.3, 1])
def test_what_is_erased_is_one_rectangle_of_the_wanted_size(probability):
    settings = EraseConfig(probability=probability, area=0.2)
    images = np.ones((2000, 28, 28), np.uint8)
    Erase(settings)(images, Draws(1, np.arange(2000)))
    holes = images == 0
    rows, columns = holes.any(axis=2), holes.any(axis=1)
    np.testing.assert_array_equal(holes, rows[:, :, None] & columns[:, None, :])
    touched = rows.any(axis=1)
    assert touched.mean() == pytest.approx(probability, abs=0.03)
    areas = holes.mean(axis=(1, 2))[touched]
    assert 0.01 < areas.min() < 0.03
    assert 0.18 < areas.max() < 0.23
    for lines in (rows, columns):
        assert (np.diff(lines[touched].astype(int), axis=1) == 1).sum(axis=1).max() == 1
        assert lines[touched].mean(axis=0).min() > 0.02  # it gets everywhere
    tall = rows.sum(axis=1) > columns.sum(axis=1)
    wide = rows.sum(axis=1) < columns.sum(axis=1)
    assert tall.sum() / wide.sum() == pytest.approx(1, abs=0.2)


def test_without_settings_the_images_are_left_alone():
    augmenter = Augmenter(AugmentationConfig(), (28, 28), 1)
    assert augmenter.changes_nothing
    images = pictures(5)
    np.testing.assert_array_equal(augmented(images, AugmentationConfig()), images)


@pytest.mark.parametrize(
    "zeros",
    [
        {"elastic": {"alpha": 0}},
        {"erase": {"probability": 0}},
        {"shift": 0, "rotation": 0, "scale": 0, "shear": 0, "thickness": 0, "noise": 0},
    ],
)
def test_zero_is_off(zeros):
    assert Augmenter(AugmentationConfig.model_validate(zeros), (28, 28), 1).changes_nothing


@pytest.mark.parametrize("settings", EACH, ids=NAMES)
def test_each_kind_changes_images_and_every_epoch_and_seed_differs(settings):
    images = np.tile(pictures(1), (20, 1, 1))
    versions = [
        augmented(images, settings, epoch=epoch, seed=seed)
        for epoch, seed in ((1, 1), (2, 1), (1, 2))
    ]
    looks = {image.tobytes() for version in versions for image in version}
    assert len(looks) > 20  # of 60: erasing leaves half of them alone
    assert len({version.tobytes() for version in versions}) == 3
    np.testing.assert_array_equal(versions[0], augmented(images, settings))


@pytest.mark.parametrize("settings", EACH, ids=NAMES)
def test_an_image_is_the_same_in_any_company(settings):
    """Whatever the order, the number of images, and the block they fall into."""
    n = 2 * CHUNK_PIXELS // 784 + 37
    images = pictures(n)
    together = augmented(images, settings)
    order = np.random.default_rng(2).permutation(n)
    np.testing.assert_array_equal(augmented(images[order], settings, order), together[order])
    for some in ([5], [n - 1, 0], np.arange(255, 258)):
        np.testing.assert_array_equal(augmented(images[some], settings, some), together[some])


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    settings=st.fixed_dictionaries(
        {},
        optional={
            "shift": st.floats(0, 1000),
            "rotation": st.floats(0, 180),
            "scale": st.floats(0, 0.9),
            "shear": st.floats(0, 2),
            "thickness": st.floats(0, 1),
            "elastic": st.fixed_dictionaries(
                {"alpha": st.floats(0, 1000), "sigma": st.floats(0.5, 100)}
            ),
        },
    ),
    epoch=st.integers(1, 2**40),
    seed=st.integers(0, 2**63 - 1),
)
def test_geometry_invents_no_ink(shape, settings, epoch, seed):
    images = pictures(3, *shape) // 2
    result = augmented(images, AugmentationConfig.model_validate(settings), None, epoch, seed)
    assert result.max() <= images.max()
    nothing = np.zeros_like(images)
    np.testing.assert_array_equal(
        augmented(nothing, AugmentationConfig.model_validate(settings)), nothing
    )


@pytest.mark.parametrize(
    ("epochs", "fraction", "distorted"),
    [
        (20, 0.1, 18),
        (60, 0.05, 57),
        (3, 0.3, 2),
        (10, 0.05, 9),  # half an epoch: one at least
        (3, 0.9, 1),  # 2.7 epochs: one is distorted
        (1, 0.4, 1),
        (1, 0.99, 1),
    ],
)
def test_the_last_epochs_may_show_the_images_as_they_are(epochs, fraction, distorted):
    config = Config.model_validate(
        {
            "data": {"augmentation": {"shift": 9, "undistorted_fraction": fraction}},
            "training": {"epochs": epochs},
        }
    )
    augmenter = Augmenter.from_config(config, (28, 28))
    images = pictures(4).reshape(4, -1)
    out = np.empty_like(images)
    for epoch in range(1, epochs + 1):
        augmenter.apply(images, np.arange(4), epoch, out)
        assert np.array_equal(out, images) == (epoch > distorted)


def test_without_undistorted_epochs_there_is_no_last_epoch_to_distort():
    config = Config.model_validate({"data": {"augmentation": {"shift": 9}}})
    assert Augmenter.from_config(config, (28, 28)).last_epoch == float("inf")


def test_a_run_distorts_with_the_interpolation_of_its_config():
    data = {"augmentation": {"rotation": 20, "elastic": {}}, "interpolation": "bicubic"}
    config = Config.model_validate({"data": data, "seed": 5})
    n = CHUNK_PIXELS // 784 + 3
    images = pictures(n)
    flat = images.reshape(n, -1)
    found = np.empty_like(flat)
    Augmenter.from_config(config, (28, 28)).apply(flat, np.arange(n), 7, found)
    sharp, usual = (
        augmented(images[-5:], config.data.augmentation, range(n - 5, n), 7, 5, interpolation)
        for interpolation in ("bicubic", "bilinear")
    )
    np.testing.assert_array_equal(found.reshape(images.shape)[-5:], sharp)
    assert (sharp != usual).mean() > 0.5


@given(st.integers(0, 2**63 - 1), st.integers(1, 1000), st.integers(0, 2**40))
def test_one_kind_does_not_disturb_another(seed, epoch, index):
    images, indices = pictures(1), np.array([index])
    shifted = augmented(images, AugmentationConfig(shift=3), indices, epoch, seed)
    with_erasing = AugmentationConfig(shift=3, erase=EraseConfig(probability=1))
    erased = augmented(images, with_erasing, indices, epoch, seed)
    np.testing.assert_array_equal(erased[erased > 0], shifted[erased > 0])


def test_the_images_may_be_changed_in_place_and_lie_anywhere():
    images = pictures(5).reshape(5, -1)
    augmenter = Augmenter(EVERYTHING, (28, 28), 1)
    wide = np.zeros((5, 2 * 784), np.uint8)
    augmenter.apply(images, np.arange(5), 1, wide[:, ::2])
    assert not wide[:, 1::2].any()
    augmenter.apply(images, np.arange(5), 1, images)
    np.testing.assert_array_equal(wide[:, ::2], images)


def test_pictures_larger_than_a_block():
    images = np.full((2, 500, 600), 77, np.uint8)
    assert augmented(images, AugmentationConfig(rotation=5))[:, 250, 300].tolist() == [77, 77]


def test_kinds_keep_their_numbers():
    """The meaning of a seed: fixed once, because a resumed run must see the same images."""
    assert [kind.value for kind in Kind] == list(range(8))


def test_bicubic_by_hand():
    """Halfway between pixels Keys' weights are -1, 9, 9 and -1 sixteenths."""
    edge = np.array([[[0, 0, 0, 96, 96, 96, 96]]], np.uint8)
    shown = warped(edge, affine(shift=(-0.5, 0)), "bicubic")
    assert shown.tolist() == [[[0, 0, 48, 102, 96, 102, 48]]]


@pytest.mark.parametrize("interpolation", KERNELS)
def test_doing_nothing_changes_nothing(interpolation):
    images = pictures(3)
    np.testing.assert_array_equal(warped(images, affine(3), interpolation), images)


@pytest.mark.parametrize("sigma", [1.5, 2, 4, 7, 30])
def test_elastic_fields_have_the_strength_that_theory_gives(sigma):
    fields = np.stack(elastic_fields(1, sigma, n=20_000))
    strength = 1 / (math.sqrt(12 * math.pi) * sigma)
    np.testing.assert_allclose(fields.std(axis=(0, 1)), strength, rtol=0.04)  # at every pixel
    assert correlation(fields[0], 5) == pytest.approx(math.exp(-25 / 4 / sigma**2), abs=0.02)


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_quarter_turns(quarters):
    images = pictures(2)
    result = warped(images, affine(2, rotation=90 * quarters))
    np.testing.assert_array_equal(result, np.rot90(images, quarters, axes=(1, 2)))


def test_shear_leans_to_the_right():
    image = np.zeros((1, 9, 9), np.uint8)
    image[:, :, 4] = 255
    result = warped(image, affine(shear=1))[0]
    np.testing.assert_array_equal(result, 255 * np.eye(9, dtype=np.uint8)[::-1])
