"""mlpcli: the loop that `mlpcli train` runs, fed with arrays."""

import numpy as np
from common import LEARNING_RATE, MOMENTUM, Task, contest

from mlpcli.config.loading import load_config
from mlpcli.data.dataset import Dataset
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.training.evaluation import evaluate
from mlpcli.training.loop import train_epochs
from mlpcli.training.setup import assemble


def dataset(task: Task, part: str) -> Dataset:
    """The images as bytes, as mlpcli keeps them."""
    names = tuple(map(str, range(10)))
    return Dataset(task.pixels(part), task.labels(part).astype(np.intp), (28, 28), names)


def train(task: Task) -> tuple[list[float], float]:
    """One epoch to warm up and `epochs` that count."""
    config = load_config(
        {
            "seed": task.seed,
            "network": {"hidden": task.sizes[1:-1]},
            "optimizer": {
                "name": "momentum",
                "learning_rate": LEARNING_RATE,
                "momentum": MOMENTUM,
            },
            "training": {"epochs": task.epochs + 1, "batch_size": task.batch_size},
        }
    )
    setup = assemble(config, dataset(task, "train"), None, dataset(task, "test"))
    seconds = []
    with one_blas_thread():
        train_epochs(
            setup, on_batch=lambda *_: None, on_epoch=lambda row: bool(seconds.append(row.seconds))
        )
        judged = evaluate(setup.network, setup.loss, setup.test, setup.normalization)
    return seconds[1:], judged.accuracy


if __name__ == "__main__":
    contest(train)
