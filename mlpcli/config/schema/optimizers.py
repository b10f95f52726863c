"""The optimizers, which turn a gradient into a step."""

from typing import Annotated, Literal

from pydantic import Field

from mlpcli.config.schema.section import BelowOne, NamedSection, NonNegative, Positive, Section


class Optimizer(Section):
    """The settings of every optimizer."""

    name: str
    learning_rate: Positive = Field(
        default=0.1,
        description="Step size per unit of gradient, before the schedule; 0.1 is large but stable"
        " for standardised images.",
    )
    weight_decay: NonNegative = Field(
        default=0.0,
        description="Strength of the L2 penalty on weights, not biases; 0, because few epochs"
        " hardly overfit.",
    )
    l1: NonNegative = Field(
        default=0.0,
        description="Strength of the L1 penalty on weights, which drives many of them to 0.",
    )
    clip_value: Positive | None = Field(
        default=None,
        description="The most that a number of the gradient may be, up and down. null: no limit.",
    )
    clip_norm: Positive | None = Field(
        default=None,
        description="The most that the length of the whole gradient may be: a longer one is"
        " shortened (Pascanu et al., 2013). null: no limit.",
    )
    max_norm: Positive | None = Field(
        default=None,
        description="The most that the length of a hidden unit's incoming weights may be: longer"
        " ones are shortened after each step (Srivastava et al., 2014). null: no limit.",
    )


class SgdConfig(Optimizer):
    """Stochastic gradient descent."""

    name: Literal["sgd"]


class LionConfig(Optimizer):
    """The sign of a momentum, so that every parameter takes a step as long (Chen et al., 2023)."""

    name: Literal["lion"]
    learning_rate: Positive = Field(
        default=3e-4, description="How far every parameter goes in a step."
    )
    beta1: BelowOne = Field(
        default=0.9, description="Share of the mean gradient in the step; the rest is the newest."
    )
    beta2: BelowOne = Field(
        default=0.99, description="Share of the mean gradient kept from step to step."
    )
    weight_decay: NonNegative = Field(
        default=0.03,
        description="How much of each weight, not bias, decays in a step, times the learning rate;"
        " as many times adamw's as the learning rate is smaller.",
    )


class ScheduleFreeSgdConfig(Optimizer):
    """Gradient descent whose average needs no schedule (Defazio et al., 2024)."""

    name: Literal["schedule_free_sgd"]
    learning_rate: Positive = Field(
        default=1.0,
        description="Step size per unit of gradient; ten times that of momentum, which adds up ten"
        " steps.",
    )
    momentum: BelowOne = Field(
        default=0.9,
        description="How far from the last step to the average the gradient is taken.",
    )


class OptimizerWithVelocity(Optimizer):
    """The settings of every optimizer that keeps a velocity."""

    momentum: BelowOne = Field(
        default=0.9,
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
    learning_rate: Positive = Field(
        default=0.01, description="About how far a parameter goes in its first step."
    )
    epsilon: Epsilon = 1e-10


class RmspropConfig(Optimizer):
    """Steps divided by the root of the mean squared gradient (Tieleman and Hinton, 2012)."""

    name: Literal["rmsprop"]
    learning_rate: Positive = Field(
        default=0.001, description="About how far a parameter goes in a step."
    )
    decay: BelowOne = Field(
        default=0.9, description="Share of the mean square kept from step to step."
    )
    epsilon: Epsilon = 1e-7


class AdaptiveOptimizer(Optimizer):
    """The settings of the Adam family."""

    learning_rate: Positive = Field(
        default=0.001, description="About how far a parameter goes in a step."
    )
    beta1: BelowOne = Field(
        default=0.9, description="Share of the mean gradient kept from step to step."
    )
    beta2: BelowOne = Field(
        default=0.999, description="Share of the mean square kept from step to step."
    )
    epsilon: Epsilon = 1e-8


class AdamConfig(AdaptiveOptimizer):
    """The mean gradient over the root of the mean square (Kingma and Ba, 2015)."""

    name: Literal["adam", "nadam"] = Field(
        description="nadam looks one step ahead, as Nesterov does (Dozat, 2016)."
    )


class AdaptiveOptimizerWithDecay(AdaptiveOptimizer):
    """The settings of those of the family in which weights decay apart from the gradient."""

    weight_decay: NonNegative = Field(
        default=0.01,
        description="How much of each weight, not bias, decays in a step, times the learning rate.",
    )


class AdamwConfig(AdaptiveOptimizerWithDecay):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019)."""

    name: Literal["adamw"]


class ScheduleFreeAdamwConfig(AdaptiveOptimizerWithDecay):
    """AdamW whose average needs no schedule (Defazio et al., 2024)."""

    name: Literal["schedule_free_adamw"]
    learning_rate: Positive = Field(
        default=0.0025, description="About how far a parameter goes in a step."
    )
    beta1: BelowOne = Field(
        default=0.9,
        description="How far from the last step to the average the gradient is taken.",
    )


class MuonConfig(AdaptiveOptimizerWithDecay):
    """Orthogonal steps for weights but the last layer's, AdamW's for the rest (Jordan, 2024)."""

    name: Literal["muon"]
    momentum: BelowOne = Field(
        default=0.95, description="Share of the mean gradient kept from step to step, in matrices."
    )


OptimizerConfig = Annotated[
    SgdConfig
    | MomentumConfig
    | NesterovConfig
    | AdaGradConfig
    | RmspropConfig
    | AdamConfig
    | AdamwConfig
    | LionConfig
    | ScheduleFreeSgdConfig
    | ScheduleFreeAdamwConfig
    | MuonConfig,
    Field(discriminator="name"),
    NamedSection(default="momentum"),
]
