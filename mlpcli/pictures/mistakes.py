"""The wrong answers that the network was surest of."""

import numpy as np
from matplotlib.figure import Figure

from mlpcli.data.dataset import Dataset
from mlpcli.nn.arrays import Labels
from mlpcli.pictures.catalogue import RunPicture, without_images
from mlpcli.pictures.style import figure, shown, tiled
from mlpcli.training.evaluation import Evaluation

MOST, COLUMNS = 30, 6


def worst_mistakes(evaluation: Evaluation, most: int) -> Labels:
    """Return the positions (n,) of at most `most` wrong examples, the surest first."""
    (wrong,) = np.nonzero(evaluation.predictions != evaluation.labels)
    belief = evaluation.probabilities[wrong, evaluation.predictions[wrong]]
    return wrong[np.argsort(-belief, kind="stable")[:most]]


def draw(evaluation: Evaluation, test: Dataset) -> Figure:
    """Draw each with its true class, its predicted one and that one's probability."""
    positions = worst_mistakes(evaluation, MOST)
    wrong = int(np.count_nonzero(evaluation.predictions != evaluation.labels))
    total = len(evaluation.labels)
    if wrong == 0:
        picture = figure(6, 1)
        picture.suptitle(f"No mistakes: all {total:,} test images were read correctly.", y=0.6)
        return picture
    names = [shown(name) for name in evaluation.class_names]
    captions = []
    for i in positions:
        label, predicted = evaluation.labels[i], evaluation.predictions[i]
        percent = f"{100 * evaluation.probabilities[i, predicted]:.1f} %"
        captions.append(
            f"true: {names[label]}\npredicted: {names[predicted]}\n{percent} · image {i}"
        )
    tiles = test.images[positions].reshape(-1, *test.image_shape)
    title = f"The {len(positions)} most firmly believed of {wrong:,} mistakes on {total:,} images"
    columns = min(COLUMNS, len(positions))
    return tiled(title, tiles, captions, columns, 1.35, cmap="gray_r", vmin=0, vmax=255)


PICTURE = RunPicture(
    lambda runs, _labels: draw(runs[0].evaluation, runs[0].test),
    why_not=without_images,
)
