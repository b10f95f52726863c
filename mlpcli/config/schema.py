"""What a config may say: every setting with its type, its range, its default and the reason.

The classes are the whole truth: the loader, the messages about a wrong config, the JSON Schema
for editors and `mlpcli config schema` all follow from them. A new optimizer (or initializer,
loss, schedule) is one more class here, named in the union below it.

Types are strict: a bool is not an integer, text is not a number, and nan and inf are no
settings. An integer is welcome where a number is wanted.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mlpcli.config.formula import parse_formula

ActivationName = Literal[
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "softplus",
    "identity",
]
Metric = Literal["val_accuracy", "val_loss", "train_accuracy", "train_loss"]

SYNTHETIC_TRAIN_SIZE = 12_000
SYNTHETIC_TEST_SIZE = 2_000
MOST_IMAGES = 1_000_000_000
"""More than any memory holds; it keeps a mistyped number from becoming an enormous array."""

_WINDOWS_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class Section(BaseModel):
    """A group of settings: nothing unknown, nothing converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def wrong(expected: str) -> PydanticCustomError:
    """Return the error of a value that is not what `expected` says in words."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def is_run_name(name: str) -> bool:
    """Tell whether `name` can be a folder's name on every system, and needs no quoting."""
    return (
        re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name) is not None
        and not name.endswith(".")
        and not _WINDOWS_RESERVED.fullmatch(name)
    )


def expand_shorthand(value: Any) -> Any:
    """Turn the short form of a named section, `sgd`, into the long one, `{name: sgd}`."""
    return {"name": value} if isinstance(value, str) else value


def _check_run_name(name: str) -> str:
    if not is_run_name(name):
        raise wrong(
            "at most 100 letters, digits, '.', '_' or '-', beginning with a letter, digit or '_',"
            " not ending in '.', and no name that Windows reserves"
        )
    return name


def _check_class_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise wrong("a different name for each class")
    if not all(name and name.isprintable() for name in names):
        raise wrong("names of at least one character, all of them printable")
    return names


def _path_from_text(value: Any) -> Any:
    if isinstance(value, str):
        if not value or "\0" in value:
            raise wrong("a path")
        return Path(value)
    return value


def _tuple_from_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_formula(text: str) -> str:
    try:
        parse_formula(text)
    except ValueError as error:
        raise wrong(
            "arithmetic of x with + - * / **, pi, e, sin, cos, tan, tanh, exp, log, sqrt and abs"
            f" ({error})"
        ) from None
    return text


# Tuples, because a frozen section must not hold a list that can be changed.
FilePath = Annotated[Path, BeforeValidator(_path_from_text), AfterValidator(Path.absolute)]
ClassNames = Annotated[
    tuple[str, ...],
    Field(min_length=2, max_length=256),
    AfterValidator(_check_class_names),
    BeforeValidator(_tuple_from_list),
]
LayerSizes = Annotated[
    tuple[Annotated[int, Field(ge=1, le=65536)], ...],
    Field(max_length=100),
    BeforeValidator(_tuple_from_list),
]
Activations = Annotated[
    Annotated[ActivationName, Tag("one")]
    | Annotated[
        tuple[ActivationName, ...],
        Field(max_length=100),
        BeforeValidator(_tuple_from_list),
        Tag("each"),
    ],
    Discriminator(lambda value: "each" if isinstance(value, list | tuple) else "one"),
]
"""One name, or a list of them; told apart first, so that a wrong name is told with its place."""
StartingValue = Annotated[float, Field(ge=-1e6, le=1e6)]
MOST_NUMBERS = 65536
"""In a row, or rows, written out in a config, whose size has a limit of its own."""
Row = Annotated[
    tuple[StartingValue, ...],
    Field(min_length=1, max_length=MOST_NUMBERS),
    BeforeValidator(_tuple_from_list),
]
Matrix = Annotated[
    tuple[Row, ...],
    Field(min_length=1, max_length=MOST_NUMBERS),
    BeforeValidator(_tuple_from_list),
]


