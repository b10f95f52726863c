"""What may be made small."""

from typing import Annotated, Literal

from pydantic import Field

from mlpcli.config.schema.section import NamedSection, Section


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
