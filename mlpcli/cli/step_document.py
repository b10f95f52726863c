"""The steps of a training as a report: each formula with its shapes and its numbers."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.cli import formulae
from mlpcli.cli.document import (
    BY_DIFFERENCES,
    MOST_COLUMNS,
    MOST_NUMBERS,
    Document,
    Quantity,
    Section,
    by,
    number,
)
from mlpcli.cli.text import count
from mlpcli.cli.update_document import new_parameters, update_sections
from mlpcli.nn.layers import BatchNorm
from mlpcli.training.symbols import subscript

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.training.explaining import Story
    from mlpcli.training.trace import LayerTrace, NormTrace, ParameterTrace, StepTrace

MOST_LOSSES, MOST_EXAMPLES = 20, 20
"""that are told one by one"""


def step_document(config: "Config", story: "Story") -> Document:
    """The first step in full; of the others the loss, and what the last one left."""
    first = story.first
    network = "-".join(str(n) for n in _sizes(first))
    document = Document(f"Training {config.name or 'a network'}, step by step")
    large = any(not each.is_small for part in _forward(config, story) for each in part.quantities)
    small = first.layers[0].W.numerical is not None
    document.sections = [
        Section(
            "The network",
            words=f"{network}, {config.dtype}; loss {config.loss.name}; {config.optimizer.name} "
            f"with learning rate {first.learning_rate:g}; {count(len(first.x), 'example')} a step. "
            f"Every array has a row for each {_examples(first)}." + LARGE * large,
        ),
        Section("Forward"),
        *_forward(config, story),
        Section(
            "Backward",
            words=KINK if first.crosses_a_kink else DIFFERENCES if small else NO_DIFFERENCES,
        ),
        *_backward(config, first),
        Section("Update"),
        *update_sections(config, first),
    ]
    if len(story.losses) > 2:
        document.sections += _further(story)
    return document


LARGE = (
    f" Arrays of more than {MOST_NUMBERS} numbers or {MOST_COLUMNS} columns are told by their"
    " shape, min, max, mean and norm."
)


DIFFERENCES = "Beside each gradient is its centred difference: (L(w + h) − L(w − h)) / 2h."
NO_DIFFERENCES = (
    "The network has too many parameters to take the centred difference of each; `mlpcli gradcheck`"
    " compares a sample of them."
)
KINK = (
    f"{DIFFERENCES} Some of them are off, because a unit stands at the kink of its activation, and"
    " the difference is taken across it."
)


def _examples(step: "StepTrace") -> str:
    return "example" if len(step.x) == 1 else f"of the B = {len(step.x):,} examples"


def step_facts(config: "Config", story: "Story") -> dict[str, Any]:
    """The same for JSON, with every digit."""
    first = story.first
    return {
        "config": config.name,
        "network": _sizes(first),
        "dtype": config.dtype,
        "loss_name": config.loss.name,
        "optimizer": config.optimizer.name,
        "learning_rate": first.learning_rate,
        "examples": list(story.examples),
        "forward": [part.facts() for part in _forward(config, story)],
        "backward": [part.facts() for part in _backward(config, first)],
        "update": [part.facts() for part in update_sections(config, first)],
        "relative_errors": [layer.relative_error for layer in first.layers],
        "loss": first.loss,
        "loss_after": first.loss_after,
        "losses": story.losses,
        "parameters": {
            each.name: each.facts() for layer in story.last.layers for each in new_parameters(layer)
        },
    }


def _sizes(step: "StepTrace") -> list[int]:
    return [step.x.shape[1], *(len(layer.b.value) for layer in step.layers)]


def _symbol_given(layer: "LayerTrace") -> str:
    """Of what the activation is given."""
    return subscript("z" if layer.norm is None else "y", layer.number)


def _symbol_before_dropout(layer: "LayerTrace") -> str:
    return "x" if layer.number == 1 else subscript("a", layer.number - 1)


def _symbol_in(layer: "LayerTrace") -> str:
    """Of what goes into the weighted sum."""
    return _symbol_before_dropout(layer) + "′" * (layer.mask is not None)


def _symbol_mask(layer: "LayerTrace") -> str:
    return subscript("m", layer.number - 1)


def _dropout(config: "Config", layer: "LayerTrace") -> Section:
    dropout = config.network.dropout
    rate = dropout.input if layer.number == 1 else dropout.hidden
    assert layer.mask is not None  # noqa: S101 - asked for only where there is one
    came, mask, n = _symbol_before_dropout(layer), _symbol_mask(layer), layer.number
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
        f"{mu} and {v} are mean and variance of each unit over the examples"
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
            Quantity(f"standardised{n}", s, norm.x),
            Quantity(f"gamma{n}", gamma, norm.gamma.value),
            Quantity(f"beta{n}", beta, norm.beta.value),
            Quantity(f"y{n}", y, norm.y),
        ],
    )


def _forward(config: "Config", story: "Story") -> Iterator[Section]:
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
        n, a = layer.number, _symbol_in(layer)
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
                formula=f"{subscript('a', n)} = σ({_symbol_given(layer)})    "
                f"{formulae.ACTIVATIONS[layer.activation]}",
                shapes=f"{by(layer.z.shape)} → {by(layer.a.shape)}",
                quantities=[Quantity(f"a{n}", subscript("a", n), layer.a)],
            )
        elif layer is not step.layers[-1]:
            yield Section(
                f"Layer {n}: the activation, identity",
                3,
                formula=f"{subscript('a', n)} = {_symbol_given(layer)}",
                quantities=[Quantity(f"a{n}", subscript("a", n), layer.a)],
            )
    output = _output(step)
    if config.loss.name == "cross_entropy":
        yield Section(
            "The probabilities",
            3,
            formula=f"p = softmax({output})    pⱼ = exp(zⱼ) / Σ exp(z)",
            shapes=f"{by(step.t.shape)} → {by(step.t.shape)}",
            quantities=[Quantity("p", "p", step.probabilities)],
        )
    yield Section(
        "The loss",
        3,
        words=_outputs_counted(config, step),
        formula=_loss_formula(config, output),
        shapes="mean over the examples" if len(step.x) > 1 else "",
        quantities=[Quantity("loss", "L", np.array([step.loss]))],
    )


def _which(examples: Sequence[int]) -> str:
    """The rows by their numbers in the training set."""
    numbered = [f"{n}" for n in examples[:MOST_EXAMPLES]] + ["…"] * (len(examples) > MOST_EXAMPLES)
    which = "Example" if len(examples) == 1 else "Row by row, examples"
    return f"{which} {', '.join(numbered)} of the training set."


def _output(step: "StepTrace") -> str:
    last = step.layers[-1]
    return subscript("z" if last.activation == "identity" else "a", last.number)


def _outputs_counted(config: "Config", step: "StepTrace") -> str:
    """What n is where the formula has it."""
    counts = config.loss.name == "mse" or _smoothed(config)
    return f"n = {step.t.shape[1]}, the number of outputs." if counts else ""


def _loss_formula(config: "Config", output: str) -> str:
    match config.loss.name:
        case "cross_entropy":
            return f"L = −Σ {_target(config)} log p{_smoothed(config)}"
        case "binary_cross_entropy":
            return f"L = −Σ (t log σ({output}) + (1 − t) log(1 − σ({output})))"
        case "mse":
            return f"L = Σ ({output} − t)² / n"
        case "quadratic":
            return f"L = ½ Σ ({output} − t)²"


def _target(config: "Config") -> str:
    """What cross-entropy compares with: with label smoothing, t′ instead of t."""
    return "t′" if getattr(config.loss, "label_smoothing", 0) else "t"


def _smoothed(config: "Config") -> str:
    smoothing = getattr(config.loss, "label_smoothing", 0)
    return f"    t′ = (1 − {smoothing:g}) t + {smoothing:g} / n" if smoothing else ""


def _error_formula(config: "Config", output: str) -> str:
    """The derivative of one example's loss with respect to the output."""
    return {
        "cross_entropy": f"p − {_target(config)}",
        "binary_cross_entropy": f"σ({output}) − t",
        "mse": f"2 ({output} − t) / n",
        "quadratic": f"{output} − t",
    }[config.loss.name]