class NamedSection:
    """Marks a union of sections told apart by `name`.

    A plain string is short for `{name: string}`, and a mapping without a name means the default
    kind, so that `optimizer.learning_rate=0.01` is enough on the command line.
    """

    def __init__(self, default: str) -> None:
        self.default = default

    def _complete(self, value: Any) -> Any:
        value = expand_shorthand(value)
        if isinstance(value, dict) and "name" not in value:
            return {"name": self.default, **value}
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._complete, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        union = handler(schema)
        needs_nothing_else = [
            name
            for name, reference in union["discriminator"]["mapping"].items()
            if set(handler.resolve_ref_schema({"$ref": reference}).get("required", [])) <= {"name"}
        ]
        return {"anyOf": [{"type": "string", "enum": needs_nothing_else}, union]}


class DataFiles(Section):
    """Four files in the IDX format, gzipped or not.

    A relative path in a config file starts at that file's folder, one on the command line at the
    working directory.
    """

    train_images: FilePath
    train_labels: FilePath
    test_images: FilePath
    test_labels: FilePath


class TableConfig(Section):
    """Examples of numbers instead of images: written out row by row, or points of a formula."""

    inputs: Matrix | None = Field(default=None, description="A row of numbers for each example.")
    targets: Matrix | None = Field(
        default=None,
        description="What the outputs should be for each row of inputs: a regression.",
    )
    labels: (
        Annotated[
            tuple[Annotated[int, Field(ge=0, le=255)], ...],
            Field(min_length=1, max_length=MOST_NUMBERS),
            BeforeValidator(_tuple_from_list),
        ]
        | None
    ) = Field(
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

    @property
    def is_regression(self) -> bool:
        """Whether the outputs have targets of their own, and there are no classes."""
        return self.labels is None


class ElasticConfig(Section):
    """Elastic distortion (Simard, Steinkraus and Platt, 2003).

    For each pixel and direction a number from -1 to 1 is drawn; a Gaussian of standard deviation
    sigma, whose weights add up to 1, smooths these; times alpha they are displacements. Those have
    a standard deviation of about 0.163 alpha / sigma pixels.
    """

    alpha: float = Field(
        default=34.0,
        ge=0,
        le=1000,
        description="Strength, in pixels before smoothing; 34 is Simard's for digits, 0 turns it"
        " off.",
    )
    sigma: float = Field(
        default=4.0,
        ge=0.5,
        le=100,
        description="Smoothness: standard deviation of the Gaussian in pixels; 4 is Simard's for"
        " digits. Smaller ones crumple the strokes.",
    )


class EraseConfig(Section):
    """Random erasing (Zhong et al., 2020): rectangles of background over some of the images."""

    probability: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The chance of an image to lose a rectangle; 0 turns it off.",
    )
    area: float = Field(
        default=0.1,
        ge=0.02,
        le=0.9,
        description="The largest share of the image that a rectangle covers; the smallest is 0.02."
        " Much more than 0.1 can hide what tells two digits apart.",
    )


class AugmentationConfig(Section):
    """How the training images are distorted, in another way each epoch; nothing by default.

    Each amount is drawn evenly between minus the setting and the setting. All geometric
    distortions of an image are one map, and the image is resampled once (Cireşan et al., 2010).
    """

    shift: float = Field(
        default=0.0, ge=0, le=1000, description="Most pixels to each side, up and down."
    )
    rotation: float = Field(
        default=0.0,
        ge=0,
        le=180,
        description="Most degrees, both ways; above 30 a 6 may pass for a 9.",
    )
    scale: float = Field(
        default=0.0,
        ge=0,
        le=0.9,
        description="Most that width and height, each by itself, grow or shrink: 0.1 is a tenth.",
    )
    shear: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="Most that a pixel moves sideways for each pixel of height: slanted writing.",
    )
    elastic: ElasticConfig | None = Field(
        default=None, description="null: none. {}: elastic distortion as Simard's."
    )
    thickness: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Most that the edges of the strokes move in or out, in pixels, by grey-scale"
        " erosion and dilation (Haralick et al., 1987).",
    )
    noise: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Standard deviation of Gaussian noise on each pixel, as a share of white"
        " (Sietsma and Dow, 1991).",
    )
    erase: EraseConfig | None = Field(
        default=None, description="null: nothing. {}: random erasing, by defaults."
    )


