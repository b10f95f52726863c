"""The weights of the first layer as images: what each unit looks for."""

import numpy as np
from matplotlib.figure import Figure

from mlpcli.inference.model import Model
from mlpcli.nn.arrays import Array, Labels
from mlpcli.pictures.catalogue import RunPicture, without_images
from mlpcli.pictures.style import shown, tiled

MOST, COLUMNS = 100, 10
CLIPPED = 99.8
"""percentile of the weights' magnitudes beyond which all are drawn black or white"""


def strongest_units(W: Array, most: int) -> Labels:
    """Return the units (n,) of W (n_in, n_out) with the longest weight vectors, in order."""
    lengths = np.square(W, dtype=np.float64).sum(axis=0)
    return np.sort(np.argsort(-lengths, kind="stable")[:most])


def draw(model: Model) -> Figure:
    """Draw an image for each unit: black for its most negative weights, white for positive."""
    W = model.network.dense[0].W
    units = strongest_units(W, MOST)
    tiles = W.T[units].reshape(-1, *model.image_shape)
    largest = float(np.percentile(np.abs(tiles), CLIPPED)) or 1.0
    if len(model.network.dense) > 1:
        captions = [f"unit {i + 1}" for i in units]
        what = f"{W.shape[1]} units"
    else:
        captions = [shown(model.output_names[i]) for i in units]
        what = f"{W.shape[1]} classes"
    title = f"Weights of the first layer: {what} of {W.shape[0]} pixels each"
    if len(units) < W.shape[1]:
        title += f"; the {len(units)} with the longest weight vectors"
    columns, bar = min(COLUMNS, len(units)), "weight (no unit)"
    shades = {"cmap": "gray", "vmin": -largest, "vmax": largest}
    return tiled(title, tiles, captions, columns, 0.85, bar, **shades)


PICTURE = RunPicture(
    lambda runs, _labels: draw(runs[0].model),
    why_not=without_images,
)
