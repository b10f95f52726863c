"""A trained network's answer to an image as a document."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlpcli.explaining.documents.arrows import arrow
from mlpcli.explaining.documents.document import Document, Quantity, Section, Subsection
from mlpcli.explaining.documents.gradient import gradient_facts, gradient_section
from mlpcli.explaining.documents.update import gradient_cells
from mlpcli.explaining.notation import ROWS, SYMBOLS, Notation
from mlpcli.explaining.prediction import TracedPrediction, strongest_changes
from mlpcli.nn.arrays import Array
from mlpcli.text import number, percent

LONGEST_ARROW = 20
MOST_WEIGHTS = 5
LEVELS = "·▁▂▃▄▅▆▇█"


def prediction_document(name: str, traced: TracedPrediction, notation: Notation = ROWS) -> Document:
    """Return the document; `name` is the image file's name."""
    return Document(
        f"{name}, as the network sees it",
        list(_sections(traced, notation)),
        opening=notation.words,
        see=SYMBOLS,
    )


def prediction_facts(
    name: str, traced: TracedPrediction, notation: Notation = ROWS
) -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    step, names = traced.step, traced.class_names
    return {
        "file": name,
        "notation": notation.name,
        "label": names[traced.label],
        "predicted": names[traced.predicted],
        "pixels": traced.pixels.tolist(),
        "layers": [
            {
                "layer": notation.of(layer).number,
                "activation": layer.activation,
                "z": layer.z[0].tolist(),
                "a": layer.a[0].tolist(),
                "delta": layer.delta[0].tolist(),
                "gradient_norm": layer.gradient_norm,
            }
            for layer in step.layers
        ],
        "outputs": step.layers[-1].a[0].tolist(),
        "temperature": traced.temperature,
        "calibrated_probabilities": _by_class(traced, traced.calibrated),
        "probabilities": _by_class(traced, traced.probabilities),
        "prediction_minus_target": _by_class(traced, step.prediction[0] - step.target[0]),
        "gradient": gradient_facts(step.layers, notation),
        "weight_changes": [
            dataclasses.asdict(each) for each in strongest_changes(traced, MOST_WEIGHTS)
        ],
        "score": traced.score,
        "for_the_label": traced.for_the_label.tolist(),
        "learning_rate": step.learning_rate,
        "loss": step.loss,
        "loss_after": step.loss_after,
        "probabilities_after": _by_class(traced, traced.probabilities_after),
    }


def _sections(traced: TracedPrediction, notation: Notation) -> Iterator[Section]:
    step, names = traced.step, traced.class_names
    yield Section("What it saw", image=traced.pixels / 255.0)
    yield Section("Layer by layer")
    for layer in step.layers[:-1]:
        active = int(np.count_nonzero(layer.a > 0))
        yield Subsection(
            f"Layer {notation.of(layer).number}, {layer.activation}",
            words=f"{active} of {layer.a.shape[1]} units are above 0: {_levels(layer.a[0])}",
            quantities=[Quantity("a", notation.of(layer).a, notation.examples(layer.a))],
        )
    answer = f"Its answer is {names[traced.predicted]}."
    if traced.temperature != 1:
        answer += (
            " p is what training compares with the target. `mlpcli predict` divides the outputs by "
            f"the run's temperature first, {traced.temperature:.3f}, and then says "
            f"{percent(float(traced.calibrated[traced.predicted]))}."
        )
    before, after = traced.probabilities, traced.probabilities_after
    rows = [["class", "output", "p"]]
    for name, z, p in zip(names, step.layers[-1].a[0], before, strict=True):
        rows.append([name, f"{z:.4f}", f"{p:.4f}"])
    yield Section("What it says", words=answer, rows=rows)
    rows = [["class", "p − t", "should go"]]
    for name, p, t in zip(names, step.prediction[0], step.target[0], strict=True):
        rows.append([name, f"{p - t:+.4f}", arrow(float(t - p), 1.0, LONGEST_ARROW)])
    yield Section(
        "What each output should do",
        words=f"The target t is {_target(traced)}; p is what the loss compares with it. "
        "The arrow is as long as the distance from p to t.",
        rows=rows,
    )
    came_from = "unit" if len(step.layers) > 1 else "pixel"
    rows = [["from", "activation", "to class", "change"]]
    for each in strongest_changes(traced, MOST_WEIGHTS):
        activation, change = f"{each.activation:.4f}", f"{each.change:+.3e}"
        rows.append([f"{came_from} {each.unit}", activation, each.class_name, change])
    yield Section(
        "The weights that one step would change most",
        words="In the last layer, by −η ∂L/∂W; those of the strongest units, to the outputs that "
        "are furthest off.",
        rows=rows,
    )
    yield _pixels(traced)
    header = ["layer", "weights", "norm of ∂L/∂W"]
    rows = [header, *(gradient_cells(layer, notation) for layer in step.layers)]
    yield Section("How much each layer would learn", rows=rows)
    yield gradient_section(step.layers, notation, Section)
    rows = [["class", "p before", "p after"]]
    for name, p, q in zip(names, before, after, strict=True):
        rows.append([name, f"{p:.4f}", f"{q:.4f}"])
    yield Section(
        "After one step of SGD",
        words=f"On this image alone, with learning rate {step.learning_rate:g}; the loss goes "
        f"from {number(step.loss)} to {number(step.loss_after)}. The checkpoint stays as it is.",
        rows=rows,
    )


def _target(traced: TracedPrediction) -> str:
    t, label = traced.step.target[0], traced.label
    own = f"{t[label]:.4g} for the class {traced.class_names[label]}"
    if np.array_equal(t, traced.step.t[0]):
        return f"{own} and 0 for the others"
    return f"smoothed, as the loss asks: {own} and {t.min():.4g} for the others"


def _pixels(traced: TracedPrediction) -> Section:
    label = traced.class_names[traced.label]
    largest = float(np.abs(traced.for_the_label).max())
    return Section(
        f"Which pixels speak for {label}",
        words=f"∂ {traced.score}/∂x at each pixel, with the {traced.score} of {label}: more ink "
        f"speaks for {label} where it is positive (in text + strong, ' weak; on a page blue) and "
        "against it where it is negative (- strong, . weak; red). The strongest is "
        f"{largest:.2e}.",
        image=traced.for_the_label / (largest or 1.0),
        is_signed=True,
    )


def _by_class(traced: TracedPrediction, values: Array) -> dict[str, float]:
    return dict(zip(traced.class_names, values.tolist(), strict=True))


def _levels(a: Array) -> str:
    """Return a bar for each activation, on a scale from the smallest, or 0, to the largest."""
    low = min(0.0, float(a.min()))
    height = float(a.max()) - low or 1.0
    highest = len(LEVELS) - 1
    return "".join(LEVELS[round((float(v) - low) / height * highest)] for v in a)
