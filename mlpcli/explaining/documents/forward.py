"""The forward pass as sections of a document: from the examples to their loss."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.explaining.documents.document import APART, Quantity, Section, Subsection
from mlpcli.explaining.first_steps import TracedSteps
from mlpcli.explaining.notation import Symbols, subscript
from mlpcli.explaining.trace import BatchNormTrace, LayerTrace, StepTrace
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.layers import BatchNorm
from mlpcli.training.building import build_loss

MOST_EXAMPLES = 20
"""number of examples that are listed"""


def forward_sections(config: Config, traced: TracedSteps) -> Iterator[Section]:
    """Yield the examples, each layer from the first to the last, and the loss."""
    step = traced.first
    yield Subsection(
        "The example" if len(step.x) == 1 else "The examples",
        words=_examples(traced.examples),
        quantities=[Quantity("x", "x", step.x), Quantity("t", "t", step.t)],
    )
    for layer in step.layers:
        if layer.mask is not None:
            yield _dropout(config, layer, layer.mask)
        yield _weighted_sum(layer)
        if layer.batch_norm is not None:
            yield _batch_norm(layer, layer.batch_norm, len(step.x))
        if layer.activation != "identity" or layer is not step.layers[-1]:
            yield _activation(layer)
    yield from _loss(config, step)


def _examples(examples: Sequence[int]) -> str:
    """Return a sentence with the numbers of the rows in the training set."""
    numbers = ", ".join(str(n) for n in examples[:MOST_EXAMPLES])
    if len(examples) > MOST_EXAMPLES:
        numbers += ", …"
    which = "Example" if len(examples) == 1 else "Row by row, examples"
    return f"{which} {numbers} of the training set."


def _dropout(config: Config, layer: LayerTrace, mask: Array) -> Section:
    dropout = config.network.dropout
    rate = dropout.input if layer.number == 1 else dropout.hidden
    n, symbols = layer.number, Symbols(layer)
    return Subsection(
        f"Layer {n}: dropout of what comes in",
        words=f"Each number of {symbols.mask} is 0 with probability {rate:g} and "
        f"1 / (1 − {rate:g}) otherwise, drawn anew in every step; a prediction is made without. "
        "The probability is rounded to a 65,536th.",
        formula=f"{symbols.input} = {symbols.before_dropout} ⊙ {symbols.mask}",
        shapes=f"{mask.shape} {mask.shape} → {mask.shape}",
        quantities=[
            Quantity(f"mask{n - 1}", symbols.mask, mask),
            Quantity(f"dropped{n - 1}", symbols.input, layer.a_in),
        ],
    )


def _weighted_sum(layer: LayerTrace) -> Section:
    n, W, b, symbols = layer.number, layer.W.value, layer.b.value, Symbols(layer)
    return Subsection(
        f"Layer {n}: the weighted sum",
        formula=f"{symbols.z} = {symbols.input} {symbols.W} + {symbols.b}",
        shapes=f"{layer.a_in.shape} {W.shape} + {b.shape} → {layer.z.shape}",
        quantities=[
            Quantity(f"W{n}", symbols.W, W),
            Quantity(f"b{n}", symbols.b, b),
            Quantity(f"z{n}", symbols.z, layer.z),
        ],
    )


def _batch_norm(layer: LayerTrace, norm: BatchNormTrace, examples: int) -> Section:
    n, symbols = layer.number, Symbols(layer)
    mu, v, s, y, gamma, beta = (subscript(each, n) for each in "μvsyγβ")
    if examples > 1:
        whose = (
            f"{mu} and {v} are mean and variance of each unit over the examples. {mu} removes "
            f"{symbols.b} again, so its gradient is 0, up to rounding; {beta} replaces it"
        )
    else:
        whose = f"One example has no variance: {mu} and {v} are the running mean and variance"
    return Subsection(
        f"Layer {n}: batch normalisation",
        words=f"{whose}; ε = {BatchNorm.EPSILON:g}.",
        formula=f"{s} = ({symbols.z} − {mu}) / √({v} + ε){APART}{y} = {gamma} ⊙ {s} + {beta}",
        shapes=f"{layer.z.shape} → {norm.y.shape}",
        quantities=[
            Quantity(f"mean{n}", mu, norm.mean),
            Quantity(f"variance{n}", v, norm.variance),
            Quantity(f"standardised{n}", s, norm.s),
            Quantity(f"gamma{n}", gamma, norm.gamma.value),
            Quantity(f"beta{n}", beta, norm.beta.value),
            Quantity(f"y{n}", y, norm.y),
        ],
    )


def _activation(layer: LayerTrace) -> Section:
    n, symbols = layer.number, Symbols(layer)
    if layer.activation == "identity":
        formula, shapes = f"{symbols.a} = {symbols.given}", ""
    else:
        sigma = ACTIVATIONS[layer.activation].formula
        formula = f"{symbols.a} = σ({symbols.given}){APART}{sigma}"
        shapes = f"{layer.z.shape} → {layer.a.shape}"
    return Subsection(
        f"Layer {n}: the activation, {layer.activation}",
        formula=formula,
        shapes=shapes,
        quantities=[Quantity(f"a{n}", symbols.a, layer.a)],
    )


def _loss(config: Config, step: StepTrace) -> Iterator[Section]:
    output = Symbols(step.layers[-1]).output
    loss = build_loss(config.loss.model_dump())
    if loss.prediction_formula:
        yield Subsection(
            f"The {loss.prediction_name}",
            formula=loss.prediction_formula.format(z=output),
            shapes=f"{step.t.shape} → {step.t.shape}",
            quantities=[Quantity("p", "p", step.prediction)],
        )
    formula = loss.formula.format(z=output)
    if loss.target_formula:
        formula += APART + loss.target_formula
    has_n = re.search(r"\bn\b", formula)
    yield Subsection(
        "The loss",
        words=f"n = {step.t.shape[1]}, the number of outputs." if has_n else "",
        formula=formula,
        shapes="mean over the examples" if len(step.x) > 1 else "",
        quantities=[Quantity("loss", "L", np.array([step.loss]))],
    )
