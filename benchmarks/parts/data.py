"""The images, laid where every contestant finds them."""

import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from mlpcli.config.loading import load_config
from mlpcli.data.dataset import Dataset
from mlpcli.data.loading import DataLoader
from mlpcli.data.published.cache import data_directory
from mlpcli.reporting import Reporter
from parts.settings import Settings

PARTS = ("train", "test")


def write_data(settings: Settings) -> None:
    """Write the images and labels as .npy for the others and as IDX for mlpcli."""
    config = load_config({"data": _sizes(settings) | {"dataset": settings.dataset}})
    loader = DataLoader(config.data, config.seed, data_directory(), Reporter())
    training, _ = loader.training_and_validation()
    for part, data in zip(PARTS, (training, loader.test(training.class_names)), strict=True):
        np.save(settings.folder / f"{part}_images.npy", data.images)
        np.save(settings.folder / f"{part}_labels.npy", data.labels.astype(np.int64))
        _write_idx(settings.folder, part, data)


def data_section(settings: Settings) -> dict:
    """The same images in a config: MNIST from mlpcli's cache, synthetic ones from files."""
    if settings.dataset == "mnist":
        return _sizes(settings) | {"dataset": "mnist"}
    files = {
        f"{part}_{kind}": str(settings.folder / f"{part}_{kind}.idx")
        for part in PARTS
        for kind in ("images", "labels")
    }
    return {"dataset": "idx", "files": files, "validation": 0}


def overrides(settings: Settings) -> list[str]:
    """What makes a shipped config of MNIST train on the same images: nothing if they are all."""
    if settings.dataset == "mnist" and not settings.quick:
        return []
    return [f"data.{key}={json.dumps(value)}" for key, value in data_section(settings).items()]


def write_picture(folder: Path, digit: int) -> Path:
    """A typical image of a digit as a PNG file: of the test images, the nearest to their mean."""
    images, labels = (np.load(folder / f"test_{kind}.npy") for kind in ("images", "labels"))
    own = images[labels == digit].astype(np.float64)
    distance = ((own - own.mean(axis=0)) ** 2).sum(axis=1)
    path = folder / "digit.png"
    Image.fromarray(own[distance.argmin()].astype(np.uint8).reshape(28, 28)).save(path)
    return path


def _sizes(settings: Settings) -> dict:
    return {
        "train_size": settings.train_size,
        "test_size": settings.test_size,
        "validation": 0,
    }


def _write_idx(folder: Path, part: str, data: Dataset) -> None:
    n = len(data)
    images = struct.pack(">4I", 0x803, n, *data.image_shape) + data.images.tobytes()
    labels = struct.pack(">2I", 0x801, n) + data.labels.astype(np.uint8).tobytes()
    (folder / f"{part}_images.idx").write_bytes(images)
    (folder / f"{part}_labels.idx").write_bytes(labels)
