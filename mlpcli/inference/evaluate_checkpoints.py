"""Evaluating checkpoints on the dataset named in their own config, or on another one."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from mlpcli.config.loading import config_of_checkpoint
from mlpcli.config.schema.config import Config
from mlpcli.config.schema.conflicts import ONLY_FOR
from mlpcli.config.schema.data import DataConfig, DatasetName
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import DataLoader
from mlpcli.data.published.cache import data_directory
from mlpcli.errors import DataError
from mlpcli.inference.committee import load_committee
from mlpcli.reporting import Reporter
from mlpcli.training.evaluation import Evaluation

Split = Literal["train", "validation", "test"]


def evaluate_checkpoints(
    *checkpoints: str | Path,
    split: Split = "test",
    dataset: DatasetName | None = None,
    data_dir: str | Path | None = None,
    trust_paths: bool = False,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Evaluate a checkpoint, or several that answer together, on a split of a dataset.

    The dataset, its size, its splits and the normalization come from the first checkpoint; another
    dataset of the same shape may be named.

    Args:
        checkpoints: run folders or files.
        split: the images to evaluate on.
        dataset: used instead of the checkpoints' own.
        data_dir: the cache of datasets; None for MLPCLI_DATA, or else `data`.
        trust_paths: whether to read data files that a checkpoint names wherever they are; otherwise
            they must be in the working directory or the cache.
        reporter: receives the progress, and a remark if the networks have different test images.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        DataError: the data is not available or does not fit the networks, or one of the networks
            may have been trained on that split.
    """
    reporter = reporter or Reporter()
    committee = load_committee(checkpoints)
    configs = [config_of_checkpoint(model.config, model.path) for model in committee.models]
    data, seed = configs[0].data, configs[0].seed
    if dataset is not None and dataset != data.dataset:
        if data.dataset == "table":
            raise DataError(
                f"{committee.models[0].path}: this network was trained on a table of numbers and "
                "knows no images; evaluate it on its own data."
            )
        data = DataConfig(dataset=dataset)
    elif dataset is None and any(
        (each.data.dataset, each.data.table) != (data.dataset, data.table) for each in configs
    ):
        raise DataError(
            "These networks were trained on different data; name the dataset to evaluate them on "
            "with --dataset, or evaluate each by itself."
        )
    _refuse_seen_images(split, data, seed, configs, reporter)
    cache = data_directory(Path(data_dir) if data_dir is not None else None)
    loader = DataLoader(data, seed, cache, reporter, trust_paths=trust_paths)
    evaluated = _load(loader, split, committee.class_names)
    found = committee.evaluate(evaluated)
    if data.dataset != "table":
        return found
    return dataclasses.replace(found, inputs=evaluated.images, input_names=committee.input_names)


def _refuse_seen_images(
    split: Split, data: DataConfig, seed: int, configs: Sequence[Config], reporter: Reporter
) -> None:
    """Raise DataError if a network may have been trained on the images of a split.

    A network whose own split is the same has not, nor one that was trained on another dataset. Test
    images of the same files are never trained on: another choice of them is only reported.
    """
    expected = _choice(split, data, seed)
    differing = set()
    for config in configs:
        mix = config.data.mix
        if mix is not None and mix.dataset == data.dataset and split != "test":
            raise DataError(
                f"One of these networks was trained on {mix.dataset} beside its own images "
                "(data.mix); use --split test."
            )
        if config.data.dataset == data.dataset:
            choice = _choice(split, config.data, config.seed)
            differing |= {key for key, value in choice.items() if value != expected.get(key, value)}
    if not differing:
        return
    why = f"they differ in {', '.join(sorted(differing))}"
    if split != "test":
        raise DataError(
            f"These networks do not have the same {split} split: {why}; use --split test, or "
            "evaluate each by itself."
        )
    if differing & {"data.files", "data.path", "data.test_path", "data.test_share", "data.mix"}:
        raise DataError(
            f"These networks do not have the same test split: {why}; evaluate each by itself."
        )
    reporter.remark(f"Evaluated on the test images of the first network; {why}.")


def _choice(split: Split, data: DataConfig, seed: int) -> dict[str, Any]:
    """Return the settings that choose the images of a split."""
    files = data.files
    is_held_out = data.dataset in ONLY_FOR["test_share"] and data.test_path is None
    own: dict[str, Any] = {
        "data.test_path": data.test_path,
        "data.path": data.path if is_held_out or split != "test" else None,
        "data.test_share": data.test_share,
    }
    if split == "test":
        choice: dict[str, Any] = {
            "data.test_size": data.test_size,
            "data.files": files and (files.test_images, files.test_labels),
            "data.mix": data.mix and data.mix.dataset if data.is_tested_on_mix else None,
            **own,
        }
        if data.dataset == "synthetic" or data.test_size is not None or is_held_out:
            choice["seed"] = seed
        return choice
    return {
        "seed": seed,
        "data.train_size": data.train_size,
        "data.validation": data.validation,
        "data.added_digits": data.added_digits if split == "train" else None,
        "data.no_digits": data.no_digits if split == "train" else None,
        "data.train_classes": data.train_classes if split == "train" else None,
        "data.files": files and (files.train_images, files.train_labels),
        "data.mix": data.mix,
        **own,
    }


def _load(loader: DataLoader, split: Split, class_names: tuple[str, ...]) -> Dataset:
    if split == "test":
        return loader.test(class_names)
    training, validation = loader.training_and_validation()
    if split == "train":
        return training
    if validation is None:
        raise DataError(
            "This network was trained on everything (data.validation 0), so there is no "
            "validation split; use --split test."
        )
    return validation