class DataConfig(Section):
    """Which images are learned from, and how they are divided and scaled."""

    dataset: Literal["mnist", "fashion_mnist", "kmnist", "synthetic", "idx", "table"] = Field(
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
    train_size: int | None = Field(
        default=None,
        ge=1,
        le=MOST_IMAGES,
        description="How many training images are used, those for validation included. null:"
        f" all of them; for synthetic, {SYNTHETIC_TRAIN_SIZE} are drawn.",
    )
    test_size: int | None = Field(
        default=None,
        ge=1,
        le=MOST_IMAGES,
        description="How many test images are used. null: all of them; for synthetic,"
        f" {SYNTHETIC_TEST_SIZE} are drawn.",
    )
    validation: Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.1,
        description="What is held back from training to judge each epoch: a number of images, or"
        " a share below 1. A tenth measures accuracy well and leaves nearly all to learn from;"
        " 0 trains on everything, which is the default for a table.",
    )
    normalization: Literal["standardize", "unit", "none"] = Field(
        default="standardize",
        description="standardize: minus the mean of the training pixels, over their standard"
        " deviation; learns faster. unit: pixels from 0 to 1. none: numbers as they are, which is"
        " what a table has.",
    )
    augmentation: AugmentationConfig = AugmentationConfig()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_a_table(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("dataset") == "table":
            return {"validation": 0, "normalization": "none", **values}
        return values


class ScaledInitializer(Section):
    """Weights whose spread follows from the sizes of the layer; it has no settings."""

    name: Literal[
        "he_normal",
        "he_uniform",
        "xavier_normal",
        "xavier_uniform",
        "lecun_normal",
        "lecun_uniform",
    ] = Field(
        default="he_normal",
        description="he (He et al., 2015) suits relu and its kin; xavier (Glorot and Bengio, 2010)"
        " suits tanh and sigmoid; lecun (LeCun et al., 1998) looks forward only: variance 1/n_in.",
    )


class OrthogonalInitializer(Section):
    """Weights that rotate and stretch nothing (Saxe, McClelland and Ganguli, 2014)."""

    name: Literal["orthogonal"]
    gain: float = Field(
        default=1.0,
        gt=0,
        description="What the rotation is multiplied by; 1 keeps lengths, √2 makes up for relu.",
    )


class NormalInitializer(Section):
    """Numbers from one normal distribution for all layers, whatever their sizes."""

    name: Literal["normal"]
    mean: float = Field(default=0.0, description="Mean; 0 favours no direction.")
    std: float = Field(
        default=0.01,
        gt=0,
        description="Standard deviation; small, so that no unit begins saturated.",
    )


class UniformInitializer(Section):
    """Numbers from one uniform distribution for all layers, whatever their sizes."""

    name: Literal["uniform"]
    low: StartingValue = Field(default=-0.05, description="The smallest.")
    high: StartingValue = Field(
        default=0.05, description="The largest; small, so that no unit begins saturated."
    )


class ConstantInitializer(Section):
    """The same number everywhere; of weights, it keeps the units of a layer alike for ever."""

    name: Literal["constant"]
    value: StartingValue = Field(description="The number.")


class GivenWeights(Section):
    """Weights written out, for a network that is worked by hand."""

    name: Literal["given"]
    values: Annotated[
        tuple[Matrix, ...], Field(min_length=1, max_length=100), BeforeValidator(_tuple_from_list)
    ] = Field(
        description="The matrix of each layer, first to last: a row for each of its inputs, with a"
        " number for each of its units."
    )


class GivenBiases(Section):
    """Biases written out, for a network that is worked by hand."""

    name: Literal["given"]
    values: Matrix = Field(
        description="The biases of each layer, first to last: a number for each of its units."
    )


class ZerosInitializer(Section):
    """0 everywhere."""

    name: Literal["zeros"] = "zeros"


InitializerConfig = Annotated[
    ScaledInitializer
    | OrthogonalInitializer
    | NormalInitializer
    | UniformInitializer
    | ConstantInitializer
    | GivenWeights,
    Field(discriminator="name"),
    NamedSection(default="he_normal"),
]
BiasInitializerConfig = Annotated[
    ZerosInitializer | ConstantInitializer | NormalInitializer | UniformInitializer | GivenBiases,
    Field(discriminator="name"),
    NamedSection(default="zeros"),
]


class DropoutConfig(Section):
    """Units switched off at random for each example in training (Srivastava et al., 2014)."""

    input: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the pixels; 0.2 in the paper."
    )
    hidden: float = Field(
        default=0.0, ge=0, lt=1, description="Share of each hidden layer; 0.5 in the paper."
    )


