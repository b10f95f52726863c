"""The update of a step of training as part of a document."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from mlpcli.explaining.documents.document import Quantity, Section, number
from mlpcli.explaining.notation import subscript
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.text import listed

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.explaining.trace import LayerTrace, StepTrace

SYMBOLS = {"W": "W", "b": "b", "gamma": "γ", "beta": "β"}
"""of a layer's parameters, by their names"""
PENALTIES = {"weight_decay": "λ", "l1": "κ"}
BATCH_NORM = ("μ", "v", "s", "ε", "β₁", "β₂")
"""symbols of batch normalisation, with the numbers of layers, that an optimizer may have too"""


def update_sections(config: "Config", step: "StepTrace") -> Iterator[Section]:
    """Yield the changes of the gradient, the optimizer's step, and the result."""
    yield from _what_is_done_to_the_gradient(config, step)
    yield _the_step(config, step)
    symbols = OPTIMIZERS[config.optimizer.name].vectors
    remembered = [each for layer in step.layers for each in _state(layer, symbols)]
    if remembered:
        yield Section(f"What {config.optimizer.name} remembers after it", 3, quantities=remembered)
    if config.optimizer.max_norm is not None and step.lengths:
        yield Section(
            "The longest weights",
            3,
            words=f"The weights into a hidden unit are no longer than c = "
            f"{config.optimizer.max_norm:g}: each unit's column of W is shortened where it is. "
            "Below are the lengths before that; the weights above are those after it.",
            formula="w ← w min(1, c / |w|)",
            quantities=[
                Quantity(f"lengths{i + 1}", f"|w| in {subscript('W', i + 1)}", lengths)
                for i, lengths in enumerate(step.lengths)
            ],
        )
    yield Section(
        "The loss after it",
        3,
        words=f"{number(step.loss)} before, {number(step.loss_after)} after"
        f"{', with the same units switched off' if drops(step) else ''}.",
        quantities=[Quantity("loss_after", "L", np.array([step.loss_after]))],
    )
    yield Section(
        "The gradient of each layer",
        3,
        rows=[
            ["layer", "weights", "norm of ∂L/∂W", "relative error against differences"],
            *(
                [
                    str(layer.number),
                    " × ".join(map(str, layer.W.value.shape)),
                    f"{layer.gradient_norm:.4e}",
                    "not taken" if layer.relative_error is None else f"{layer.relative_error:.1e}",
                ]
                for layer in step.layers
            ),
        ],
    )


def learning_rate(config: "Config", step: "StepTrace") -> str:
    """Return the learning rate of a step as text, with the schedule's part in it."""
    whole, schedule = config.optimizer.learning_rate, config.schedule
    if step.learning_rate == whole:
        return f"{whole:g}"
    by = f"{schedule.name} after a warm-up" if schedule.warmup_epochs else schedule.name
    return (
        f"{step.learning_rate:g} ({whole:g} × {step.learning_rate / whole:g} by the schedule, {by})"
    )


def new_parameters(layer: "LayerTrace") -> list[Quantity]:
    """Return a layer's parameters after the step."""
    return [
        Quantity(f"new_{name}{layer.number}", subscript(SYMBOLS[name], layer.number), trace.new)
        for name, trace in layer.parameters.items()
    ]


def _state(layer: "LayerTrace", symbols: Mapping[str, str]) -> list[Quantity]:
    return [
        Quantity(
            f"{of}_{name}{layer.number}",
            f"{symbols[of]} of {subscript(SYMBOLS[name], layer.number)}",
            values,
        )
        for name, trace in layer.parameters.items()
        for of, values in trace.state.items()
    ]


def drops(step: "StepTrace") -> bool:
    """Return whether the step switches units off."""
    return any(layer.mask is not None for layer in step.layers)


def _what_is_done_to_the_gradient(config: "Config", step: "StepTrace") -> Iterator[Section]:
    settings = config.optimizer
    if settings.clip_norm is not None:
        done = (
            f"its length is {step.gradient_norm:.6g}, so it is shortened by the factor "
            f"{step.clipped_norm / step.gradient_norm:.6g}."
            if step.clipped_norm < step.gradient_norm
            else f"its length is {step.gradient_norm:.6g}, so it stays as it is."
        )
        yield Section(
            "The gradient is clipped to a length",
            3,
            words=f"The whole gradient is no longer than c = {settings.clip_norm:g}: {done}",
            formula="g ← g min(1, c / |g|)",
            quantities=[
                Quantity("gradient_norm", "|g| before", np.array([step.gradient_norm])),
                Quantity("clipped_norm", "|g| after", np.array([step.clipped_norm])),
            ],
        )
    if settings.clip_value is not None:
        yield Section(
            "Each number of the gradient is clipped",
            3,
            words=f"c = {settings.clip_value:g}",
            formula="g ← max(−c, min(g, c))",
        )
    formulae = []
    if settings.weight_decay and not OPTIMIZERS[settings.name].decays_apart:
        formulae.append("g ← g + λ W")
    if settings.l1:
        formulae.append("g ← g + κ sign(W)")
    if formulae:
        yield Section(
            "The gradient of the penalties is added",
            3,
            words="For weights only, not for biases.",
            formula="    ".join(formulae),
        )
    if _is_changed(config):
        yield Section(
            "The gradient that the step takes",
            3,
            quantities=[
                Quantity(
                    f"taken_{name}{layer.number}",
                    f"g of {subscript(SYMBOLS[name], layer.number)}",
                    trace.taken,
                )
                for layer in step.layers
                for name, trace in layer.parameters.items()
            ],
        )


def _the_step(config: "Config", step: "StepTrace") -> Section:
    settings = config.optimizer
    optimizer = OPTIMIZERS[settings.name]
    formula, decays = optimizer.formula, optimizer.decays_apart and settings.weight_decay > 0
    said = [f"η = {learning_rate(config, step)}"]
    said += [f"{symbol} = {getattr(settings, key):g}" for key, symbol in optimizer.symbols.items()]
    for key, symbol in PENALTIES.items():
        if getattr(settings, key):
            said.append(f"{symbol} = {getattr(settings, key):g}")
    words = f"{', '.join(said)}, g = ∂L/∂θ" + (", as changed above" if _is_changed(config) else "")
    state = list(optimizer.vectors.values())
    if state and step.number == 1:
        words += f"; {' and '.join(f'{symbol} = 0' for symbol in state)} at first"
    if "m" in state:
        words += f"; t = {step.number} counts the steps"
    if decays:
        words += "; the weights, not the biases, decay before the step"
    twice = [symbol for symbol in BATCH_NORM if symbol in formula]
    if config.network.batch_norm and twice:
        words += f". Here {listed(twice)} are {settings.name}'s, not the layers'"
    return Section(
        f"The step, {settings.name}",
        3,
        words=words,
        formula=f"W ← (1 − η λ) W    {formula}" if decays else formula,
        quantities=[each for layer in step.layers for each in new_parameters(layer)],
    )


def _is_changed(config: "Config") -> bool:
    settings = config.optimizer
    apart = OPTIMIZERS[settings.name].decays_apart
    penalties = settings.l1 or (settings.weight_decay and not apart)
    return bool(penalties) or settings.clip_norm is not None or settings.clip_value is not None
