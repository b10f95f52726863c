"""Judging a checkpoint on the data that its own config names, or on another dataset."""

from pathlib import Path
from typing import Literal

from mlpcli.config.loading import load_config
from mlpcli.config.schema.data import DataConfig
from mlpcli.data.cache import data_directory
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import DataLoader
from mlpcli.errors import CheckpointError, ConfigError, DataError
from mlpcli.reporting import Reporter
from mlpcli.training.evaluation import Evaluation
from mlpcli.training.model import load_model

DatasetName = Literal["mnist", "fashion_mnist", "kmnist", "synthetic"]
Split = Literal["train", "validation", "test"]


def judge(
    checkpoint: str | Path,
    *,
    split: Split = "test",
    dataset: DatasetName | None = None,
    data_dir: str | Path | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Evaluate a checkpoint on a part of its own dataset, or of another of the same shape.

    The dataset, its size, its split and the normalisation come from the checkpoint.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DataError: the data cannot be had, or does not fit the network.
    """
    model = load_model(checkpoint)
    try:
        config = load_config(model.config)
    except ConfigError as error:
        raise CheckpointError(f"{model.path}: the config in it is not valid: {error}") from error
    data = config.data
    if dataset is not None and dataset != data.dataset:
        data = DataConfig(dataset=dataset)
    cache = data_directory(Path(data_dir) if data_dir is not None else None)
    loader = DataLoader(data, config.seed, cache, reporter or Reporter())
    evaluation = model.evaluate(_part(loader, split, model.class_names))
    model.refuse_unless_finite(evaluation.loss)
    return evaluation


def _part(loader: DataLoader, split: Split, class_names: tuple[str, ...]) -> Dataset:
    if split == "test":
        return loader.test(class_names)
    training, validation = loader.training_and_validation()
    if split == "train":
        return training
    if validation is None:
        raise DataError(
            "This network was trained on everything (data.validation 0), so there is no "
            "validation part; use --split test."
        )
    return validation
