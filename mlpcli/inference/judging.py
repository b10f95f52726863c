"""Judging checkpoints on the data that their own config names, or on another dataset."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from mlpcli.config.loading import config_of_checkpoint
from mlpcli.config.schema.config import Config
from mlpcli.config.schema.data import DataConfig, DatasetName
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import DataLoader
from mlpcli.data.published.cache import data_directory
from mlpcli.errors import DataError
from mlpcli.inference.committee import load_committee
from mlpcli.reporting import Reporter
from mlpcli.training.evaluation import Evaluation

Split = Literal["train", "validation", "test"]


def judge(
    *checkpoints: str | Path,
    split: Split = "test",
    dataset: DatasetName | None = None,
    data_dir: str | Path | None = None,
    trust_paths: bool = False,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Evaluate a checkpoint, or several that answer together, on a part of their own dataset.

    The dataset, its size, its split and the normalisation come from the checkpoint; another
    dataset of the same shape may be named.

    Args:
        checkpoints: run folders or files.
        split: the part.
        dataset: another one than their own.
        data_dir: the cache of datasets; None for MLPCLI_DATA, or else `data`.
        trust_paths: data files that a checkpoint names are read wherever they lie; otherwise only
            in the working directory and the cache.
        reporter: told of the progress, and if test images are not those of all.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        DataError: the data cannot be had, or does not fit the networks, or some of them may have
            been trained on that part.
    """
    committee = load_committee(checkpoints)
    first, *others = [config_of_checkpoint(model.config, model.path) for model in committee.models]
    data = first.data
    if dataset is not None and dataset != data.dataset:
        data = DataConfig(dataset=dataset)
    if dataset is None and any(_learns_something_else(config, first) for config in others):
        raise DataError(
            "These networks were trained on different data; say which dataset to judge them on, "
            "with --dataset, or judge each by itself."
        )
    reporter = reporter or Reporter()
    if data is first.data or split != "test":
        _compare_parts(split, first, others, reporter)
    cache = data_directory(Path(data_dir) if data_dir is not None else None)
    loader = DataLoader(data, first.seed, cache, reporter, trust_paths=trust_paths)
    return committee.evaluate(_part(loader, split, committee.class_names))


def _learns_something_else(config: Config, other: Config) -> bool:
    return _differ(config.data, other.data, "dataset", "table")


def _compare_parts(
    split: Split, first: Config, others: Sequence[Config], reporter: Reporter
) -> None:
    """Say that others have other images in that part than the first has, or raise DataError.

    No network was trained on the test images of another, whatever seed has drawn them; only those
    of other files may be something else altogether.
    """

    def differing(part: Split) -> set[str]:
        return {key for config in others for key in _differences(part, config, first)}

    if not (differ := differing(split)):
        return
    why = f"they differ in {', '.join(sorted(differ))}"
    if split == "test" and "data.files" not in differ:
        reporter.remark(f"Judged on the test images of the first network; {why}.")
        return
    use_test = split != "test" and "data.files" not in differing("test")
    raise DataError(
        f"These networks do not have the same {split} part: {why}; "
        f"{'use --split test' if use_test else 'judge each by itself'}."
    )


def _differences(split: Split, config: Config, other: Config) -> Iterator[str]:
    """Yield each setting that puts other images into that part of one than of the other."""
    data, others = config.data, other.data
    if split == "test" and data.dataset != others.dataset:
        return  # what they are judged on was named
    is_whole = data.test_size is None or others.test_size is None
    is_drawn = split != "test" or data.dataset == "synthetic" or not is_whole
    if is_drawn and config.seed != other.seed:
        yield "seed"
    only_trained_on = ("added_digits",) if split == "train" else ()
    keys = ("train_size", "validation", *only_trained_on) if split != "test" else ("test_size",)
    for key in keys:
        if _differ(data, others, key):
            yield f"data.{key}"
    if _files(split, data) != _files(split, others):
        yield "data.files"


def _files(split: Split, data: DataConfig) -> tuple[Path, Path] | None:
    """The images and labels that the part is taken from, where they are the user's own."""
    if data.files is None:
        return None
    if split == "test":
        return data.files.test_images, data.files.test_labels
    return data.files.train_images, data.files.train_labels


def _differ(data: DataConfig, other: DataConfig, *keys: str) -> bool:
    return any(getattr(data, key) != getattr(other, key) for key in keys)


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
