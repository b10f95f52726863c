"""The steps of a training as a report: each formula with its shapes and its numbers."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpcli.cli.document import (
    BY_DIFFERENCES,
    MOST_COLUMNS,
    MOST_NUMBERS,
    Document,
    Quantity,
    Section,
    by,
    subscript,
)
from mlpcli.cli.text import count
from mlpcli.nn.gradcheck import KINKED

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.training.trace import LayerTrace, StepTrace

ACTIVATION_FORMULAE = {
    "sigmoid": "σ(z) = 1 / (1 + exp(−z))    σ′(z) = σ(z) (1 − σ(z))",
    "tanh": "σ(z) = tanh(z)    σ′(z) = 1 − a²",
    "relu": "σ(z) = max(0, z)    σ′(z) = 1 if z > 0, 0 else",
    "leaky_relu": "σ(z) = max(0.01 z, z)    σ′(z) = 1 if z > 0, 0.01 else",
    "elu": "σ(z) = z if z > 0, exp(z) − 1 else    σ′(z) = 1 if z > 0, a + 1 else",
    "gelu": "σ(z) = z Φ(z)    σ′(z) = Φ(z) + z φ(z)",
    "silu": "σ(z) = z / (1 + exp(−z))",
    "softplus": "σ(z) = log(1 + exp(z))    σ′(z) = 1 / (1 + exp(−z))",
}
OPTIMIZER_FORMULAE = {
    "sgd": "θ ← θ − η g",
    "momentum": "v ← μ v − η g    θ ← θ + v",
    "nesterov": "v ← μ v − η g    θ ← θ + μ v − η g",
}


def step_document(
    config: "Config", first: "StepTrace", losses: Sequence[float], last: "StepTrace"
) -> Document:
    """The first step in full; of the others the loss, and what the last one left.

    Args:
        config: of the run.
        first: its first step.
        losses: before each step, and after the last.
        last: the last step.
    """
    network = "-".join(str(n) for n in _sizes(first))
    document = Document(f"Training {config.name or 'a network'}, step by step")
    large = any(not each.is_small for part in _forward(config, first) for each in part.quantities)
    small = first.layers[0].numerical_dW is not None
    document.sections = [
        Section(
            "The network",
            words=f"{network}, {config.dtype}; loss {config.loss.name}; {config.optimizer.name} "
            f"with learning rate {first.learning_rate:g}; {count(len(first.x), 'example')} a step. "
            "Every array has a row for each example." + LARGE * large,
        ),
        Section("Forward"),
        *_forward(config, first),
        Section(
            "Backward",
            words=KINK if _is_at_a_kink(first) else DIFFERENCES if small else NO_DIFFERENCES,
        ),
        *_backward(config, first),
        Section("Update"),
        *_update(config, first),
    ]
    if len(losses) > 2:
        document.sections += _further(losses, last)
    return document


LARGE = (
    f" Arrays of more than {MOST_NUMBERS} numbers or {MOST_COLUMNS} columns are told by their"
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


def _is_at_a_kink(step: "StepTrace") -> bool:
    return any(
        layer.activation in KINKED and bool(np.any(np.abs(layer.z) < 1e-4))
        for layer in step.layers
        if layer.numerical_dW is not None
    )


def step_facts(
    config: "Config", first: "StepTrace", losses: Sequence[float], last: "StepTrace"
) -> dict[str, Any]:
    """The same for JSON, with every digit."""
    return {
        "config": config.name,
        "network": _sizes(first),
        "dtype": config.dtype,
        "loss_name": config.loss.name,
        "optimizer": config.optimizer.name,
        "learning_rate": first.learning_rate,
        "forward": [part.facts() for part in _forward(config, first)],
        "backward": [part.facts() for part in _backward(config, first)],
        "update": [part.facts() for part in _update(config, first)],
        "relative_errors": [layer.relative_error for layer in first.layers],
        "loss": first.loss,
        "loss_after": first.loss_after,
        "losses": list(losses),
        "parameters": {
            each.name: each.facts() for layer in last.layers for each in _new_parameters(layer)
        },
    }


def _sizes(step: "StepTrace") -> list[int]:
    return [step.x.shape[1], *(len(layer.b) for layer in step.layers)]


def _activation_in(number: int) -> str:
    return "x" if number == 1 else subscript("a", number - 1)


def _forward(config: "Config", step: "StepTrace") -> Iterator[Section]:
    yield Section(
        "The example" if len(step.x) == 1 else "The examples",
        3,
        quantities=[Quantity("x", "x", step.x), Quantity("t", "t", step.t)],
    )
    for layer in step.layers:
        n, a = layer.number, _activation_in(layer.number)
        z, W, b = subscript("z", n), subscript("W", n), subscript("b", n)
        yield Section(
            f"Layer {n}: the weighted sum",
            3,
            formula=f"{z} = {a} {W} + {b}",
            shapes=f"{by((len(step.x), len(layer.W)))} {by(layer.W.shape)} + {by(layer.b.shape)}"
            f" → {by(layer.z.shape)}",
            quantities=[
                Quantity(f"W{n}", W, layer.W),
                Quantity(f"b{n}", b, layer.b),
                Quantity(f"z{n}", z, layer.z),
            ],
        )
        if layer.activation != "identity":
            yield Section(
                f"Layer {n}: the activation, {layer.activation}",
                3,
                formula=f"{subscript('a', n)} = σ({z})    {ACTIVATION_FORMULAE[layer.activation]}",
                shapes=f"{by(layer.z.shape)} → {by(layer.a.shape)}",
                quantities=[Quantity(f"a{n}", subscript("a", n), layer.a)],
            )
    output = _output(step)
    if config.loss.name == "cross_entropy":
        yield Section(
            "The probabilities",
            3,
            formula=f"p = softmax({output})    pⱼ = exp(zⱼ) / Σ exp(z)",
            shapes=f"{by(step.t.shape)} → {by(step.t.shape)}",
            quantities=[Quantity("p", "p", step.probabilities)],
        )
    yield Section(
        "The loss",
        3,
        formula=_loss_formula(config, output),
        shapes="mean over the examples" if len(step.x) > 1 else "",
        quantities=[Quantity("loss", "L", np.array([step.loss]))],
    )


def _output(step: "StepTrace") -> str:
    last = step.layers[-1]
    return subscript("z" if last.activation == "identity" else "a", last.number)


def _loss_formula(config: "Config", output: str) -> str:
    match config.loss.name:
        case "cross_entropy":
            return f"L = −Σ {_target(config)} log p{_smoothed(config)}"
        case "binary_cross_entropy":
            return f"L = −Σ (t log σ({output}) + (1 − t) log(1 − σ({output})))"
        case "mse":
            return f"L = Σ ({output} − t)² / n"
        case "quadratic":
            return f"L = ½ Σ ({output} − t)²"


def _target(config: "Config") -> str:
    """What cross-entropy compares with: with label smoothing, t′ instead of t."""
    return "t′" if getattr(config.loss, "label_smoothing", 0) else "t"


def _smoothed(config: "Config") -> str:
    smoothing = getattr(config.loss, "label_smoothing", 0)
    return f"    t′ = (1 − {smoothing:g}) t + {smoothing:g} / n" if smoothing else ""


def _error_formula(config: "Config", output: str) -> str:
    """The derivative of one example's loss with respect to the output."""
    return {
        "cross_entropy": f"p − {_target(config)}",
        "binary_cross_entropy": f"σ({output}) − t",
        "mse": f"2 ({output} − t) / n",
        "quadratic": f"{output} − t",
    }[config.loss.name]


