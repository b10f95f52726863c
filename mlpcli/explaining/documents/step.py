"""The steps of a training as a document: each formula with its shapes and its numbers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlpcli.explaining.documents.backward import backward_sections
from mlpcli.explaining.documents.document import (
    MOST_COLUMNS,
    MOST_NUMBERS,
    Document,
    Section,
    number,
)
from mlpcli.explaining.documents.forward import forward_sections
from mlpcli.explaining.documents.update import drops, learning_rate, new_parameters, update_sections
from mlpcli.text import count

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.explaining.first_steps import Story
    from mlpcli.explaining.trace import StepTrace

MOST_LOSSES = 20
"""number of losses listed one by one"""

LARGE = (
    f" Arrays of more than {MOST_NUMBERS} numbers or {MOST_COLUMNS} columns are shown by their"
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


def step_document(config: "Config", story: "Story") -> Document:
    """Return the first step in full, the losses of the others, and the last parameters."""
    first = story.first
    network = "-".join(str(n) for n in _sizes(first))
    document = Document(f"Training {config.name or 'a network'}, step by step")
    large = any(
        not each.is_small for part in forward_sections(config, story) for each in part.quantities
    )
    small = first.layers[0].W.numerical is not None
    document.sections = [
        Section(
            "The network",
            words=f"{network}, {config.dtype}; loss {config.loss.name}; {config.optimizer.name} "
            f"with learning rate {learning_rate(config, first)}; "
            f"{count(len(first.x), 'example')} a step. "
            f"Every array has a row for each {_examples(first)}.{LARGE if large else ''}",
        ),
        Section("Forward"),
        *forward_sections(config, story),
        Section(
            "Backward",
            words=KINK if first.crosses_a_kink else DIFFERENCES if small else NO_DIFFERENCES,
        ),
        *backward_sections(config, first),
        Section("Update"),
        *update_sections(config, first),
    ]
    if len(story.losses) > 2:
        document.sections += _further(story)
    return document


def step_facts(config: "Config", story: "Story") -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    first = story.first
    return {
        "config": config.name,
        "network": _sizes(first),
        "dtype": config.dtype,
        "loss_name": config.loss.name,
        "optimizer": config.optimizer.name,
        "learning_rate": first.learning_rate,
        "examples": list(story.examples),
        "forward": [part.facts() for part in forward_sections(config, story)],
        "backward": [part.facts() for part in backward_sections(config, first)],
        "update": [
            facts
            for part in update_sections(config, first)
            if len(facts := part.facts()) > 1  # more than a title
        ],
        "gradient_norms": [layer.gradient_norm for layer in first.layers],
        "relative_errors": [layer.relative_error for layer in first.layers],
        "loss": first.loss,
        "loss_after": first.loss_after,
        "losses": story.losses,
        "parameters": {
            each.name: each.facts() for layer in story.last.layers for each in new_parameters(layer)
        },
    }


def _examples(step: "StepTrace") -> str:
    return "example" if len(step.x) == 1 else f"of the B = {len(step.x):,} examples"


def _sizes(step: "StepTrace") -> list[int]:
    return [step.x.shape[1], *(len(layer.b.value) for layer in step.layers)]


def _further(story: "Story") -> Iterator[Section]:
    losses, steps = story.losses, len(story.losses) - 1
    shown = sorted({round(i * steps / MOST_LOSSES) for i in range(MOST_LOSSES + 1)})
    words = ""
    if story.batches > 1:
        words = (
            f"An epoch has {story.batches:,} batches, so each loss is of another batch than the "
            "one before, until the last: that of the last step's batch after it. "
        )
    if drops(story.first):
        words += "Each is measured with the units switched off that its own step draws."
    yield Section(
        f"After {count(steps, 'step')}",
        words=words.strip(),
        rows=[["steps done", "loss"], *([f"{i:,}", number(losses[i])] for i in shown)],
        quantities=[each for layer in story.last.layers for each in new_parameters(layer)],
    )
