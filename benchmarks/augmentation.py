"""Measures augmentation: `python benchmarks/augmentation.py`.

Seconds for one epoch of distortion of 60,000 images of 28×28, by kind, on one core: the process
stays on one where the system lets it, and each matrix product on one thread.
"""

import argparse
import os
import time

import numpy as np
from threadpoolctl import threadpool_limits

from mlpcli.config.schema.augmentation import AugmentationConfig
from mlpcli.config.schema.data import Interpolation
from mlpcli.data.augmentation import Augmenter

IMAGES = 60_000
AFFINE = {"shift": 2, "rotation": 12, "scale": 0.12, "shear": 0.15}
ELASTIC = {"elastic": {"alpha": 34, "sigma": 4}}
OTHERS = {"thickness": {"thickness": 0.5}, "noise": {"noise": 0.1}, "erase": {"erase": {}}}
KINDS = {
    "affine": AFFINE,
    "elastic": ELASTIC,
    "affine and elastic": AFFINE | ELASTIC,
    **OTHERS,
    "all": AFFINE | ELASTIC | OTHERS["thickness"] | OTHERS["noise"] | OTHERS["erase"],
}


def seconds(settings: dict, interpolation: Interpolation, repeats: int) -> float:
    """The fastest pass, in the random order in which training asks for images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, 784), dtype=np.uint8)
    order = rng.permutation(IMAGES)
    out = np.empty_like(images)
    augmenter = Augmenter(
        AugmentationConfig.model_validate(settings), (28, 28), seed=1, interpolation=interpolation
    )
    passes = []
    for epoch in range(1, repeats + 1):
        started = time.perf_counter()
        augmenter.apply(images, order, epoch, out)
        passes.append(time.perf_counter() - started)
    return min(passes)


def main() -> None:
    """Measure each kind and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print("| kind | seconds for 60,000 images |\n| --- | --- |")
    with threadpool_limits(1, user_api="blas"):
        for kind, settings in KINDS.items():
            show(kind, seconds(settings, "bilinear", options.repeats))
        show("affine and elastic, bicubic", seconds(AFFINE | ELASTIC, "bicubic", options.repeats))


def show(kind: str, pass_seconds: float) -> None:
    """Print a line of the table."""
    print(f"| {kind} | {pass_seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
