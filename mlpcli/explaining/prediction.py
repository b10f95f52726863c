"""A trained network's answer to one image, and the change that one step of training would make."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlpcli.config.loading import config_of_checkpoint
from mlpcli.data.dataset import UInt8Array
from mlpcli.data.loading import DataLoader
from mlpcli.data.published.cache import data_directory
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.explaining.trace import StepTrace, trace_step
from mlpcli.inference.model import Model, load_model
from mlpcli.language import N_
from mlpcli.nn.arrays import Array, one_hot
from mlpcli.nn.losses import Brier, CrossEntropy, Loss
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reading.preparations import PREPARATIONS
from mlpcli.reporting import Reporter


@dataclass(frozen=True)
class TracedPrediction:
    """One image's way through a network, and back."""

    pixels: UInt8Array
    """(height, width), as the network saw them"""
    class_names: tuple[str, ...]
    label: int
    """the class that the step is towards"""
    predicted: int
    step: StepTrace
    """one step of plain SGD on this image alone"""
    temperature: float
    """divisor of the outputs in `mlpcli predict`, and not here: the loss compares p without it"""
    calibrated: Array
    """the probabilities (n_classes,) in `mlpcli predict`"""
    probabilities: Array
    """p (n_classes,), what the loss compares with the target"""
    probabilities_after: Array
    """the same after the step"""
    score: str
    """the measure of evidence for the label: log p, where p comes from softmax, or its output"""
    for_the_label: Array
    """d(score)/dx (height, width): more ink speaks for the label where it is positive"""


@dataclass(frozen=True)
class WeightChange:
    """The change that a step would make to one weight of the last layer."""

    unit: int
    """a unit of the layer before, or a pixel if there is none, from 1 on"""
    class_name: str
    activation: float
    """the unit's output"""
    change: float
    """-η dL/dW"""


def explain_training_image(
    checkpoint: Path,
    example: int,
    *,
    data_dir: Path | None = None,
    trust_paths: bool = False,
    reporter: Reporter,
) -> TracedPrediction:
    """Trace an image that the network was trained on, as `explain_prediction` does.

    Args:
        checkpoint: a run folder or a checkpoint.
        example: the image's number in the training set, from 1 on.
        data_dir: the cache of datasets.
        trust_paths: whether data files that the checkpoint names may lie anywhere.
        reporter: follows a download.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: there is no such example.
        DataError: the data cannot be had.
    """
    model = load_model(checkpoint)
    config = config_of_checkpoint(model.config, model.path)
    cache = data_directory(data_dir)
    loader = DataLoader(config.data, config.seed, cache, reporter, trust_paths=trust_paths)
    training, _ = loader.training_and_validation()
    if example > len(training):
        raise ConfigError(f"--example {example}: there are {len(training):,} of them.")
    label = model.output_names[training.labels[example - 1]]
    return _traced(model, training.images[example - 1], label)


def explain_prediction(checkpoint: Path, image: Path, label: str | None) -> TracedPrediction:
    """Trace an image through a trained network; the step that is tried changes no file.

    Args:
        checkpoint: a run folder or a checkpoint.
        image: an image file.
        label: name of the image's class; None for the class that the network predicts.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the network knows no such class.
        DataError: the network was not trained on images.
        ImageError: the image cannot be read, or there is no digit in it.
    """
    model = load_model(checkpoint)
    if model.learned_from_a_table:
        raise DataError(
            f"{model.path}: this network was trained on a table of numbers and knows no images; "
            "`mlpcli explain RUN --inputs` shows what it makes of a row of numbers."
        )
    if label is not None and label not in model.output_names:
        raise ConfigError(
            f"--label {label}: the network knows no such class; its classes are "
            f"{', '.join(model.output_names)}."
        )
    found = PREPARATIONS[model.preparation](image, model.image_shape).pixels
    return _traced(model, found, label)


def _traced(model: Model, found: UInt8Array, label: str | None) -> TracedPrediction:
    pixels = model.seen(found)
    network = model.network
    x = np.empty(pixels.shape, network.dtype)
    model.normalization.apply(pixels, x)
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        calibrated = model.output_probabilities(found)[0]
        predicted = int(calibrated.argmax())
        target = predicted if label is None else model.output_names.index(label)
        t = one_hot(np.array([target]), len(calibrated), network.dtype)
        score, for_the_label = _evidence(network, model.loss, x, t)
        rate = _learning_rate(model)
        step = trace_step(network, model.loss, SGD(), {}, x, t, rate, differences=False)
        after = model.loss.prediction(network.forward(x))[0]
    model.refuse_unless_finite(after, for_the_label, step.loss_after, step.gradient_norm)
    shape = model.image_shape
    return TracedPrediction(
        pixels.reshape(shape),
        model.output_names,
        target,
        predicted,
        step,
        model.temperature,
        calibrated,
        step.prediction[0],
        after,
        score,
        for_the_label.reshape(shape),
    )


def strongest_changes(traced: TracedPrediction, most: int) -> list[WeightChange]:
    """Return the largest changes in the last layer: at most `most` raised, then `most` lowered."""
    last = traced.step.layers[-1]
    change = -traced.step.learning_rate * last.W.gradient.astype(np.float64)
    order = np.argsort(-change, axis=None, kind="stable")
    raised = [i for i in order[:most] if change.flat[i] > 0]
    lowered = [i for i in order[::-1][:most] if change.flat[i] < 0]
    found = []
    for place in (*raised, *lowered):
        i, j = np.unravel_index(place, change.shape)
        activation = float(last.a_in[0, i])
        found.append(
            WeightChange(int(i) + 1, traced.class_names[j], activation, float(change[i, j]))
        )
    return found


def _learning_rate(model: Model) -> float:
    try:
        return float(model.config["optimizer"]["learning_rate"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{model.path}: the config in it has no learning rate.") from error


def _evidence(network: MLP, loss: Loss, x: Array, t: Array) -> tuple[str, Array]:
    """Return the name of the label's score, and d(score)/dx (1, n_in).

    The score is not -L: a loss may lower the label's output, as label smoothing does above its
    target. Softmax compares the outputs, so for the losses that have one the score is
    log p = log softmax(z), whose derivative with respect to z is t - p; for other losses it is the
    label's own output.
    """
    z = network.forward(x)
    if isinstance(loss, CrossEntropy | Brier):
        score = "log p"
        network.send_back(t - loss.prediction(z))
    else:
        score = N_("output")
        network.send_back(t.copy())
    first = network.dense[0]
    return score, first.backward(first.delta).copy()
