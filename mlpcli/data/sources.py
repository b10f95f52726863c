"""The datasets there are: `DATASETS` says for each name in a config how it is read.

A source gives the training images, of which the validation split is still a part, and the test
images. `loading` cuts them to the sizes that a config asks for.
"""

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from mlpcli.config.schema.data import (
    SYNTHETIC_TEST_SIZE,
    SYNTHETIC_TRAIN_SIZE,
    DataConfig,
    DataFiles,
    TableConfig,
)
from mlpcli.data import idx, npz, table
from mlpcli.data.classes import classes_of, labelled, with_classes
from mlpcli.data.csv_table import read_table
from mlpcli.data.dataset import Dataset, UInt8Array, held_out, numbered
from mlpcli.data.problems import Problems
from mlpcli.data.published import cache
from mlpcli.data.published.sources import SOURCES as PUBLISHED
from mlpcli.data.published.sources import PublishedFile
from mlpcli.errors import DataError
from mlpcli.randomness import Purpose, generator
from mlpcli.reporting import Reporter

DIGIT_SHAPE = (28, 28)
GZIP_WBITS = 31
"""zlib's largest window within a gzip header and trailer (RFC 1952)"""
TEST_START = 2**32
"""first index of the synthetic test digits, which no training set reaches"""


class Source(Protocol):
    """Where the images of a dataset come from; each method raises DataError if it has none."""

    def training(self) -> Dataset:
        """Return the training images, those for validation among them."""

    def test(self, class_names: tuple[str, ...]) -> Dataset:
        """Return the test images, with the classes of the training images."""


@dataclass(frozen=True)
class Origin:
    """What a source is made from."""

    config: DataConfig
    seed: int
    data_dir: Path
    reporter: Reporter
    may_fetch: bool
    trust_paths: bool
    arrays: tuple[Dataset, Dataset | None] | None
    """the training images, and test images if there are any, that Python hands over"""

    def allow(self, path: Path) -> Path:
        """Return a path that may be read.

        Raises:
            DataError: it may not.
        """
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
        return path


def lies_at_home(path: Path, data_dir: Path) -> bool:
    """Return whether a path is in the working directory or the cache, with all links resolved.

    Links that lead in a circle are nowhere.
    """
    try:
        real = path.resolve()
        return any(real.is_relative_to(home.resolve()) for home in (Path.cwd(), data_dir))
    except (OSError, RuntimeError):  # RuntimeError: before Python 3.13
        return False


def leads_to_another_computer(path: PurePath, here: PurePath) -> bool:
    r"""Return whether opening this path would make Windows log in to another computer.

    Names such as \\computer\share\file do. The share of the working directory, `here`, is fine.
    """
    return path.drive.startswith("\\\\") and path.drive.lower() != here.drive.lower()


def refuse_to_draw_more(size: int, what: str, settings: str) -> None:
    """Raise DataError if `size` images are too many; it says to make `settings` smaller."""
    most = idx.MAX_SIZE // math.prod(DIGIT_SHAPE)
    if size > most:  # a checkpoint may ask for any number
        raise DataError(
            f"{size:,} drawn {what} are asked for, but at most {most:,} can be drawn; make "
            f"{settings} smaller."
        )


def draw_digits(seed: int, start: int, size: int, *, worldwide: bool = False) -> Dataset:
    """Return `size` synthetic digits, from the one with the index `start` on.

    Raises:
        DataError: they are too many.
    """
    refuse_to_draw_more(size, "digits", "data.train_size, data.test_size or data.added_digits")
    from mlpcli.data import synthetic  # the pen computes much when it is imported

    images, labels = synthetic.draw(seed, range(start, start + size), worldwide=worldwide)
    return Dataset(images, labels, DIGIT_SHAPE, numbered(10))


