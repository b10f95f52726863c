"""The backward pass as sections of a document: from the loss to each gradient."""

from collections.abc import Iterator

from mlpcli.config.schema.config import Config
from mlpcli.explaining.documents.document import APART, BY_DIFFERENCES, Quantity, Section
from mlpcli.explaining.notation import (
    output_symbol,
    subscript,
    symbol_given,
    symbol_in,
    symbol_mask,
)
from mlpcli.explaining.trace import BatchNormTrace, LayerTrace, ParameterTrace, StepTrace
from mlpcli.training.building import build_loss


def backward_sections(config: Config, step: StepTrace) -> Iterator[Section]:
    """Yield the error and the gradient of each layer, from the last to the first."""
    for layer in reversed(step.layers):
        yield _error(config, step, layer)
        if layer.batch_norm is not None:
            yield _back_through_batch_norm(layer, layer.batch_norm, len(step.x))
        yield _gradient(layer)
        is_one_number = layer.W.value.size == 1 and len(step.x) == 1
        if is_one_number and layer.batch_norm is None and layer.activation != "identity":
            yield _three_factors(layer)


def _error(config: Config, step: StepTrace, layer: LayerTrace) -> Section:
    n, shape = layer.number, layer.delta.shape
    if layer is step.layers[-1]:
        where = "where the error begins"
        error = build_loss(config.loss.model_dump()).delta_formula.format(z=output_symbol(step))
        if len(step.x) > 1:
            error = f"({error}) / B"
        shapes = f"{shape}"
    else:
        where = "the error sent back"
        behind = step.layers[n]
        error = f"{subscript('δ', n + 1)} {subscript('W', n + 1)}ᵀ"
        if behind.mask is not None:
            error += f" ⊙ {symbol_mask(behind)}"
        shapes = f"{behind.delta.shape} {behind.W.value.T.shape} → {shape}"
    reached = f"∂L/∂{symbol_given(layer)}"
    if layer.batch_norm is None:
        delta = subscript("δ", n)
        quantities = [Quantity(f"delta{n}", delta, layer.delta)]
        reached = f"{delta} = {reached}"
    else:
        quantities = [Quantity(f"dy{n}", reached, layer.batch_norm.dy)]
    if layer.activation == "identity":
        formula = f"{reached} = {error}"
    else:
        da, slope = f"∂L/∂{subscript('a', n)}", f"σ′({symbol_given(layer)})"
        formula = f"{da} = {error}{APART}{reached} = {da} ⊙ {slope}"
        factors = [Quantity(f"da{n}", da, layer.da), Quantity(f"slope{n}", slope, layer.slope)]
        quantities = [*factors, *quantities]
    title = f"Layer {n}: {where}"
    return Section(title, 3, formula=formula, shapes=shapes, quantities=quantities)


def _back_through_batch_norm(layer: LayerTrace, norm: BatchNormTrace, examples: int) -> Section:
    n = layer.number
    s, v, gamma, delta = (subscript(each, n) for each in "svγδ")
    dy, dgamma, dbeta = (f"∂L/∂{subscript(each, n)}" for each in "yγβ")
    if examples == 1:
        words = "The running mean and variance are constants."
        inner = dy
    else:
        words = (
            "Every sum has a part in the mean and the variance, through which the error goes too."
        )
        inner = f"({dy} − {dbeta} / B − {s} ⊙ {dgamma} / B)"
    return Section(
        f"Layer {n}: back through the normalisation",
        3,
        words=words,
        formula=f"{dgamma} = Σ {dy} ⊙ {s}{APART}{dbeta} = Σ {dy}{APART}"
        f"{delta} = ∂L/∂{subscript('z', n)} = {gamma} / √({v} + ε) ⊙ {inner}",
        shapes=f"sum over the examples → {norm.gamma.value.shape}{APART}"
        f"{norm.dy.shape} → {layer.delta.shape}",
        quantities=[
            *_beside_its_difference(f"gamma{n}", dgamma, norm.gamma),
            *_beside_its_difference(f"beta{n}", dbeta, norm.beta),
            Quantity(f"delta{n}", delta, layer.delta),
        ],
    )


def _gradient(layer: LayerTrace) -> Section:
    n, delta = layer.number, subscript("δ", layer.number)
    dW, db = f"∂L/∂{subscript('W', n)}", f"∂L/∂{subscript('b', n)}"
    words = ""
    if layer.relative_error is not None:
        words = f"Relative error against the differences: {layer.relative_error:.1e}."
    return Section(
        f"Layer {n}: the gradient",
        3,
        words=words,
        formula=f"{dW} = {symbol_in(layer)}ᵀ {delta}{APART}{db} = Σ {delta}",
        shapes=f"{layer.a_in.T.shape} {layer.delta.shape} → {layer.W.value.shape}{APART}"
        f"sum over the examples → {layer.b.value.shape}",
        quantities=[
            *_beside_its_difference(f"W{n}", dW, layer.W),
            *_beside_its_difference(f"b{n}", db, layer.b),
        ],
    )


def _beside_its_difference(name: str, symbol: str, trace: ParameterTrace) -> list[Quantity]:
    quantities = [Quantity(f"d{name}", symbol, trace.gradient)]
    if trace.numerical is not None:
        quantities.append(Quantity(f"numerical_d{name}", BY_DIFFERENCES, trace.numerical))
    return quantities


def _three_factors(layer: LayerTrace) -> Section:
    n, a = layer.number, symbol_in(layer)
    W, z, out = (subscript(each, n) for each in "Wza")
    slope = f"σ′({symbol_given(layer)})"
    return Section(
        f"Layer {n}: the same as a product of three factors",
        3,
        formula=f"∂L/∂{W} = ∂{z}/∂{W} ∂{out}/∂{z} ∂L/∂{out} = {a} {slope} ∂L/∂{out}",
        quantities=[
            Quantity(f"factor_a{n - 1}", a, layer.a_in),
            Quantity(f"factor_slope{n}", slope, layer.slope),
            Quantity(f"factor_da{n}", f"∂L/∂{out}", layer.da),
            Quantity(f"product{n}", "product", layer.a_in * layer.slope * layer.da),
        ],
    )
