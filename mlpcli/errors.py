"""The errors a user can meet, each with the exit code of the command that meets it.

An expected failure raises one of these, with a message that names the file or setting, the problem
and the remedy. The command line prints the message and exits with the code; any other exception is
a bug and exits with 1.
"""

from pathlib import Path


def printable(text: str) -> str:
    """Escape control characters except line ends: text from outside could control a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class MlpcliError(Exception):
    """An expected failure; its text is the whole message for the user."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class ConfigError(MlpcliError):
    """A config file, an override or the command line is invalid."""

    exit_code = 2


class DataError(MlpcliError):
    """A dataset cannot be fetched, or a data file is invalid."""

    exit_code = 3


class CheckpointError(MlpcliError):
    """A checkpoint is missing, damaged, or does not fit its use."""

    exit_code = 4


class DivergedError(MlpcliError):
    """The loss or the parameters are no longer finite."""

    exit_code = 5


class ImageError(MlpcliError):
    """An image cannot be read, or has no digit in it."""

    exit_code = 6


class ManyPartsError(ImageError):
    """An image that should show one digit has many parts, and none of them stands out."""


class WriteError(MlpcliError):
    """Something could not be written."""

    exit_code = 7


class AccuracyError(MlpcliError):
    """The accuracy is below the required one."""

    exit_code = 8


class WorkerError(MlpcliError):
    """A worker process was ended from outside."""

    exit_code = 9


class ClusterError(MlpcliError):
    """A scheduler cannot be reached, or one of its workers cannot do its work."""

    exit_code = 10


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or a signal ended a training, which was saved.

    Attributes:
        signal: number of the signal.
        folder: folder of the run.
    """

    def __init__(self, message: str, signal: int, folder: Path) -> None:
        super().__init__(printable(message))
        self.signal, self.folder = signal, folder
