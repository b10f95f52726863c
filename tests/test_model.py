import numpy as np
import pytest
from helpers.digits import bars_dataset

import mlpcli
from mlpcli.data.dataset import Dataset
from mlpcli.errors import CheckpointError, DataError, DivergedError
from mlpcli.files import as_argument
from mlpcli.inference.class_metrics import confusion_matrix
from mlpcli.inference.committee import Committee
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints

IMAGES, LABELS = bars_dataset(60, 1)


def dataset_of(images, labels, class_names):
    return Dataset(
        images.reshape(len(images), -1), labels.astype(np.intp), (6, 5), tuple(class_names)
    )


@pytest.fixture
def model(finished):
    return mlpcli.load_model(finished.folder)


def test_predictions_are_those_of_the_run(finished, model):
    assert np.array_equal(model.predict(IMAGES), finished.test.predictions)
    np.testing.assert_allclose(model.predict_proba(IMAGES), finished.test.probabilities, rtol=1e-5)


def test_every_part_of_the_toolbox_survives_its_checkpoint(bars, tmp_path):
    config = mlpcli.load_config(
        bars,
        overrides=[
            "network.hidden=[8, 6]",
            "network.activation=[gelu, tanh]",
            "network.initializer=orthogonal",
            "network.bias_initializer={name: normal, std: 1}",
            "loss.label_smoothing=0.1",
            "schedule=one_cycle",
        ],
    )
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    model = run.load_model()
    assert model.network.activations[:2] == ["gelu", "tanh"]
    assert vars(model.loss)["label_smoothing"] == 0.1
    assert np.array_equal(model.predict(IMAGES), run.test.predictions)
    assert evaluate_checkpoints(run.folder).loss == run.test.loss
    again = mlpcli.train(mlpcli.load_config(run.folder / "config.yaml"), runs_dir=tmp_path / "2")
    assert np.array_equal(again.load_model().network.theta, model.network.theta)


@pytest.mark.parametrize(
    ("loss", "output_activation"),
    [("binary_cross_entropy", "identity"), ("quadratic", "sigmoid"), ("mse", "softplus")],
)
def test_every_loss_learns(bars, tmp_path, loss, output_activation):
    settings = [f"loss={loss}", f"network.output_activation={output_activation}"]
    config = mlpcli.load_config(bars, overrides=[*settings, "training.epochs=10"])
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    assert run.test.accuracy > 0.9
    np.testing.assert_allclose(run.test.probabilities.sum(axis=1), 1, rtol=1e-5)


def test_one_image_flat_images_and_wide_integers(model):
    expected = model.predict(IMAGES)
    assert np.array_equal(model.predict(IMAGES.reshape(60, 30)), expected)
    assert np.array_equal(model.predict(IMAGES.astype(np.int64)), expected)
    assert np.array_equal(model.predict(IMAGES.tolist()), expected)
    assert model.predict(IMAGES[0]).tolist() == expected[:1].tolist()
    assert model.predict(IMAGES[0].ravel()).tolist() == expected[:1].tolist()


@pytest.mark.parametrize(
    "images",
    [
        IMAGES / 255,
        IMAGES.astype(int) - 1000,
        IMAGES.astype(int) + 1000,
        IMAGES[:, :5],
        np.zeros((), np.uint8),
        [[[0, 255]], [[0, 255], [0, 0]]],
    ],
)
def test_images_that_do_not_fit(model, images):
    with pytest.raises(DataError, match="Images must"):
        model.predict(images)


def test_pixels_of_two_bytes_are_told_to_be_too_large(model):
    with pytest.raises(DataError, match="found 0 to 65535; scale them"):
        model.predict(np.array([[0] * 30, [65535] * 30], np.uint16))


def test_results_outlive_the_next_call(model):
    first = model.predict_proba(IMAGES[:5])
    kept = first.copy()
    model.predict_proba(IMAGES[5:10])
    assert np.array_equal(first, kept)


def test_evaluate_counts_every_example(finished, model):
    evaluation = model.evaluate(dataset_of(IMAGES, LABELS, "012"))
    assert confusion_matrix(evaluation).sum() == 60
    assert evaluation.accuracy == (model.predict(IMAGES) == LABELS).mean()
    assert evaluation.loss == pytest.approx(finished.test.loss)


@pytest.mark.parametrize(
    ("shape", "classes", "message"),
    [
        ((28, 28), "012", "28×28 pixels, but the network was trained on 6×5"),
        ((6, 5), "0123", "has 4 classes, but the network knows 3"),
        ((6, 5), "ab", "has 2 classes, but the network knows 3"),
    ],
)
def test_a_dataset_of_another_task_is_refused(model, shape, classes, message):
    images = np.zeros((1, shape[0] * shape[1]), np.uint8)
    with pytest.raises(DataError, match=message):
        model.evaluate(Dataset(images, np.array([0]), shape, tuple(classes)))


