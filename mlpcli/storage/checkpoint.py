"""Checkpoints: a network, its optimizer, and everything that using or resuming a run needs.

A checkpoint is one `.safetensors` file of numbers and text, nothing in which can run. Its tensors
are named and shaped as in PyTorch, so any framework reads them: `layers.0.weight` (n_out, n_in) and
`layers.0.bias` (n_out,) as in `torch.nn.Linear`; under `norms.` those of `torch.nn.BatchNorm1d`;
the optimizer's vectors under `optimizer.`. `average` holds the averaged parameters, and
`average.running_mean` and `average.running_var` the averages of the running means and variances of
all batch_norm layers in turn; where these two are missing, the latest ones take their place.
`epoch_start` holds the parameters at the beginning of an epoch that is not done. The metadata is
text: the version of the format, the whole config, the figures of each epoch, the position within
the next one, and a SHA-256 over everything else in the file.

A checkpoint exported for prediction holds only the network as it is used: the averaged parameters,
batch normalisation folded in, rounded to float16 if wanted.

Nothing in a file is trusted: `tensor_file` checks its form and its bytes, and the names and shapes
of its tensors must be those of the network that its config describes.
"""

import dataclasses
import functools
import io
import itertools
import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from mlpcli.config.class_names import check_class_names
from mlpcli.config.renamed import with_present_names
from mlpcli.data.normalization import PLAIN, Normalization
from mlpcli.data.shaping import Shaping
from mlpcli.errors import CheckpointError
from mlpcli.files import open_ordinary, write_bytes
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.storage import tensor_file
from mlpcli.storage.tensor_file import UNREADABLE, Entry, Header, whole_number
from mlpcli.training.building import build_loss
from mlpcli.training.progress import Progress

if TYPE_CHECKING:
    from mlpcli.training.setup import Setup

AVERAGED = ("average.running_mean", "average.running_var")
"""names of the rows of `Checkpoint.running_average`"""


@dataclass(frozen=True)
class Checkpoint:
    """The content of one file."""

    network: MLP
    optimizer: Mapping[str, Array]
    """the optimizer's vectors (P,), by name"""
    average: Array | None
    """the averaged parameters (P,), if the run averages them"""
    running_average: Array | None
    """the averaged running means and variances (2, R), if there is batch normalisation too"""
    epoch_start: Array | None
    """the parameters (P,) at the beginning of an epoch that is not done"""
    config: dict[str, Any]
    """the resolved config of the run"""
    progress: Progress
    normalization: Normalization
    image_shape: tuple[int, int]
    class_names: tuple[str, ...]
    temperature: float = 1.0
    """divisor of the outputs from which the probabilities are computed"""
    target_normalization: Normalization = PLAIN
    """of the targets of a regression"""
    is_exported: bool = False
    """whether it holds only what prediction needs"""

    @classmethod
    def of(
        cls, setup: "Setup", progress: Progress, epoch_start: Array | None = None
    ) -> "Checkpoint":
        """Return the current state of a run, as views of the run's own arrays."""
        return cls(
            network=setup.network,
            optimizer=setup.vectors,
            average=setup.average,
            running_average=setup.running_average,
            epoch_start=epoch_start,
            config=setup.plain_config,
            progress=progress,
            normalization=setup.normalization,
            target_normalization=setup.target_normalization,
            image_shape=setup.training.image_shape,
            class_names=setup.training.class_names,
        )

    def copied(self) -> "Checkpoint":
        """Return the same with numbers of its own, which a run does not change."""
        network = self.network
        return dataclasses.replace(
            self,
            network=network.with_parameters(network.theta.copy(), network.running.copy()),
            optimizer={name: vector.copy() for name, vector in self.optimizer.items()},
            average=None if self.average is None else self.average.copy(),
            running_average=(None if self.running_average is None else self.running_average.copy()),
        )

    @property
    def epoch(self) -> int:
        """The number of whole epochs that the weights were trained for."""
        return self.progress.epoch

    @property
    def evaluated(self) -> MLP:
        """The network with the parameters that are evaluated and used: averaged, if any are."""
        average = self.average
        if average is None and not self.is_exported:
            name = OPTIMIZERS[self.config["optimizer"]["name"]].evaluated
            average = None if name is None else self.optimizer[name]
        if average is None:
            return self.network
        return self.network.with_parameters(average, self.running_average)

    def for_prediction(self) -> MLP:
        """Return the network as it is used."""
        return self.evaluated.for_prediction()


def export(checkpoint: Checkpoint) -> Checkpoint:
    """Return the same network without what only training needs."""
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
    """Write a checkpoint, whole or not at all; raise WriteError if that fails."""
    write_bytes(path, to_bytes(checkpoint))