def _backward(config: "Config", step: "StepTrace") -> Iterator[Section]:
    several = len(step.x) > 1
    for layer in reversed(step.layers):
        n, a = layer.number, _activation_in(layer.number)
        is_last = layer is step.layers[-1]
        delta, da = subscript("δ", n), "∂L/∂" + subscript("a", n)
        if is_last:
            error = _error_formula(config, _output(step))
            error = f"({error}) / B" if several else error
        else:
            error = f"{subscript('δ', n + 1)} {subscript('W', n + 1)}ᵀ"
        of_z = "∂L/∂" + subscript("z", n)
        if layer.activation == "identity":
            formula = f"{delta} = {of_z} = {error}"
            quantities = [Quantity(f"delta{n}", delta, layer.delta)]
        else:
            slope = f"σ′({subscript('z', n)})"
            formula = f"{da} = {error}    {delta} = {of_z} = {da} ⊙ {slope}"
            quantities = [
                Quantity(f"da{n}", da, layer.da),
                Quantity(f"slope{n}", slope, layer.slope),
                Quantity(f"delta{n}", delta, layer.delta),
            ]
        where = "where the error begins" if is_last else "the error sent back"
        yield Section(
            f"Layer {n}: {where}",
            3,
            formula=formula,
            shapes=by(layer.delta.shape)
            if is_last
            else f"{by((len(step.x), step.layers[n].W.shape[1]))} "
            f"{by(step.layers[n].W.T.shape)} → {by(layer.delta.shape)}",
            quantities=quantities,
        )
        yield _gradient(layer, a, len(step.x))
        if layer.W.size == len(step.x) == 1 and layer.activation != "identity":
            yield _three_factors(layer, a, step)


