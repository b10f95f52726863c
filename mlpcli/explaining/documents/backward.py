"""The backward pass as sections of a document: from the loss to each gradient."""

from collections.abc import Iterator

from mlpcli.config.schema.config import Config
from mlpcli.explaining.documents.document import (
    APART,
    BY_DIFFERENCES,
    Quantity,
    Section,
    Subsection,
)
from mlpcli.explaining.notation import Symbols
from mlpcli.explaining.one_sign import one_sign_words
from mlpcli.explaining.trace import BatchNormTrace, LayerTrace, ParameterTrace, StepTrace
from mlpcli.nn.losses import Brier
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
    n, shape, symbols = layer.number, layer.delta.shape, Symbols(layer)
    quantities: list[Quantity] = []
    meaning: list[str] = []
    if layer is step.layers[-1]:
        where = "where the error begins"
        loss = build_loss(config.loss.model_dump())
        error, *meaning = loss.delta_formula.format(z=symbols.output).split(APART)
        if len(step.x) > 1:
            error = f"({error}) / B"
        elif isinstance(loss, Brier):
            quantities.append(Quantity("jacobian", "J = ∂p/∂z", loss.jacobian(layer.a[0])))
        shapes = f"{shape}"
    else:
        where = "the error sent back"
        behind = step.layers[n]
        error = f"{Symbols(behind).delta} {Symbols(behind).W}ᵀ"
        if behind.mask is not None:
            error += f" ⊙ {Symbols(behind).mask}"
        shapes = f"{behind.delta.shape} {behind.W.value.T.shape} → {shape}"
    reached = f"∂L/∂{symbols.given}"
    if layer.batch_norm is None:
        quantities.append(Quantity(f"delta{n}", symbols.delta, layer.delta))
        reached = f"{symbols.delta} = {reached}"
    else:
        quantities.append(Quantity(f"dy{n}", reached, layer.batch_norm.dy))
    if layer.activation == "identity":
        formula = f"{reached} = {error}"
    else:
        da, slope = f"∂L/∂{symbols.a}", f"σ′({symbols.given})"
        formula = f"{da} = {error}{APART}{reached} = {da} ⊙ {slope}"
        factors = [Quantity(f"da{n}", da, layer.da), Quantity(f"slope{n}", slope, layer.slope)]
        quantities = [*factors, *quantities]
    title, formula = f"Layer {n}: {where}", APART.join([formula, *meaning])
    return Subsection(title, formula=formula, shapes=shapes, quantities=quantities)


def _back_through_batch_norm(layer: LayerTrace, norm: BatchNormTrace, examples: int) -> Section:
    n, symbols = layer.number, Symbols(layer)
    dy, dgamma, dbeta = (f"∂L/∂{each}" for each in (symbols.y, symbols.gamma, symbols.beta))
    if examples == 1:
        words = "The running mean and variance are constants."
        inner = dy
    else:
        words = "The mean and variance depend on every sum, so the error goes through them too."
        inner = f"({dy} − {dbeta} / B − {symbols.s} ⊙ {dgamma} / B)"
    return Subsection(
        f"Layer {n}: back through the normalisation",
        words=words,
        formula=f"{dgamma} = Σ {dy} ⊙ {symbols.s}{APART}{dbeta} = Σ {dy}{APART}{symbols.delta} = "
        f"∂L/∂{symbols.z} = {symbols.gamma} / √({symbols.v} + ε) ⊙ {inner}",
        shapes=f"sum over the examples → {norm.gamma.value.shape}{APART}"
        f"{norm.dy.shape} → {layer.delta.shape}",
        quantities=[
            *_beside_its_difference(f"gamma{n}", dgamma, norm.gamma),
            *_beside_its_difference(f"beta{n}", dbeta, norm.beta),
            Quantity(f"delta{n}", symbols.delta, layer.delta),
        ],
    )


def _gradient(layer: LayerTrace) -> Section:
    n, symbols = layer.number, Symbols(layer)
    dW, db = f"∂L/∂{symbols.W}", f"∂L/∂{symbols.b}"
    words = ""
    if layer.relative_error is not None:
        words = f"Relative error against the differences: {layer.relative_error:.1e}. "
    words += one_sign_words(layer)
    return Subsection(
        f"Layer {n}: the gradient",
        words=words.strip(),
        formula=f"{dW} = {symbols.input}ᵀ {symbols.delta}{APART}{db} = Σ {symbols.delta}",
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
    n, symbols = layer.number, Symbols(layer)
    a, z, W = symbols.a, symbols.z, symbols.W
    slope = f"σ′({symbols.given})"
    return Subsection(
        f"Layer {n}: the same as a product of three factors",
        formula=f"∂L/∂{W} = ∂{z}/∂{W} ∂{a}/∂{z} ∂L/∂{a} = {symbols.input} {slope} ∂L/∂{a}",
        quantities=[
            Quantity(f"factor_a{n - 1}", symbols.input, layer.a_in),
            Quantity(f"factor_slope{n}", slope, layer.slope),
            Quantity(f"factor_da{n}", f"∂L/∂{a}", layer.da),
            Quantity(f"product{n}", "product", layer.a_in * layer.slope * layer.da),
        ],
    )
