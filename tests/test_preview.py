from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mlpcli.config.schema.augmentation import AugmentationConfig
from mlpcli.data import preview
from mlpcli.data.augmentation import Augmenter
from mlpcli.data.dataset import Dataset


def dataset(shape, labels=(0, 1)):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (len(labels), shape[0] * shape[1]), dtype=np.uint8)
    return Dataset(images, np.array(labels), shape, ("a", "b", "c"))


def sheet_of(data, indices, epochs, **settings):
    augmenter = Augmenter(AugmentationConfig(**settings), data.image_shape, 1)
    png = preview.draw_sheet(data, np.array(indices), augmenter, epochs)
    return np.asarray(Image.open(BytesIO(png)))


def test_classes_take_turns():
    labels = np.array([2, 2, 0, 2, 1, 0, 2])
    assert preview.first_of_each_class(labels, 5).tolist() == [2, 4, 0, 5, 1]
    assert preview.first_of_each_class(labels, 100).tolist() == [2, 4, 0, 5, 1, 3, 6]


def test_the_sheet_shows_the_original_and_what_training_sees():
    data = dataset((28, 28))
    augmenter = Augmenter(AugmentationConfig(rotation=15), (28, 28), 1)
    sheet = sheet_of(data, [1], [3, 4], rotation=15)
    top, left = preview.HEADER, preview.CELL_MARGIN
    cells = [(left, data.images[[1]])]
    for i, epoch in enumerate((3, 4), 1):
        seen = np.empty((1, 784), np.uint8)
        augmenter.apply(data.images[[1]], np.array([1]), epoch, seen)
        step = preview.CELL_SIDE + preview.CELL_MARGIN
        cells.append((left + preview.ORIGINAL_GAP + i * step, seen))
    for x, image in cells:
        shown = sheet[top : top + 84 : 3, x : x + 84 : 3]
        np.testing.assert_array_equal(shown, image.reshape(28, 28, 1).repeat(3, axis=2))


@pytest.mark.parametrize("shape", [(1, 1), (6, 5), (5, 300), (400, 200), (1000, 1)])
def test_images_of_any_size(shape):
    data = dataset(shape)
    sheet = sheet_of(data, [0, 1], [1, 2, 3], shift=1)
    assert sheet.shape[0] <= preview.HEADER + 2 * (preview.CELL_SIDE + preview.CELL_MARGIN)
    assert sheet.shape[1] < 5 * (preview.CELL_SIDE + preview.CELL_MARGIN)
