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
from mlpcli.language import N_, _
from mlpcli.nn.arrays import Array
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.text import listed, number

PENALTIES = {"weight_decay": "λ", "l1": "κ"}
BATCH_NORM = ("μ", "v", "s", "ε", "β₁", "β₂")
"""symbols of batch normalisation, numbers of layers included, that an optimizer may use too"""

_SCHEDULE_FREE = N_(
    "fₜ is what a warm-up leaves of the learning rate; x is what is validated and used"
)
ABOUT_FORMULAE = {
    "schedule_free_sgd": _SCHEDULE_FREE,
    "schedule_free_adamw": _SCHEDULE_FREE,
    "muon": N_(
        "the formulae up to U Vᵀ, which five rounds of the Newton–Schulz iteration approximate, are"
        " for every W (n × k) but the last; the others, which are AdamW's, for all else"
    ),
}
"""what a reader of an optimizer's formula must know"""


def update_sections(
    config: Config, step: StepTrace, notation: Notation, number_of_step: int = 1
) -> Iterator[Section]:
    """Yield the changes of the gradient, the optimizer's step, and its result."""
    changes = list(_changes_of_the_gradient(config, step))
    if changes:
        yield from changes
        yield Subsection(
            _("The gradient that the step takes"),
            quantities=[
                Quantity(
                    f"taken_{p.key}",
                    _("{symbol} of {parameter}", symbol="g", parameter=p.symbol),
                    p.written(p.trace.taken),
                )
                for p in _parameters(step, notation)
            ],
        )
    symbols = OPTIMIZERS[config.optimizer.name].vectors

    def memory(prefix: str, when: str) -> list[Quantity]:
        return [
            Quantity(
                f"{prefix}{vector}_{p.key}",
                _("{symbol} of {parameter}", symbol=symbols[vector], parameter=p.symbol),
                p.written(values),
            )
            for p in _parameters(step, notation)
            for vector, values in getattr(p.trace, when).items()
        ]

    if number_of_step > 1 and (before := memory("before_", "state_before")):
        yield Subsection(
            _("What {name} remembers before it", name=config.optimizer.name), quantities=before
        )
    yield _the_step(config, step, notation, number_of_step, gradient_is_changed=bool(changes))
    remembered = memory("", "state")
    if remembered:
        yield Subsection(
            _("What {name} remembers after it", name=config.optimizer.name), quantities=remembered
        )
    if step.lengths:
        yield Subsection(
            _("The longest weights"),
            words=_(
                "The weights into a hidden unit have a length of at most c = {c:g}: each unit's "
                "{row} of W is shortened where it is longer. Below are the lengths before that; "
                "the weights above are those after it.",
                c=config.optimizer.max_norm,
                row=_(notation.unit_in_W),
            ),
            formula="w ← w min(1, c / |w|)",
            quantities=[
                Quantity(f"lengths{i}", _("|w| in {W}", W=notation.write("W", i)), lengths)
                for i, lengths in enumerate(step.lengths, 1)
            ],
        )
    said = N_("{before} before, {after} after.")
    if drops(step):
        said = N_("{before} before, {after} after, with the same units switched off.")
    yield Subsection(
        _("The loss after it"),
        words=_(said, before=number(step.loss), after=number(step.loss_after)),
        quantities=[Quantity("loss_after", "L", np.array([step.loss_after]))],
    )
    rows = [[_("layer"), _("weights"), _("norm of ∂L/∂W"), _("relative error against differences")]]
    for layer in step.layers:
        error = _("not taken") if layer.relative_error is None else f"{layer.relative_error:.1e}"
        if layer.is_too_small_to_check(step.loss):
            error = _("{error}, by rounding", error=error)
        rows.append([*gradient_cells(layer, notation), error])
    yield Subsection(_("The gradient of each layer"), rows=rows)


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
    by = N_("{now:g} ({rate:g} × {fraction:g} by the schedule, {name})")
    if schedule.warmup_epochs:
        by = N_("{now:g} ({rate:g} × {fraction:g} by the schedule, {name} after a warm-up)")
    return _(by, now=step.learning_rate, rate=rate, fraction=fraction, name=schedule.name)


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
        done = _("so it stays as it is.")
        if step.clipped_norm < step.gradient_norm:
            factor = step.clipped_norm / step.gradient_norm
            done = _("so it is shortened by the factor {factor:.6g}.", factor=factor)
        yield Subsection(
            _("The gradient is clipped to a length"),
            words=_(
                "The whole gradient may have a length of c = {c:g} at most; its length is "
                "{norm:.6g}, {done}",
                c=settings.clip_norm,
                norm=step.gradient_norm,
                done=done,
            ),
            formula="g ← g min(1, c / |g|)",
            quantities=[
                Quantity("gradient_norm", _("|g| before"), np.array([step.gradient_norm])),
                Quantity("clipped_norm", _("|g| after"), np.array([step.clipped_norm])),
            ],
        )
    if settings.clip_value is not None:
        yield Subsection(
            _("Each number of the gradient is clipped"),
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
            _("The gradient of the penalties is added"),
            words=_("For weights only, not for biases."),
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
        words += _(", as changed above")
    if optimizer.vectors and number_of_step == 1:
        first = [
            f"{symbol} = {'θ' if name in optimizer.begins_at_theta else '0'}"
            for name, symbol in optimizer.vectors.items()
        ]
        words += _("; {values} at first", values=_(" and ").join(first))
    if "ᵗ" in formula or "ₜ" in formula:
        words += _("; t = {n:,} counts the steps", n=number_of_step)
    if decay:
        words += _("; the weights, not the biases, decay before the step")
    if what := ABOUT_FORMULAE.get(settings.name):
        words += _("; {what}", what=_(what))
    twice = [each for each in BATCH_NORM if re.search(rf"(?<![a-z]){each}(?![a-z])", formula)]
    if config.network.batch_norm and twice:
        words += _(
            ". Here {symbols} are {name}'s, not the layers'",
            symbols=listed(twice),
            name=settings.name,
        )
    return Subsection(
        _("The step, {name}", name=settings.name),
        words=words,
        formula=f"{decay}{APART}{formula}" if decay else formula,
        quantities=new_parameters(step, notation),
    )
