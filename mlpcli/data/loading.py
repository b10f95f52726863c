"""Load the datasets that the data section of a config names."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from mlpcli.config.loading import load_config
from mlpcli.config.schema.config import Config
from mlpcli.config.schema.conflicts import ONLY_FOR
from mlpcli.config.schema.data import DataConfig, MixConfig
from mlpcli.data.classes import with_classes
from mlpcli.data.dataset import Dataset, of_classes, split_validation, subset
from mlpcli.data.drawn import with_drawn
from mlpcli.data.mixing import common_classes, mixed
from mlpcli.data.no_digits import with_no_digit
from mlpcli.data.published import cache
from mlpcli.data.sources import DATASETS, Origin, Source, lies_at_home
from mlpcli.errors import ConfigError, DataError
from mlpcli.randomness import Purpose, generator
from mlpcli.reporting import Reporter
from mlpcli.text import listed

Split = Literal["train", "validation", "test"]
READ_SETTINGS = {"dataset", *ONLY_FOR} - {"added_digits", "no_digits"}
"""settings that say what is read; the others change the images that were read"""
DRAWN_BY_SEED = ("synthetic", "folder", "csv", "npz")
"""datasets that draw the images, or the share that is held out for the test, by the seed"""


@dataclass(frozen=True)
class DataLoader:
    """Loads the datasets of a config, each when it is needed."""

    config: DataConfig
    seed: int
    data_dir: Path
    reporter: Reporter
    may_fetch: bool = True
    """whether to download a dataset that is not in the cache; otherwise that is an error"""
    trust_paths: bool = True
    """whether files may be anywhere; otherwise only in the working directory or the cache"""
    arrays: tuple[Dataset, Dataset | None] | None = None
    """with dataset arrays: the training set, and the test set if it has one of its own"""

    @cached_property
    def _source(self) -> Source:
        return DATASETS[self.config.dataset](
            Origin(
                self.config,
                self.seed,
                self.data_dir,
                self.reporter,
                self.may_fetch,
                self.trust_paths,
                self.arrays,
            )
        )

    def splits(self) -> tuple[Dataset, Dataset | None, Dataset]:
        """Return the training set, the validation set, if any, and the test set.

        Raises:
            DataError: the data cannot be had, or does not fit together.
            WriteError: the cache cannot be written.
        """
        training, validation = self.training_and_validation()
        test = self.test(training.class_names)
        if test.image_shape != training.image_shape:
            sizes = ["×".join(map(str, dataset.image_shape)) for dataset in (training, test)]
            raise DataError(
                f"The training images are {sizes[0]} pixels and the test images {sizes[1]}; give "
                "files of one size."
            )
        return training, validation, test

    def training_and_validation(self, raw: Dataset | None = None) -> tuple[Dataset, Dataset | None]:
        """Return the training set and the validation set split off it, if any.

        `raw` is what `raw_training` returned before; without it, the files are read.

        Raises:
            DataError: the data cannot be had, or is not what the config says.
            WriteError: the cache cannot be written.
        """
        config = self.config
        training, validation = raw or self.raw_training(), None
        if config.train_size is not None:
            rng = generator(self.seed, Purpose.SUBSET)
            training = subset(training, config.train_size, rng, "data.train_size")
        # Beside a mix, one's own images may be too few to hold one out; alone, that is an error.
        too_few = config.mix is not None and round(config.validation * len(training)) == 0
        if config.validation != 0 and not too_few:
            rng = generator(self.seed, Purpose.VALIDATION)
            training, validation = split_validation(training, config.validation, rng)
        if config.mix is not None:
            training, validation = self._mixed(config.mix, training, validation)
        else:
            training = with_drawn(training, config, self.seed)
            if config.no_digits:
                validation = validation and with_no_digit(validation)
        if config.train_classes is not None:
            training = of_classes(training, config.train_classes, "data.train_classes")
        return training, validation

    def _mixed(
        self, mix: MixConfig, training: Dataset, validation: Dataset | None
    ) -> tuple[Dataset, Dataset | None]:
        """Return one's own images with those of another dataset."""
        other, other_validation = self._loader_of(mix).training_and_validation()
        names = self.config.class_names or common_classes(training.class_names, other.class_names)
        rng = generator(self.seed, Purpose.MIX)
        training = mixed(training, other, mix.share, names, rng)
        if other_validation is None:
            return training, None
        if validation is None:  # one's own are too few for that
            return training, with_classes(other_validation, names, "data.mix")
        return training, mixed(validation, other_validation, mix.share, names, rng)

    def _loader_of(self, mix: MixConfig) -> "DataLoader":
        data = DataConfig(
            dataset=mix.dataset,
            validation=self.config.validation,
            added_digits=mix.added_digits,
            no_digits=mix.no_digits,
        )
        return dataclasses.replace(self, config=data, arrays=None)

    def test(self, class_names: tuple[str, ...], raw: Dataset | None = None) -> Dataset:
        """Return the test set, with the classes of the training set.

        `raw` is what `raw_test` returned before; without it, the files are read.

        Raises:
            DataError: the data cannot be had, or is not what the config says.
            WriteError: the cache cannot be written.
        """
        config = self.config
        dataset = raw or self.raw_test(class_names)
        if config.mix is not None:
            dataset = with_classes(dataset, class_names, "The test set")
        if config.no_digits:
            dataset = with_no_digit(dataset)
        if config.test_size is None or config.dataset == "synthetic":
            return dataset
        rng = generator(self.seed, Purpose.TEST_SUBSET)
        return subset(dataset, config.test_size, rng, "data.test_size")

    @property
    def raw_key(self) -> str:
        """All that `raw_training` and `raw_test` depend on: where it is equal, so are they."""
        sizes = {"train_size", "test_size"} if self.config.dataset == "synthetic" else set()
        read = self.config.model_dump(mode="json", include=READ_SETTINGS | sizes)
        seed = self.seed if self.config.dataset in DRAWN_BY_SEED else None
        return json.dumps({**read, "seed": seed})

    def raw_training(self) -> Dataset:
        """Return all training images of the source, those for validation among them.

        Images of `data.mix` are not among them. Errors as above.
        """
        return self._source.training()

    def raw_test(self, class_names: tuple[str, ...]) -> Dataset:
        """Return all test images, of the source or of `data.mix`; errors as above."""
        if self.config.mix is not None and self.config.is_tested_on_mix:
            return self._loader_of(self.config.mix).test(class_names)
        return self._source.test(class_names)


