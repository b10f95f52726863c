"""A trained network as a NumPy archive: the numbers and names that computing it needs.

`docs/export.md` lists the arrays, and computes a network from them.
"""

import io
from dataclasses import asdict
from typing import Any

import numpy as np

from mlpcli.inference.exporting.exported import Exported


def to_bytes(exported: Exported, dtype: np.dtype[Any] | None = None) -> bytes:
    """Return the content of an .npz file, with its parameters rounded to `dtype` if one is given.

    No array has Python objects, so `numpy.load` reads all of them without `allow_pickle`.
    """
    file = io.BytesIO()
    np.savez(file, **_arrays(exported, dtype or exported.network.dtype))
    return file.getvalue()


def _arrays(exported: Exported, dtype: np.dtype[Any]) -> dict[str, Any]:
    checkpoint, network, shaping = exported.checkpoint, exported.network, exported.shaping
    arrays: dict[str, Any] = {}
    for i, dense in enumerate(network.dense):
        arrays[f"layers.{i}.weight"] = dense.W.T.astype(dtype)
        arrays[f"layers.{i}.bias"] = dense.b.astype(dtype)
    arrays |= {
        "activations": network.activations,
        "mean": checkpoint.normalization.mean,
        "std": checkpoint.normalization.std,
        "image_shape": checkpoint.image_shape,
        "class_names": checkpoint.class_names,
        "loss": checkpoint.config["loss"]["name"],
        "temperature": checkpoint.temperature,
        "checkpoint_sha256": exported.sha256,
    }
    if not checkpoint.target_normalization.changes_nothing:
        arrays["target_mean"] = checkpoint.target_normalization.mean
        arrays["target_std"] = checkpoint.target_normalization.std
    if shaping.changes_images:
        arrays |= {name: value for name, value in asdict(shaping).items() if value is not None}
    return {name: np.asarray(value) for name, value in arrays.items()}


def left_out(exported: Exported) -> str:
    """Return what such a file cannot hold, as a sentence."""
    parts = ["how its numbers are computed with (docs/export.md shows it)"]
    if exported.shaping.changes_images:
        parts.append("how each digit is shaped first (data.deslant, data.digit_width)")
    return f"An .npz file cannot say {', nor '.join(parts)}."
