"""Checkpoints: a network, its optimizer and all that is needed to use or go on training them.

One `.safetensors` file: numbers and text, nothing that could run. The tensors are named and shaped
as `torch.nn.Linear` does it, so any framework reads them: `layers.0.weight` (n_out, n_in),
`layers.0.bias` (n_out,), and so on; batch normalisation as `torch.nn.BatchNorm1d` does it, under
`norms.`; the optimizer's vectors under `optimizer.`; the averaged parameters in `average`; of a run
that is within an epoch, the parameters at its beginning in `epoch_start`. The metadata is text:
FORMAT_VERSION, the run's whole config, its epochs' figures, how far into the next epoch it is, and
a SHA-256 over everything else in the file.

One exported for prediction has the network alone, as it is used: the averaged parameters, with
batch normalisation folded in, and, if wanted, rounded to float16.

Nothing in a file is believed: the hash, the exact set of names, each shape against the network that
the config describes, that every number is finite, and none negative of which a root is taken, are
all checked before any is used.
"""

import dataclasses
import hashlib
import itertools
import json
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mlpcli.data.batches import Normalization
from mlpcli.errors import CheckpointError, WriteError
from mlpcli.files import open_ordinary, write_bytes
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import MLP
from mlpcli.training.building import build_loss, optimizer_vectors
from mlpcli.training.progress import Progress

FORMAT_VERSION = 1
DTYPES: Mapping[str, np.dtype[Any]] = {
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
}
MAX_HEADER = 16 * 2**20
"""bytes; the config in it is of 1 MB at most, and its class names stand in it twice, escaped; the
rest is for the history, about 100 bytes an epoch"""
NEVER_NEGATIVE = (".running_var", ".square_mean", ".square_sum")
"""how the tensors end of which a root is taken"""

# What comes of reading JSON that says anything but what is expected.
_UNREADABLE = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True)
class Checkpoint:
    """What one file holds."""

    network: MLP
    optimizer: Mapping[str, Array]
    """the optimizer's vectors, as its `state()` names them"""
    average: Array | None
    """the averaged parameters (P,), where the run keeps them"""
    epoch_start: Array | None
    """the parameters (P,) at the beginning of an epoch that is not done"""
    config: dict[str, Any]
    """the run's resolved config"""
    progress: Progress
    """how far the weights have been trained"""
    normalization: Normalization
    image_shape: tuple[int, int]
    class_names: tuple[str, ...]
    temperature: float = 1.0
    """what the outputs are divided by for their probabilities"""
    is_exported: bool = False
    """it holds what prediction needs, and nothing to train on from"""

    @property
    def epoch(self) -> int:
        """How many whole epochs the weights have been trained for."""
        return self.progress.epoch

    def for_prediction(self) -> MLP:
        """The network as it is used: its averaged parameters, if there are any."""
        if self.average is None:
            return self.network.for_prediction()
        return self.network.with_parameters(self.average).for_prediction()