class NetworkConfig(Section):
    """The layers between the pixels and the classes."""

    hidden: LayerSizes = Field(
        default=(128,),
        description="Units of each hidden layer; 128 learn digits in seconds. [] is softmax"
        " regression.",
    )
    activation: Activations = Field(
        default="relu",
        description="Of the hidden layers: one name for all, or a list with one for each; relu is"
        " cheap and does not saturate.",
    )
    output_activation: ActivationName = Field(
        default="identity",
        description="Of the last layer. identity with the losses cross_entropy and"
        " binary_cross_entropy, which have their own; mse and quadratic take any, and sigmoid keeps"
        " outputs between their targets, 0 and 1.",
    )
    initializer: InitializerConfig = Field(
        default=ScaledInitializer(),
        description="How the weights begin; he_normal, because the activation is relu.",
    )
    dropout: DropoutConfig = DropoutConfig()
    batch_norm: bool = Field(
        default=False,
        description="Whether each hidden layer's sums are normalised over the batch (Ioffe and"
        " Szegedy, 2015); a single image left over at an epoch's end, by running means.",
    )
    bias_initializer: BiasInitializerConfig = Field(
        default=ZerosInitializer(),
        description="How the biases begin; zeros, because no unit should prefer a side.",
    )


class CrossEntropyConfig(Section):
    """Cross-entropy of the softmax of the outputs, in nats."""

    name: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of each target spread over all classes (Szegedy et al., 2016); 0: none,"
        " and 0.1 keeps a network from being too sure. The recorded losses are the smoothed ones.",
    )


class BinaryCrossEntropyConfig(Section):
    """Cross-entropy of a sigmoid for each output, in nats, summed over the outputs."""

    name: Literal["binary_cross_entropy"]


class MseConfig(Section):
    """Squared error against one-hot targets, mean over the outputs."""

    name: Literal["mse"]


class QuadraticConfig(Section):
    """Half the squared error against one-hot targets, summed over the outputs (Nielsen, 2015)."""

    name: Literal["quadratic"]


LossConfig = Annotated[
    CrossEntropyConfig | BinaryCrossEntropyConfig | MseConfig | QuadraticConfig,
    Field(discriminator="name"),
    NamedSection(default="cross_entropy"),
]


class Optimizer(Section):
    """What every optimizer has."""

    name: str
    learning_rate: float = Field(
        default=0.1,
        gt=0,
        description="Step size per unit of gradient, before the schedule; 0.1 is large but stable"
        " for standardised images.",
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="Strength of the L2 penalty on weights, not biases; 0, because few epochs"
        " hardly overfit.",
    )
    l1: float = Field(
        default=0.0,
        ge=0,
        description="Strength of the L1 penalty on weights, which drives many of them to 0.",
    )
    clip_value: float | None = Field(
        default=None,
        gt=0,
        description="The most that a number of the gradient may be, up and down. null: no limit.",
    )
    clip_norm: float | None = Field(
        default=None,
        gt=0,
        description="The most that the length of the whole gradient may be: a longer one is"
        " shortened (Pascanu et al., 2013). null: no limit.",
    )
    max_norm: float | None = Field(
        default=None,
        gt=0,
        description="The most that the length of a hidden unit's incoming weights may be: longer"
        " ones are shortened after each step (Srivastava et al., 2014). null: no limit.",
    )


class SgdConfig(Optimizer):
    """Stochastic gradient descent."""

    name: Literal["sgd"]


class OptimizerWithVelocity(Optimizer):
    """What every optimizer has that keeps a velocity."""

    momentum: float = Field(
        default=0.9,
        ge=0,
        lt=1,
        description="Share of the velocity kept from step to step; 0.9 averages about ten steps.",
    )


class MomentumConfig(OptimizerWithVelocity):
    """Gradient descent with a velocity (Polyak, 1964)."""

    name: Literal["momentum"] = "momentum"


class NesterovConfig(OptimizerWithVelocity):
    """Momentum with the gradient taken where the velocity leads (Nesterov, 1983)."""

    name: Literal["nesterov"]


