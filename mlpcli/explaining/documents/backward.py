"""The backward pass as sections of a document: from the loss to each gradient."""

from collections.abc import Iterator, Sequence

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.explaining.documents.document import (
    APART,
    BY_DIFFERENCES,
    MOST_NUMBERS,
    Quantity,
    Section,
    Subsection,
)
from mlpcli.explaining.documents.gradient import gradient_section
from mlpcli.explaining.first_steps import TracedSteps
from mlpcli.explaining.notation import Notation
from mlpcli.explaining.one_sign import one_sign_words
from mlpcli.explaining.trace import BatchNormTrace, LayerTrace, StepTrace
from mlpcli.language import _, joined
from mlpcli.nn.losses import Brier
from mlpcli.training.building import build_loss


def backward_sections(config: Config, traced: TracedSteps, notation: Notation) -> Iterator[Section]:
    """Yield the error and the gradient of each layer, from the last to the first, and of all."""
    step = traced.shown
    examples_are_apart = all(layer.batch_norm is None for layer in step.layers)
    for layer in reversed(step.layers):
        yield _error(config, step, layer, notation)
        if layer.batch_norm is not None:
            yield _back_through_batch_norm(layer, layer.batch_norm, len(step.x), notation)
        yield _gradient(layer, step.loss, notation)
        if 1 < len(step.x) <= MOST_NUMBERS // layer.W.value.size and examples_are_apart:
            yield from _of_each_example(layer, traced.examples, notation)
        is_one_number = layer.W.value.size == 1 and len(step.x) == 1
        if is_one_number and layer.batch_norm is None and layer.activation != "identity":
            yield _three_factors(layer, notation)
    yield gradient_section(step.layers, notation)


def _error(config: Config, step: StepTrace, layer: LayerTrace, notation: Notation) -> Section:
    symbols, delta = notation.of(layer), notation.examples(layer.delta)
    n, shape = symbols.number, delta.shape
    quantities: list[Quantity] = []
    meaning: list[str] = []
    if layer is step.layers[-1]:
        title = _("Layer {n}: where the error begins", n=n)
        loss = build_loss(config.loss.model_dump())
        formula = _of_squares(notation) if isinstance(loss, Brier) else loss.delta_formula
        error, *meaning = notation.of_the_loss(formula, step).split(APART)
        if len(step.x) > 1:
            error = f"({error}) / B"
        elif isinstance(loss, Brier):
            jacobian = f"J = ∂{notation.prediction(step)}/∂{symbols.output}"
            quantities.append(Quantity("jacobian", jacobian, loss.jacobian(layer.a[0])))
        shapes = f"{shape}"
    else:
        title = _("Layer {n}: the error sent back", n=n)
        behind = step.layers[layer.number]
        its = notation.of(behind)
        error = notation.sent_back(its.delta, its.W)
        if behind.mask is not None:
            error += f" ⊙ {its.mask}"
        its_delta, its_W = notation.examples(behind.delta), notation.weights(behind.W.value)
        factors = notation.pair(str(its_delta.shape), str(its_W.T.shape))
        shapes = f"{factors} → {shape}"
    reached = f"∂L/∂{symbols.given}"
    if layer.batch_norm is None:
        quantities.append(Quantity(f"delta{n}", symbols.delta, delta))
        reached = f"{symbols.delta} = {reached}"
    else:
        quantities.append(Quantity(f"dy{n}", reached, notation.examples(layer.batch_norm.dy)))
    if layer.activation == "identity":
        formula = f"{reached} = {error}"
    else:
        da, slope = f"∂L/∂{symbols.a}", f"σ′({symbols.given})"
        formula = f"{da} = {error}{APART}{reached} = {da} ⊙ {slope}"
        own = [
            Quantity(f"da{n}", da, notation.examples(layer.da)),
            Quantity(f"slope{n}", slope, notation.examples(layer.slope)),
        ]
        quantities = [*own, *quantities]
    formula = APART.join([formula, *meaning])
    return Subsection(title, formula=formula, shapes=shapes, quantities=quantities)


def _of_squares(notation: Notation) -> str:
    """Return the derivative of the squared error of a softmax, with its Jacobian, as written."""
    return f"2 {notation.pair('(p − t)', 'J')}{APART}J = diag(p) − {notation.outer('p', 'p')}"


