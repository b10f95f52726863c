"""Networks so small that a page draws them whole, with every number."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from mlpcli.config.loading import config_of_checkpoint, load_config
from mlpcli.config.schema.config import Config
from mlpcli.data.dataset import Dataset
from mlpcli.data.normalization import with_normal_targets
from mlpcli.data.table import training_rows
from mlpcli.errors import CheckpointError
from mlpcli.inference.model import Model
from mlpcli.nn.arrays import Array
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP
from mlpcli.page.network import formulas
from mlpcli.reporting import Reporter
from mlpcli.training.setup import prepare

EXAMPLES = ("worked_3_2_3", "xor", "square")
MOST_UNITS = 64
"""units of a layer, inputs too"""
MOST_ROWS = 1000
"""examples in the table"""


def example_facts() -> Iterator[dict[str, Any]]:
    """Yield the example networks before their first step."""
    for name in EXAMPLES:
        config = load_config(f"examples/{name}")
        setup = prepare(config, None, Reporter())
        x = np.array(setup.training.images, np.float64)
        yield _facts(
            "example", f"examples/{name}", config, setup.network, setup.loss, x, setup.training
        )


def table_facts(model: Model) -> Iterator[dict[str, Any]]:
    """Yield the network of a run on a table as it is, and as it began.

    Raises:
        CheckpointError: it is too large to be drawn, or its config is not valid.
    """
    config = config_of_checkpoint(model.config, model.path)
    if config.data.table is None:  # its name alone says table
        raise CheckpointError(f"{model.path}: its config has no table; use another checkpoint.")
    dataset = training_rows(config.data.table, config.data.class_names)
    if not may_be_drawn(config, dataset):
        sizes = "-".join(map(str, model.network.sizes))
        raise CheckpointError(
            f"{model.path}: a network {sizes} of {len(dataset):,} examples is too large to be "
            f"drawn; a page shows networks of images, and of tables up to {MOST_UNITS} units a "
            f"layer and {MOST_ROWS:,} examples."
        )
    x = np.empty(dataset.images.shape)
    model.normalization.apply(dataset.images, x)
    dataset = with_normal_targets(dataset, model.target_normalization)
    name = str(config.name)
    yield _facts("trained", name, config, model.network, model.loss, x, dataset)
    if not config.network.batch_norm:  # folded in, the steps of the page would be others
        start = prepare(config, None, Reporter()).network
        yield _facts("begun", name, config, start, model.loss, x, dataset)


def may_be_drawn(config: Config, dataset: Dataset) -> bool:
    """Return whether a network of this config and its table are small enough."""
    n_in, n_out = dataset.images.shape[1], len(dataset.class_names)
    sizes = (n_in, *config.network.hidden, n_out)
    return max(sizes) <= MOST_UNITS and len(dataset) <= MOST_ROWS


def _facts(
    state: Literal["trained", "begun", "example"],
    name: str,
    config: Config,
    network: MLP,
    loss: Loss,
    x: Array,
    dataset: Dataset,
) -> dict[str, Any]:
    """Return a network with its numbers, its inputs x (N, n_in) and its targets, normalised."""
    t = np.empty((len(dataset), network.sizes[-1]))
    dataset.write_targets(np.arange(len(dataset)), t)
    settings = config.model_dump(mode="json")
    return {
        "name": name,
        "state": state,
        "sizes": network.sizes,
        "activations": network.activations,
        "W": [each.W.ravel().tolist() for each in network.dense],
        "b": [each.b.tolist() for each in network.dense],
        "x": x.tolist(),
        "t": t.tolist(),
        "is_standardized": config.data.normalization == "standardize",
        "class_names": None if dataset.targets is not None else dataset.class_names,
        "loss": settings["loss"],
        "optimizer": settings["optimizer"],
        "formulas": formulas(network, loss),
        "stop_at_loss": config.training.stop_at_loss,
    }