Epsilon = Annotated[
    float,
    Field(
        ge=1e-30,
        description="Added to the root: no division by 0. Much less than 1e-30 is 0 in float32.",
    ),
]


class AdaGradConfig(Optimizer):
    """Steps divided by the root of the sum of squared gradients (Duchi et al., 2011)."""

    name: Literal["adagrad"]
    learning_rate: float = Field(
        default=0.01, gt=0, description="About how far a parameter goes in its first step."
    )
    epsilon: Epsilon = 1e-10


class RmspropConfig(Optimizer):
    """Steps divided by the root of the mean squared gradient (Tieleman and Hinton, 2012)."""

    name: Literal["rmsprop"]
    learning_rate: float = Field(
        default=0.001, gt=0, description="About how far a parameter goes in a step."
    )
    decay: float = Field(
        default=0.9, ge=0, lt=1, description="Share of the mean square kept from step to step."
    )
    epsilon: Epsilon = 1e-7


class AdaptiveOptimizer(Optimizer):
    """What the Adam family has."""

    learning_rate: float = Field(
        default=0.001, gt=0, description="About how far a parameter goes in a step."
    )
    beta1: float = Field(
        default=0.9, ge=0, lt=1, description="Share of the mean gradient kept from step to step."
    )
    beta2: float = Field(
        default=0.999, ge=0, lt=1, description="Share of the mean square kept from step to step."
    )
    epsilon: Epsilon = 1e-8


class AdamConfig(AdaptiveOptimizer):
    """The mean gradient over the root of the mean square (Kingma and Ba, 2015)."""

    name: Literal["adam", "nadam"] = Field(
        description="nadam looks one step ahead, as Nesterov does (Dozat, 2016)."
    )


class AdamwConfig(AdaptiveOptimizer):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019)."""

    name: Literal["adamw"]
    weight_decay: float = Field(
        default=0.01,
        ge=0,
        description="How much of each weight, not bias, decays in a step, times the learning rate.",
    )


OptimizerConfig = Annotated[
    SgdConfig
    | MomentumConfig
    | NesterovConfig
    | AdaGradConfig
    | RmspropConfig
    | AdamConfig
    | AdamwConfig,
    Field(discriminator="name"),
    NamedSection(default="momentum"),
]


class Schedule(Section):
    """What every schedule has."""

    name: str
    warmup_epochs: float = Field(
        default=0.0,
        ge=0,
        description="Epochs over which the learning rate rises from 0 to the schedule's start; 0,"
        " because small networks need no warm-up. Parts of an epoch count: 0.5.",
    )


class ConstantConfig(Schedule):
    """The same learning rate throughout."""

    name: Literal["constant"] = "constant"


class StepConfig(Schedule):
    """The learning rate is multiplied by a factor every few epochs."""

    name: Literal["step"]
    every_epochs: int = Field(ge=1, description="Epochs from one change to the next.")
    factor: float = Field(gt=0, lt=1, description="What the learning rate is multiplied by.")


class ExponentialConfig(Schedule):
    """The learning rate falls by the same factor over every epoch, a little at each step."""

    name: Literal["exponential"]
    factor: float = Field(
        default=0.8,
        gt=0,
        lt=1,
        description="What the learning rate is multiplied by over an epoch; 0.8 leaves a tenth"
        " after ten.",
    )


class InverseTimeConfig(Schedule):
    """The learning rate divided by 1 + decay · epochs done (Robbins and Monro, 1951)."""

    name: Literal["inverse_time"]
    decay: float = Field(
        default=1.0,
        gt=0,
        description="How fast it falls; 1 leaves a half after one epoch, a tenth after nine.",
    )


class CosineConfig(Schedule):
    """The learning rate falls along half a cosine (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"]
    final_fraction: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the learning rate left at the end; 0 ends as still as can be.",
    )


class OneCycleConfig(Schedule):
    """The learning rate rises to its peak and falls again, along half cosines (Smith, 2018)."""

    name: Literal["one_cycle"]
    rise: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        description="Share of the epochs before the peak; 0.3 leaves most of the time to settle.",
    )
    initial_fraction: float = Field(
        default=0.04,
        ge=0,
        le=1,
        description="Share of the learning rate at the start; a 25th is safe with any weights.",
    )
    final_fraction: float = Field(
        default=4e-6,
        ge=0,
        le=1,
        description="Share of the learning rate left at the end; next to nothing, to end still.",
    )


