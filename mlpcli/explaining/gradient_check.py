"""Checking the gradient of a network, from a config or from a checkpoint."""

from pathlib import Path

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.explaining.trace import in_float64
from mlpcli.inference.model import load_model
from mlpcli.nn.arrays import one_hot
from mlpcli.nn.gradcheck import LayerCheck, check_layers
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.randomness import Purpose, generator
from mlpcli.reporting import Reporter
from mlpcli.runs.starting import read_start
from mlpcli.training.setup import prepare

MOST_EXAMPLES = 8
"""number of examples: the gradient is their mean, and a few are enough to show an error"""


def check_config(
    config: Config, most: int, *, data_dir: Path | None = None, reporter: Reporter | None = None
) -> list[LayerCheck]:
    """Check at most `most` parameters in each layer, at the starting weights, on training examples.

    Raises:
        DataError: the data cannot be loaded.
    """
    start = read_start(config, data_dir)
    setup = prepare(config, data_dir, reporter or Reporter(), start=start)
    network = in_float64(setup.network)
    few = setup.training.take(setup.batches.order(1)[:MOST_EXAMPLES])
    x = np.empty((len(few), network.sizes[0]))
    t = np.empty((len(few), network.sizes[-1]))
    setup.normalization.apply(few.images, x)
    few.write_targets(np.arange(len(few)), t)
    network.draw_dropout(len(few), generator(config.seed, Purpose.DROPOUT))
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):  # the error shows it
        return check_layers(network, setup.loss, x, t, most)


def check_checkpoint(path: Path, most: int) -> list[LayerCheck]:
    """Check a trained network on random inputs of random classes, which need no dataset.

    Raises:
        CheckpointError: there is no checkpoint, it is damaged, or its outputs are not finite.
    """
    model = load_model(path)
    network = in_float64(model.network)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(MOST_EXAMPLES, network.sizes[0]))
    t = one_hot(rng.integers(0, network.sizes[-1], MOST_EXAMPLES), network.sizes[-1], np.float64)
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):  # the error shows it
        dtype = model.network.dtype
        z = model.network.forward(x.astype(dtype))
        model.refuse_unless_finite(z, model.loss.value(z, t.astype(dtype)))
        return check_layers(network, model.loss, x, t, most)
