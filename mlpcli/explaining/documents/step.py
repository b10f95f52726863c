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
    number,
)
from mlpcli.explaining.documents.forward import forward_sections
from mlpcli.explaining.documents.update import drops, learning_rate, new_parameters, update_sections
from mlpcli.explaining.first_steps import TracedSteps
from mlpcli.explaining.trace import StepTrace
from mlpcli.text import count

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


def step_document(config: Config, traced: TracedSteps) -> Document:
    """Return the first step in full, and the loss and the parameters after the others."""
    first = traced.first
    forward = list(forward_sections(config, traced))
    sizes = "-".join(str(n) for n in _sizes(first))
    row = "example" if len(first.x) == 1 else f"of the B = {len(first.x):,} examples"
    words = (
        f"{sizes}, {config.dtype}; loss {config.loss.name}; {config.optimizer.name} with learning "
        f"rate {learning_rate(config, first)}; {count(len(first.x), 'example')} a step. Every "
        f"array has a row for each {row}."
    )
    if not all(each.is_small for part in forward for each in part.quantities):
        words += LARGE
    if first.crosses_a_kink:
        differences = KINK
    elif first.layers[0].W.numerical is not None:
        differences = DIFFERENCES
    else:
        differences = NO_DIFFERENCES
    sections = [
        Section("The network", words=words),
        Section("Forward"),
        *forward,
        Section("Backward", words=differences),
        *backward_sections(config, first),
        Section("Update"),
        *update_sections(config, first),
    ]
    if len(traced.losses) > 2:
        sections.append(_further_steps(traced))
    if traced.deaths:
        sections.append(deaths_section(traced.deaths))
    return Document(f"Training {config.name or 'a network'}, step by step", sections)


def step_facts(config: Config, traced: TracedSteps) -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    first = traced.first
    update = [part.facts() for part in update_sections(config, first)]
    return {
        "config": config.name,
        "network": _sizes(first),
        "dtype": config.dtype,
        "loss_name": config.loss.name,
        "optimizer": config.optimizer.name,
        "learning_rate": first.learning_rate,
        "examples": list(traced.examples),
        "forward": [part.facts() for part in forward_sections(config, traced)],
        "backward": [part.facts() for part in backward_sections(config, first)],
        "update": [facts for facts in update if facts.keys() != {"title"}],
        "gradient_norms": [layer.gradient_norm for layer in first.layers],
        "relative_errors": [layer.relative_error for layer in first.layers],
        "loss": first.loss,
        "loss_after": first.loss_after,
        "losses": traced.losses,
        "deaths": [dataclasses.asdict(each) for each in traced.deaths],
        "parameters": {each.name: each.facts() for each in new_parameters(traced.last)},
    }


def _sizes(step: StepTrace) -> list[int]:
    return [step.x.shape[1], *(len(layer.b.value) for layer in step.layers)]


def _further_steps(traced: TracedSteps) -> Section:
    losses, steps = traced.losses, len(traced.losses) - 1
    shown = sorted({round(i * steps / MOST_LOSSES) for i in range(MOST_LOSSES + 1)})
    words = ""
    if traced.batches > 1:
        words = (
            f"An epoch has {traced.batches:,} batches, so each loss is of another batch than the "
            "one before, until the last: that of the last step's batch after it. "
        )
    if drops(traced.first):
        words += "Each is measured with the units switched off that its own step draws."
    return Section(
        f"After {count(steps, 'step')}",
        words=words.strip(),
        rows=[["steps done", "loss"], *([f"{i:,}", number(losses[i])] for i in shown)],
        quantities=new_parameters(traced.last),
    )
