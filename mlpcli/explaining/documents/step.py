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
from mlpcli.text import count, number

MOST_LOSSES = 20
"""number of losses that are listed"""
LARGE = (
    f" Arrays of more than {MOST_NUMBERS} numbers or {MOST_COLUMNS} columns are shown as their"
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


def step_document(config: Config, traced: TracedSteps, notation: Notation = ROWS) -> Document:
    """Return a step in full, and the loss and the parameters after the others."""
    first, trained = traced.shown, traced.trained
    forward = list(forward_sections(config, traced, notation))
    sizes = "-".join(str(n) for n in _sizes(first))
    row = "example" if len(first.x) == 1 else f"of the B = {len(first.x):,} examples"
    each = notation.name.removesuffix("s")
    words = (
        f"{sizes}, {config.dtype}; loss {config.loss.name}; {config.optimizer.name} with learning "
        f"rate {learning_rate(config, first)}; {count(len(first.x), 'example')} a step. Every "
        f"array has a {each} for each {row}."
    )
    if trained is not None:
        words = (
            f"{sizes}, {config.dtype}; loss {config.loss.name}; trained for "
            f"{count(trained.epochs, 'epoch')}. What is tried below changes no file."
        )
    if not all(each.is_small for part in forward for each in part.quantities):
        words += LARGE
    if first.crosses_a_kink:
        differences = KINK
    elif first.layers[0].W.numerical is not None:
        differences = DIFFERENCES
    else:
        differences = NO_DIFFERENCES
    sections = [Section("The network", words=words), Section("Forward"), *forward]
    if trained is None or trained.has_target:
        sections += [
            Section("Backward", words=differences),
            *backward_sections(config, traced, notation),
            Section("Update"),
            *update_sections(config, first, notation, traced.number),
        ]
    else:
        sections.append(
            Section("Backward", words="--target says what the output should be: then there is one.")
        )
    if len(traced.losses) > 2:
        sections.append(_further_steps(traced, notation))
    if traced.deaths:
        sections.append(deaths_section(traced.deaths, notation))
    return Document(_title(config, traced), sections, opening=notation.words, see=SYMBOLS)


def _title(config: Config, traced: TracedSteps) -> str:
    if traced.trained is not None:
        return f"{traced.trained.name}, {traced.trained.what}"
    which = "step by step" if traced.number == 1 else f"step {traced.number:,}"
    return f"Training {config.name or 'a network'}, {which}"


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
        words = (
            f"An epoch has {traced.batches:,} batches, so each loss is of another batch than the "
            "one before, until the last: that of the last step's batch after it. "
        )
    if drops(traced.shown):
        words += "Each is measured with the units switched off that its own step draws."
    return Section(
        f"After {count(steps, 'step')}",
        words=words.strip(),
        rows=[["steps done", "loss"], *([f"{i:,}", number(losses[i])] for i in shown)],
        quantities=new_parameters(traced.last, notation),
    )
