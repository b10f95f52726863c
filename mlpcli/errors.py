"""The errors a user can meet, each with the exit code of the command that meets it.

An expected failure is raised as one of these, with a message that says which file or setting,
what is wrong with it and what to do. The command line turns it into that one message and its
exit code; anything else that escapes is a fault of ours and exits with 1.
"""

from pathlib import Path


def printable(text: str) -> str:
    """Write out control characters, but line ends: text from outside could command a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class MlpcliError(Exception):
    """An expected failure: its text is the whole message for the user."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class ConfigError(MlpcliError):
    """A config file, an override or the command line is wrong."""

    exit_code = 2


class DataError(MlpcliError):
    """A dataset cannot be fetched, or a data file is not what it should be."""

    exit_code = 3


class CheckpointError(MlpcliError):
    """A checkpoint is missing, damaged, or does not fit what it is used for."""

    exit_code = 4


class DivergedError(MlpcliError):
    """Training left the finite numbers."""

    exit_code = 5


class ImageError(MlpcliError):
    """An image cannot be read, or has no digit in it."""

    exit_code = 6


class WriteError(MlpcliError):
    """Something could not be written."""

    exit_code = 7


class AccuracyError(MlpcliError):
    """The accuracy asked for was missed."""

    exit_code = 8


class TeamError(MlpcliError):
    """A process that trained with others was ended from outside."""

    exit_code = 9


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or a signal has ended a training after it was saved; its text says where it stands.

    Attributes:
        signal: the number of the signal.
        folder: the run's.
    """

    def __init__(self, message: str, signal: int, folder: Path) -> None:
        super().__init__(printable(message))
        self.signal, self.folder = signal, folder
