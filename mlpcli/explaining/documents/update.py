"""The update of a step of training as part of a document."""

import functools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from mlpcli.config.schema.config import Config
from mlpcli.explaining.documents.document import APART, Quantity, Section, Subsection
from mlpcli.explaining.notation import Notation
from mlpcli.explaining.trace import LayerTrace, ParameterTrace, StepTrace
from mlpcli.nn.arrays import Array
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.text import listed, number

PENALTIES = {"weight_decay": "λ", "l1": "κ"}
BATCH_NORM = ("μ", "v", "s", "ε", "β₁", "β₂")
"""symbols of batch normalisation, numbers of layers included, that an optimizer may use too"""


def update_sections(
    config: Config, step: StepTrace, notation: Notation, number_of_step: int = 1
) -> Iterator[Section]:
    """Yield the changes of the gradient, the optimizer's step, and its result."""
    changes = list(_changes_of_the_gradient(config, step))
    if changes:
        yield from changes
        yield Subsection(
            "The gradient that the step takes",
            quantities=[
                Quantity(f"taken_{p.key}", f"g of {p.symbol}", p.written(p.trace.taken))
                for p in _parameters(step, notation)
            ],
        )
    symbols = OPTIMIZERS[config.optimizer.name].vectors

    def memory(prefix: str, when: str) -> list[Quantity]:
        return [
            Quantity(
                f"{prefix}{vector}_{p.key}", f"{symbols[vector]} of {p.symbol}", p.written(values)
            )
            for p in _parameters(step, notation)
            for vector, values in getattr(p.trace, when).items()
        ]

    if number_of_step > 1 and (before := memory("before_", "state_before")):
        yield Subsection(f"What {config.optimizer.name} remembers before it", quantities=before)
    yield _the_step(config, step, notation, number_of_step, gradient_is_changed=bool(changes))
    remembered = memory("", "state")
    if remembered:
        yield Subsection(f"What {config.optimizer.name} remembers after it", quantities=remembered)
    if step.lengths:
        yield Subsection(
            "The longest weights",
            words=f"The weights into a hidden unit are no longer than c = "
            f"{config.optimizer.max_norm:g}: each unit's {notation.unit_in_W} of W is shortened "
            "where it is. "
            "Below are the lengths before that; the weights above are those after it.",
            formula="w ← w min(1, c / |w|)",
            quantities=[
                Quantity(f"lengths{i}", f"|w| in {notation.write('W', i)}", lengths)
                for i, lengths in enumerate(step.lengths, 1)
            ],
        )
    end = ", with the same units switched off." if drops(step) else "."
    yield Subsection(
        "The loss after it",
        words=f"{number(step.loss)} before, {number(step.loss_after)} after{end}",
        quantities=[Quantity("loss_after", "L", np.array([step.loss_after]))],
    )
    rows = [["layer", "weights", "norm of ∂L/∂W", "relative error against differences"]]
    for layer in step.layers:
        error = "not taken" if layer.relative_error is None else f"{layer.relative_error:.1e}"
        rows.append([*gradient_cells(layer, notation), error])
    yield Subsection("The gradient of each layer", rows=rows)


def gradient_cells(layer: LayerTrace, notation: Notation) -> list[str]:
    """Return a layer's number, the shape of its weights, and the norm of their gradient."""
    shape = " × ".join(map(str, notation.weights(layer.W.value).shape))
    return [str(notation.of(layer).number), shape, f"{layer.gradient_norm:.4e}"]


def learning_rate(config: Config, step: StepTrace) -> str:
    """Return the learning rate, and how the schedule changed it."""
    rate, schedule = config.optimizer.learning_rate, config.schedule
    if step.learning_rate == rate:
        return f"{rate:g}"
    fraction = step.learning_rate / rate
    by = "by the schedule, " + schedule.name
    if schedule.warmup_epochs:
        by += " after a warm-up"
    return f"{step.learning_rate:g} ({rate:g} × {fraction:g} {by})"


