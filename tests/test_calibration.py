import math

import numpy as np
import pytest

import mlpcli
from mlpcli.inference.calibration import calibrated, calibration, fit_temperature
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints
from mlpcli.nn.losses import BinaryCrossEntropy, CrossEntropy, QuadraticError
from mlpcli.reporting import Reporter
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.training.setup import prepare


def believed(labels, predictions, probabilities):
    """Probabilities (N, 3) in which each prediction is believed as given."""
    shares = np.zeros((len(labels), 3))
    shares[np.arange(len(labels)), predictions] = probabilities
    return shares, np.array(labels)


def test_calibration_by_hand():
    # (0.4, 0.5]: one right of two, believed 0.45 and 0.5; (0.9, 1]: none of two, 0.95 and 1
    found = calibration(*believed([0, 0, 1, 2], [0, 1, 2, 1], [0.45, 0.5, 0.95, 1.0]))
    assert found.counts.tolist() == [0, 0, 0, 0, 2, 0, 0, 0, 0, 2]
    assert found.confidence[[4, 9]] == pytest.approx([0.475, 0.975])
    assert found.accuracy[[4, 9]] == pytest.approx([0.5, 0.0])
    assert np.isnan(found.accuracy[0])
    assert np.isnan(found.confidence[0])
    assert found.expected_error == pytest.approx(0.5 * 0.025 + 0.5 * 0.975)


def test_a_probability_that_rounding_made_too_large_is_in_the_last_bin():
    probabilities, labels = believed([0, 0], [0, 1], [np.nextafter(1, 2), 0.0])
    found = calibration(probabilities, labels, n_bins=4)
    assert found.counts.tolist() == [1, 0, 0, 1]


def test_perfect_calibration_has_no_error():
    labels = [0] * 7 + [1] * 3
    assert calibration(*believed(labels, [0] * 10, [0.7] * 10)).expected_error < 1e-12


def test_nothing_is_calibrated_without_error():
    assert calibration(np.empty((0, 3)), np.empty(0, np.intp)).expected_error == 0


@pytest.mark.parametrize("scale", [0.25, 1.0, 3.0])
def test_temperature_by_hand(scale):
    # Three of four are class 0, so softmax(z / T) must be 3/4: z / T = (log 3, 0).
    z = np.tile([scale * math.log(3), 0.0], (4, 1))
    labels = np.array([0, 0, 1, 0])
    assert fit_temperature(CrossEntropy(), z, labels) == pytest.approx(scale, rel=1e-6)


def test_temperature_of_sigmoids_is_where_the_likelihood_is_greatest():
    dice = np.random.default_rng(1)
    z, labels = 4 * dice.normal(size=(200, 3)), dice.integers(0, 3, 200)
    loss = BinaryCrossEntropy()
    temperature = fit_temperature(loss, z, labels)

    def surprise(t):
        return -np.log(loss.probabilities(z / t)[np.arange(200), labels]).mean()

    grid = np.geomspace(0.5, 100, 401)
    assert surprise(temperature) <= min(map(surprise, grid)) + 1e-12
    assert temperature > 2  # the outputs are noise, and sure of themselves


@pytest.mark.parametrize("seed", range(20))
def test_temperature_is_one_where_nothing_depends_on_it(seed):
    """Shares of outputs are the same whatever these are divided by, but for the rounding."""
    dice = np.random.default_rng(seed)
    z, labels = dice.uniform(0.1, 1, (50, 3)), dice.integers(0, 3, 50)
    assert fit_temperature(QuadraticError(), z, labels) == 1.0


def test_a_network_that_is_never_wrong_is_not_made_less_sure():
    z, labels = np.array([[900.0, -900.0], [-900.0, 900.0]]), np.array([0, 1])
    assert fit_temperature(CrossEntropy(), z, labels) <= 1.0


@pytest.fixture
def undecided(bars, tmp_path):
    settings = ["training.epochs=1", "optimizer.learning_rate=0.002"]
    return mlpcli.train(mlpcli.load_config(bars, overrides=settings), runs_dir=tmp_path)


def test_a_run_leaves_its_best_weights_with_their_temperature(undecided):
    model = undecided.load_model()
    assert 0 < model.temperature != 1
    judged = undecided.test
    assert judged.temperature == model.temperature
    assert not np.array_equal(judged.probabilities, judged.uncalibrated)
    assert np.array_equal(judged.probabilities.argmax(axis=1), judged.uncalibrated.argmax(axis=1))


