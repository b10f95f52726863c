"""A trained network's numbers, as a page holds them."""

import base64
import dataclasses
from typing import Any

import numpy as np

from mlpcli.config.class_names import NO_DIGIT, NO_DIGIT_ODDS, REFUSED_FROM
from mlpcli.data.shaping import Shaping
from mlpcli.inference.model import Model
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.losses import Loss
from mlpcli.nn.network import MLP


def rounded(model: Model) -> Model:
    """Return the model with parameters of half precision, or unchanged if one would overflow."""
    theta = model.network.theta
    if not np.abs(theta).max() <= np.finfo(np.float16).max:
        return model
    half = theta.astype(np.float16).astype(theta.dtype)
    return dataclasses.replace(model, network=model.network.with_parameters(half))


def network_facts(model: Model) -> dict[str, Any]:
    """Return what a page must know of a network of images.

    Each layer's W (n_in, n_out) and b (n_out,) are little-endian bytes in base64, of half precision
    if that is exact, else of single precision.
    """
    network = model.network
    with np.errstate(over="ignore"):
        is_half = np.array_equal(network.theta.astype(np.float16), network.theta)
    dtype = "<f2" if is_half else "<f4"
    shaping = Shaping.from_settings(model.config["data"])
    return {
        "sizes": network.sizes,
        "activations": network.activations,
        "dtype": "float16" if is_half else "float32",
        "layers": [
            {"W": _base64(each.W, dtype), "b": _base64(each.b, dtype)} for each in network.dense
        ],
        "loss": model.config["loss"],
        "formulas": formulas(network, model.loss),
        "temperature": model.temperature,
        "normalization": dataclasses.asdict(model.normalization),
        "shaping": dataclasses.asdict(shaping),
        "image_shape": model.image_shape,
        "preparation": model.preparation,
        "class_names": model.output_names,
        "no_digit": model.output_names.index(NO_DIGIT) if model.refuses else None,
        "no_digit_odds": NO_DIGIT_ODDS,
        "refused_from": REFUSED_FROM,
        "learning_rate": learning_rate(model.config),
    }


def formulas(network: MLP, loss: Loss) -> dict[str, Any]:
    """Return the formulae of a network's activations and of its loss, for people to read."""
    return {
        "activations": {name: ACTIVATIONS[name].formula for name in network.activations},
        "loss": loss.formula,
        "delta": loss.delta_formula,
        "prediction": loss.prediction_formula,
        "target": loss.target_formula,
        "unit": loss.unit,
    }


def learning_rate(config: dict[str, Any]) -> float:
    """Return η of a checkpoint's config, which may be unchecked; 0.1 where it has none."""
    try:
        found = float(config["optimizer"]["learning_rate"])
    except (KeyError, TypeError, ValueError):
        return 0.1
    return found if 0 < found < 1e6 else 0.1


def _base64(array: Array, dtype: str) -> str:
    return base64.b64encode(array.astype(dtype).tobytes()).decode()
