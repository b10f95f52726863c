"""The settings of the network."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from mlpcli.config.schema.initializers import (
    BiasInitializerConfig,
    InitializerConfig,
    ScaledInitializer,
    ZerosInitializer,
)
from mlpcli.config.schema.section import BelowOne, Section, tuple_from_list, wrong

ActivationName = Literal[
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "softplus",
    "step",
    "identity",
]

LayerSizes = Annotated[
    tuple[Annotated[int, Field(ge=1, le=65536)], ...],
    Field(max_length=100),
    BeforeValidator(tuple_from_list),
]

Activations = Annotated[
    Annotated[ActivationName, Tag("one")]
    | Annotated[
        tuple[ActivationName, ...],
        Field(max_length=100),
        BeforeValidator(tuple_from_list),
        Tag("each"),
    ],
    Discriminator(lambda value: "each" if isinstance(value, list | tuple) else "one"),
]
"""one name, or a list of them; distinguished first, so that messages have a wrong name's place"""


def _not_softmax(value: Any) -> Any:
    if value == "softmax":
        raise wrong(
            "an activation of each output by itself; softmax is part of the losses cross_entropy"
            " and brier (the squared error)"
        )
    return value


class DropoutConfig(Section):
    """Units switched off at random for each example in training (Srivastava et al., 2014)."""

    input: BelowOne = Field(default=0.0, description="Share of the pixels; 0.2 in the paper.")
    hidden: BelowOne = Field(
        default=0.0, description="Share of each hidden layer; 0.5 in the paper."
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
    output_activation: Annotated[ActivationName, BeforeValidator(_not_softmax)] = Field(
        default="identity",
        description="Of the last layer. identity with the losses cross_entropy,"
        " binary_cross_entropy, brier and perceptron, which have their own; mse and quadratic take"
        " any, and sigmoid keeps outputs between their targets, 0 and 1.",
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
