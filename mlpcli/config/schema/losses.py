"""The losses: what training minimizes."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from mlpcli.config.schema.section import BelowOne, NamedSection, Section


class Loss(Section):
    """The settings of every loss."""

    name: str
    contains: ClassVar[str | None] = None
    """the activation of the outputs that the loss includes"""
    targets: ClassVar[Literal["any", "from 0 to 1", "classes"]] = "any"
    """the targets that the loss is for"""


class CrossEntropyConfig(Loss):
    """Cross-entropy of the softmax of the outputs, in nats."""

    name: Literal["cross_entropy"] = "cross_entropy"
    contains = "softmax"
    targets = "classes"
    label_smoothing: BelowOne = Field(
        default=0.0,
        description="Share of each target spread over all classes (Szegedy et al., 2016); 0: none;"
        " 0.1 keeps a network from being too sure. The recorded losses are the smoothed ones.",
    )


class BinaryCrossEntropyConfig(Loss):
    """Cross-entropy of a sigmoid for each output, in nats, summed over the outputs."""

    name: Literal["binary_cross_entropy"]
    contains = "sigmoid"
    targets = "from 0 to 1"


class MseConfig(Loss):
    """Squared error against one-hot targets, mean over the outputs."""

    name: Literal["mse"]


class QuadraticConfig(Loss):
    """Half the squared error against one-hot targets, summed over the outputs (Nielsen, 2015)."""

    name: Literal["quadratic"]


class BrierConfig(Loss):
    """Squared error of the softmax of the outputs, summed over the outputs (Brier, 1950)."""

    name: Literal["brier"]
    contains = "softmax"
    targets = "classes"


class PerceptronConfig(Loss):
    """The perceptron criterion: a step for each output, and Rosenblatt's rule (1958)."""

    name: Literal["perceptron"]
    contains = "step"
    targets = "from 0 to 1"


LossConfig = Annotated[
    CrossEntropyConfig
    | BinaryCrossEntropyConfig
    | MseConfig
    | QuadraticConfig
    | BrierConfig
    | PerceptronConfig,
    Field(discriminator="name"),
    NamedSection(default="cross_entropy"),
]


def losses_for(targets: set[str]) -> list[str]:
    """Return the names of the losses for targets of these kinds."""
    kinds: tuple[type[Loss], ...] = get_args(get_args(LossConfig)[0])
    return [
        get_args(kind.model_fields["name"].annotation)[0]
        for kind in kinds
        if kind.targets in targets
    ]