@dataclass(frozen=True)
class _Synthetic:
    """Digits that mlpcli draws."""

    origin: Origin

    def training(self) -> Dataset:
        size = self.origin.config.train_size or SYNTHETIC_TRAIN_SIZE
        return draw_digits(self.origin.seed, 0, size)

    def test(self, _class_names: tuple[str, ...]) -> Dataset:
        size = self.origin.config.test_size or SYNTHETIC_TEST_SIZE
        return draw_digits(self.origin.seed, TEST_START, size)


@dataclass(frozen=True)
class _Published:
    """A dataset that is downloaded once, and verified at each use."""

    origin: Origin

    def training(self) -> Dataset:
        source = PUBLISHED[self.origin.config.dataset]
        return self._read(source.train_images, source.train_labels)

    def test(self, _class_names: tuple[str, ...]) -> Dataset:
        source = PUBLISHED[self.origin.config.dataset]
        return self._read(source.test_images, source.test_labels)

    def _read(self, images: PublishedFile, labels: PublishedFile) -> Dataset:
        name = self.origin.config.dataset
        folder = self.origin.data_dir / name
        images_path, labels_path = folder / images.name, folder / labels.name
        pixels = idx.read_images(self._content(images, images_path), name=str(images_path))
        read = idx.read_first_labels if PUBLISHED[name].has_many_labels else idx.read_labels
        values = read(self._content(labels, labels_path), name=str(labels_path))
        return _joined(pixels, values, PUBLISHED[name].class_names, images_path)

    def _content(self, file: PublishedFile, path: Path) -> bytes:
        """Return the unpacked content of a published file, which may be downloaded first."""
        origin, name = self.origin, self.origin.config.dataset
        if origin.may_fetch:
            verified = cache.fetch(
                name,
                origin.data_dir,
                files=[file],
                progress=lambda _, received: origin.reporter.download(
                    file.name, received, file.size
                ),
                report=origin.reporter.remark,
            )
            packed = verified[file.name].content
        elif path.is_file():
            packed = cache.read_verified(file, path)
        else:
            raise DataError(
                f"{path.parent}: {name} is not in the cache; fetch it first with "
                f"`{cache.fetch_command([name], origin.data_dir)}`."
            )
        # In one call: in a verified file, the size in gzip's trailer can be trusted.
        return zlib.decompress(packed, GZIP_WBITS, int.from_bytes(packed[-4:], "little"))


@dataclass(frozen=True)
class _IdxFiles:
    """Four files in MNIST's format."""

    origin: Origin

    @property
    def _files(self) -> DataFiles:
        return cast(DataFiles, self.origin.config.files)  # the schema asks for them

    def training(self) -> Dataset:
        files, names = self._files, self.origin.config.class_names
        return self._read(files.train_images, files.train_labels, names)

    def test(self, class_names: tuple[str, ...]) -> Dataset:
        return self._read(self._files.test_images, self._files.test_labels, class_names)

    def _read(self, images: Path, labels: Path, class_names: tuple[str, ...] | None) -> Dataset:
        """Return the dataset in two files; without names, classes are numbered."""
        for path in (images, labels):
            self.origin.allow(path)
        classes = len(class_names) if class_names else None
        pixels, values = idx.read_images(images), idx.read_labels(labels, classes=classes)
        return _joined(pixels, values, class_names, images)


@dataclass(frozen=True)
class _Table:
    """Numbers written out in the config."""

    origin: Origin

    @property
    def _table(self) -> TableConfig:
        return cast(TableConfig, self.origin.config.table)  # the schema asks for it

    def training(self) -> Dataset:
        return table.training_rows(self._table, self.origin.config.class_names)

    def test(self, _class_names: tuple[str, ...]) -> Dataset:
        return table.test_rows(self._table, self.origin.config.class_names)


