"""The data to train on: images, or tables of numbers."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema

from mlpcli.config.class_names import MOST_CLASSES, check_class_names
from mlpcli.config.formula import parse_formula
from mlpcli.config.schema.augmentation import AugmentationConfig
from mlpcli.config.schema.section import (
    MOST_IMAGES,
    MOST_NUMBERS,
    FilePath,
    ImageCount,
    Labels,
    Matrix,
    Section,
    StartingValue,
    tuple_from_list,
    wrong,
)

PublishedDataset = Literal["mnist", "fashion_mnist", "kmnist", "qmnist"]
DatasetName = Literal[PublishedDataset, "synthetic"]
"""a dataset that needs no settings of its own"""
Interpolation = Literal["bilinear", "bicubic"]
LONGEST_SIDE = 4096
"""most pixels on a side of an image to learn from"""

SYNTHETIC_TRAIN_SIZE = 12_000
SYNTHETIC_TEST_SIZE = 2_000


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


def _size_from_side(value: Any) -> Any:
    """Return a side of a square as (height, width), and a list as a tuple."""
    is_side = type(value) is int and 1 <= value <= LONGEST_SIDE
    size = (value, value) if is_side else tuple_from_list(value)
    if not isinstance(size, tuple) or len(size) != 2:
        raise wrong(f"a side, or [height, width], from 1 to {LONGEST_SIDE}")
    return size


class _OrSide:
    """Lets the JSON Schema of a size have its short form, the side of a square."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        side = {"type": "integer", "minimum": 1, "maximum": LONGEST_SIDE}
        return {"anyOf": [side, handler(schema)]}


Side = Annotated[int, Field(ge=1, le=LONGEST_SIDE)]
ImageSize = Annotated[
    tuple[Side, ...],
    Field(min_length=2, max_length=2),
    BeforeValidator(_size_from_side),
    _OrSide(),
]
ClassNames = Annotated[
    tuple[str, ...],
    Field(min_length=2, max_length=MOST_CLASSES),
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


class MixConfig(Section):
    """Images of another dataset beside one's own, so that a network does not forget them."""

    dataset: DatasetName = Field(default="mnist", description="The other dataset.")
    share: float = Field(
        default=0.9,
        ge=0.1,
        le=0.99,
        description="Its share of the training images. All of it is used and one's own images are"
        " repeated to make up the rest, in each epoch distorted in another way; where one's own"
        " are so many that they need no repeating, fewer of the other dataset are used.",
    )
    added_digits: int = Field(
        default=0,
        ge=0,
        le=MOST_IMAGES,
        description="As data.added_digits, beside mnist: the network in the box learned 30,000.",
    )
    no_digits: int = Field(
        default=0,
        ge=0,
        le=MOST_IMAGES,
        description="As data.no_digits, beside mnist: the network in the box learned 25,000.",
    )


class DataConfig(Section):
    """The images to learn from, and how they are split and scaled."""

    dataset: Literal[DatasetName, "idx", "folder", "csv", "npz", "arrays", "table"] = Field(
        default="synthetic",
        description="Where the images come from. synthetic draws digits itself, so it needs no"
        " download; folder, csv, npz and idx read your own; arrays are handed over from Python;"
        " table has numbers instead of images.",
    )
    path: FilePath | None = Field(
        default=None,
        description="What is read: with dataset folder, a folder with a folder of images for each"
        " class, a folder with a labels.csv, or a table with the columns file and label itself;"
        " with csv, a table of a label and pixels in each row, gzipped or not; with npz, an"
        " archive of NumPy arrays.",
    )
    test_path: FilePath | None = Field(
        default=None,
        description="The same for the test images. null: those in an archive, or else test_share.",
    )
    test_share: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="What is held out of your own images for the test, where there are no others"
        " for it: a share of each class, chosen by the seed. 0, only with mix: none, and the test"
        " images are those of the other dataset.",
    )
    image_size: ImageSize | None = Field(
        default=None,
        description="[height, width] of your own images, or the side of square ones. null: 28 for"
        " a folder, whose images are brought to it; square for a table.",
    )
    prepare: Literal["digit", "none"] = Field(
        default="digit",
        description="What is done with the images of a folder. digit: they become what MNIST would"
        " have made of them, as `mlpcli predict` does it. none: they are only made grey and scaled"
        " to image_size, as what is no digit needs.",
    )
    on_error: Literal["stop", "skip"] = Field(
        default="stop",
        description="What happens to images of a folder, or rows of a table, that cannot be used."
        " stop: they are listed and nothing is trained. skip: they are counted and left out.",
    )
    label_column: str | Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="The column of a csv that has the labels, by its name or by its number from 1"
        " on. null: the one called label, class or target, or else the first.",
    )
    mix: MixConfig | None = Field(
        default=None,
        description="null: your own images alone. {}: mnist beside them, by defaults.",
    )
    files: DataFiles | None = Field(
        default=None, description="The files to read; with dataset idx, and only then."
    )
    table: TableConfig | None = Field(
        default=None, description="The numbers; with dataset table, and only then."
    )
    class_names: ClassNames | None = Field(
        default=None,
        description="A name for each label, in the order of the labels; of a folder, or of a csv"
        " whose labels are names, their order. Only with your own data.",
    )
    train_size: ImageCount | None = Field(
        default=None,
        description="How many training images are used, those for validation included. null:"
        f" all of them; for synthetic, {SYNTHETIC_TRAIN_SIZE:,} are drawn.",
    )
    test_size: ImageCount | None = Field(
        default=None,
        description="How many test images are used. null: all of them; for synthetic,"
        f" {SYNTHETIC_TEST_SIZE:,} are drawn.",
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
    no_digits: int = Field(
        default=0,
        ge=0,
        le=MOST_IMAGES,
        description="How many images of what is no digit are added to the training images of mnist,"
        ' as a class of their own, "no digit": letters and signs that mlpcli draws, digits run'
        " together, cut apart, mirrored or crossed by lines, strokes, blots. predict then refuses"
        " what looks like them.",
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

    @property
    def is_tested_on_mix(self) -> bool:
        """Whether none of one's own images are for the test."""
        return self.mix is not None and self.test_share == 0

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file and folder that is named."""
        named = () if self.files is None else tuple(path for _, path in self.files)
        return (*named, *(path for path in (self.path, self.test_path) if path is not None))

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_a_table(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("dataset") == "table":
            return {"validation": 0, "normalization": "none", **values}
        return values
