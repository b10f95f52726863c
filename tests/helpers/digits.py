"""Small images for tests: bars in three places, in noise."""

from pathlib import Path

import numpy as np

from helpers.mirrors import idx

HEIGHT, WIDTH, CLASSES = 6, 5, 3


def bars_dataset(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 6, 5) with two bright rows at the top, in the middle or below; labels (n,)."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % CLASSES).astype(np.uint8)
    images = rng.integers(0, 120, (n, HEIGHT, WIDTH), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += 100
    return images, labels


def write_bars(folder: Path, train: int = 150, test: int = 60) -> Path:
    """Write the four IDX files and a config that trains on them; returns the config's path."""
    folder.mkdir()
    for name, n, seed in (("train", train, 0), ("test", test, 1)):
        images, labels = bars_dataset(n, seed)
        (folder / f"{name}-images").write_bytes(idx(images))
        (folder / f"{name}-labels").write_bytes(idx(labels))
    config = folder / "bars.yaml"
    config.write_text(
        """
data:
  dataset: idx
  files:
    train_images: train-images
    train_labels: train-labels
    test_images: test-images
    test_labels: test-labels
  validation: 30
network: {hidden: [8]}
optimizer: {name: momentum, learning_rate: 0.05}
training: {epochs: 4, batch_size: 16, pictures: false}
"""
    )
    return config