class PlateauConfig(Schedule):
    """The learning rate is lowered when a metric has stopped getting better."""

    name: Literal["plateau"]
    monitor: Metric = Field(default="val_loss", description="The metric watched.")
    factor: float = Field(
        default=0.1, gt=0, lt=1, description="What the learning rate is multiplied by."
    )
    patience: int = Field(
        default=5, ge=1, description="Epochs without improvement before the learning rate falls."
    )
    min_delta: float = Field(
        default=0.0, ge=0, description="A change counts as an improvement when it is larger."
    )


ScheduleConfig = Annotated[
    ConstantConfig
    | StepConfig
    | ExponentialConfig
    | InverseTimeConfig
    | CosineConfig
    | OneCycleConfig
    | PlateauConfig,
    Field(discriminator="name"),
    NamedSection(default="constant"),
]


class AveragingConfig(Section):
    """An exponential moving average of the parameters (Polyak and Juditsky, 1992)."""

    decay: float = Field(
        default=0.999,
        ge=0,
        lt=1,
        description="Share of the mean kept from step to step; 0.999 averages about 1,000 steps.",
    )


class EarlyStoppingConfig(Section):
    """Ends training when a metric has stopped getting better."""

    monitor: Metric = Field(
        default="val_loss",
        description="The metric watched; the validation loss turns before the accuracy does.",
    )
    patience: int = Field(
        default=5, ge=1, description="Epochs without improvement before the end; 5 outlast noise."
    )
    min_delta: float = Field(
        default=0.0,
        ge=0,
        description="A change counts as an improvement when it is larger than this; 0: any does.",
    )


class TrainingConfig(Section):
    """How long and how training goes."""

    epochs: int = Field(
        default=10, ge=1, description="Passes over the training images; 10 are near the plateau."
    )
    batch_size: int = Field(
        default=64,
        ge=1,
        le=MOST_IMAGES,
        description="Images a step; 64 keep the processor busy and still give many steps.",
    )
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=64)] = Field(
        default="auto",
        description="Processors that share the work of each step; auto chooses by how much there"
        " is, because a small one is faster on one.",
    )
    monitor: Metric | None = Field(
        default=None,
        description="The metric by which an epoch is the best. null: val_accuracy, because accuracy"
        " is what counts in use; without validation images, the last epoch is the best.",
    )
    averaging: AveragingConfig | None = Field(
        default=None,
        description="null: none. {}: a running mean of the parameters is kept, and it is what is"
        " validated, tested and used to predict.",
    )
    early_stopping: EarlyStoppingConfig | None = Field(
        default=None, description="null: all epochs are trained. {}: early stopping, by defaults."
    )
    stop_at_loss: float | None = Field(
        default=None,
        gt=0,
        description="Training ends with the first epoch whose training loss is below this. null:"
        " all epochs are trained.",
    )
    pictures: bool = Field(
        default=True,
        description="Whether `mlpcli train` leaves pictures of the run in pictures/; drawing them"
        " takes about two seconds.",
    )


class Config(Section):
    """A whole run."""

    name: Annotated[str, AfterValidator(_check_run_name)] | None = Field(
        default=None,
        description="Name of the run's folder: letters, digits, '.', '_' and '-'. null: that of"
        " the config file.",
    )
    seed: int = Field(
        default=1,
        ge=0,
        le=2**63 - 1,
        description="All randomness follows from it: first weights, validation part, batches.",
    )
    dtype: Literal["float32", "float64"] = Field(
        default="float32",
        description="Floating-point type; float32 is twice as fast, float64 is for checking.",
    )
    data: DataConfig = DataConfig()
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = Field(
        default=CrossEntropyConfig(),
        description="What training makes small; cross_entropy suits classes and learns faster.",
    )
    optimizer: OptimizerConfig = Field(
        default=MomentumConfig(),
        description="How a gradient becomes a step; momentum is fast at little cost.",
    )
    schedule: ScheduleConfig = Field(
        default=ConstantConfig(),
        description="How the learning rate changes over the epochs; constant is easy to follow.",
    )
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        conflicts = list(_conflicts(self))
        if conflicts:
            raise PydanticCustomError(
                "conflicts",
                "{text}",
                {
                    "text": "; ".join(f"{key}: {message}" for key, _, message in conflicts),
                    "conflicts": conflicts,
                },
            )
        return self


