"""Going on from a trained network: what a run takes over from it, and what of it is new.

Weights, normalization and shaping are taken over, because the weights mean nothing without the
other two. Where the classes differ, the last layer begins at random: what comes before it knows
strokes, which other classes have as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlpcli.config.loading import load_config
from mlpcli.config.schema.config import Config
from mlpcli.config.schema.conflicts import IMAGE_SETTINGS, ONLY_FOR
from mlpcli.data.normalization import Normalization
from mlpcli.errors import ConfigError
from mlpcli.nn.network import MLP


@dataclass(frozen=True)
class Start:
    """A trained network from which a run starts."""

    name: str
    """the file, in messages"""
    sha256: str
    """of the file"""
    content: bytes = field(repr=False)
    """the file itself, which a training on another machine is sent"""
    network: MLP
    """with the weights that are in use: the averaged ones, if there are any"""
    normalization: Normalization
    image_shape: tuple[int, int]
    class_names: tuple[str, ...]
    data: dict[str, Any]
    """the data section of its config"""

    def completed(self, config: Config) -> Config:
        """Return a config with what it leaves open as this network has it.

        Raises:
            ConfigError: it asks for other layers, or another shaping; one line for each.
        """
        if config.training.start_from_sha256 not in (None, self.sha256):
            raise ConfigError(
                f"training.start_from: {self.name} has another SHA-256 than "
                "training.start_from_sha256 says; give the checkpoint that the run began with, or "
                "training.start_from_sha256=null."
            )
        values = config.model_dump(mode="json")
        problems = []
        for section, key, value in self._given(config):
            ours = getattr(getattr(config, section), key)
            ours = list(ours) if isinstance(ours, tuple) else ours
            values[section][key] = value
            if key in getattr(config, section).model_fields_set and ours != value:
                problems.append(
                    f"{section}.{key}: expected {_written(value)}, as {self.name} has it, found "
                    f"{_written(ours)}; without it, it is taken over."
                )
        if problems:
            raise ConfigError("\n".join(problems))
        values["training"]["start_from_sha256"] = self.sha256
        return load_config(values)

    def _given(self, config: Config) -> Iterator[tuple[str, str, Any]]:
        """Yield section, key and value of each setting that this network decides."""
        network, activation = self.network, config.network.activation
        yield "network", "hidden", list(network.sizes[1:-1])
        names = network.activations[:-1]
        each = [activation] * len(names) if isinstance(activation, str) else list(activation)
        if each != names:  # two ways to write the same
            yield "network", "activation", names
        yield "network", "output_activation", network.output_activation
        yield "network", "batch_norm", network.batch_norm
        for key in IMAGE_SETTINGS:
            default = type(config.data).model_fields[key].default
            yield "data", key, self.data.get(key, default)
        if config.data.dataset == "folder":
            yield "data", "prepare", self.data.get("prepare", "digit")
            yield "data", "image_size", list(self.image_shape)

    def refuse_other_images(self, image_shape: tuple[int, int]) -> None:
        """Raise ConfigError unless this network reads images of (height, width)."""
        if image_shape != self.image_shape:
            theirs, ours = ("×".join(map(str, shape)) for shape in (self.image_shape, image_shape))
            raise ConfigError(
                f"training.start_from: {self.name} reads images of {theirs} pixels, and the data "
                f"have {ours}."
            )

    def knows_classes_of(self, config: Config, class_names: tuple[str, ...]) -> bool:
        """Return whether these classes are among this network's, which can then be kept."""
        may_be_named = config.data.dataset in ONLY_FOR["class_names"]
        return may_be_named and set(class_names) <= set(self.class_names)

    def write_weights(self, network: MLP, class_names: tuple[str, ...]) -> None:
        """Copy the weights into a network of the same layers; of the last, those of its classes.

        Where it has a class that this network does not know, the last layer is left as it is.
        """
        own = zip(network.stages, self.network.stages, strict=True)
        for number, (stage, start) in enumerate(own, 1):
            if number == len(network.stages):
                if not set(class_names) <= set(self.class_names):
                    break
                kept = [self.class_names.index(name) for name in class_names]
                stage.dense.W[...], stage.dense.b[...] = start.dense.W[:, kept], start.dense.b[kept]
                break
            stage.dense.W[...], stage.dense.b[...] = start.dense.W, start.dense.b
            if stage.batch_norm and start.batch_norm:
                stage.batch_norm.gamma[...] = start.batch_norm.gamma
                stage.batch_norm.beta[...] = start.batch_norm.beta
        network.running[...] = self.network.running


def _written(value: Any) -> str:
    """Return a value as YAML has it."""
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    constants = {"True": "true", "False": "false", "None": "null"}
    return constants.get(str(value), str(value))
