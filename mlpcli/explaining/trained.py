"""A trained network's way forward and back on one example of numbers, and one step from there."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlpcli.config.loading import config_of_checkpoint
from mlpcli.config.schema.config import Config
from mlpcli.config.schema.data import ColumnNames
from mlpcli.config.schema.network import DropoutConfig
from mlpcli.config.schema.optimizers import SgdConfig
from mlpcli.config.schema.schedules import ConstantConfig
from mlpcli.data.loading import DataLoader
from mlpcli.data.published.cache import data_directory
from mlpcli.data.table_files import parse_row
from mlpcli.errors import ConfigError, DataError
from mlpcli.explaining.columns import TableColumns, TrainedNetwork
from mlpcli.explaining.first_steps import TracedSteps
from mlpcli.explaining.graph import Graph, graph_of
from mlpcli.explaining.notation import Notation
from mlpcli.explaining.trace import trace_step
from mlpcli.inference.model import Model, load_model
from mlpcli.language import _
from mlpcli.nn.arrays import Array, one_hot
from mlpcli.nn.optimizers import SGD
from mlpcli.parallel.processors import one_blas_thread
from mlpcli.reporting import Reporter


@dataclass(frozen=True)
class Asked:
    """An example for a trained network."""

    model: Model
    config: Config
    """of its run, with plain SGD and without dropout, as the step is taken"""
    x: Array
    """(1, n_in), as the network sees it"""
    t: Array
    """(1, n_out)"""
    inputs: Array
    """(1, n_in), as they are given"""
    targets: Array | None
    """(1, n_out) of a regression, likewise"""
    example: int
    """its number in the training set, from 1 on; 0 if it is none of it"""
    trained: TrainedNetwork


def ask(
    run: Path,
    inputs: str | None,
    example: int | None,
    target: str | None,
    *,
    data_dir: Path | None = None,
    reporter: Reporter | None = None,
) -> Asked:
    """Return an example for a trained network that learned from a table.

    Args:
        run: a run folder or a checkpoint.
        inputs: its numbers, such as 0,1; or None for a training example.
        example: the number of that one, from 1 on.
        target: what the output should be: the name of a class, or numbers. None for the network's
            own class; of a regression, for none.
        data_dir: the cache of datasets.
        reporter: for the loader.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ConfigError: there is no such example or class.
        DataError: the network learned from images, or the numbers do not fit it.
    """
    model = load_model(run)
    if not model.learned_from_a_table:
        raise DataError(f"{model.path}: this network was trained on images; give it an IMAGE.")
    config = config_of_checkpoint(model.config, model.path)
    n_out = model.network.sizes[-1]
    t: Array | None = None
    if inputs is not None:
        x = np.array([parse_row(inputs, model.input_names)])
        what = _("asked for {inputs}", inputs=inputs)
    else:
        cache = data_directory(data_dir)
        loader = DataLoader(config.data, config.seed, cache, reporter or Reporter())
        training, _validation = loader.training_and_validation()
        number = example or 1
        if number > len(training):
            raise ConfigError(f"--example {number}: there are {len(training):,} of them.")
        row = training.take(np.array([number - 1]))
        x, t, what = row.images, np.empty((1, n_out)), _("example {n}", n=number)
        row.write_targets(np.array([0]), t)
    if target is not None:
        t = _target(model, target)
    elif t is None and not model.is_regression:
        t = one_hot(model.predict(x), n_out, np.float64)
    has_target = t is not None
    seen = np.empty(x.shape, model.network.dtype)
    model.normalization.apply(x, seen)
    aim = np.empty((1, n_out), model.network.dtype)
    if t is None:
        aim[...] = model.network.forward(seen)
    elif model.is_regression:
        model.target_normalization.apply(t, aim)
    else:
        aim[...] = t
    is_folded = bool(config.network.batch_norm and config.network.hidden)
    name = model.path.parents[1].name if model.path.parent.name == "weights" else model.path.stem
    return Asked(
        model=model,
        config=_for_one_step(config),
        x=seen,
        t=aim,
        inputs=x,
        targets=t if model.is_regression else None,
        example=0 if inputs is not None else (example or 1),
        trained=TrainedNetwork(name, model.epoch, what, has_target, is_folded),
    )


def trace_asked(asked: Asked) -> TracedSteps:
    """Take the example forward, back and one step further; no file changes."""
    model = asked.model
    rate = asked.config.optimizer.learning_rate
    network = model.network.with_parameters(model.network.theta.copy())
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        step = trace_step(network, model.loss, SGD(), {}, asked.x, asked.t, rate)
    model.refuse_unless_finite(step.loss, step.loss_after, step.gradient_norm)
    return TracedSteps(
        shown=step,
        number=1,
        last=step,
        losses=[step.loss, step.loss_after],
        batches=1,
        examples=(asked.example,) if asked.example else (),
        columns=TableColumns.of_model(model),
        inputs=asked.inputs,
        targets=asked.targets,
        trained=asked.trained,
    )


def graph_asked(asked: Asked, notation: Notation) -> Graph:
    """Return the graph of the example through the trained network.

    Raises:
        ConfigError: nothing says what the output should be.
    """
    if not asked.trained.has_target:
        raise ConfigError("--graph ends in the loss: --target says what the output should be.")
    name = asked.trained.name
    if not asked.example:
        name += f", {asked.trained.what}"
    x, t = asked.x[0], asked.t[0]
    network = asked.model.network.with_parameters(asked.model.network.theta.copy())
    names = asked.config.data.table.names if asked.config.data.table else ColumnNames()
    return graph_of(network, asked.model.loss, x, t, name, asked.example, notation, names)


def _target(model: Model, text: str) -> Array:
    """Return what the output should be (1, n_out): numbers, or a one-hot class."""
    names = model.output_names
    if model.is_regression:
        return np.array([parse_row(text, names)])
    if text not in names:
        raise ConfigError(
            f"--target {text}: the network knows no such class; its classes are {', '.join(names)}."
        )
    return one_hot(np.array([names.index(text)]), len(names), np.float64)


def _for_one_step(config: Config) -> Config:
    """Return the config with plain SGD, and without what only its training had."""
    network = config.network.model_copy(update={"dropout": DropoutConfig(), "batch_norm": False})
    plain = SgdConfig(name="sgd", learning_rate=config.optimizer.learning_rate)
    constant = ConstantConfig(name="constant")
    return config.model_copy(update={"network": network, "optimizer": plain, "schedule": constant})