def to_bytes(checkpoint: Checkpoint, dtype: np.dtype[Any] | None = None) -> bytes:
    """Return the content of the file, its numbers rounded to `dtype` if one is given."""
    tensors = _tensors(checkpoint)
    if dtype is not None:
        tensors = {name: tensor.astype(dtype) for name, tensor in tensors.items()}
    metadata = {
        "config": json.dumps(checkpoint.config),
        "progress": json.dumps(checkpoint.progress.as_json(), separators=(",", ":")),
        "normalization": json.dumps(dataclasses.asdict(checkpoint.normalization)),
        "image_shape": json.dumps(checkpoint.image_shape),
        "class_names": json.dumps(checkpoint.class_names),
        "temperature": json.dumps(checkpoint.temperature),
        "exported": json.dumps(checkpoint.is_exported),
    }
    targets = checkpoint.target_normalization
    if not targets.changes_nothing:
        metadata["target_normalization"] = json.dumps(dataclasses.asdict(targets))
    return tensor_file.to_bytes(tensors, metadata)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and check all of it.

    Raises:
        CheckpointError: the file is missing, is not a checkpoint, or was altered.
    """
    try:
        with open_ordinary(path) as file:
            return _read(file, path)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path}: no such checkpoint; `mlpcli train` makes one (runs/NAME/weights/)."
        ) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise CheckpointError(f"{path}: its network does not fit into memory.") from error


def from_bytes(content: bytes, path: Path) -> Checkpoint:
    """Return the checkpoint with this content, checked as a file is; messages name `path`."""
    return _read(io.BytesIO(content), path)


def _read(file: BinaryIO, path: Path) -> Checkpoint:
    header = tensor_file.read_header(file, path)
    try:
        make_network, described = _described(header)
    except UNREADABLE as error:
        raise CheckpointError(
            f"{path}: its contents do not describe a network ({error}); use another checkpoint."
        ) from error
    tensors = tensor_file.read_tensors(file, header, path)
    return _filled(make_network(), tensors, described)


def _described(header: Header) -> tuple[Callable[[], MLP], dict[str, Any]]:
    """Return a maker of the network that a header describes, and the checkpoint's other fields.

    The shapes are checked here, so the network will not be larger than the file.
    """
    metadata = header.metadata
    config = with_present_names(json.loads(metadata["config"]))
    height, width = map(whole_number, json.loads(metadata["image_shape"]))
    class_names = tuple(map(str, json.loads(metadata["class_names"])))
    check_class_names(class_names)
    is_table = config["data"].get("dataset") == "table"
    normalization = _normalization(metadata["normalization"], height * width, is_table)
    target_normalization = PLAIN
    if "target_normalization" in metadata:
        found = metadata["target_normalization"]
        target_normalization = _normalization(found, len(class_names), is_table)
    temperature = float(json.loads(metadata.get("temperature", "1.0")))
    is_exported = json.loads(metadata.get("exported", "false")) is True
    if config["dtype"] not in ("float32", "float64"):
        raise ValueError(f"a dtype of {config['dtype']!r}")
    if not 1 / 128 <= temperature <= 128:
        raise ValueError(f"a temperature of {temperature}")
    settings = config["network"]
    # These two raise an error if their settings are impossible.
    build_loss(config["loss"])
    Shaping.from_settings(config["data"])
    if config["data"].get("prepare", "digit") not in ("digit", "none"):
        raise ValueError("an unknown preparation of images")
    activation, output_activation = settings["activation"], settings["output_activation"]
    each = [activation] if isinstance(activation, str) else activation
    for name in (*each, output_activation):
        if name not in ACTIVATIONS:
            raise ValueError(f"unknown activation {name!r}")
    if each is activation and len(each) != len(settings["hidden"]):
        raise ValueError(f"{len(each)} activations for {len(settings['hidden'])} hidden layers")
    _check_names_and_rates(config, height * width)
    sizes = (height * width, *map(whole_number, settings["hidden"]), len(class_names))
    batch_norm = bool(settings.get("batch_norm", False)) and not is_exported
    progress = Progress.from_json(json.loads(metadata["progress"]))
    optimizer = config["optimizer"]["name"]
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {optimizer!r}")
    vectors = [f"optimizer.{name}" for name in OPTIMIZERS[optimizer].vectors]
    if config["training"].get("averaging"):
        vectors.append("average")
    if progress.examples > 0:
        vectors.append("epoch_start")
    dtypes = [config["dtype"]]
    if is_exported:
        vectors = []
        dtypes = ["float16", config["dtype"]]
    _check_tensors(header.tensors, sizes, dtypes, batch_norm, vectors)
    make_network = functools.partial(
        MLP, sizes, activation, output_activation, config["dtype"], batch_norm=batch_norm
    )
    return make_network, {
        "config": config,
        "progress": progress,
        "normalization": normalization,
        "target_normalization": target_normalization,
        "image_shape": (height, width),
        "class_names": class_names,
        "temperature": temperature,
        "is_exported": is_exported,
    }


def _check_names_and_rates(config: Mapping[str, Any], n_in: int) -> None:
    """Check what a model shows of its config: the names of a table's columns, and dropout.

    Raises:
        ValueError, AttributeError: one of them cannot be.
    """
    table = config["data"].get("table") or {}
    inputs = (table.get("names") or {}).get("inputs")
    if inputs is not None and (not isinstance(inputs, list) or len(inputs) != n_in):
        raise ValueError(f"not {n_in} names of inputs")
    rates = config["network"].get("dropout", {}).values()
    if not all(type(rate) in (int, float) for rate in rates):
        raise ValueError("a rate of dropout that is no number")


def _normalization(text: str, columns: int, is_table: bool) -> Normalization:
    """Return a normalization read from a file; raise ValueError if it is an impossible one."""
    scale = json.loads(text)
    mean, std = scale["mean"], scale["std"]
    if is_table and isinstance(mean, list) and isinstance(std, list):
        means, stds = tuple(map(float, mean)), tuple(map(float, std))
        is_finite = all(map(math.isfinite, (*means, *stds)))
        if len(means) != columns or len(stds) != columns or not is_finite or min(stds) <= 0:
            raise ValueError(f"no table of {columns} columns has this normalization")
        return Normalization(means, stds)
    mean, std = float(mean), float(std)
    if not (0 <= mean <= 255 and 1e-9 < std <= 255):
        raise ValueError(f"no images of bytes have a mean of {mean} and a std of {std}")
    return Normalization(mean, std)


def _check_tensors(
    found: Mapping[str, Entry],
    sizes: tuple[int, ...],
    dtypes: Collection[str],
    batch_norm: bool,
    vectors: Sequence[str],
) -> None:
    """Raise ValueError unless these are a network's tensors and these vectors (P,)."""
    if len(found) < 2 * (len(sizes) - 1) or min(sizes) < 1:
        raise ValueError(f"{len(sizes) - 1} layers in the config, {len(found)} tensors")
    expected: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        expected[f"layers.{i}.weight"] = (n_out, n_in)
        expected[f"layers.{i}.bias"] = (n_out,)
    normalized = sizes[1:-1] if batch_norm else ()
    for i, width in enumerate(normalized):
        expected[f"norms.{i}.weight"] = expected[f"norms.{i}.bias"] = (width,)
    parameters = sum(map(math.prod, expected.values()))
    for i, width in enumerate(normalized):
        expected[f"norms.{i}.running_mean"] = expected[f"norms.{i}.running_var"] = (width,)
    for name in vectors:
        expected[name] = (parameters,)
    if normalized and "average" in vectors and found.keys() & AVERAGED:
        for name in AVERAGED:
            expected[name] = (sum(normalized),)
    for name in sorted(expected.keys() | found.keys()):
        entry = found.get(name)
        shape = entry and entry.shape
        if entry is None or expected.get(name) != shape:
            raise ValueError(f"{name}: expected shape {expected.get(name)}, found {shape}")
        if entry.dtype.name not in dtypes:
            raise ValueError(f"{name} is {entry.dtype}, not {' or '.join(dtypes)}")


