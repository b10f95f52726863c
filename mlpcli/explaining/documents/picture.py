"""The way of an image through a trained network as a document."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.explaining.documents.document import Document, Quantity, Section, number
from mlpcli.explaining.notation import subscript
from mlpcli.text import percent

if TYPE_CHECKING:
    from mlpcli.explaining.prediction import PictureStory
    from mlpcli.nn.arrays import Array

LONGEST_ARROW = 20
MOST_WEIGHTS = 5
LEVELS = "·▁▂▃▄▅▆▇█"


def picture_document(name: str, story: "PictureStory") -> Document:
    """Return the document; `name` is the image file's."""
    return Document(f"{name}, as the network sees it", list(_sections(story)))


def picture_facts(name: str, story: "PictureStory") -> dict[str, Any]:
    """Return the same for JSON, with every digit."""
    from mlpcli.explaining.prediction import strongest_changes

    step, names = story.step, story.class_names
    return {
        "file": name,
        "label": names[story.label],
        "predicted": names[story.predicted],
        "pixels": story.pixels.tolist(),
        "layers": [
            {
                "layer": layer.number,
                "activation": layer.activation,
                "z": layer.z[0].tolist(),
                "a": layer.a[0].tolist(),
                "delta": layer.delta[0].tolist(),
                "gradient_norm": layer.gradient_norm,
            }
            for layer in step.layers
        ],
        "outputs": step.layers[-1].a[0].tolist(),
        "temperature": story.temperature,
        "probabilities": _by_class(story, story.probabilities),
        "prediction": _by_class(story, step.prediction[0]),
        "prediction_minus_target": _by_class(story, step.prediction[0] - step.target[0]),
        "weight_changes": [
            dataclasses.asdict(each) for each in strongest_changes(story, MOST_WEIGHTS)
        ],
        "score": story.score,
        "for_the_label": story.for_the_label.tolist(),
        "learning_rate": step.learning_rate,
        "loss": step.loss,
        "loss_after": step.loss_after,
        "probabilities_after": _by_class(story, story.probabilities_after),
    }


def _sections(story: "PictureStory") -> Iterator[Section]:
    step, names = story.step, story.class_names
    yield Section("What it saw", image=story.pixels / 255.0)
    yield Section("Layer by layer")
    for layer in step.layers[:-1]:
        active = int(np.count_nonzero(layer.a > 0))
        yield Section(
            f"Layer {layer.number}, {layer.activation}",
            3,
            words=f"{active} of {layer.a.shape[1]} units are above 0: {_levels(layer.a[0])}",
            quantities=[Quantity("a", subscript("a", layer.number), layer.a)],
        )
    outputs, p = step.layers[-1].a[0], story.probabilities
    yield Section(
        "What it says",
        words=f"It takes the picture for {names[story.predicted]}.{_of_temperature(story)}",
        rows=[
            ["class", "output", "probability"],
            *([name, f"{z:.4f}", percent(q)] for name, z, q in zip(names, outputs, p, strict=True)),
        ],
    )
    yield Section(
        "What each output should do",
        words=f"The target t is {_target(story)}; p is what the loss holds against it. The "
        "arrow is as long as p is away from t.",
        rows=[
            ["class", "p − t", "should go"],
            *(
                [name, f"{held - wanted:+.4f}", _arrow(float(wanted - held))]
                for name, held, wanted in zip(
                    names, step.prediction[0], step.target[0], strict=True
                )
            ),
        ],
    )
    yield Section(
        "The weights that one step would change most",
        words="In the last layer, by −η ∂L/∂W; those of the strongest units, to the outputs that "
        "are furthest off.",
        rows=list(_weight_rows(story)),
    )
    yield _pixels(story)
    yield Section(
        "How much each layer would learn",
        rows=[
            ["layer", "weights", "norm of ∂L/∂W"],
            *(
                [
                    str(layer.number),
                    " × ".join(map(str, layer.W.value.shape)),
                    f"{layer.gradient_norm:.4e}",
                ]
                for layer in step.layers
            ),
        ],
    )
    yield Section(
        "After one step of SGD",
        words=f"On this picture alone, with learning rate {step.learning_rate:g}; the loss goes "
        f"from {number(step.loss)} to {number(step.loss_after)}. The checkpoint stays as it is.",
        rows=[
            ["class", "before", "after"],
            *(
                [name, percent(q), percent(r)]
                for name, q, r in zip(names, p, story.probabilities_after, strict=True)
            ),
        ],
    )


def _of_temperature(story: "PictureStory") -> str:
    if story.temperature == 1:
        return ""
    return (
        f" Its probabilities are those of the outputs divided by the run's temperature, "
        f"{story.temperature:.3f}; p, t and the loss below know nothing of that."
    )


def _target(story: "PictureStory") -> str:
    t, label = story.step.target[0], story.label
    own = f"{t[label]:.4g} for the class {story.class_names[label]}"
    if np.array_equal(t, story.step.t[0]):
        return f"{own} and 0 for the others"
    return f"smoothed, as the loss asks: {own} and {t.min():.4g} for the others"


def _pixels(story: "PictureStory") -> Section:
    label = story.class_names[story.label]
    largest = float(np.abs(story.for_the_label).max())
    return Section(
        f"Which pixels speak for {label}",
        words=f"∂ {story.score}/∂x at each pixel, with the {story.score} of {label}: more ink "
        f"speaks for {label} where it is positive (in text + strong, ' weak; on a page red) and "
        "against it where it is negative (- strong, . weak; blue). The strongest is "
        f"{largest:.2e}.",
        image=story.for_the_label / (largest or 1.0),
        is_signed=True,
    )


def _weight_rows(story: "PictureStory") -> Iterator[list[str]]:
    from mlpcli.explaining.prediction import strongest_changes

    came_from = "unit" if len(story.step.layers) > 1 else "pixel"
    yield ["from", "activation", "to class", "change"]
    for each in strongest_changes(story, MOST_WEIGHTS):
        yield [
            f"{came_from} {each.unit}",
            f"{each.activation:.4f}",
            each.class_name,
            f"{each.change:+.3e}",
        ]


def _by_class(story: "PictureStory", values: "Array") -> dict[str, float]:
    return dict(zip(story.class_names, values.tolist(), strict=True))


def _arrow(way: float) -> str:
    """Return a way from -1 to 1 as an arrow, of one sign at least unless it is nearly 0."""
    length = round(min(abs(way), 1) * LONGEST_ARROW)
    sign = "↑" if way > 0 else "↓"
    return sign * max(1, length) if abs(way) >= 5e-5 else "stay"


def _levels(a: "Array") -> str:
    """Return each activation as a bar, from the smallest, or 0, to the largest."""
    low = min(0.0, float(a.min()))
    height = (float(a.max()) - low) or 1.0
    return "".join(LEVELS[round((float(v) - low) / height * (len(LEVELS) - 1))] for v in a)
