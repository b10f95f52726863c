"""The way back as sections of a document: from the loss to each gradient."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlpcli.explaining.documents.document import BY_DIFFERENCES, Quantity, Section, by
from mlpcli.explaining.notation import (
    output_symbol,
    subscript,
    symbol_given,
    symbol_in,
    symbol_mask,
)
from mlpcli.training.building import build_loss

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.explaining.trace import LayerTrace, NormTrace, ParameterTrace, StepTrace


def backward_sections(config: "Config", step: "StepTrace") -> Iterator[Section]:
    """Yield the layers from the last to the first, each with its gradient."""
    several = len(step.x) > 1
    for layer in reversed(step.layers):
        n = layer.number
        is_last = layer is step.layers[-1]
        if is_last:
            loss = build_loss(config.loss.model_dump())
            error = loss.delta_formula.format(z=output_symbol(step))
            error = f"({error}) / B" if several else error
        else:
            behind = step.layers[n]
            error = f"{subscript('δ', n + 1)} {subscript('W', n + 1)}ᵀ"
            if behind.mask is not None:
                error += f" ⊙ {symbol_mask(behind)}"
        delta, da = subscript("δ", n), "∂L/∂" + subscript("a", n)
        of_given = f"∂L/∂{symbol_given(layer)}"
        reached = delta if layer.norm is None else of_given
        if layer.activation == "identity":
            formula = f"{reached} = {error}" if layer.norm else f"{delta} = {of_given} = {error}"
            quantities = []
        else:
            slope = f"σ′({symbol_given(layer)})"
            through = of_given if layer.norm else f"{delta} = {of_given}"
            formula = f"{da} = {error}    {through} = {da} ⊙ {slope}"
            quantities = [
                Quantity(f"da{n}", da, layer.da),
                Quantity(f"slope{n}", slope, layer.slope),
            ]
        if layer.norm is None:
            quantities.append(Quantity(f"delta{n}", reached, layer.delta))
        else:
            quantities.append(Quantity(f"dy{n}", reached, layer.norm.dy))
        where, shapes = "where the error begins", by(layer.delta.shape)
        if not is_last:
            W = step.layers[n].W.value
            where = "the error sent back"
            shapes = f"{by((len(step.x), W.shape[1]))} {by(W.T.shape)} → {shapes}"
        yield Section(
            f"Layer {n}: {where}", 3, formula=formula, shapes=shapes, quantities=quantities
        )
        if layer.norm is not None:
            yield _back_through_normalisation(layer, layer.norm, len(step.x))
        yield _gradient(layer, len(step.x))
        if (
            layer.W.value.size == len(step.x) == 1
            and layer.norm is None
            and layer.activation != "identity"
        ):
            yield _three_factors(layer)


def _back_through_normalisation(layer: "LayerTrace", norm: "NormTrace", examples: int) -> Section:
    n = layer.number
    s, v, gamma, delta = (subscript(each, n) for each in "svγδ")
    dy, dgamma, dbeta = (f"∂L/∂{subscript(each, n)}" for each in "yγβ")
    inner = f"({dy} − {dbeta} / B − {s} ⊙ {dgamma} / B)" if examples > 1 else dy
    words = "Every sum has a part in the mean and the variance, through which the error goes too."
    if examples == 1:
        words = "The running mean and variance are constants."
    return Section(
        f"Layer {n}: back through the normalisation",
        3,
        words=words,
        formula=f"{dgamma} = Σ {dy} ⊙ {s}    {dbeta} = Σ {dy}    "
        f"{delta} = ∂L/∂{subscript('z', n)} = {gamma} / √({v} + ε) ⊙ {inner}",
        shapes=f"sum over the examples → {by(norm.gamma.value.shape)}    "
        f"{by(norm.dy.shape)} → {by(layer.delta.shape)}",
        quantities=[
            *_beside_its_difference(f"gamma{n}", dgamma, norm.gamma),
            *_beside_its_difference(f"beta{n}", dbeta, norm.beta),
            Quantity(f"delta{n}", delta, layer.delta),
        ],
    )


def _gradient(layer: "LayerTrace", examples: int) -> Section:
    n, a = layer.number, symbol_in(layer)
    dW, db = "∂L/∂" + subscript("W", n), "∂L/∂" + subscript("b", n)
    words = ""
    if layer.relative_error is not None:
        words = f"Relative error against the differences: {layer.relative_error:.1e}."
    return Section(
        f"Layer {n}: the gradient",
        3,
        words=words,
        formula=f"{dW} = {a}ᵀ {subscript('δ', n)}    {db} = Σ {subscript('δ', n)}",
        shapes=f"{by((layer.a_in.shape[1], examples))} {by(layer.delta.shape)} → "
        f"{by(layer.W.value.shape)}    sum over the examples → {by(layer.b.value.shape)}",
        quantities=[
            *_beside_its_difference(f"W{n}", dW, layer.W),
            *_beside_its_difference(f"b{n}", db, layer.b),
        ],
    )


def _beside_its_difference(name: str, symbol: str, trace: "ParameterTrace") -> list[Quantity]:
    quantities = [Quantity(f"d{name}", symbol, trace.gradient)]
    if trace.numerical is not None:
        quantities.append(Quantity(f"numerical_d{name}", BY_DIFFERENCES, trace.numerical))
    return quantities


def _three_factors(layer: "LayerTrace") -> Section:
    n, a, given = layer.number, symbol_in(layer), symbol_given(layer)
    return Section(
        f"Layer {n}: the same as a product of three factors",
        3,
        formula=f"∂L/∂{subscript('W', n)} = ∂{subscript('z', n)}/∂{subscript('W', n)} "
        f"∂{subscript('a', n)}/∂{subscript('z', n)} ∂L/∂{subscript('a', n)} = "
        f"{a} σ′({given}) ∂L/∂{subscript('a', n)}",
        quantities=[
            Quantity(f"factor_a{n - 1}", a, layer.a_in),
            Quantity(f"factor_slope{n}", f"σ′({given})", layer.slope),
            Quantity(f"factor_da{n}", "∂L/∂" + subscript("a", n), layer.da),
            Quantity(f"product{n}", "product", layer.a_in * layer.slope * layer.da),
        ],
    )
