"""Images that come with a page: some that its network reads rightly, and more that it does not."""

import base64
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.config.loading import config_of_checkpoint
from mlpcli.data import synthetic
from mlpcli.data.dataset import Dataset, IntArray, numbered
from mlpcli.data.loading import DataLoader
from mlpcli.data.published.cache import data_directory
from mlpcli.data.sources import DIGIT_SHAPE, TEST_START
from mlpcli.errors import DataError
from mlpcli.inference.model import Model
from mlpcli.reporting import Reporter
from mlpcli.training.evaluation import Evaluation

N_RIGHT, N_WRONG = 10, 20
N_DRAWN = 2000
"""digits that mlpcli draws where the test images are not at hand"""


def test_image_facts(
    model: Model, data_dir: Path | None, trust_paths: bool, reporter: Reporter
) -> dict[str, Any] | None:
    """Return images of the network's own test set, with their classes; nothing is downloaded.

    Where the test set is not at hand, digits that mlpcli draws take its place if the network reads
    such; that is a remark. None where there is nothing.
    """
    try:
        dataset, source = _test_set(model, data_dir, trust_paths, reporter), "test"
    except DataError as error:
        if not _reads_drawn_digits(model):
            reporter.remark(f"The page has no test images: {error}")
            return None
        reporter.remark(f"The page has digits that mlpcli draws, and no test images: {error}")
        images, labels = synthetic.draw(1, range(TEST_START, TEST_START + N_DRAWN))
        dataset, source = Dataset(images, labels, DIGIT_SHAPE, numbered(10)), "drawn"
    found = model.evaluate(dataset)
    chosen = np.concatenate([_right(found, N_RIGHT), _surest_mistakes(found, N_WRONG)])
    return {
        "source": source,
        "images": base64.b64encode(dataset.images[chosen].tobytes()).decode(),
        "labels": found.labels[chosen].tolist(),
        "predictions": found.predictions[chosen].tolist(),
    }


def _reads_drawn_digits(model: Model) -> bool:
    is_of_digits = (model.image_shape, model.class_names) == (DIGIT_SHAPE, numbered(10))
    return is_of_digits and model.preparation == "digit"


def _test_set(
    model: Model, data_dir: Path | None, trust_paths: bool, reporter: Reporter
) -> Dataset:
    config = config_of_checkpoint(model.config, model.path)
    cache = data_directory(data_dir)
    loader = DataLoader(
        config.data, config.seed, cache, reporter, may_fetch=False, trust_paths=trust_paths
    )
    dataset = loader.test(model.class_names)
    if dataset.image_shape != model.image_shape or len(dataset.class_names) != len(
        model.class_names
    ):
        raise DataError("the test images that its config names are not those of this network.")
    return dataset


def _right(found: Evaluation, most: int) -> IntArray:
    """Return at most `most` examples that are right, of all classes in turn."""
    right = np.flatnonzero(found.predictions == found.labels)
    labels = found.labels[right]
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    turn = np.arange(len(order)) - starts  # how many of its class come before it
    return np.asarray(right[order[np.lexsort((labels[order], turn))]][:most])


def _surest_mistakes(found: Evaluation, most: int) -> IntArray:
    """Return at most `most` examples that are wrong, the surest first."""
    wrong = np.flatnonzero(found.predictions != found.labels)
    confidence = found.probabilities[wrong].max(axis=1)
    return np.asarray(wrong[np.argsort(-confidence, kind="stable")][:most])
