"""Load the datasets that the data section of a config names."""

import dataclasses
import math
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from mlpcli.config.schema.data import SYNTHETIC_TEST_SIZE, SYNTHETIC_TRAIN_SIZE, DataConfig
from mlpcli.data import idx, table
from mlpcli.data.dataset import Dataset, UInt8Array, numbered, split_validation, subset
from mlpcli.data.published import cache
from mlpcli.data.published.sources import SOURCES, PublishedFile
from mlpcli.errors import DataError
from mlpcli.randomness import Purpose, generator
from mlpcli.reporting import Reporter

DIGIT_SHAPE = (28, 28)
GZIP_WBITS = 31
"""zlib's largest window within a gzip header and trailer (RFC 1952)"""
TEST_START = 2**32
"""first index of the synthetic test digits, which no training set reaches"""


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

    def splits(self) -> tuple[Dataset, Dataset | None, Dataset]:
        """Return the training set, the validation set, if any, and the test set.

        Raises:
            DataError: the data cannot be had, or does not fit together.
            WriteError: the cache cannot be written.
        """
        training, validation = self.training_and_validation()
        test = self.test(training.class_names)
        if test.image_shape != training.image_shape:
            raise DataError(
                f"The training images are {training.image_shape} pixels and the test images "
                f"{test.image_shape}; give files of one size."
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
        if config.validation != 0:
            rng = generator(self.seed, Purpose.VALIDATION)
            training, validation = split_validation(training, config.validation, rng)
        if not config.added_digits:
            return training, validation
        drawn = self._synthetic(0, config.added_digits, worldwide=True)
        images = np.concatenate([training.images, drawn.images])
        labels = np.concatenate([training.labels, drawn.labels])
        return dataclasses.replace(training, images=images, labels=labels), validation

    def test(self, class_names: tuple[str, ...], raw: Dataset | None = None) -> Dataset:
        """Return the test set, with the classes of the training set.

        `raw` is what `raw_test` returned before; without it, the files are read.

        Raises:
            DataError: the data cannot be had, or is not what the config says.
            WriteError: the cache cannot be written.
        """
        config = self.config
        dataset = raw or self.raw_test(class_names)
        if config.test_size is None or config.dataset == "synthetic":
            return dataset
        rng = generator(self.seed, Purpose.TEST_SUBSET)
        return subset(dataset, config.test_size, rng, "data.test_size")

    def raw_test(self, class_names: tuple[str, ...]) -> Dataset:
        """Return all test images in the files, or as many as are drawn; errors as above."""
        config = self.config
        if config.dataset == "synthetic":
            return self._synthetic(TEST_START, config.test_size or SYNTHETIC_TEST_SIZE)
        if files := config.files:
            return self._read_pair(files.test_images, files.test_labels, class_names)
        if config.table is not None:
            return table.test_rows(config.table, config.class_names)
        source = SOURCES[config.dataset]
        return self._published(source.test_images, source.test_labels, source.class_names)

    def raw_training(self) -> Dataset:
        """Return all training images in the files, or as many as are drawn; errors as above."""
        config = self.config
        if config.dataset == "synthetic":
            return self._synthetic(0, config.train_size or SYNTHETIC_TRAIN_SIZE)
        if files := config.files:
            return self._read_pair(files.train_images, files.train_labels, config.class_names)
        if config.table is not None:
            return table.training_rows(config.table, config.class_names)
        source = SOURCES[config.dataset]
        return self._published(source.train_images, source.train_labels, source.class_names)

    def _synthetic(self, start: int, size: int, *, worldwide: bool = False) -> Dataset:
        most = idx.MAX_SIZE // math.prod(DIGIT_SHAPE)
        if size > most:  # a checkpoint may ask for any number
            raise DataError(
                f"{size:,} drawn digits are asked for, but at most {most:,} can be drawn; make "
                "data.train_size, data.test_size or data.added_digits smaller."
            )
        from mlpcli.data import synthetic  # the pen computes much when it is imported

        images, labels = synthetic.draw(self.seed, range(start, start + size), worldwide=worldwide)
        return Dataset(images, labels, DIGIT_SHAPE, numbered(10))

    def _published(
        self, images: PublishedFile, labels: PublishedFile, class_names: tuple[str, ...]
    ) -> Dataset:
        folder = self.data_dir / self.config.dataset
        images_path, labels_path = folder / images.name, folder / labels.name
        pixels = idx.read_images(self._content(images, images_path), name=str(images_path))
        values = idx.read_labels(self._content(labels, labels_path), name=str(labels_path))
        return _joined(pixels, values, class_names, images_path)

    def _content(self, file: PublishedFile, path: Path) -> bytes:
        """Return the unpacked content of a published file, which may be downloaded first."""
        name = self.config.dataset
        if self.may_fetch:
            verified = cache.fetch(
                name,
                self.data_dir,
                files=[file],
                progress=lambda _, received: self.reporter.download(file.name, received, file.size),
                report=self.reporter.remark,
            )
            packed = verified[file.name].content
        elif path.is_file():
            packed = cache.read_verified(file, path)
        else:
            raise DataError(
                f"{path.parent}: {name} is not in the cache; fetch it first with "
                f"`{cache.fetch_command([name], self.data_dir)}`."
            )
        # In one call: in a verified file, the size in gzip's trailer can be trusted.
        return zlib.decompress(packed, GZIP_WBITS, int.from_bytes(packed[-4:], "little"))

    def _read_pair(
        self, images: Path, labels: Path, class_names: tuple[str, ...] | None
    ) -> Dataset:
        """Return the dataset in two of the user's files; without names, classes are numbered."""
        for path in (images, labels):
            self._refuse_untrusted(path)
        classes = len(class_names) if class_names else None
        pixels, values = idx.read_images(images), idx.read_labels(labels, classes=classes)
        return _joined(pixels, values, class_names, images)

    def _refuse_untrusted(self, path: Path) -> None:
        if leads_to_another_computer(path, Path.cwd()):
            raise DataError(
                f"{path}: lies on another computer, where no file can send mlpcli; copy it "
                "here, or give the share a drive letter."
            )
        if not (self.trust_paths or lies_at_home(path, self.data_dir)):
            raise DataError(
                f"{path}: a checkpoint says to read this, and it lies neither in the working "
                f"directory nor in {self.data_dir}; if the checkpoint is yours, add --trust-paths."
            )


def lies_at_home(path: Path, data_dir: Path) -> bool:
    """Return whether a path is in the working directory or the cache, with all links resolved."""
    return any(path.resolve().is_relative_to(home.resolve()) for home in (Path.cwd(), data_dir))


def options_for(config: DataConfig, data_dir: str | Path | None) -> str:
    """Return the options that a command needs to find this data and to read it."""
    option = cache.option_for(data_dir)
    folder = cache.data_directory(None if data_dir is None else Path(data_dir))
    if config.files and not all(lies_at_home(path, folder) for _, path in config.files):
        return f" --trust-paths{option}"
    return option


def leads_to_another_computer(path: PurePath, here: PurePath) -> bool:
    r"""Return whether opening this path would make Windows log in to another computer.

    Names such as \\computer\share\file do. The share of the working directory, `here`, is fine.
    """
    return path.drive.startswith("\\\\") and path.drive.lower() != here.drive.lower()


def _joined(
    pixels: UInt8Array, values: UInt8Array, class_names: tuple[str, ...] | None, path: Path
) -> Dataset:
    if len(pixels) != len(values):
        raise DataError(
            f"{path}: {len(pixels)} images, but their labels file has {len(values)} labels; give "
            "two files that belong together."
        )
    n, height, width = pixels.shape
    return Dataset(
        images=pixels.reshape(n, height * width),
        labels=values.astype(np.intp),
        image_shape=(height, width),
        class_names=class_names or numbered(int(values.max()) + 1),
    )