def _backward(config: "Config", step: "StepTrace") -> Iterator[Section]:
    several = len(step.x) > 1
    for layer in reversed(step.layers):
        n = layer.number
        is_last = layer is step.layers[-1]
        if is_last:
            error = _error_formula(config, _output(step))
            error = f"({error}) / B" if several else error
        else:
            behind = step.layers[n]
            error = f"{subscript('δ', n + 1)} {subscript('W', n + 1)}ᵀ"
            if behind.mask is not None:
                error += f" ⊙ {_symbol_mask(behind)}"
        delta, da = subscript("δ", n), "∂L/∂" + subscript("a", n)
        of_given = f"∂L/∂{_symbol_given(layer)}"
        reached = delta if layer.norm is None else of_given
        if layer.activation == "identity":
            formula = f"{f'{delta} = ' if layer.norm is None else ''}{of_given} = {error}"
            quantities = []
        else:
            slope = f"σ′({_symbol_given(layer)})"
            formula = (
                f"{da} = {error}    {f'{delta} = ' if layer.norm is None else ''}"
                f"{of_given} = {da} ⊙ {slope}"
            )
            quantities = [
                Quantity(f"da{n}", da, layer.da),
                Quantity(f"slope{n}", slope, layer.slope),
            ]
        if layer.norm is None:
            quantities.append(Quantity(f"delta{n}", reached, layer.delta))
        else:
            quantities.append(Quantity(f"dy{n}", reached, layer.norm.dy))
        where = "where the error begins" if is_last else "the error sent back"
        yield Section(
            f"Layer {n}: {where}",
            3,
            formula=formula,
            shapes=by(layer.delta.shape)
            if is_last
            else f"{by((len(step.x), step.layers[n].W.value.shape[1]))} "
            f"{by(step.layers[n].W.value.T.shape)} → {by(layer.delta.shape)}",
            quantities=quantities,
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
    n, a = layer.number, _symbol_in(layer)
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
    n, a, given = layer.number, _symbol_in(layer), _symbol_given(layer)
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


def _further(story: "Story") -> Iterator[Section]:
    losses, steps = story.losses, len(story.losses) - 1
    shown = sorted({round(i * steps / MOST_LOSSES) for i in range(MOST_LOSSES + 1)})
    yield Section(
        f"After {count(steps, 'step')}",
        words=f"An epoch has {story.batches:,} batches, so each loss is of another batch than the "
        "one before, until the last: that of the last step's batch after it."
        if story.batches > 1
        else "",
        rows=[["steps done", "loss"], *([f"{i:,}", number(losses[i])] for i in shown)],
        quantities=[each for layer in story.last.layers for each in new_parameters(layer)],
    )
