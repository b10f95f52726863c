"""A sheet of training images beside their augmented versions, drawn with Pillow."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from mlpcli.data.augmentation import Augmenter
from mlpcli.data.dataset import Dataset, IntArray

CELL_SIDE = 84
"""longer side of an image on the sheet, in pixels; three times 28"""
CELL_MARGIN = 4
ORIGINAL_GAP = 16
HEADER = 18
PAPER, TEXT = (236, 236, 236), (40, 40, 40)


def first_of_each_class(labels: IntArray, count: int) -> IntArray:
    """Return `count` positions at most: first images of each class, then second ones, and so on."""
    rank_in_class = np.empty(len(labels), np.intp)
    for label in np.unique(labels):
        positions = np.flatnonzero(labels == label)
        rank_in_class[positions] = np.arange(len(positions))
    return np.lexsort((labels, rank_in_class))[:count]


def draw_sheet(
    dataset: Dataset, indices: IntArray, augmenter: Augmenter, epochs: Sequence[int]
) -> bytes:
    """Return a PNG file with a row for each image at `indices` (n,) of the training set.

    A row shows the original, and its version in each of `epochs`.
    """
    originals = dataset.images[indices]
    columns = [("original", originals)]
    for epoch in epochs:
        distorted = np.empty_like(originals)
        augmenter.apply(originals, indices, epoch, distorted)
        columns.append((f"epoch {epoch}", distorted))

    height, width = dataset.image_shape
    zoom = CELL_SIDE / max(height, width)
    if zoom >= 1:
        zoom, resampling = int(zoom), Image.Resampling.NEAREST  # pixels stay alike
    else:
        resampling = Image.Resampling.BOX
    cell = max(1, round(width * zoom)), max(1, round(height * zoom))
    step_x, step_y = max(cell[0], CELL_SIDE) + CELL_MARGIN, cell[1] + CELL_MARGIN
    gap = ORIGINAL_GAP if epochs else 0
    size = (CELL_MARGIN + gap + step_x * len(columns), HEADER + step_y * len(indices))
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for i, (title, images) in enumerate(columns):
        left = CELL_MARGIN + i * step_x + (gap if i else 0)
        pen.text((left, CELL_MARGIN), title, fill=TEXT)
        for j, image in enumerate(images):
            enlarged = Image.fromarray(image.reshape(height, width)).resize(cell, resampling)
            sheet.paste(enlarged, (left, HEADER + j * step_y))
    png = BytesIO()
    sheet.save(png, "PNG")
    return png.getvalue()
