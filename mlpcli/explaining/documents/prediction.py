"""A trained network's answer to an image as a document."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlpcli.explaining.documents.arrows import arrow, signed
from mlpcli.explaining.documents.document import Document, Quantity, Section, Subsection
from mlpcli.explaining.documents.gradient import gradient_facts, gradient_section
from mlpcli.explaining.documents.update import gradient_cells
from mlpcli.explaining.notation import ROWS, SYMBOLS, Notation
from mlpcli.explaining.prediction import TracedPrediction, strongest_changes
from mlpcli.language import N_, _, joined
from mlpcli.nn.arrays import Array
from mlpcli.text import file_name, number, percent

LONGEST_ARROW = 20
MOST_WEIGHTS = 5
LEVELS = "·▁▂▃▄▅▆▇█"


def prediction_document(name: str, traced: TracedPrediction, notation: Notation = ROWS) -> Document:
    """Return the document; `name` is the image file's name."""
    return Document(
        _("{file}, as the network sees it", file=file_name(name)),
        list(_sections(traced, notation)),
        opening=_(notation.words),
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
    yield Section(_("What it saw"), image=traced.pixels / 255.0)
    yield Section(_("Layer by layer"))
    for layer in step.layers[:-1]:
        active = int(np.count_nonzero(layer.a > 0))
        yield Subsection(
            _("Layer {n}, {name}", n=notation.of(layer).number, name=layer.activation),
            words=_(
                "{active} of {n} units are above 0: {levels}",
                active=active,
                n=layer.a.shape[1],
                levels=_levels(layer.a[0]),
            ),
            quantities=[Quantity("a", notation.of(layer).a, notation.examples(layer.a))],
        )
    answer = _("Its answer is {name}.", name=names[traced.predicted])
    if traced.temperature != 1:
        answer = joined(
            answer,
            _(
                "p is what training compares with the target. `mlpcli predict` divides the outputs "
                "by the run's temperature first, {temperature:.3f}, and then says {percent}.",
                temperature=traced.temperature,
                percent=percent(float(traced.calibrated[traced.predicted])),
            ),
        )
    before, after = traced.probabilities, traced.probabilities_after
    rows = [[_("class"), _("output"), "p"]]
    for name, z, p in zip(names, step.layers[-1].a[0], before, strict=True):
        rows.append([name, f"{z:.4f}", f"{p:.4f}"])
    yield Section(_("What it says"), words=answer, rows=rows)
    rows = [[_("class"), "p − t", _("should go")]]
    for name, p, t in zip(names, step.prediction[0], step.target[0], strict=True):
        rows.append([name, signed(float(p - t)), arrow(float(t - p), 1.0, LONGEST_ARROW)])
    yield Section(
        _("What each output should do"),
        words=_(
            "The target t is {target}; p is what the loss compares with it. The arrow is as long "
            "as the distance from p to t.",
            target=_target(traced),
        ),
        rows=rows,
    )
    came_from = N_("unit {n}") if len(step.layers) > 1 else N_("pixel {n}")
    rows = [[_("from"), _("activation"), _("to class"), _("change")]]
    for each in strongest_changes(traced, MOST_WEIGHTS):
        activation, change = f"{each.activation:.4f}", f"{each.change:+.3e}"
        rows.append([_(came_from, n=each.unit), activation, each.class_name, change])
    yield Section(
        _("The weights that one step would change most"),
        words=_(
            "In the last layer, by −η ∂L/∂W; those of the strongest units, to the outputs that are "
            "furthest off."
        ),
        rows=rows,
    )
    yield _pixels(traced)
    header = [_("layer"), _("weights"), _("norm of ∂L/∂W")]
    rows = [header, *(gradient_cells(layer, notation) for layer in step.layers)]
    yield Section(_("How much each layer would learn"), rows=rows)
    yield gradient_section(step.layers, notation, Section)
    rows = [[_("class"), _("p before"), _("p after")]]
    for name, p, q in zip(names, before, after, strict=True):
        rows.append([name, f"{p:.4f}", f"{q:.4f}"])
    yield Section(
        _("After one step of SGD"),
        words=_(
            "On this image alone, with learning rate {rate:g}; the loss goes from {before} to "
            "{after}. The checkpoint stays as it is.",
            rate=step.learning_rate,
            before=number(step.loss),
            after=number(step.loss_after),
        ),
        rows=rows,
    )


def _target(traced: TracedPrediction) -> str:
    t, label = traced.step.target[0], traced.label
    own, name = t[label], traced.class_names[label]
    if np.array_equal(t, traced.step.t[0]):
        return _("{own:.4g} for the class {name} and 0 for the others", own=own, name=name)
    return _(
        "smoothed, as the loss asks: {own:.4g} for the class {name} and {other:.4g} for the others",
        own=own,
        name=name,
        other=t.min(),
    )


def _pixels(traced: TracedPrediction) -> Section:
    label = traced.class_names[traced.label]
    largest = float(np.abs(traced.for_the_label).max())
    return Section(
        _("Which pixels speak for {label}", label=label),
        words=_(
            "∂ {score}/∂x at each pixel, with the {score} of {label}: more ink speaks for {label} "
            "where it is positive (in text + strong, ' weak; on a page blue) and against it where "
            "it is negative (- strong, . weak; red). The strongest is {largest:.2e}.",
            score=_(traced.score),
            label=label,
            largest=largest,
        ),
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