@dataclass(frozen=True)
class _Part:
    """Images as a file or folder has them, before their classes are known."""

    images: UInt8Array
    """(N, height * width)"""
    image_shape: tuple[int, int]
    labels: list[str]
    """(N,)"""
    names: list[str]
    """(N,), what each image is called in a message"""
    problems: Problems
    gives_all_numbers: bool
    """whether labels that are numbers stand for every number up to the largest"""

    def with_classes(self, class_names: tuple[str, ...] | None) -> Dataset:
        """Return the dataset with these classes, or with its own."""
        names = class_names or classes_of(
            self.labels, self.problems.source, all_numbers_below=self.gives_all_numbers
        )
        shape = self.image_shape
        return labelled(self.images, shape, self.labels, self.names, names, self.problems)


class _Own(ABC):
    """One's own images: the test set is another file or folder, or a part that is held out."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def training(self) -> Dataset:
        config = self.origin.config
        needs_none = config.test_path is not None or config.is_tested_on_mix
        has_test = needs_none or self._parts[1] is not None
        return self._whole if has_test else self._split[0]

    def test(self, class_names: tuple[str, ...]) -> Dataset:
        config = self.origin.config
        if config.test_path is not None:
            part, of_its_own = self._read(self.origin.allow(config.test_path))
            part = of_its_own or part
            dataset = part.with_classes(class_names)
            self._tell(part.problems)
            return dataset
        if (of_its_own := self._parts[1]) is not None:
            return of_its_own.with_classes(class_names)
        return with_classes(self._split[1], class_names, str(config.path))

    @cached_property
    def _parts(self) -> tuple[_Part, _Part | None]:
        path = cast(Path, self.origin.config.path)  # the schema asks for it
        return self._read(self.origin.allow(path))

    @cached_property
    def _whole(self) -> Dataset:
        part, _ = self._parts
        whole = part.with_classes(self.origin.config.class_names)
        self._tell(part.problems)
        return whole

    @cached_property
    def _split(self) -> tuple[Dataset, Dataset]:
        """What is left to learn from, and what is held out for the test."""
        return _without_test_share(self._whole, self.origin)

    def _tell(self, problems: Problems) -> None:
        """Report what was left out, if anything was."""
        if problems.total:
            self.origin.reporter.remark(f"Left out: {problems.text()}")

    def _problems(self, path: Path, unit: str) -> Problems:
        return Problems(str(path), unit, skip=self.origin.config.on_error == "skip")

    @abstractmethod
    def _read(self, path: Path) -> tuple[_Part, _Part | None]:
        """Return the images in a file or folder, and the test images in it, if there are any."""


class _Folder(_Own):
    """Image files in a folder for each class, or with a table of labels."""

    def _read(self, path: Path) -> tuple[_Part, None]:
        # Imported late: Pillow is slow to import, and only folders need it.
        from mlpcli.data.image_folder import find_images
        from mlpcli.data.prepared import prepared_images

        origin, config = self.origin, self.origin.config
        height, width = config.image_size or DIGIT_SHAPE
        shape = (height, width)
        problems = self._problems(path, "")
        images = find_images(path, problems)
        pixels, is_read = prepared_images(
            images, shape, config.prepare, origin.data_dir, origin.reporter, problems
        )
        problems.raise_if_any()
        used = [image for image, good in zip(images, is_read, strict=True) if good]
        if not used:
            raise DataError(f"{problems.text()}\nNo image is left.")
        labels, names = [image.label for image in used], [image.name for image in used]
        return _Part(pixels[is_read], shape, labels, names, problems, False), None


class _CsvTable(_Own):
    """Rows of a label and pixels."""

    def _read(self, path: Path) -> tuple[_Part, None]:
        config = self.origin.config
        found, problems = read_table(
            path, label_column=config.label_column, skip=config.on_error == "skip"
        )
        shape = image_shape_of(found.pixels.shape[1], config, path)
        names = list(map(str, found.rows.tolist()))
        return _Part(found.pixels, shape, found.labels or [], names, problems, True), None


class _NpzArchive(_Own):
    """Arrays of images and labels."""

    def _read(self, path: Path) -> tuple[_Part, _Part | None]:
        training, test = npz.read_archive(path)
        return self._part(training, path), test and self._part(test, path)

    def _part(self, found: npz.Images, path: Path) -> _Part:
        n, config = len(found.pixels), self.origin.config
        if found.pixels.ndim == 3:
            _, height, width = found.pixels.shape
            shape = (height, width)
            if config.image_size and tuple(config.image_size) != shape:
                raise DataError(
                    f"{path}: its images are {height}×{width} pixels, not those of data.image_size."
                )
        else:
            shape = image_shape_of(found.pixels.shape[1], config, path)
        labels = list(map(str, found.labels.tolist()))
        names = list(map(str, range(n)))
        pixels = found.pixels.reshape(n, -1)
        problems = self._problems(path, "image")
        problems.remedy = "Mend them, or name all classes in data.class_names."
        return _Part(pixels, shape, labels, names, problems, True)


@dataclass(frozen=True)
class _Arrays:
    """What Python hands over."""

    origin: Origin

    @property
    def _given(self) -> tuple[Dataset, Dataset | None]:
        if self.origin.arrays is None:
            raise DataError(
                "This network is trained on arrays, which only Python can hand over: "
                "mlpcli.train(config, training=..., test=...), and so for mlpcli.resume; "
                "mlpcli.load_model(path).evaluate(dataset) tests the network."
            )
        given = [dataset for dataset in self.origin.arrays if dataset is not None]
        for dataset in given:
            if dataset.targets is not None or dataset.images.dtype != np.uint8:
                raise DataError(
                    "Arrays must be images of classes, of bytes; mlpcli.Dataset.from_arrays makes "
                    "such a dataset."
                )
        return self.origin.arrays

    def training(self) -> Dataset:
        training, test = self._given
        if test is None and not self.origin.config.is_tested_on_mix:
            training, _ = _without_test_share(training, self.origin)
        names = self.origin.config.class_names
        return with_classes(training, names, "The training arrays") if names else training

    def test(self, class_names: tuple[str, ...]) -> Dataset:
        training, test = self._given
        if test is None:
            _, test = _without_test_share(training, self.origin)
        return with_classes(test, class_names, "The test arrays")


DATASETS: Mapping[str, Callable[[Origin], Source]] = {
    **dict.fromkeys(PUBLISHED, _Published),
    "synthetic": _Synthetic,
    "folder": _Folder,
    "csv": _CsvTable,
    "npz": _NpzArchive,
    "idx": _IdxFiles,
    "arrays": _Arrays,
    "table": _Table,
}
"""how the dataset of each name is read"""


def image_shape_of(pixels: int, config: DataConfig, path: Path) -> tuple[int, int]:
    """Return (height, width) of images of so many pixels: what the config says, or a square.

    Raises:
        DataError: there are no such images.
    """
    if config.image_size is not None:
        height, width = config.image_size
    else:
        height = width = math.isqrt(pixels)
    if height * width != pixels:
        what = f"data.image_size asks for {height}×{width}"
        if config.image_size is None:
            what = "which is no square; data.image_size=[height, width] says what it is"
        raise DataError(f"{path}: has {pixels:,} pixels in each image, {what}.")
    return height, width


def _without_test_share(whole: Dataset, origin: Origin) -> tuple[Dataset, Dataset]:
    """Return what is left to learn from, and the share that is held out for the test."""
    rng = generator(origin.seed, Purpose.TEST_SHARE)
    return held_out(whole, origin.config.test_share, rng, "data.test_share")


def _joined(
    pixels: NDArray[np.uint8],
    values: NDArray[np.uint8],
    class_names: tuple[str, ...] | None,
    path: Path,
) -> Dataset:
    """Return pixels (N, height, width) and labels (N,) as a dataset; `path` is for the message."""
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
