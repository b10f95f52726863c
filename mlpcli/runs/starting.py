"""Reading the trained network from which a run starts."""

import hashlib
from pathlib import Path

from mlpcli.config.schema.config import Config
from mlpcli.data.published.cache import data_directory
from mlpcli.data.sources import leads_to_another_computer, lies_at_home
from mlpcli.errors import CheckpointError, ConfigError
from mlpcli.files import open_ordinary, os_errors_as
from mlpcli.storage.checkpoint import from_bytes, load_checkpoint
from mlpcli.storage.run_folder import BOXED, checkpoint_path
from mlpcli.training.starting import Start


def read_start(
    config: Config, data_dir: str | Path | None = None, *, trust_paths: bool = True
) -> Start | None:
    """Return the network that `training.start_from` names, if it names one.

    Args:
        config: of the run.
        data_dir: the cache of datasets.
        trust_paths: whether the checkpoint may be anywhere; otherwise only in the working directory
            or the cache, or the one that comes with mlpcli.

    Raises:
        CheckpointError: there is no checkpoint, it is damaged, or it may not be read.
        ConfigError: it was trained on a table.
    """
    given = config.training.start_from
    if given is None:
        return None
    cache = data_directory(None if data_dir is None else Path(data_dir))
    path = BOXED if str(given) == "boxed" else given
    if path != BOXED and leads_to_another_computer(path, Path.cwd()):
        raise CheckpointError(
            f"{path}: lies on another computer, where no file can send mlpcli; copy it here, or "
            "give the share a drive letter."
        )
    if not (trust_paths or path == BOXED or lies_at_home(path, cache)):
        raise CheckpointError(
            f"{path}: a checkpoint says to start from this, and it lies neither in the working "
            f"directory nor in {cache}; if the checkpoint is yours, add --trust-paths."
        )
    path = checkpoint_path(path)
    load_checkpoint(path)  # says what is wrong with the file before all of it is read
    with os_errors_as(CheckpointError, path, "cannot be read"), open_ordinary(path) as file:
        return start_of(file.read(), path)


def start_of(content: bytes, path: Path) -> Start:
    """Return the network in the content of a checkpoint; errors as for `read_start`."""
    checkpoint = from_bytes(content, path)
    if checkpoint.config["data"].get("dataset") == "table":
        raise ConfigError(
            f"training.start_from: {path} was trained on a table of numbers and knows no images."
        )
    return Start(
        name="boxed" if path == BOXED else str(path),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        network=checkpoint.evaluated,
        normalization=checkpoint.normalization,
        image_shape=checkpoint.image_shape,
        class_names=checkpoint.class_names,
        data=checkpoint.config["data"],
    )