def _gradient(layer: "LayerTrace", a: str, examples: int) -> Section:
    n = layer.number
    dW, db = "∂L/∂" + subscript("W", n), "∂L/∂" + subscript("b", n)
    quantities = [Quantity(f"dW{n}", dW, layer.dW)]
    words = ""
    if layer.numerical_dW is not None:
        quantities.append(Quantity(f"numerical_dW{n}", BY_DIFFERENCES, layer.numerical_dW))
    quantities.append(Quantity(f"db{n}", db, layer.db))
    if layer.numerical_db is not None:
        quantities.append(Quantity(f"numerical_db{n}", BY_DIFFERENCES, layer.numerical_db))
        words = f"Relative error against the differences: {layer.relative_error:.1e}."
    return Section(
        f"Layer {n}: the gradient",
        3,
        words=words,
        formula=f"{dW} = {a}ᵀ {subscript('δ', n)}    {db} = Σ {subscript('δ', n)}",
        shapes=f"{by((len(layer.W), examples))} {by(layer.delta.shape)} → {by(layer.dW.shape)}"
        f"    sum over the examples → {by(layer.db.shape)}",
        quantities=quantities,
    )


def _three_factors(layer: "LayerTrace", a: str, step: "StepTrace") -> Section:
    n = layer.number
    came_in = step.x if n == 1 else step.layers[n - 2].a
    return Section(
        f"Layer {n}: the same as a product of three factors",
        3,
        formula=f"∂L/∂{subscript('W', n)} = ∂{subscript('z', n)}/∂{subscript('W', n)} "
        f"∂{subscript('a', n)}/∂{subscript('z', n)} ∂L/∂{subscript('a', n)} = "
        f"{a} σ′({subscript('z', n)}) ∂L/∂{subscript('a', n)}",
        quantities=[
            Quantity(f"factor_a{n - 1}", a, came_in),
            Quantity(f"factor_slope{n}", f"σ′({subscript('z', n)})", layer.slope),
            Quantity(f"factor_da{n}", "∂L/∂" + subscript("a", n), layer.da),
            Quantity(f"product{n}", "product", came_in * layer.slope * layer.da),
        ],
    )


def _update(config: "Config", step: "StepTrace") -> Iterator[Section]:
    decay = config.optimizer.weight_decay
    formula = OPTIMIZER_FORMULAE.get(config.optimizer.name, "")
    momentum = getattr(config.optimizer, "momentum", None)
    yield Section(
        f"The step, {config.optimizer.name}",
        3,
        words=f"η = {step.learning_rate:g}"
        + (f", μ = {momentum:g}, v = 0 at first" if momentum is not None else "")
        + (f", g = ∂L/∂θ + {decay:g} W for weights" if decay else ", g = ∂L/∂θ"),
        formula=formula,
        quantities=[each for layer in step.layers for each in _new_parameters(layer)],
    )
    yield Section(
        "The loss after it",
        3,
        words=f"{step.loss:.6f} before, {step.loss_after:.6f} after.",
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
                    " × ".join(map(str, layer.W.shape)),
                    f"{float(np.linalg.norm(layer.dW)):.4e}",
                    "not taken" if layer.relative_error is None else f"{layer.relative_error:.1e}",
                ]
                for layer in step.layers
            ),
        ],
    )


def _new_parameters(layer: "LayerTrace") -> list[Quantity]:
    n = layer.number
    return [
        Quantity(f"new_W{n}", subscript("W", n), layer.new_W),
        Quantity(f"new_b{n}", subscript("b", n), layer.new_b),
    ]


MOST_LOSSES = 20


def _further(losses: Sequence[float], last: "StepTrace") -> Iterator[Section]:
    steps = len(losses) - 1
    shown = sorted({round(i * steps / MOST_LOSSES) for i in range(MOST_LOSSES + 1)})
    yield Section(
        f"After {count(steps, 'step')}",
        rows=[["steps done", "loss"], *([f"{i:,}", f"{losses[i]:.6f}"] for i in shown)],
        quantities=[each for layer in last.layers for each in _new_parameters(layer)],
    )
