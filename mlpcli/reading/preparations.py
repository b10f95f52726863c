"""The ways in which an image file becomes what a network sees, by their names in a config."""

from collections.abc import Callable

from mlpcli.reading.digit import Prepared, prepare
from mlpcli.reading.plain import scale

PREPARATIONS: dict[str, Callable[..., Prepared]] = {"digit": prepare, "none": scale}