def _back_through_batch_norm(
    layer: LayerTrace, norm: BatchNormTrace, examples: int, notation: Notation
) -> Section:
    symbols, dy_written = notation.of(layer), notation.examples(norm.dy)
    n = symbols.number
    dy, dgamma, dbeta = (f"∂L/∂{each}" for each in (symbols.y, symbols.gamma, symbols.beta))
    if examples == 1:
        words = _("The running mean and variance are constants.")
        inner = dy
    else:
        words = _("The mean and variance depend on every sum, so the error goes through them too.")
        inner = f"({dy} − {dbeta} / B − {symbols.s} ⊙ {dgamma} / B)"
    return Subsection(
        _("Layer {n}: back through the normalisation", n=n),
        words=words,
        formula=f"{dgamma} = Σ {dy} ⊙ {symbols.s}{APART}{dbeta} = Σ {dy}{APART}{symbols.delta} = "
        f"∂L/∂{symbols.z} = {symbols.gamma} / √({symbols.v} + ε) ⊙ {inner}",
        shapes=APART.join(
            [
                _("sum over the examples → {shape}", shape=notation.vector(norm.gamma.value).shape),
                f"{dy_written.shape} → {dy_written.shape}",
            ]
        ),
        quantities=[
            *_beside_its_difference("gamma", layer, notation),
            *_beside_its_difference("beta", layer, notation),
            Quantity(f"delta{n}", symbols.delta, notation.examples(layer.delta)),
        ],
    )


def _gradient(layer: LayerTrace, loss: float, notation: Notation) -> Section:
    symbols = notation.of(layer)
    W, b = notation.weights(layer.W.value), notation.vector(layer.b.value)
    a, delta = notation.examples(layer.a_in), notation.examples(layer.delta)
    if notation.name == "rows":
        factors = f"{a.T.shape} {delta.shape}"
    else:
        factors = f"{delta.shape} {a.T.shape}"
    dW, db = f"∂L/∂{symbols.W}", f"∂L/∂{symbols.b}"
    words = ""
    if layer.relative_error is not None:
        words = _(
            "Relative error against the differences: {error:.1e}.", error=layer.relative_error
        )
    if layer.is_too_small_to_check(loss):
        words = joined(
            words, _("That is rounding: the gradient is too small for exact differences.")
        )
    words = joined(words, one_sign_words(layer, notation))
    return Subsection(
        _("Layer {n}: the gradient", n=symbols.number),
        words=words,
        formula=f"{dW} = {notation.outer(symbols.input, symbols.delta)}{APART}"
        f"{db} = Σ {symbols.delta}",
        shapes=f"{factors} → {W.shape}{APART}"
        + _("sum over the examples → {shape}", shape=b.shape),
        quantities=[
            *_beside_its_difference("W", layer, notation),
            *_beside_its_difference("b", layer, notation),
        ],
    )


def _beside_its_difference(name: str, layer: LayerTrace, notation: Notation) -> list[Quantity]:
    """Return the gradient of an array of parameters, W or another, beside its difference."""
    symbols, trace = notation.of(layer), layer.parameters[name]
    key, symbol = symbols.keys[name], f"∂L/∂{symbols.parameters[name]}"
    quantities = [Quantity(f"d{key}", symbol, notation.parameter(name, trace.gradient))]
    if trace.numerical is not None:
        numerical = notation.parameter(name, trace.numerical)
        quantities.append(Quantity(f"numerical_d{key}", _(BY_DIFFERENCES), numerical))
    return quantities


def _of_each_example(
    layer: LayerTrace, examples: Sequence[int], notation: Notation
) -> Iterator[Section]:
    """Yield the gradient of each example's own loss, and their mean: of the weights, and biases."""
    symbols = notation.of(layer)
    order = np.argsort(examples)
    own = len(layer.delta) * layer.delta[order]  # without the factor 1 / B
    dW = np.einsum("bi,bj->bij", layer.a_in[order], own)
    for name, each in (("W", dW), ("b", own)):
        key, symbol = symbols.keys[name], f"∂L/∂{symbols.parameters[name]}"
        quantities = [
            Quantity(
                f"d{key}_of_example_{examples[i]}",
                _("of example {n}", n=examples[i]),
                notation.parameter(name, gradient),
            )
            for i, gradient in zip(order, each, strict=True)
        ]
        mean = notation.parameter(name, each.mean(axis=0))
        quantities.append(Quantity(f"d{key}_mean", _("their mean"), mean))
        yield Subsection(
            _("Layer {n}: {symbol} of each example", n=symbols.number, symbol=symbol),
            words=_(
                "L is the mean of the examples' losses, so its gradient is the mean of theirs."
            ),
            quantities=quantities,
        )


def _three_factors(layer: LayerTrace, notation: Notation) -> Section:
    symbols = notation.of(layer)
    n = symbols.number
    a, z, W = symbols.a, symbols.z, symbols.W
    slope = f"σ′({symbols.given})"
    return Subsection(
        _("Layer {n}: the same as a product of three factors", n=n),
        formula=f"∂L/∂{W} = ∂{z}/∂{W} ∂{a}/∂{z} ∂L/∂{a} = {symbols.input} {slope} ∂L/∂{a}",
        quantities=[
            Quantity(f"factor_a{symbols.before}", symbols.input, layer.a_in),
            Quantity(f"factor_slope{n}", slope, layer.slope),
            Quantity(f"factor_da{n}", f"∂L/∂{a}", layer.da),
            Quantity(f"product{n}", _("product"), layer.a_in * layer.slope * layer.da),
        ],
    )