def with_arrays(config: Config) -> Config:
    """Return a config whose images are arrays, without settings that are for files."""
    values = config.model_dump(mode="json", exclude_unset=True)
    data = values.get("data", {})
    others = [key for key, datasets in ONLY_FOR.items() if "arrays" not in datasets]
    kept = {key: value for key, value in data.items() if key not in others}
    return load_config({**values, "data": {**kept, "dataset": "arrays"}})


def load_dataset(
    dataset: str = "mnist",
    *,
    split: Split = "train",
    seed: int = 1,
    data_dir: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Dataset:
    """Load the images of a dataset and their labels.

    Args:
        dataset: as in a config: mnist, folder, csv, npz, ...
        split: which of its images.
        seed: of the validation split, and of a test share that is held out.
        data_dir: the cache of datasets; None for MLPCLI_DATA, or else `data`.
        reporter: receives the progress.
        settings: others of a config's data section, such as `path="my_digits"`; without
            `validation`, none of the training images are held out for it.

    Raises:
        ConfigError: a setting is wrong.
        DataError: the data cannot be had, or is not what the settings say.
    """
    if split not in get_args(Split):
        raise ConfigError(f"split: expected {listed(get_args(Split), 'or')}, found {split!r}")
    values = {"dataset": dataset, "validation": 0, **settings}
    table = settings.get("table")
    has_targets = isinstance(table, Mapping) and table.get("labels") is None
    loss = "mse" if has_targets else "cross_entropy"  # any that suits: nothing is trained
    config = load_config({"seed": seed, "data": values, "loss": loss})
    cache_folder = cache.data_directory(None if data_dir is None else Path(data_dir))
    loader = DataLoader(config.data, seed, cache_folder, reporter or Reporter())
    training, validation = loader.training_and_validation()
    if split == "train":
        return training
    if split == "test":
        return loader.test(training.class_names)
    if validation is None:
        raise ConfigError("data.validation: is 0; a share such as 0.1 makes a validation split")
    return validation


def options_for(config: DataConfig, data_dir: str | Path | None) -> str:
    """Return the options that a command needs to find this data and to read it."""
    option = cache.option_for(data_dir)
    folder = cache.data_directory(None if data_dir is None else Path(data_dir))
    if not all(lies_at_home(path, folder) for path in config.paths):
        return f" --trust-paths{option}"
    return option