@pytest.mark.parametrize("order", ["012", "210", "120"])
def test_classes_are_found_by_their_names(model, order):
    names = tuple(order)
    own = np.array([names.index(str(label)) for label in LABELS])
    expected = model.evaluate(dataset_of(IMAGES, LABELS, "012"))
    assert expected.accuracy > 0.9
    for several in (model, Committee([model, model])):
        found = several.evaluate(dataset_of(IMAGES, own, names))
        assert found.accuracy == expected.accuracy
        assert found.class_names == ("0", "1", "2")
        assert found.labels.tolist() == LABELS.tolist()


def test_not_every_class_need_be_there(model):
    chosen = np.isin(LABELS, [0, 2])
    found = model.evaluate(dataset_of(IMAGES[chosen], LABELS[chosen] // 2, "02"))
    assert found.accuracy == (model.predict(IMAGES[chosen]) == LABELS[chosen]).mean()
    assert confusion_matrix(found).sum(axis=1).tolist()[1] == 0


def test_classes_that_the_network_does_not_know_are_taken_in_their_order(model):
    expected = model.evaluate(dataset_of(IMAGES, LABELS, "012")).accuracy
    assert model.evaluate(dataset_of(IMAGES, LABELS, "2ab")).accuracy == expected


def test_no_digit_is_not_counted_among_the_classes():
    boxed = mlpcli.load_model("boxed")
    dataset = Dataset(np.zeros((1, 784), np.uint8), np.array([0]), (28, 28), ("a", "b"))
    with pytest.raises(DataError, match="has 2 classes, but the network knows 10;"):
        boxed.evaluate(dataset)


def test_the_largest_output_answers_even_where_probabilities_tie(bars, tmp_path):
    config = mlpcli.load_config(bars, overrides=["loss=mse", "training.epochs=1"])
    model = mlpcli.train(config, runs_dir=tmp_path / "runs").load_model()
    model.network.theta[...] = 0
    model.network.dense[-1].b[...] = [-3, -1, -2]
    assert np.array_equal(model.predict_proba(IMAGES[0]), np.full((1, 3), 1 / 3, np.float32))
    assert model.predict(IMAGES[0]).tolist() == [1]


def test_checkpoints_are_evaluated_on_their_own_data(run, finished, monkeypatch):
    monkeypatch.chdir(finished.folder.parents[1])
    assert evaluate_checkpoints(run.folder).accuracy == run.test.accuracy
    validation = evaluate_checkpoints(
        run.folder / "weights" / "last.safetensors", split="validation"
    )
    assert validation.accuracy == run.history[-1].val_accuracy
    assert len(evaluate_checkpoints(run.folder, split="train").labels) == 120


def test_evaluating_on_another_dataset_counts_all_of_it(fabricate, tmp_path, monkeypatch):
    folder = fabricate("mnist").write_to(tmp_path / "mirror")
    monkeypatch.setenv("MLPCLI_MIRROR", str(folder))
    config = mlpcli.load_config(
        {"data": {"train_size": 100, "test_size": 10}, "training": {"epochs": 1}}
    )
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    evaluation = evaluate_checkpoints(run.folder, dataset="mnist", data_dir=tmp_path / "cache")
    assert evaluation.labels.tolist() == [*range(10), *range(10)]


def test_outputs_that_are_not_finite_are_refused(bars, tmp_path):
    config = mlpcli.load_config(
        bars,
        overrides=[
            "data.validation=0",
            "training.batch_size=1000",
            "training.epochs=1",
            "optimizer.learning_rate=1e38",
        ],
    )
    with pytest.raises(DivergedError):
        mlpcli.train(config, runs_dir=tmp_path / "runs")
    with pytest.raises(CheckpointError, match="not every number"):
        evaluate_checkpoints(tmp_path / "runs" / "bars")
    with pytest.raises(CheckpointError, match="not every number"):
        mlpcli.load_model(tmp_path / "runs" / "bars").predict(IMAGES)


def test_evaluating_without_a_validation_split(bars, tmp_path):
    config = mlpcli.load_config(bars, overrides=["data.validation=0", "training.epochs=1"])
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    with pytest.raises(DataError, match="no validation split"):
        evaluate_checkpoints(run.folder, split="validation")


def test_public_names():
    assert set(mlpcli.__all__) <= set(dir(mlpcli))
    for name in mlpcli.__all__:
        assert getattr(mlpcli, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = mlpcli.nonsense


def test_a_run_whose_first_epoch_is_not_done(run):
    weights = run.folder / "weights"
    (weights / "best.safetensors").unlink()
    with pytest.raises(CheckpointError, match="the end of its first epoch leaves") as refused:
        mlpcli.load_model(run.folder)
    assert f"`mlpcli train --resume {as_argument(run.folder)}`" in str(refused.value)
    assert str(refused.value).endswith(f"or give {weights / 'last.safetensors'}.")
    assert mlpcli.load_model(weights / "last.safetensors").epoch == len(run.history)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(CheckpointError, match="give a run folder or a checkpoint"):
        mlpcli.load_model(tmp_path)