def settings_of_kind(section: tuple[str | int, ...], kind: str | None) -> dict[str, Any]:
    """The settings that a named section has as this kind, with their defaults.

    None is the kind the section has by default; there are no settings if there is no such kind.
    """
    model: type[BaseModel] = Config
    for part in section[:-1]:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]
    field = model.model_fields[str(section[-1])]
    wanted = field.get_default().name if kind is None else kind
    for option in get_args(field.annotation) or (field.annotation,):
        if wanted in get_args(option.model_fields["name"].annotation):
            return {key: setting.default for key, setting in option.model_fields.items()}
    return {}


class Conflict(NamedTuple):
    """Two settings, each fine by itself, that do not fit together."""

    key: str
    """The dotted key to look at."""
    depends_on: tuple[str, ...]
    """Every dotted key that had a part in it."""
    message: str


def _conflicts(config: Config) -> Iterator[Conflict]:
    yield from _data_conflicts(config.data)
    if config.data.table is not None and config.data.table.is_regression:
        yield from _regression_conflicts(config, config.data.table)
    yield from _network_conflicts(config.network)
    output_activation = config.network.output_activation
    inside = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}.get(config.loss.name)
    if inside and output_activation != "identity":
        yield Conflict(
            "network.output_activation",
            ("network.output_activation", "loss"),
            f"expected identity, found {output_activation!r}: {inside} is part of the loss"
            f" {config.loss.name} and must be the only activation of the last layer",
        )
    monitor = config.training.monitor
    if monitor and monitor.startswith("val_") and config.data.validation == 0:
        yield Conflict(
            "training.monitor",
            ("training.monitor", "data.validation"),
            f"expected train_loss or train_accuracy, found {monitor!r}: with data.validation 0"
            " there are no validation images to measure",
        )
    if (
        config.schedule.name == "plateau"
        and config.schedule.monitor.startswith("val_")
        and config.data.validation == 0
    ):
        yield Conflict(
            "schedule.monitor",
            ("schedule", "data.validation"),
            f"expected train_loss or train_accuracy, found {config.schedule.monitor!r}: with"
            " data.validation 0 there are no validation images to measure",
        )
    if config.network.batch_norm and config.training.batch_size == 1:
        yield Conflict(
            "network.batch_norm",
            ("network.batch_norm", "training.batch_size"),
            "cannot normalise over a batch of one example; expected training.batch_size of at"
            " least 2, found 1",
        )
    stopping = config.training.early_stopping
    if stopping and stopping.monitor.startswith("val_") and config.data.validation == 0:
        yield Conflict(
            "training.early_stopping.monitor",
            ("training.early_stopping", "data.validation"),
            f"expected train_loss or train_accuracy, found {stopping.monitor!r}: with"
            " data.validation 0 there are no validation images to measure",
        )


def _network_conflicts(network: NetworkConfig) -> Iterator[Conflict]:
    names, hidden = network.activation, len(network.hidden)
    if not isinstance(names, str) and len(names) != hidden:
        yield Conflict(
            "network.activation",
            ("network.activation", "network.hidden"),
            f"expected one name, or a list of {hidden}, one for each layer of network.hidden, found"
            f" a list of {len(names)}",
        )
    for key, on in (("batch_norm", network.batch_norm), ("dropout.hidden", network.dropout.hidden)):
        if on and not hidden:
            yield Conflict(
                f"network.{key}",
                (f"network.{key}", "network.hidden"),
                f"found {on!r}, but it is for hidden layers, and network.hidden has none",
            )
    for key in ("initializer", "bias_initializer"):
        start = getattr(network, key)
        if isinstance(start, UniformInitializer) and not start.low < start.high:
            yield Conflict(
                f"network.{key}.high",
                (f"network.{key}",),
                f"expected a number above network.{key}.low, {start.low}, found {start.high}",
            )


