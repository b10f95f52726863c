"""What every contestant shares: its arguments, its data and the form of its answer."""

import argparse
import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LEARNING_RATE = 0.01
MOMENTUM = 0.9


@dataclass(frozen=True)
class Task:
    """Train a network of these sizes, He start, ReLU, softmax cross-entropy, momentum SGD."""

    sizes: list[int]
    batch_size: int
    epochs: int
    """timed, after one that warms up"""
    samples: int
    """an epoch; the first of the training images"""
    folder: Path
    seed: int
    """of the starting weights and of the order of the images"""

    def images(self, part: str) -> np.ndarray:
        """(N, 784) float32, standardised; part is "train" or "test"."""
        return standardised(self.pixels(part))

    def pixels(self, part: str) -> np.ndarray:
        """(N, 784) uint8."""
        return self._first(np.load(self.folder / f"{part}_images.npy"), part)

    def labels(self, part: str) -> np.ndarray:
        """(N,) int64."""
        return self._first(np.load(self.folder / f"{part}_labels.npy"), part)

    def _first(self, array: np.ndarray, part: str) -> np.ndarray:
        return array[: self.samples] if part == "train" else array


def standardised(images: np.ndarray) -> np.ndarray:
    """MNIST's own mean and standard deviation, so that every contestant sees the same numbers."""
    x = images.astype(np.float32)
    x -= 33.318
    x /= 78.567
    return x


def starting_weights(sizes: list[int], seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """He et al. 2015, biases 0: [(W (n_in, n_out), b (n_out,)), ...] float32."""
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(0, (2 / a) ** 0.5, (a, b)).astype(np.float32), np.zeros(b, np.float32))
        for a, b in itertools.pairwise(sizes)
    ]


def task_from_arguments() -> Task:
    """What the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=lambda text: [int(n) for n in text.split("-")])
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    return Task(**vars(parser.parse_known_args()[0]))


def contest(train: Callable[[Task], tuple[list[float], float | None]]) -> None:
    """Run `train` on the task, and print its seconds an epoch and test accuracy as JSON."""
    seconds, accuracy = train(task_from_arguments())
    json.dump({"seconds": seconds, "accuracy": accuracy}, sys.stdout)