def export(checkpoint: Checkpoint) -> Checkpoint:
    """The same network without what is for training alone."""
    return dataclasses.replace(
        checkpoint,
        network=checkpoint.for_prediction(),
        optimizer={},
        average=None,
        is_exported=True,
    )


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`, whole or not at all.

    Raises:
        WriteError: it could not be written.
    """
    write_bytes(path, to_bytes(checkpoint))


def to_bytes(checkpoint: Checkpoint, dtype: np.dtype[Any] | None = None) -> bytes:
    """The content of the file, its numbers rounded to `dtype` if one is given."""
    tensors = _tensors(checkpoint)
    if dtype is not None:
        tensors = {name: tensor.astype(dtype) for name, tensor in tensors.items()}
    metadata = {
        "format": "mlpcli",
        "format_version": str(FORMAT_VERSION),
        "config": json.dumps(checkpoint.config),
        "progress": json.dumps(checkpoint.progress.as_json(), separators=(",", ":")),
        "normalization": json.dumps(
            {"mean": checkpoint.normalization.mean, "std": checkpoint.normalization.std}
        ),
        "image_shape": json.dumps(checkpoint.image_shape),
        "class_names": json.dumps(checkpoint.class_names),
        "temperature": json.dumps(checkpoint.temperature),
        "exported": json.dumps(checkpoint.is_exported),
    }
    metadata["sha256"] = _digest(tensors, metadata)
    return _with_sorted_header(save(tensors, metadata))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and check all of it.

    Raises:
        CheckpointError: there is none at `path`, or it is not one, or it was altered.
    """
    try:
        with open_ordinary(path) as file:
            header = _read_header(file, path)
            description = _describe(header, path)
            file.seek(0)
            tensors = load(file.read(header.file_size))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path}: no such checkpoint; `mlpcli train` makes one (runs/NAME/weights/)."
        ) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except SafetensorError as error:
        raise _altered(path, str(error)) from error
    except MemoryError as error:
        raise CheckpointError(f"{path}: its network does not fit into memory.") from error
    if header.metadata.get("sha256") != _digest(tensors, header.metadata):
        raise _altered(path, "its SHA-256 does not match")
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise CheckpointError(
                f"{path}: {name} has numbers that are not finite; use another checkpoint."
            )
        if name.endswith(NEVER_NEGATIVE) and (tensor < 0).any():
            raise CheckpointError(f"{path}: {name} has negative numbers; use another checkpoint.")
    return _filled(description, tensors)


@dataclass(frozen=True)
class _Header:
    """What stands at the beginning of a file, checked against the file's size."""

    metadata: dict[str, str]
    tensors: dict[str, tuple[str, tuple[int, ...]]]
    """dtype and shape of each"""
    file_size: int


def _read_header(file: BinaryIO, path: Path) -> _Header:
    """Read the header alone: nothing is taken into memory because a file claims to hold it."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    text = file.read(length) if length <= MAX_HEADER else b""
    if not text.startswith(b"{"):
        what = "not a checkpoint, or cut short" if size <= 8 else "not a checkpoint"
        raise CheckpointError(
            f"{path}: {what} ({size:,} bytes); give a file that `mlpcli train` wrote."
        )
    if len(text) < length:
        raise _cut_short(path, size, 8 + length)
    try:
        header = json.loads(text, object_pairs_hook=_each_name_once)
        metadata = dict(header.pop("__metadata__", {}))
        tensors = {
            name: (str(entry["dtype"]), tuple(map(_whole, entry["shape"])))
            for name, entry in header.items()
        }
        if not all(isinstance(value, str) for value in metadata.values()):
            raise TypeError("metadata that is not text")
    except _UNREADABLE as error:
        raise _altered(path, f"its header cannot be read: {error}") from error
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
    for name, (dtype, _) in tensors.items():
        if dtype not in DTYPES:
            raise CheckpointError(f"{path}: {name} is neither float16, float32 nor float64.")
    needed = sum(DTYPES[dtype].itemsize * math.prod(shape) for dtype, shape in tensors.values())
    if size < 8 + length + needed:
        raise _cut_short(path, size, 8 + length + needed)
    if size > 8 + length + needed:
        raise _altered(path, f"{size:,} bytes, where {8 + length + needed:,} belong to it")
    return _Header(metadata, tensors, size)


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _whole(number: object) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} in a shape")
    return number


def _cut_short(path: Path, size: int, whole: int) -> CheckpointError:
    return CheckpointError(
        f"{path}: cut short ({size:,} of {whole:,} bytes); use another checkpoint, or train again."
    )


def _altered(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: altered since it was written ({reason}); use another checkpoint, or train again."
    )


def _describe(header: _Header, path: Path) -> Checkpoint:
    """The checkpoint that a header promises, its network and optimizer still empty.

    The tensors' names, dtypes and shapes are checked first, and so is the file's size; so the
    network is not larger than what the file holds.
    """
    try:
        return _describe_unless_wrong(header)
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{path}: its contents do not describe a network ({error}); use another checkpoint."
        ) from error


def _describe_unless_wrong(header: _Header) -> Checkpoint:
    metadata = header.metadata
    config = json.loads(metadata["config"])
    height, width = map(_whole, json.loads(metadata["image_shape"]))
    class_names = tuple(map(str, json.loads(metadata["class_names"])))
    scale = json.loads(metadata["normalization"])
    normalization = Normalization(mean=float(scale["mean"]), std=float(scale["std"]))
    if not (0 <= normalization.mean <= 255 and 1e-9 < normalization.std <= 255):
        raise ValueError(f"no images of bytes have {normalization}")
    temperature = float(json.loads(metadata.get("temperature", "1.0")))
    is_exported = json.loads(metadata.get("exported", "false")) is True
    if not 1 / 128 <= temperature <= 128:
        raise ValueError(f"a temperature of {temperature}")
    if len(set(class_names)) < len(class_names):
        raise ValueError("two classes of one name")
    if not all(name and name.isprintable() for name in class_names):
        raise ValueError("a class whose name cannot be printed")
    settings = config["network"]
    build_loss(config["loss"])  # refuses what no loss can be made of
    activation, output_activation = settings["activation"], settings["output_activation"]
    each = [activation] if isinstance(activation, str) else activation
    for name in (*each, output_activation):
        if name not in ACTIVATIONS:
            raise ValueError(f"unknown activation {name!r}")
    sizes = (height * width, *map(_whole, settings["hidden"]), len(class_names))
    batch_norm = bool(settings.get("batch_norm", False)) and not is_exported
    averaged = bool(config["training"].get("averaging"))
    progress = Progress.from_json(json.loads(metadata["progress"]))
    kept = optimizer_vectors(config["optimizer"]["name"])
    vectors = [*(f"optimizer.{name}" for name in kept), *["average"] * averaged]
    vectors += ["epoch_start"] * (progress.examples > 0)
    dtypes = {config["dtype"], "float16"} if is_exported else {config["dtype"]}
    _check_tensors(header.tensors, sizes, dtypes, batch_norm, [] if is_exported else vectors)
    return Checkpoint(
        network=MLP(sizes, activation, output_activation, config["dtype"], batch_norm=batch_norm),
        optimizer={},
        average=None,
        epoch_start=None,
        config=config,
        progress=progress,
        normalization=normalization,
        image_shape=(height, width),
        class_names=class_names,
        temperature=temperature,
        is_exported=is_exported,
    )


def _check_tensors(
    found: Mapping[str, tuple[str, tuple[int, ...]]],
    sizes: tuple[int, ...],
    dtypes: Collection[str],
    batch_norm: bool,
    vectors: Sequence[str],
) -> None:
    """Refuse what is not exactly a network of these sizes, with vectors as long as its parameters.

    Raises:
        ValueError: it is not.
    """
    if len(found) < 2 * (len(sizes) - 1) or min(sizes) < 1:
        raise ValueError(f"{len(sizes) - 1} layers in the config, {len(found)} tensors")
    expected: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        expected[f"layers.{i}.weight"] = (n_out, n_in)
        expected[f"layers.{i}.bias"] = (n_out,)
    for i, width in enumerate(sizes[1:-1] if batch_norm else ()):
        expected[f"norms.{i}.weight"] = expected[f"norms.{i}.bias"] = (width,)
    parameters = sum(map(math.prod, expected.values()))
    for i, width in enumerate(sizes[1:-1] if batch_norm else ()):
        expected[f"norms.{i}.running_mean"] = expected[f"norms.{i}.running_var"] = (width,)
    expected |= dict.fromkeys(vectors, (parameters,))
    for name in sorted(expected.keys() | found.keys()):
        found_dtype, shape = found.get(name, ("", None))
        if expected.get(name) != shape:
            raise ValueError(f"{name}: expected shape {expected.get(name)}, found {shape}")
        if DTYPES[found_dtype].name not in dtypes:
            raise ValueError(f"{name} is {DTYPES[found_dtype]}, not {' or '.join(sorted(dtypes))}")


def _filled(description: Checkpoint, tensors: Mapping[str, Array]) -> Checkpoint:
    for i, layer in enumerate(description.network.dense):
        layer.W[...] = tensors[f"layers.{i}.weight"].T
        layer.b[...] = tensors[f"layers.{i}.bias"]
    for i, norm in enumerate(description.network.norms):
        norm.gamma[...] = tensors[f"norms.{i}.weight"]
        norm.beta[...] = tensors[f"norms.{i}.bias"]
        norm.mean[...] = tensors[f"norms.{i}.running_mean"]
        norm.variance[...] = tensors[f"norms.{i}.running_var"]
    optimizer = {
        name.removeprefix("optimizer."): tensor
        for name, tensor in tensors.items()
        if name.startswith("optimizer.")
    }
    return dataclasses.replace(
        description,
        optimizer=optimizer,
        average=tensors.get("average"),
        epoch_start=tensors.get("epoch_start"),
    )


def _tensors(checkpoint: Checkpoint) -> dict[str, Array]:
    """The tensors by the names they have in the file."""
    tensors = {}
    for i, layer in enumerate(checkpoint.network.dense):
        tensors[f"layers.{i}.weight"] = np.ascontiguousarray(layer.W.T)
        tensors[f"layers.{i}.bias"] = layer.b
    for i, norm in enumerate(checkpoint.network.norms):
        tensors[f"norms.{i}.weight"], tensors[f"norms.{i}.bias"] = norm.gamma, norm.beta
        tensors[f"norms.{i}.running_mean"] = norm.mean
        tensors[f"norms.{i}.running_var"] = norm.variance
    for name, vector in checkpoint.optimizer.items():
        tensors[f"optimizer.{name}"] = vector
    if checkpoint.average is not None:
        tensors["average"] = checkpoint.average
    if checkpoint.epoch_start is not None:
        tensors["epoch_start"] = checkpoint.epoch_start
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
    if len(text) > MAX_HEADER:
        raise WriteError(
            f"A history of {len(text):,} bytes is more than a checkpoint holds; train fewer epochs."
        )
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