def _data_conflicts(data: DataConfig) -> Iterator[Conflict]:
    if data.dataset == "idx" and data.files is None:
        yield Conflict(
            "data.dataset",
            ("data.dataset", "data.files"),
            "idx needs data.files with train_images, train_labels, test_images and test_labels",
        )
    if data.dataset == "table":
        yield from _table_conflicts(data, data.table or TableConfig())
    for key, value, datasets in (
        ("files", data.files, ("idx",)),
        ("table", data.table, ("table",)),
        ("class_names", data.class_names, ("idx", "table")),
    ):
        if value is not None and data.dataset not in datasets:
            yield Conflict(
                f"data.{key}",
                ("data.dataset", f"data.{key}"),
                f"only for dataset {' or '.join(datasets)}, found dataset {data.dataset!r};"
                f" data.{key}=null takes it out",
            )
    train_size = data.train_size
    if train_size is None and data.dataset == "synthetic":
        train_size = SYNTHETIC_TRAIN_SIZE
    if train_size is not None and data.validation >= train_size:
        yield Conflict(
            "data.validation",
            ("data.dataset", "data.train_size", "data.validation"),
            f"expected fewer than the {train_size} images there are, found {data.validation}:"
            " some must be left to train on",
        )


def _table_conflicts(data: DataConfig, table: TableConfig) -> Iterator[Conflict]:
    part = ("data.dataset", "data.table")
    given = [key for key in ("targets", "labels", "formula") if getattr(table, key) is not None]
    if len(given) != 1 or (table.inputs is None) != (table.formula is not None):
        yield Conflict(
            "data.table", part, "expected inputs and targets, or inputs and labels, or a formula"
        )
        return
    if table.formula is not None and not table.low < table.high:
        yield Conflict(
            "data.table.high",
            part,
            f"expected a number above data.table.low, {table.low}, found {table.high}",
        )
    rows = len(table.inputs or ())
    for key in ("inputs", "targets", "labels"):
        found = getattr(table, key)
        if found is None:
            continue
        if len(found) != rows:
            yield Conflict(
                f"data.table.{key}",
                part,
                f"expected {rows}, one for each row of data.table.inputs, found {len(found)}",
            )
        if key != "labels" and len(set(map(len, found))) > 1:
            yield Conflict(f"data.table.{key}", part, "expected rows of one length")
    if data.normalization != "none":
        yield Conflict(
            "data.normalization",
            ("data.dataset", "data.normalization"),
            f"expected none, found {data.normalization!r}: a table's numbers are used as they are",
        )
    if data.augmentation != AugmentationConfig():
        yield Conflict(
            "data.augmentation",
            ("data.dataset", "data.augmentation"),
            "only for images, found dataset 'table'; data.augmentation=null takes it out",
        )
    if data.class_names is not None:
        classes = 1 + max(table.labels or (0,))
        if table.labels is None or classes > len(data.class_names):
            yield Conflict(
                "data.class_names",
                ("data.class_names", "data.table"),
                f"expected {classes}, one for each label up to {classes - 1}, found"
                f" {len(data.class_names)}"
                if table.labels
                else "a regression has no classes; data.class_names=null takes it out",
            )


def _regression_conflicts(config: Config, table: TableConfig) -> Iterator[Conflict]:
    loss = config.loss.name
    targets = [t for row in table.targets or () for t in row]
    if loss == "cross_entropy":
        yield Conflict(
            "loss",
            ("loss", "data.table"),
            "expected one of mse, quadratic, binary_cross_entropy: cross_entropy is for classes,"
            " which data.table.labels would name",
        )
    if loss == "binary_cross_entropy" and (
        table.formula is not None or min(targets) < 0 or max(targets) > 1
    ):
        yield Conflict(
            "loss",
            ("loss", "data.table"),
            "expected mse or quadratic: binary_cross_entropy is for targets from 0 to 1",
        )
    stopping = config.training.early_stopping
    for key, monitor in (
        ("monitor", config.training.monitor),
        ("early_stopping.monitor", stopping and stopping.monitor),
    ):
        if monitor and monitor.endswith("accuracy"):
            yield Conflict(
                f"training.{key}",
                (f"training.{key}", "data.table"),
                f"expected a loss, found {monitor!r}: a regression has no accuracy",
            )
