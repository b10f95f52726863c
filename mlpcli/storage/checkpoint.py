"""Checkpoints: a network, its optimizer and all that is needed to use or go on training them.

One `.safetensors` file: numbers and text, nothing that could run. The tensors are named and shaped
as `torch.nn.Linear` does it, so any framework reads them: `layers.0.weight` (n_out, n_in),
`layers.0.bias` (n_out,), and so on; batch normalisation as `torch.nn.BatchNorm1d` does it, under
`norms.`; the optimizer's vectors under `optimizer.`; the averaged parameters in `average`, and the
averages of every norm's running mean and variance, one norm after the other, in
`average.running_mean` and `average.running_var`; of a run that is within an epoch, the parameters
at its beginning in `epoch_start`. The metadata is text: the format's version, the run's whole
config, its epochs' figures, how far into the next epoch it is, and a SHA-256 over everything else
in the file.

A file may have `average` without the averages of the running means and variances: then those of the
last step are used in their place, and the averages begin with them where the run goes on.

One exported for prediction has the network alone, as it is used: the averaged parameters, with
batch normalisation folded in, and, if wanted, rounded to float16.

Nothing in a file is believed: the exact set of names and each shape are checked against the network
that the config describes, and what else may be wrong as `tensor_file` tells, before there is a
tensor in memory.
"""

import dataclasses
import itertools
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.data.normalization import Normalization
from mlpcli.data.shaping import Shaping
from mlpcli.errors import CheckpointError
from mlpcli.files import open_ordinary, write_bytes
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import MLP
from mlpcli.storage import tensor_file
from mlpcli.storage.tensor_file import UNREADABLE, Entry, Header, whole_number
from mlpcli.training.building import build_loss, optimizer_vectors
from mlpcli.training.progress import Progress
from mlpcli.training.setup import Setup

AVERAGED = ("average.running_mean", "average.running_var")
"""the rows of `Checkpoint.running_average`"""


@dataclass(frozen=True)
class Checkpoint:
    """What one file holds."""

    network: MLP
    optimizer: Mapping[str, Array]
    """the optimizer's vectors, as its `state()` names them"""
    average: Array | None
    """the averaged parameters (P,), where the run keeps them"""
    running_average: Array | None
    """the averaged running means and variances (2, R), where there is batch normalisation too"""
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

    @classmethod
    def of(cls, setup: Setup, progress: Progress, epoch_start: Array | None = None) -> "Checkpoint":
        """Return the run as it stands now; its arrays are the run's own.

        Args:
            setup: the run.
            progress: how far it is.
            epoch_start: the parameters (P,) at the beginning of the epoch, if it is within one.
        """
        return cls(
            network=setup.network,
            optimizer=setup.optimizer.state(),
            average=setup.average.theta if setup.average else None,
            running_average=setup.running_average.theta if setup.running_average else None,
            epoch_start=epoch_start,
            config=setup.plain_config,
            progress=progress,
            normalization=setup.normalization,
            image_shape=setup.training.image_shape,
            class_names=setup.training.class_names,
        )

    @property
    def epoch(self) -> int:
        """How many whole epochs the weights have been trained for."""
        return self.progress.epoch

    def for_prediction(self) -> MLP:
        """The network as it is used: its averaged parameters, if there are any."""
        if self.average is None:
            return self.network.for_prediction()
        return self.network.with_parameters(self.average, self.running_average).for_prediction()


def export(checkpoint: Checkpoint) -> Checkpoint:
    """The same network without what is for training alone."""
    return dataclasses.replace(
        checkpoint,
        network=checkpoint.for_prediction(),
        optimizer={},
        average=None,
        running_average=None,
        epoch_start=None,
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
    return tensor_file.to_bytes(tensors, metadata)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and check all of it.

    Raises:
        CheckpointError: there is none at `path`, or it is not one, or it was altered.
    """
    try:
        with open_ordinary(path) as file:
            header = tensor_file.read_header(file, path)
            description = _describe(header, path)
            return _filled(description, tensor_file.read_tensors(file, header, path))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path}: no such checkpoint; `mlpcli train` makes one (runs/NAME/weights/)."
        ) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise CheckpointError(f"{path}: its network does not fit into memory.") from error


def _describe(header: Header, path: Path) -> Checkpoint:
    """The checkpoint that a header promises, its network and optimizer still empty.

    The tensors' names, dtypes and shapes are checked first, and so is the file's size; so the
    network is not larger than what the file holds.
    """
    try:
        return _describe_unless_wrong(header)
    except UNREADABLE as error:
        raise CheckpointError(
            f"{path}: its contents do not describe a network ({error}); use another checkpoint."
        ) from error


def _describe_unless_wrong(header: Header) -> Checkpoint:
    metadata = header.metadata
    config = json.loads(metadata["config"])
    height, width = map(whole_number, json.loads(metadata["image_shape"]))
    class_names = tuple(map(str, json.loads(metadata["class_names"])))
    scale = json.loads(metadata["normalization"])
    normalization = Normalization(mean=float(scale["mean"]), std=float(scale["std"]))
    if not (0 <= normalization.mean <= 255 and 1e-9 < normalization.std <= 255):
        raise ValueError(f"no images of bytes have {normalization}")
    temperature = float(json.loads(metadata.get("temperature", "1.0")))
    is_exported = json.loads(metadata.get("exported", "false")) is True
    if config["dtype"] not in ("float32", "float64"):
        raise ValueError(f"a dtype of {config['dtype']!r}")
    if not 1 / 128 <= temperature <= 128:
        raise ValueError(f"a temperature of {temperature}")
    if len(set(class_names)) < len(class_names):
        raise ValueError("two classes of one name")
    if not all(name and name.isprintable() for name in class_names):
        raise ValueError("a class whose name cannot be printed")
    settings = config["network"]
    # These refuse what none can be made of.
    build_loss(config["loss"])
    Shaping.from_settings(config["data"])
    activation, output_activation = settings["activation"], settings["output_activation"]
    each = [activation] if isinstance(activation, str) else activation
    for name in (*each, output_activation):
        if name not in ACTIVATIONS:
            raise ValueError(f"unknown activation {name!r}")
    sizes = (height * width, *map(whole_number, settings["hidden"]), len(class_names))
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
        running_average=None,
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
    found: Mapping[str, Entry],
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
    if batch_norm and "average" in vectors and found.keys() & AVERAGED:
        expected |= dict.fromkeys(AVERAGED, (sum(sizes[1:-1]),))
    expected |= dict.fromkeys(vectors, (parameters,))
    for name in sorted(expected.keys() | found.keys()):
        entry = found.get(name)
        shape = entry and entry.shape
        if entry is None or expected.get(name) != shape:
            raise ValueError(f"{name}: expected shape {expected.get(name)}, found {shape}")
        if entry.dtype.name not in dtypes:
            raise ValueError(f"{name} is {entry.dtype}, not {' or '.join(sorted(dtypes))}")


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
    average, running = tensors.get("average"), None
    if average is not None and description.network.norms:
        found = [tensors[name] for name in AVERAGED if name in tensors]
        running = np.stack(found) if found else description.network.running
    return dataclasses.replace(
        description,
        optimizer=optimizer,
        average=average,
        running_average=running,
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
    if checkpoint.running_average is not None:
        tensors |= zip(AVERAGED, checkpoint.running_average, strict=True)
    if checkpoint.epoch_start is not None:
        tensors["epoch_start"] = checkpoint.epoch_start
    return tensors
