"""The way forward as sections of a document: from the examples to their loss."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlpcli.explaining.documents.document import Quantity, Section, by
from mlpcli.explaining.notation import (
    output_symbol,
    subscript,
    symbol_before_dropout,
    symbol_given,
    symbol_in,
    symbol_mask,
)
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.layers import BatchNorm
from mlpcli.training.building import build_loss

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.explaining.first_steps import Story
    from mlpcli.explaining.trace import LayerTrace, NormTrace

MOST_EXAMPLES = 20
"""number of examples listed one by one"""


def forward_sections(config: "Config", story: "Story") -> Iterator[Section]:
    """Yield the layers from the first to the last, then the loss."""
    step = story.first
    yield Section(
        "The example" if len(step.x) == 1 else "The examples",
        3,
        words=_which(story.examples),
        quantities=[Quantity("x", "x", step.x), Quantity("t", "t", step.t)],
    )
    for layer in step.layers:
        if layer.mask is not None:
            yield _dropout(config, layer)
        n, a = layer.number, symbol_in(layer)
        z, W, b = subscript("z", n), subscript("W", n), subscript("b", n)
        yield Section(
            f"Layer {n}: the weighted sum",
            3,
            formula=f"{z} = {a} {W} + {b}",
            shapes=f"{by(layer.a_in.shape)} {by(layer.W.value.shape)} + {by(layer.b.value.shape)}"
            f" → {by(layer.z.shape)}",
            quantities=[
                Quantity(f"W{n}", W, layer.W.value),
                Quantity(f"b{n}", b, layer.b.value),
                Quantity(f"z{n}", z, layer.z),
            ],
        )
        if layer.norm is not None:
            yield _normalisation(layer, layer.norm, len(step.x))
        if layer.activation != "identity":
            yield Section(
                f"Layer {n}: the activation, {layer.activation}",
                3,
                formula=f"{subscript('a', n)} = σ({symbol_given(layer)})    "
                f"{ACTIVATIONS[layer.activation].formula}",
                shapes=f"{by(layer.z.shape)} → {by(layer.a.shape)}",
                quantities=[Quantity(f"a{n}", subscript("a", n), layer.a)],
            )
        elif layer is not step.layers[-1]:
            yield Section(
                f"Layer {n}: the activation, identity",
                3,
                formula=f"{subscript('a', n)} = {symbol_given(layer)}",
                quantities=[Quantity(f"a{n}", subscript("a", n), layer.a)],
            )
    output = output_symbol(step)
    loss = build_loss(config.loss.model_dump())
    if loss.prediction_formula:
        yield Section(
            "The probabilities",
            3,
            formula=loss.prediction_formula.format(z=output),
            shapes=f"{by(step.t.shape)} → {by(step.t.shape)}",
            quantities=[Quantity("p", "p", step.prediction)],
        )
    formula = loss.formula.format(z=output)
    if loss.target_formula:
        formula = f"{formula}    {loss.target_formula}"
    counted = re.findall(r"[A-Za-z]+", formula)
    yield Section(
        "The loss",
        3,
        words=f"n = {step.t.shape[1]}, the number of outputs." if "n" in counted else "",
        formula=formula,
        shapes="mean over the examples" if len(step.x) > 1 else "",
        quantities=[Quantity("loss", "L", np.array([step.loss]))],
    )


def _which(examples: Sequence[int]) -> str:
    """Return the rows' numbers in the training set, as a sentence."""
    numbered = [f"{n}" for n in examples[:MOST_EXAMPLES]]
    if len(examples) > MOST_EXAMPLES:
        numbered.append("…")
    which = "Example" if len(examples) == 1 else "Row by row, examples"
    return f"{which} {', '.join(numbered)} of the training set."


def _dropout(config: "Config", layer: "LayerTrace") -> Section:
    dropout = config.network.dropout
    rate = dropout.input if layer.number == 1 else dropout.hidden
    assert layer.mask is not None  # noqa: S101 - asked for only where there is one
    came, mask, n = symbol_before_dropout(layer), symbol_mask(layer), layer.number
    return Section(
        f"Layer {n}: dropout of what comes in",
        3,
        words=f"Each number of {mask} is 0 with probability {rate:g} and 1 / (1 − {rate:g}) "
        "otherwise, drawn anew in every step; a prediction is made without. The probability is "
        "rounded to a 65,536th.",
        formula=f"{came}′ = {came} ⊙ {mask}",
        shapes=f"{by(layer.mask.shape)} {by(layer.mask.shape)} → {by(layer.mask.shape)}",
        quantities=[
            Quantity(f"mask{n - 1}", mask, layer.mask),
            Quantity(f"dropped{n - 1}", f"{came}′", layer.a_in),
        ],
    )


def _normalisation(layer: "LayerTrace", norm: "NormTrace", examples: int) -> Section:
    n = layer.number
    z, y, s, mu, v, gamma, beta = (subscript(each, n) for each in "zysμvγβ")
    whose = (
        f"{mu} and {v} are mean and variance of each unit over the examples. {mu} takes "
        f"{subscript('b', n)} out again, so its gradient is 0, but for rounding, and {beta} does "
        "its work"
        if examples > 1
        else f"One example has no variance: {mu} and {v} are the running mean and variance"
    )
    return Section(
        f"Layer {n}: batch normalisation",
        3,
        words=f"{whose}; ε = {BatchNorm.EPSILON:g}.",
        formula=f"{s} = ({z} − {mu}) / √({v} + ε)    {y} = {gamma} ⊙ {s} + {beta}",
        shapes=f"{by(layer.z.shape)} → {by(norm.y.shape)}",
        quantities=[
            Quantity(f"mean{n}", mu, norm.mean),
            Quantity(f"variance{n}", v, norm.variance),
            Quantity(f"standardised{n}", s, norm.s),
            Quantity(f"gamma{n}", gamma, norm.gamma.value),
            Quantity(f"beta{n}", beta, norm.beta.value),
            Quantity(f"y{n}", y, norm.y),
        ],
    )
