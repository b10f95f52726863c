"""The data to train on: images, or tables of numbers."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mlpcli.config.class_names import check_class_names
from mlpcli.config.formula import parse_formula
from mlpcli.config.schema.augmentation import AugmentationConfig
from mlpcli.config.schema.section import (
    MOST_IMAGES,
    MOST_NUMBERS,
    ImageCount,
    Labels,
    Matrix,
    Section,
    StartingValue,
    tuple_from_list,
    wrong,
)

PublishedDataset = Literal["mnist", "fashion_mnist", "kmnist"]
DatasetName = Literal[PublishedDataset, "synthetic"]
"""a dataset that needs no settings of its own"""
Interpolation = Literal["bilinear", "bicubic"]

SYNTHETIC_TRAIN_SIZE = 12_000
SYNTHETIC_TEST_SIZE = 2_000


def _path_from_text(value: Any) -> Any:
    if isinstance(value, str):
        if not value or "\0" in value:
            raise wrong("a path")
        return Path(value)
    return value


def _check_class_names(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        check_class_names(names)
    except ValueError as error:
        raise wrong(str(error)) from None
    return names


def _check_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise wrong("names that differ from each other")
    if any(not name.isprintable() or "," in name or name != name.strip() for name in names):
        raise wrong("names of printable characters, without commas or spaces around them")
    return names


def _check_formula(text: str) -> str:
    try:
        parse_formula(text)
    except ValueError as error:
        raise wrong(
            "arithmetic of x with + - * / **, pi, e, sin, cos, tan, tanh, exp, log, sqrt and abs"
            f" ({error})"
        ) from None
    return text


FilePath = Annotated[Path, BeforeValidator(_path_from_text), AfterValidator(Path.absolute)]

ClassNames = Annotated[
    tuple[str, ...],
    Field(min_length=2, max_length=256),
    AfterValidator(_check_class_names),
    BeforeValidator(tuple_from_list),
]


Names = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
    Field(min_length=1, max_length=MOST_NUMBERS),
    AfterValidator(_check_names),
    BeforeValidator(tuple_from_list),
]


class DataFiles(Section):
    """Four files in the IDX format, gzipped or not.

    A relative path in a config file starts at that file's folder, one on the command line at the
    working directory.
    """

    train_images: FilePath
    train_labels: FilePath
    test_images: FilePath
    test_labels: FilePath


class ColumnNames(Section):
    """Names of a table's columns, for every table and picture of the run."""

    inputs: Names | None = Field(default=None, description="One for each column of inputs.")
    targets: Names | None = Field(
        default=None, description="One for each column of targets; classes have data.class_names."
    )


class TableConfig(Section):
    """Examples of numbers instead of images: written out row by row, or points of a formula."""

    inputs: Matrix | None = Field(default=None, description="A row of numbers for each example.")
    targets: Matrix | None = Field(
        default=None,
        description="What the outputs should be for each row of inputs: a regression.",
    )
    labels: Labels | None = Field(
        default=None,
        description="The class of each row of inputs, from 0 on, instead of targets.",
    )
    formula: Annotated[str, AfterValidator(_check_formula)] | None = Field(
        default=None,
        description="Instead of inputs and targets: y as a formula of x, such as x**2 or sin(x).",
    )
    low: StartingValue = Field(default=-1.0, description="The formula's smallest x.")
    high: StartingValue = Field(default=1.0, description="The formula's largest x.")
    points: int = Field(
        default=21,
        ge=2,
        le=MOST_NUMBERS,
        description="How many x, evenly from low to high, are trained on; those midway between"
        " them are the test.",
    )
    names: ColumnNames = ColumnNames()

    @property
    def is_regression(self) -> bool:
        """Whether the outputs have targets of their own instead of classes."""
        return self.labels is None


class DataConfig(Section):
    """The images to learn from, and how they are split and scaled."""

    dataset: Literal[DatasetName, "idx", "table"] = Field(
        default="synthetic",
        description="Where the images come from. synthetic draws digits itself, so it needs no"
        " download; idx reads your own files; table has numbers instead of images.",
    )
    files: DataFiles | None = Field(
        default=None, description="The files to read; with dataset idx, and only then."
    )
    table: TableConfig | None = Field(
        default=None, description="The numbers; with dataset table, and only then."
    )
    class_names: ClassNames | None = Field(
        default=None,
        description="A name for each label, in the order of the labels; only with dataset idx, or"
        " table with labels.",
    )
    train_size: ImageCount | None = Field(
        default=None,
        description="How many training images are used, those for validation included. null:"
        f" all of them; for synthetic, {SYNTHETIC_TRAIN_SIZE} are drawn.",
    )
    test_size: ImageCount | None = Field(
        default=None,
        description="How many test images are used. null: all of them; for synthetic,"
        f" {SYNTHETIC_TEST_SIZE} are drawn.",
    )
    validation: Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.1,
        description="What is held back from training to judge each epoch: a number of images, or"
        " a share below 1. A tenth measures accuracy well and leaves nearly all to learn from;"
        " 0 trains on everything, which is the default for a table.",
    )
    train_classes: Labels | None = Field(
        default=None,
        description="Train on the images of these classes alone, by their labels from 0 on, out of"
        " those that the settings above choose; validation and test keep all. Shows what a network"
        " makes of classes that it has never seen. null: all classes.",
    )
    added_digits: int = Field(
        default=0,
        ge=0,
        le=MOST_IMAGES,
        description="How many digits that mlpcli draws are added to the training images of mnist:"
        " in the hands of many countries, where a 1 has a long flag and a 7 a bar, which MNIST's"
        " writers, all Americans, hardly drew. For networks that have to read everybody's digits.",
    )
    deslant: bool = Field(
        default=False,
        description="Set each image upright by its own slant, before training and before every"
        " prediction: what remains to be learned is easier. Helps with handwriting.",
    )
    digit_width: float | None = Field(
        default=None,
        ge=1,
        description="Make each image's ink this many pixels wide, at most doubling or halving its"
        " width, before training and before every prediction. Networks that learned digits of"
        " different widths err on different ones, which helps a committee. null: left as they are.",
    )
    interpolation: Interpolation = Field(
        default="bilinear",
        description="How images are read between their pixels where they are set upright, made"
        " another width or distorted. bilinear: from four pixels, fast, a little blurred. bicubic:"
        " from sixteen (Keys, 1981), sharp as the images that were not moved.",
    )
    normalization: Literal["standardize", "unit", "none"] = Field(
        default="standardize",
        description="standardize: minus the mean of the training pixels, over their standard"
        " deviation; learns faster. Of a table each column by its own, and the targets of a"
        " regression too, which is undone in every answer. unit: pixels from 0 to 1. none: numbers"
        " as they are, which is the default for a table.",
    )
    augmentation: AugmentationConfig = AugmentationConfig()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_a_table(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("dataset") == "table":
            return {"validation": 0, "normalization": "none", **values}
        return values
