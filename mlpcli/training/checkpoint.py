"""Checkpoints: a network, its optimizer and all that is needed to use or go on training them.

One `.safetensors` file: numbers and text, nothing that could run. The tensors are named and shaped
as `torch.nn.Linear` does it, so any framework reads them: `layers.0.weight` (n_out, n_in),
`layers.0.bias` (n_out,), and so on, with the optimizer's vectors under `optimizer.`. The metadata
is text: FORMAT_VERSION, the run's whole config, and a SHA-256 over everything else in the file.

Nothing in a file is believed: the hash, the exact set of names, each shape against the network that
the config describes, and that every number is finite, are all checked before any is used.
"""

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mlpcli.data.batches import Normalization
from mlpcli.errors import CheckpointError
from mlpcli.files import write_bytes
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import MLP
from mlpcli.training.building import build_loss
from mlpcli.training.watch import Watch

FORMAT_VERSION = 1
DTYPES = {"F32": np.dtype(np.float32), "F64": np.dtype(np.float64)}


@dataclass(frozen=True)
class Checkpoint:
    """What one file holds."""

    network: MLP
    optimizer: Mapping[str, Array]
    """the optimizer's vectors, as its `state()` names them"""
    config: dict[str, Any]
    """the run's resolved config"""
    epoch: int
    """how many epochs the weights have been trained for"""
    watches: Mapping[str, Watch | None]
    """what the run knew of its best epochs when this was saved"""
    normalization: Normalization
    image_shape: tuple[int, int]
    class_names: tuple[str, ...]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`, whole or not at all.

    Raises:
        WriteError: it could not be written.
    """
    write_bytes(path, to_bytes(checkpoint))


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The content of the file."""
    tensors = _tensors(checkpoint)
    metadata = {
        "format": "mlpcli",
        "format_version": str(FORMAT_VERSION),
        "config": json.dumps(checkpoint.config),
        "progress": json.dumps(
            {
                "epoch": checkpoint.epoch,
                "watches": {
                    name: watch and dataclasses.asdict(watch)
                    for name, watch in checkpoint.watches.items()
                },
            }
        ),
        "normalization": json.dumps(
            {"mean": checkpoint.normalization.mean, "std": checkpoint.normalization.std}
        ),
        "image_shape": json.dumps(checkpoint.image_shape),
        "class_names": json.dumps(checkpoint.class_names),
    }
    metadata["sha256"] = _digest(tensors, metadata)
    return _with_sorted_header(save(tensors, metadata))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and check all of it.

    Raises:
        CheckpointError: there is none at `path`, or it is not one, or it was altered.
    """
    tensors, metadata = _read(path)
    if metadata.get("format") != "mlpcli":
        raise CheckpointError(
            f"{path}: a safetensors file, but not a checkpoint of mlpcli; give a file that "
            "`mlpcli train` wrote."
        )
    version = metadata.get("format_version", "")
    if version != str(FORMAT_VERSION):
        raise CheckpointError(
            f"{path}: written in format {version!r}, and this version of mlpcli reads "
            f"{FORMAT_VERSION}; use the version of mlpcli that wrote it, or a newer one."
        )
    if metadata.get("sha256") != _digest(tensors, metadata):
        raise CheckpointError(
            f"{path}: altered since it was written (its SHA-256 does not match); use another "
            "checkpoint, or train again."
        )
    try:
        return _assemble(tensors, metadata)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise CheckpointError(
            f"{path}: its contents do not describe a network ({error}); use another checkpoint."
        ) from error


def _read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Every tensor and the metadata, of a dtype a network can have."""
    try:
        with path.open("rb"), safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 (not a dict)
                if file.get_slice(name).get_dtype() not in DTYPES:
                    raise CheckpointError(f"{path}: {name} is neither float32 nor float64.")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path}: no such checkpoint; `mlpcli train` makes one (runs/NAME/weights/)."
        ) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: not a checkpoint, or cut short ({error}); use another, or train again."
        ) from error


def _assemble(tensors: dict[str, Array], metadata: dict[str, str]) -> Checkpoint:
    config = json.loads(metadata["config"])
    progress = json.loads(metadata["progress"])
    height, width = map(int, json.loads(metadata["image_shape"]))
    class_names = tuple(map(str, json.loads(metadata["class_names"])))
    scale = json.loads(metadata["normalization"])
    normalization = Normalization(mean=float(scale["mean"]), std=float(scale["std"]))
    if min(height, width) < 1:
        raise ValueError(f"images of {height}×{width} pixels")
    if not (math.isfinite(normalization.mean) and 0 < normalization.std < math.inf):
        raise ValueError(f"{normalization}")
    if len(set(class_names)) < len(class_names):
        raise ValueError("two classes of one name")
    checkpoint = Checkpoint(
        network=_empty_network(config, height * width, len(class_names), tensors),
        optimizer={
            name.removeprefix("optimizer."): tensor
            for name, tensor in tensors.items()
            if name.startswith("optimizer.")
        },
        config=config,
        epoch=int(progress["epoch"]),
        watches={
            name: Watch(**watch) if watch else None for name, watch in progress["watches"].items()
        },
        normalization=normalization,
        image_shape=(height, width),
        class_names=class_names,
    )
    _check_tensors(tensors, checkpoint)
    for i, layer in enumerate(checkpoint.network.dense):
        layer.W[...] = tensors[f"layers.{i}.weight"].T
        layer.b[...] = tensors[f"layers.{i}.bias"]
    return checkpoint


def _empty_network(config: dict[str, Any], n_in: int, n_out: int, tensors: dict[str, Array]) -> MLP:
    """A network as the config describes it, refused before it is larger than the file's tensors."""
    settings = config["network"]
    sizes = [n_in, *map(int, settings["hidden"]), n_out]
    described = sum((a + 1) * b for a, b in itertools.pairwise(sizes))
    held = sum(tensor.size for name, tensor in tensors.items() if name.startswith("layers."))
    if min(sizes) < 1 or described != held:
        raise ValueError(f"a network of {sizes} has {described} parameters, the file {held}")
    build_loss(config["loss"])  # refuses what no loss can be made of
    activation, output_activation = settings["activation"], settings["output_activation"]
    each = [activation] if isinstance(activation, str) else activation
    for name in (*each, output_activation):
        if name not in ACTIVATIONS:
            raise ValueError(f"unknown activation {name!r}")
    return MLP(sizes, activation, output_activation, config["dtype"])


def _check_tensors(tensors: dict[str, Array], checkpoint: Checkpoint) -> None:
    expected = {name: t.shape for name, t in _tensors(checkpoint).items()}
    found = {name: t.shape for name, t in tensors.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ValueError(
                f"{name}: expected shape {expected.get(name)}, found {found.get(name)}"
            )
        if tensors[name].dtype != checkpoint.network.dtype:
            raise ValueError(f"{name} is {tensors[name].dtype}, not {checkpoint.network.dtype}")
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} has numbers that are not finite")
    for name, vector in checkpoint.optimizer.items():
        if vector.shape != checkpoint.network.theta.shape:
            raise ValueError(f"optimizer.{name} has shape {vector.shape}")


def _tensors(checkpoint: Checkpoint) -> dict[str, Array]:
    """The tensors by the names they have in the file."""
    tensors = {}
    for i, layer in enumerate(checkpoint.network.dense):
        tensors[f"layers.{i}.weight"] = np.ascontiguousarray(layer.W.T)
        tensors[f"layers.{i}.bias"] = layer.b
    for name, vector in checkpoint.optimizer.items():
        tensors[f"optimizer.{name}"] = vector
    return tensors


def _with_sorted_header(content: bytes) -> bytes:
    """The same file with its header in order: the library writes the metadata in a random one.

    A safetensors file is the header's length in eight bytes, the header in JSON padded to a
    multiple of eight, and the tensors' bytes.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _digest(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """SHA-256 over the metadata but itself, and every tensor's name, dtype, shape and bytes."""
    digest = hashlib.sha256()
    for key in sorted(metadata.keys() - {"sha256"}):
        digest.update(f"{key}={metadata[key]}\n".encode())
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        digest.update(f"{name}:{tensor.dtype.str}:{tensor.shape}\n".encode())
        digest.update(tensor.data)
    return digest.hexdigest()
