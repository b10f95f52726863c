"""Checkpoints that no training leaves, and no check of a file refuses."""

import dataclasses
from pathlib import Path

from mlpcli.storage.checkpoint import load_checkpoint, save_checkpoint


def save_huge(source: Path, path: Path, factor: float, temperature: float = 1.0) -> Path:
    """Write a run's best network with the weights of its last layer multiplied by `factor`.

    Its hidden units are made active for every image.
    """
    checkpoint = load_checkpoint(source / "weights" / "best.safetensors")
    checkpoint.network.dense[0].b[...] += 50
    checkpoint.network.dense[-1].W[...] *= factor
    save_checkpoint(path, dataclasses.replace(checkpoint, temperature=temperature))
    return path
