"""The steps of a training as a document: each formula with its shapes and its numbers."""

import dataclasses
from typing import Any

from mlpcli.config.schema.config import Config
from mlpcli.explaining.documents.backward import backward_sections
from mlpcli.explaining.documents.deaths import deaths_section
from mlpcli.explaining.documents.document import (
    MOST_COLUMNS,
    MOST_NUMBERS,
    Document,
    Section,
)
from mlpcli.explaining.documents.forward import forward_sections
from mlpcli.explaining.documents.gradient import gradient_facts
from mlpcli.explaining.documents.update import drops, learning_rate, new_parameters, update_sections
from mlpcli.explaining.first_steps import TracedSteps
from mlpcli.explaining.notation import ROWS, SYMBOLS, Notation
from mlpcli.explaining.trace import StepTrace
from mlpcli.language import N_, _, counted, joined
from mlpcli.text import number

MOST_LOSSES = 20
"""number of losses that are listed"""
LARGE = N_(
    "Arrays of more than {numbers} numbers or {columns} columns are shown as their shape, min, "
    "max, mean and norm."
)
DIFFERENCES = N_("Beside each gradient is its centred difference: (L(w + h) − L(w − h)) / 2h.")
NO_DIFFERENCES = N_(
    "The network has too many parameters to take the centred difference of each; `mlpcli gradcheck`"
    " compares a sample of them."
)
KINK = N_(
    "Some of them are off, because a unit stands at the kink of its activation, and"
    " the difference is taken across it."
)


def step_document(config: Config, traced: TracedSteps, notation: Notation = ROWS) -> Document:
    """Return a step in full, and the loss and the parameters after the others."""
    first, trained = traced.shown, traced.trained
    forward = list(forward_sections(config, traced, notation))
    sizes = "-".join(str(n) for n in _sizes(first))
    row = _(notation.name.removesuffix("s"))
    words = _(
        "{sizes}, {dtype}; loss {loss}; {optimizer} with learning rate {rate}; {examples} a step.",
        sizes=sizes,
        dtype=config.dtype,
        loss=config.loss.name,
        optimizer=config.optimizer.name,
        rate=learning_rate(config, first),
        examples=counted("{n} example", "{n} examples", len(first.x)),
    )
    each = N_("x, t and every z, a and δ have a {row} for each example.")
    if len(first.x) > 1:
        each = N_("x, t and every z, a and δ have a {row} for each of the B = {n:,} examples.")
    words = joined(words, _(each, row=row, n=len(first.x)))
    if trained is not None:
        words = _(
            "{sizes}, {dtype}; loss {loss}; trained for {epochs}. What is tried below changes no "
            "file.",
            sizes=sizes,
            dtype=config.dtype,
            loss=config.loss.name,
            epochs=counted("{n} epoch", "{n} epochs", trained.epochs),
        )
        if trained.is_folded:
            words = joined(
                words, _("Batch normalisation is folded into the weights and biases before it.")
            )
    if not all(each.is_small for part in forward for each in part.quantities):
        words = joined(words, _(LARGE, numbers=MOST_NUMBERS, columns=MOST_COLUMNS))
    if first.crosses_a_kink:
        differences = joined(_(DIFFERENCES), _(KINK))
    elif first.layers[0].W.numerical is not None:
        differences = _(DIFFERENCES)
    else:
        differences = _(NO_DIFFERENCES)
    sections = [Section(_("The network"), words=words), Section(_("Forward")), *forward]
    if trained is None or trained.has_target:
        sections += [
            Section(_("Backward"), words=differences),
            *backward_sections(config, traced, notation),
            Section(_("Update")),
            *update_sections(config, first, notation, traced.number),
        ]
    else:
        sections.append(
            Section(
                _("Backward"),
                words=_("--target says what the output should be, and adds the backward pass."),
            )
        )
    if len(traced.losses) > 2:
        sections.append(_further_steps(traced, notation))
    if traced.deaths:
        sections.append(deaths_section(traced.deaths, notation))
    return Document(_title(config, traced), sections, opening=_(notation.words), see=SYMBOLS)


def _title(config: Config, traced: TracedSteps) -> str:
    if traced.trained is not None:
        return f"{traced.trained.name}, {traced.trained.what}"
    name = config.name or _("a network")
    if traced.number == 1:
        return _("Training {name}, step by step", name=name)
    return _("Training {name}, step {n:,}", name=name, n=traced.number)


def step_facts(config: Config, traced: TracedSteps, notation: Notation = ROWS) -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    first, trained = traced.shown, traced.trained
    update = [part.facts() for part in update_sections(config, first, notation, traced.number)]
    facts = {
        "config": config.name,
        "notation": notation.name,
        "step": traced.number,
        "network": _sizes(first),
        "dtype": config.dtype,
        "loss_name": config.loss.name,
        "optimizer": config.optimizer.name,
        "learning_rate": first.learning_rate,
        "examples": list(traced.examples),
        "input_names": list(traced.columns.inputs) if traced.columns else None,
        "output_names": list(traced.columns.outputs) if traced.columns else None,
        "forward": [part.facts() for part in forward_sections(config, traced, notation)],
        "backward": [part.facts() for part in backward_sections(config, traced, notation)],
        "update": [facts for facts in update if facts.keys() != {"title"}],
        "gradient": gradient_facts(first.layers, notation),
        "gradient_norms": [layer.gradient_norm for layer in first.layers],
        "relative_errors": [layer.relative_error for layer in first.layers],
        "loss": first.loss,
        "loss_after": first.loss_after,
        "losses": traced.losses,
        "deaths": [dataclasses.asdict(each) for each in traced.deaths],
        "parameters": {each.name: each.facts() for each in new_parameters(traced.last, notation)},
    }
    if trained is not None:
        facts |= {"run": trained.name, "what": trained.what, "epochs": trained.epochs}
        if not trained.has_target:
            for key in ("backward", "update", "loss", "loss_after", "losses", "parameters"):
                del facts[key]
            del facts["gradient"], facts["gradient_norms"], facts["relative_errors"]
    return facts


def _sizes(step: StepTrace) -> list[int]:
    return [step.x.shape[1], *(len(layer.b.value) for layer in step.layers)]


def _further_steps(traced: TracedSteps, notation: Notation) -> Section:
    losses, steps = traced.losses, len(traced.losses) - 1
    shown = sorted({round(i * steps / MOST_LOSSES) for i in range(MOST_LOSSES + 1)})
    words = ""
    if traced.batches > 1:
        words = _(
            "An epoch has {n:,} batches, so each loss is of another batch than the one before, "
            "until the last: that of the last step's batch after it.",
            n=traced.batches,
        )
    if drops(traced.shown):
        words = joined(
            words, _("Each is measured with the units off that its own step switches off.")
        )
    return Section(
        _("After {steps}", steps=counted("{n} step", "{n} steps", steps)),
        words=words,
        rows=[[_("steps done"), _("loss")], *([f"{i:,}", number(losses[i])] for i in shown)],
        quantities=new_parameters(traced.last, notation),
    )
