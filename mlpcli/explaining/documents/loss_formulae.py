"""A loss and its derivative as they are written, by the symbol of the network's output."""

from typing import TYPE_CHECKING

from mlpcli.explaining.symbols import subscript

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.explaining.trace import StepTrace


def output_symbol(step: "StepTrace") -> str:
    """Of what the last layer hands on."""
    last = step.layers[-1]
    return subscript("z" if last.activation == "identity" else "a", last.number)


def probability_formula(config: "Config", output: str) -> str:
    """What the loss makes of the output before it judges it; empty where that is nothing."""
    match config.loss.name:
        case "cross_entropy":
            return f"p = softmax({output})    pⱼ = exp(zⱼ) / Σ exp(z)"
        case "binary_cross_entropy":
            return f"p = 1 / (1 + exp(−{output}))"
        case _:
            return ""


def loss_formula(config: "Config", output: str) -> str:
    """One example's loss."""
    match config.loss.name:
        case "cross_entropy":
            return f"L = −Σ {_target(config)} log p{smoothed_target(config)}"
        case "binary_cross_entropy":
            return "L = −Σ (t log p + (1 − t) log(1 − p))"
        case "mse":
            return f"L = Σ ({output} − t)² / n"
        case "quadratic":
            return f"L = ½ Σ ({output} − t)²"


def error_formula(config: "Config", output: str) -> str:
    """The derivative of one example's loss with respect to the output."""
    return {
        "cross_entropy": f"p − {_target(config)}",
        "binary_cross_entropy": "p − t",
        "mse": f"2 ({output} − t) / n",
        "quadratic": f"{output} − t",
    }[config.loss.name]


def _target(config: "Config") -> str:
    """What cross-entropy compares with: with label smoothing, t′ instead of t."""
    return "t′" if getattr(config.loss, "label_smoothing", 0) else "t"


def smoothed_target(config: "Config") -> str:
    """What t′ is; empty without label smoothing."""
    smoothing = getattr(config.loss, "label_smoothing", 0)
    return f"    t′ = (1 − {smoothing:g}) t + {smoothing:g} / n" if smoothing else ""