def _filled(network: MLP, tensors: Mapping[str, Array], described: Mapping[str, Any]) -> Checkpoint:
    for name, array in _arrays(network):
        array[...] = tensors[name]
    optimizer = {
        name.removeprefix("optimizer."): tensor
        for name, tensor in tensors.items()
        if name.startswith("optimizer.")
    }
    average, running = tensors.get("average"), None
    if average is not None and network.batch_norms:
        found = [tensors[name] for name in AVERAGED if name in tensors]
        running = np.stack(found) if found else network.running
    return Checkpoint(
        network=network,
        optimizer=optimizer,
        average=average,
        running_average=running,
        epoch_start=tensors.get("epoch_start"),
        **described,
    )


def _arrays(network: MLP) -> Iterator[tuple[str, Array]]:
    """Yield the network's own arrays, with their names and shapes in the file."""
    for i, dense in enumerate(network.dense):
        yield f"layers.{i}.weight", dense.W.T
        yield f"layers.{i}.bias", dense.b
    for i, batch_norm in enumerate(network.batch_norms):
        yield f"norms.{i}.weight", batch_norm.gamma
        yield f"norms.{i}.bias", batch_norm.beta
        yield f"norms.{i}.running_mean", batch_norm.mean
        yield f"norms.{i}.running_var", batch_norm.variance


def _tensors(checkpoint: Checkpoint) -> dict[str, Array]:
    """Return the tensors by their names in the file."""
    tensors = dict(_arrays(checkpoint.network))
    for name, vector in checkpoint.optimizer.items():
        tensors[f"optimizer.{name}"] = vector
    if checkpoint.average is not None:
        tensors["average"] = checkpoint.average
    if checkpoint.running_average is not None:
        tensors |= zip(AVERAGED, checkpoint.running_average, strict=True)
    if checkpoint.epoch_start is not None:
        tensors["epoch_start"] = checkpoint.epoch_start
    return tensors
