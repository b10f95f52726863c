"""How a trained network reads one image, and what one step of training on it would change."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mlpcli.data.dataset import UInt8Array
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.explaining.trace import StepTrace, trace_step
from mlpcli.inference.model import Model, load_model
from mlpcli.nn.arrays import Array, one_hot
from mlpcli.nn.losses import CrossEntropy, Loss
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import SGD
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reading.digit import prepare


@dataclass(frozen=True)
class PictureStory:
    """The way of one image through a network, and back."""

    pixels: UInt8Array
    """the input of the network (height, width)"""
    class_names: tuple[str, ...]
    label: int
    """the class that the image is taken to be of"""
    predicted: int
    step: StepTrace
    """one step of plain SGD on this image alone"""
    temperature: float
    """divides the outputs for their probabilities, but not for the loss"""
    probabilities: Array
    """those of `mlpcli predict` (n_classes,)"""
    probabilities_after: Array
    """the same after that step"""
    score: Literal["log p", "output"]
    """the measure of the evidence for the label; p is its probability"""
    for_the_label: Array
    """d(score)/dx (height, width): more ink speaks for the label where it is positive"""


@dataclass(frozen=True)
class WeightChange:
    """The change of one weight of the last layer in a step."""

    unit: int
    """number of the unit in the layer before, or of the pixel where there is none, from 1 on"""
    class_name: str
    activation: float
    """of that unit"""
    change: float


def explain_picture(checkpoint: Path, image: Path, label: str | None) -> PictureStory:
    """Follow an image through a trained network; the step is tried and not kept.

    Args:
        checkpoint: a run folder or a checkpoint.
        image: an image file.
        label: the name of its class; None for the network's own answer.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: the network knows no such class.
        DataError: the network was not trained on images.
        ImageError: the image cannot be read, or has no digit in it.
    """
    model = load_model(checkpoint)
    if model.learned_from_a_table:
        raise DataError(
            f"{model.path}: this network was trained on a table of numbers and knows no images; "
            "`mlpcli explain --config` shows how it learns."
        )
    target = _class_named(model, label) if label is not None else None
    found = prepare(image, model.image_shape).pixels
    pixels = model.seen(found)
    network = model.network
    x = np.empty(pixels.shape, network.dtype)
    model.normalization.apply(pixels, x)
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        probabilities = model.predict_proba(found)
        predicted = int(probabilities[0].argmax())
        if target is None:
            target = predicted
        t = one_hot(np.array([target]), probabilities.shape[1], network.dtype)
        score, for_the_label = _evidence(network, model.loss, x, t)
        plain = SGD()
        step = trace_step(network, model.loss, plain, {}, x, t, _rate(model), differences=False)
        after = model.loss.probabilities(network.forward(x) / model.temperature)[0].copy()
    model.refuse_unless_finite(after, for_the_label, step.loss_after, step.gradient_norm)
    shape = model.image_shape
    return PictureStory(
        pixels.reshape(shape),
        model.class_names,
        target,
        predicted,
        step,
        model.temperature,
        probabilities[0],
        after,
        score,
        for_the_label.reshape(shape),
    )


def strongest_changes(story: PictureStory, most: int) -> list[WeightChange]:
    """Return the weights of the last layer that the step raises most, then those it lowers most.

    At most `most` of each.
    """
    last = story.step.layers[-1]
    change = last.W.new - last.W.value
    inputs = story.step.layers[-2].a if len(story.step.layers) > 1 else story.step.x
    order = [int(i) for i in np.argsort(-change, axis=None, kind="stable")]
    raised = [i for i in order[:most] if change.flat[i] > 0]
    lowered = [i for i in order[::-1][:most] if change.flat[i] < 0]
    found = []
    for at in (*raised, *lowered):
        i, j = divmod(at, change.shape[1])
        name = story.class_names[j]
        found.append(WeightChange(i + 1, name, float(inputs[0, i]), float(change[i, j])))
    return found


def _class_named(model: Model, label: str) -> int:
    if label not in model.class_names:
        raise ConfigError(
            f"--label {label}: the network knows no such class; its classes are "
            f"{', '.join(model.class_names)}."
        )
    return model.class_names.index(label)


def _rate(model: Model) -> float:
    try:
        return float(model.config["optimizer"]["learning_rate"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{model.path}: the config in it has no learning rate.") from error


def _evidence(
    network: MLP, loss: Loss, x: Array, t: Array
) -> tuple[Literal["log p", "output"], Array]:
    """Return the label's score, and its derivative d(score)/dx (1, n_in).

    Not -dL/dx: a loss may want the label's output lower, as label smoothing does beyond its target.
    Softmax's outputs count only against each other, so there the score is log p = log softmax(z),
    whose derivative by z is t - p; otherwise it is the label's own output.
    """
    z = network.forward(x)
    among_all = isinstance(loss, CrossEntropy)
    network.send_back(t - loss.prediction(z) if among_all else t.copy())
    first = network.dense[0]
    return "log p" if among_all else "output", first.backward(first.delta).copy()