def new_parameters(step: StepTrace, notation: Notation) -> list[Quantity]:
    """Return the parameters after the step."""
    return [
        Quantity(f"new_{p.key}", p.symbol, p.written(p.trace.new))
        for p in _parameters(step, notation)
    ]


def drops(step: StepTrace) -> bool:
    """Return whether the step switches units off."""
    return any(layer.mask is not None for layer in step.layers)


class _Parameters(NamedTuple):
    """An array of parameters in a step."""

    key: str
    """in JSON, such as W1"""
    symbol: str
    trace: ParameterTrace
    written: Callable[[Array], Array]
    """returns an array of its shape as the notation has it"""


def _parameters(step: StepTrace, notation: Notation) -> Iterator[_Parameters]:
    """Yield each array of parameters."""
    for layer in step.layers:
        symbols = notation.of(layer)
        for name, trace in layer.parameters.items():
            written = functools.partial(notation.parameter, name)
            yield _Parameters(symbols.keys[name], symbols.parameters[name], trace, written)


def _changes_of_the_gradient(config: Config, step: StepTrace) -> Iterator[Section]:
    settings = config.optimizer
    if settings.clip_norm is not None:
        done = "so it stays as it is."
        if step.clipped_norm < step.gradient_norm:
            factor = step.clipped_norm / step.gradient_norm
            done = f"so it is shortened by the factor {factor:.6g}."
        yield Subsection(
            "The gradient is clipped to a length",
            words=f"The whole gradient is no longer than c = {settings.clip_norm:g}: its length "
            f"is {step.gradient_norm:.6g}, {done}",
            formula="g ← g min(1, c / |g|)",
            quantities=[
                Quantity("gradient_norm", "|g| before", np.array([step.gradient_norm])),
                Quantity("clipped_norm", "|g| after", np.array([step.clipped_norm])),
            ],
        )
    if settings.clip_value is not None:
        yield Subsection(
            "Each number of the gradient is clipped",
            words=f"c = {settings.clip_value:g}",
            formula="g ← max(−c, min(g, c))",
        )
    formulae = []
    if settings.weight_decay and not OPTIMIZERS[settings.name].decay_formula:
        formulae.append("g ← g + λ W")
    if settings.l1:
        formulae.append("g ← g + κ sign(W)")
    if formulae:
        yield Subsection(
            "The gradient of the penalties is added",
            words="For weights only, not for biases.",
            formula=APART.join(formulae),
        )


def _the_step(
    config: Config,
    step: StepTrace,
    notation: Notation,
    number_of_step: int,
    *,
    gradient_is_changed: bool,
) -> Section:
    settings = config.optimizer
    optimizer = OPTIMIZERS[settings.name]
    formula, decay = optimizer.formula, optimizer.decay_formula if settings.weight_decay else ""
    said = [f"η = {learning_rate(config, step)}"]
    said += [f"{symbol} = {getattr(settings, key):g}" for key, symbol in optimizer.symbols.items()]
    for key, symbol in PENALTIES.items():
        if getattr(settings, key):
            said.append(f"{symbol} = {getattr(settings, key):g}")
    words = f"{', '.join(said)}, g = ∂L/∂θ"
    if gradient_is_changed:
        words += ", as changed above"
    if optimizer.vectors and number_of_step == 1:
        first = [
            f"{symbol} = {'θ' if name in optimizer.begins_at_theta else '0'}"
            for name, symbol in optimizer.vectors.items()
        ]
        words += f"; {' and '.join(first)} at first"
    if "ᵗ" in formula or "ₜ" in formula:
        words += f"; t = {number_of_step:,} counts the steps"
    if decay:
        words += "; the weights, not the biases, decay before the step"
    if optimizer.said:
        words += f"; {optimizer.said}"
    twice = [each for each in BATCH_NORM if re.search(rf"(?<![a-z]){each}(?![a-z])", formula)]
    if config.network.batch_norm and twice:
        words += f". Here {listed(twice)} are {settings.name}'s, not the layers'"
    return Subsection(
        f"The step, {settings.name}",
        words=words,
        formula=f"{decay}{APART}{formula}" if decay else formula,
        quantities=new_parameters(step, notation),
    )
