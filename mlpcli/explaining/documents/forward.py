"""The forward pass as sections of a document: from the examples to their loss."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.explaining.columns import TableColumns
from mlpcli.explaining.documents.document import APART, Quantity, Section, Subsection
from mlpcli.explaining.first_steps import TracedSteps
from mlpcli.explaining.notation import Notation
from mlpcli.explaining.trace import BatchNormTrace, LayerTrace, StepTrace
from mlpcli.language import N_, _, joined
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.layers import BatchNorm
from mlpcli.text import listed
from mlpcli.training.building import build_loss

PREDICTIONS = {
    "probabilities": N_("The probabilities"),
    "decisions": N_("The decisions"),
}
"""titles for what the losses compare with the target"""
MOST_EXAMPLES = 20
"""number of examples that are listed"""


def forward_sections(config: Config, traced: TracedSteps, notation: Notation) -> Iterator[Section]:
    """Yield the examples, each layer from the first to the last, and the loss."""
    step = traced.shown
    yield from _given(traced, notation)
    for layer in step.layers:
        if layer.mask is not None:
            yield _dropout(config, layer, layer.mask, notation)
        yield _weighted_sum(layer, notation)
        if layer.batch_norm is not None:
            yield _batch_norm(layer, layer.batch_norm, len(step.x), notation)
        if layer.activation != "identity" or layer is not step.layers[-1]:
            yield _activation(layer, notation)
    yield from _probabilities(config, step, notation)
    if traced.trained is None or traced.trained.has_target:
        yield _loss(config, step, notation)
    if traced.columns is not None and (traced.trained or _undone(traced.columns)):
        yield _answer(traced, traced.columns, notation)


def _given(traced: TracedSteps, notation: Notation) -> Iterator[Section]:
    """Yield the examples as they are given and, where that differs, as the network sees them."""
    step, columns = traced.shown, traced.columns
    has_target = traced.trained is None or traced.trained.has_target
    x = Quantity("x", "x" if notation.x == "x" else f"{notation.x} = x", notation.examples(step.x))
    seen = [x]
    if has_target:
        seen.append(Quantity("t", "t", notation.examples(step.t)))
    title = _("The example") if len(step.x) == 1 else _("The examples")
    if columns is None or traced.inputs is None or columns.normalization.changes_nothing:
        words = _examples(traced.examples, notation)
        if columns is not None and columns.has_names:
            words = joined(words, _inputs_are(columns.inputs))
        yield Subsection(title, words=words, quantities=seen)
        return
    given = [Quantity("inputs", _("inputs"), notation.examples(traced.inputs))]
    formulae = [_("x = (inputs − mean) / std")]
    if has_target and traced.targets is not None:
        given.append(Quantity("targets", _("targets"), notation.examples(traced.targets)))
        formulae.append(_("t = (targets − mean) / std"))
    words = _examples(traced.examples, notation)
    yield Subsection(
        title,
        words=joined(words, _inputs_are(columns.inputs)),
        quantities=given,
    )
    yield Subsection(
        _("Standardised"),
        words=_("The mean and the standard deviation are each column's own, in the training set."),
        formula=APART.join(formulae),
        quantities=seen,
    )


def _inputs_are(names: Sequence[str]) -> str:
    said = N_("The input is {names}.") if len(names) == 1 else N_("The inputs are {names}.")
    return _(said, names=listed(names))


def _outputs_are(names: Sequence[str]) -> str:
    said = N_("The output is {names}.") if len(names) == 1 else N_("The outputs are {names}.")
    return _(said, names=listed(names))


def _undone(columns: TableColumns) -> bool:
    return columns.is_regression and not columns.target_normalization.changes_nothing


def _answer(traced: TracedSteps, columns: TableColumns, notation: Notation) -> Section:
    """Return what the network says, in the units of the targets or as a class."""
    step = traced.shown
    z = step.layers[-1].a
    if columns.is_regression:
        normalization, formula = columns.target_normalization, ""
        if not normalization.changes_nothing:
            formula = _("answer = {z} std + mean", z=notation.of(step.layers[-1]).output)
        words = ""
        if columns.outputs[0] != "1":
            words = _outputs_are(columns.outputs)
        quantity = Quantity("answer", _("answer"), notation.examples(normalization.undone(z)))
        return Subsection(_("The answer"), words=words, formula=formula, quantities=[quantity])
    answers = [columns.outputs[i] for i in z.argmax(axis=1)]
    words = _("{classes}, the largest output.", classes=", ".join(answers))
    return Subsection(_("The answer"), words=words)


def _examples(examples: Sequence[int], notation: Notation) -> str:
    """Return a sentence with the numbers of the examples in the training set."""
    if not examples:
        return ""
    numbers = ", ".join(str(n) for n in examples[:MOST_EXAMPLES])
    if len(examples) > MOST_EXAMPLES:
        numbers += ", …"
    if len(examples) == 1:
        return _("Example {numbers} of the training set.", numbers=numbers)
    if notation.name == "rows":
        return _("Row by row, examples {numbers} of the training set.", numbers=numbers)
    return _("Column by column, examples {numbers} of the training set.", numbers=numbers)


def _dropout(config: Config, layer: LayerTrace, mask: Array, notation: Notation) -> Section:
    dropout = config.network.dropout
    rate = dropout.input if layer.number == 1 else dropout.hidden
    symbols, shape = notation.of(layer), notation.examples(mask).shape
    return Subsection(
        _("Layer {n}: dropout of what comes in", n=symbols.number),
        words=_(
            "Each number of {mask} is 0 with probability {rate:g} and 1 / (1 − {rate:g}) "
            "otherwise, drawn anew in every step; predictions are made without dropout. The "
            "probability is rounded to a 65,536th.",
            mask=symbols.mask,
            rate=rate,
        ),
        formula=f"{symbols.input} = {symbols.before_dropout} ⊙ {symbols.mask}",
        shapes=f"{shape} {shape} → {shape}",
        quantities=[
            Quantity(f"mask{symbols.before}", symbols.mask, notation.examples(mask)),
            Quantity(f"dropped{symbols.before}", symbols.input, notation.examples(layer.a_in)),
        ],
    )


def _weighted_sum(layer: LayerTrace, notation: Notation) -> Section:
    symbols = notation.of(layer)
    W, b = notation.weights(layer.W.value), notation.vector(layer.b.value)
    a, z = notation.examples(layer.a_in), notation.examples(layer.z)
    factors = notation.pair(str(a.shape), str(W.shape))
    return Subsection(
        _("Layer {n}: the weighted sum", n=symbols.number),
        formula=f"{symbols.z} = {notation.product(symbols.input, symbols.W)} + {symbols.b}",
        shapes=f"{factors} + {b.shape} → {z.shape}",
        quantities=[
            Quantity(symbols.keys["W"], symbols.W, W),
            Quantity(symbols.keys["b"], symbols.b, b),
            Quantity(f"z{symbols.number}", symbols.z, z),
        ],
    )


def _batch_norm(
    layer: LayerTrace, norm: BatchNormTrace, examples: int, notation: Notation
) -> Section:
    symbols = notation.of(layer)
    n = symbols.number
    mu, v, s, y = symbols.mu, symbols.v, symbols.s, symbols.y
    gamma, beta = symbols.gamma, symbols.beta
    if examples > 1:
        words = _(
            "{mu} and {v} are the mean and variance of each unit over the examples. {mu} removes "
            "{b} again, so its gradient is 0, up to rounding; {beta} replaces it; ε = {epsilon:g}.",
            mu=mu,
            v=v,
            b=symbols.b,
            beta=beta,
            epsilon=BatchNorm.EPSILON,
        )
    else:
        words = _(
            "One example has no variance: {mu} and {v} are the running mean and variance; "
            "ε = {epsilon:g}.",
            mu=mu,
            v=v,
            epsilon=BatchNorm.EPSILON,
        )
    return Subsection(
        _("Layer {n}: batch normalisation", n=n),
        words=words,
        formula=f"{s} = ({symbols.z} − {mu}) / √({v} + ε){APART}{y} = {gamma} ⊙ {s} + {beta}",
        shapes=f"{notation.examples(layer.z).shape} → {notation.examples(norm.y).shape}",
        quantities=[
            Quantity(f"mean{n}", mu, notation.vector(norm.mean)),
            Quantity(f"variance{n}", v, notation.vector(norm.variance)),
            Quantity(f"standardised{n}", s, notation.examples(norm.s)),
            Quantity(f"gamma{n}", gamma, notation.vector(norm.gamma.value)),
            Quantity(f"beta{n}", beta, notation.vector(norm.beta.value)),
            Quantity(f"y{n}", y, notation.examples(norm.y)),
        ],
    )


def _activation(layer: LayerTrace, notation: Notation) -> Section:
    symbols, a = notation.of(layer), notation.examples(layer.a)
    n = symbols.number
    if layer.activation == "identity":
        formula, shapes = f"{symbols.a} = {symbols.given}", ""
    else:
        sigma = ACTIVATIONS[layer.activation].formula
        formula = f"{symbols.a} = σ({symbols.given}){APART}{sigma}"
        shapes = f"{a.shape} → {a.shape}"
    return Subsection(
        _("Layer {n}: the activation, {name}", n=n, name=layer.activation),
        formula=formula,
        shapes=shapes,
        quantities=[Quantity(f"a{n}", symbols.a, a)],
    )


def _probabilities(config: Config, step: StepTrace, notation: Notation) -> Iterator[Section]:
    loss = build_loss(config.loss.model_dump())
    if loss.prediction_formula:
        p = notation.examples(step.prediction)
        yield Subsection(
            _(PREDICTIONS[loss.prediction_name]),
            formula=notation.of_the_loss(loss.prediction_formula, step),
            shapes=f"{p.shape} → {p.shape}",
            quantities=[Quantity("p", notation.prediction(step), p)],
        )


def _loss(config: Config, step: StepTrace, notation: Notation) -> Section:
    loss = build_loss(config.loss.model_dump())
    formula = notation.of_the_loss(loss.formula, step)
    if loss.target_formula:
        formula += APART + loss.target_formula
    has_n = re.search(r"\bn\b", formula)
    return Subsection(
        _("The loss"),
        words=_("n = {n}, the number of outputs.", n=step.t.shape[1]) if has_n else "",
        formula=formula,
        shapes=_("mean over the examples") if len(step.x) > 1 else "",
        quantities=[Quantity("loss", "L", np.array([step.loss]))],
    )
