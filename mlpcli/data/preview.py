"""A picture of training images beside what augmentation makes of them."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from mlpcli.data.augmentation import Augmenter
from mlpcli.data.dataset import Dataset, IntArray, UInt8Array

CELL = 84
"""The length of an image's longer side on the sheet, which shows 28 pixels as 84."""
MARGIN = 4
BEHIND_THE_ORIGINAL = 16
HEADER = 18
PAPER, TEXT = (236, 236, 236), (40, 40, 40)


def choose(labels: IntArray, count: int) -> IntArray:
    """Return the positions of the first image of each class in turn, then of the second ones.

    At most `count`, and no image twice.
    """
    in_its_class = np.empty(len(labels), np.intp)
    for label in np.unique(labels):
        (members,) = np.nonzero(labels == label)
        in_its_class[members] = np.arange(len(members))
    return np.lexsort((labels, in_its_class))[:count]


def draw(dataset: Dataset, indices: IntArray, augmenter: Augmenter, epochs: Sequence[int]) -> bytes:
    """Draw a sheet: a row for each image, the original and its version in each of the epochs.

    Args:
        dataset: The training set.
        indices: (n,) which of its images.
        augmenter: For images of this shape.
        epochs: One column each.

    Returns:
        A PNG file.
    """
    originals = dataset.images[indices]
    columns = [("original", originals)]
    for epoch in epochs:
        distorted = np.empty_like(originals)
        augmenter.apply(originals, indices, epoch, distorted)
        columns.append((f"epoch {epoch}", distorted))

    height, width = dataset.image_shape
    zoom = _zoom(height, width)
    cell_width, cell_height = max(1, round(width * zoom)), max(1, round(height * zoom))
    step_x, step_y = max(cell_width, CELL) + MARGIN, cell_height + MARGIN
    gap = BEHIND_THE_ORIGINAL if epochs else 0
    size = (MARGIN + gap + step_x * len(columns), HEADER + step_y * len(indices))
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for i, (title, images) in enumerate(columns):
        left = MARGIN + i * step_x + (gap if i else 0)
        pen.text((left, MARGIN), title, fill=TEXT)
        for j, image in enumerate(images):
            picture = _enlarged(image.reshape(height, width), (cell_width, cell_height))
            sheet.paste(picture, (left, HEADER + j * step_y))
    png = BytesIO()
    sheet.save(png, "PNG")
    return png.getvalue()


def _zoom(height: int, width: int) -> float:
    """Return the factor to the sheet: a whole number, so that pixels stay alike, or below 1."""
    zoom = CELL / max(height, width)
    return zoom // 1 if zoom >= 1 else zoom


def _enlarged(image: UInt8Array, size: tuple[int, int]) -> Image.Image:
    smaller = image.shape[1] > size[0] or image.shape[0] > size[1]
    how = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
    return Image.fromarray(image).resize(size, how)