def test_the_temperature_makes_the_validation_part_likelier(undecided):
    judged = evaluate_checkpoints(undecided.folder, split="validation")
    right = np.arange(len(judged.labels)), judged.labels
    assert -np.log(judged.probabilities[right]).mean() < -np.log(judged.uncalibrated[right]).mean()


def test_the_temperature_is_that_of_the_averaged_weights(bars, tmp_path):
    settings = ["training.epochs=1", "optimizer.learning_rate=0.002", "training.averaging={}"]
    config = mlpcli.load_config(bars, overrides=settings)
    path = mlpcli.train(config, runs_dir=tmp_path).folder / "weights" / "best.safetensors"
    checkpoint = load_checkpoint(path)
    validation = prepare(config, None, Reporter()).validation
    x = (validation.images - checkpoint.normalization.mean) / checkpoint.normalization.std
    averaged, last = (
        fit_temperature(CrossEntropy(), network.for_prediction().forward(x), validation.labels)
        for network in (
            checkpoint.network.with_parameters(checkpoint.average.astype(np.float64)),
            checkpoint.network.with_parameters(checkpoint.network.theta.astype(np.float64)),
        )
    )
    assert checkpoint.temperature == pytest.approx(averaged, rel=1e-3)
    assert checkpoint.temperature != pytest.approx(last, rel=1e-2)


@pytest.fixture
def drawing(fabricate, mirror, tmp_path, monkeypatch):
    """The config of a small run that learns from drawn images, too, and where its data is."""
    mirror.serve_folder(fabricate("mnist").write_to(tmp_path / "mirror"))
    monkeypatch.setenv("MLPCLI_MIRROR", mirror.url)

    def config(**data):
        values = {"name": "drawing", "data": {"dataset": "mnist", "validation": 10, **data}}
        small = {"network": {"hidden": [4]}, "training": {"epochs": 1, "pictures": False}}
        return mlpcli.load_config(values | small)

    return config, tmp_path / "cache"


def test_the_temperature_is_fitted_to_as_large_a_share_of_drawn_images_as_training_has(drawing):
    config, data_dir = drawing
    setup = prepare(config(added_digits=30, no_digits=60), data_dir, Reporter())
    held_out, training, validation = setup.calibration_set(), setup.training, setup.validation
    n, share = len(validation), len(validation) / (len(training) - 90)
    assert 0.1 < share < 1
    assert np.array_equal(held_out.images[:n], validation.images)
    drawn = np.bincount(held_out.labels[n:], minlength=11)
    assert drawn[:10].sum() == round(30 * share)
    assert drawn[10] == round(60 * share)
    assert held_out.class_names == training.class_names
    seen = {image.tobytes() for image in training.images[-90:]}
    assert not seen & {image.tobytes() for image in held_out.images}


def test_the_temperature_of_a_run_is_that_of_what_is_held_out_for_it(drawing, tmp_path):
    config, data_dir = drawing[0](added_digits=60, no_digits=60), drawing[1]
    run = mlpcli.train(config, runs_dir=tmp_path, data_dir=data_dir)
    checkpoint = load_checkpoint(run.folder / "weights" / "best.safetensors")
    setup = prepare(config, data_dir, Reporter())
    fitted = [
        calibrated(checkpoint, images).temperature
        for images in (setup.calibration_set(), setup.validation)
    ]
    assert checkpoint.temperature == fitted[0] != fitted[1]


def test_without_drawn_images_it_is_fitted_to_the_validation_set(drawing):
    setup = prepare(drawing[0](), drawing[1], Reporter())
    assert setup.calibration_set() is setup.validation


def test_without_validation_the_temperature_stays_one(bars, tmp_path):
    config = mlpcli.load_config(bars, overrides=["data.validation=0"])
    run = mlpcli.train(config, runs_dir=tmp_path)
    assert run.load_model().temperature == 1
    assert run.test.uncalibrated is None


def test_where_every_answer_is_right_the_temperature_stays_one():
    z = np.array([[2.0, 0.0], [0.0, 3.0], [0.1, 0.0]])
    assert fit_temperature(CrossEntropy(), z, np.array([0, 1, 0])) == 1
    assert fit_temperature(CrossEntropy(), z, np.array([0, 1, 1])) != 1
