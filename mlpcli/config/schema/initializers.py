"""The starting values of weights and biases."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mlpcli.config.schema.section import (
    Matrix,
    NamedSection,
    Positive,
    Section,
    StartingValue,
    tuple_from_list,
)


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
        " suits tanh; lecun (LeCun, Bottou, Orr and Müller, 1998) looks forward only: variance"
        " 1/n_in.",
    )


class OrthogonalInitializer(Section):
    """Weights that rotate and, into as many units or more, stretch nothing (Saxe et al., 2014)."""

    name: Literal["orthogonal"]
    gain: Positive = Field(
        default=1.0,
        description="What the rotation is multiplied by; 1 keeps lengths, but not into fewer units;"
        " √2 makes up for relu.",
    )


class NormalInitializer(Section):
    """Numbers from one normal distribution for all layers, whatever their sizes."""

    name: Literal["normal"]
    mean: float = Field(default=0.0, description="Mean; 0 favours no direction.")
    std: Positive = Field(
        default=0.01, description="Standard deviation; small, so that no unit begins saturated."
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
        tuple[Matrix, ...], Field(min_length=1, max_length=100), BeforeValidator(tuple_from_list)
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
