"""The command `mlpcli`: finds the subcommand, and turns errors into messages and exit codes.

A subcommand's module is imported when its name is given, and imports what it needs when it runs,
so that `mlpcli --help` answers at once.
"""

import contextlib
import importlib
import io
import os
import sys
import traceback
from pathlib import Path

import click

import mlpcli
from mlpcli.cli import signals
from mlpcli.errors import ConfigError, MlpcliError, printable

COMMANDS = {
    "train": "Train a network and leave a run folder.",
    "sweep": "Train with many values of some settings, on one machine or many.",
    "evaluate": "Evaluate a trained network on a dataset.",
    "predict": "Say which digit an image shows.",
    "export": "Write a network for other programs, or to pass on.",
    "explain": "Show each step of training, or of a prediction, with its numbers.",
    "page": "Make a page in which one draws a digit and the network answers.",
    "gradcheck": "Check backpropagation against centred differences.",
    "plot": "Draw pictures of runs.",
    "runs": "List runs, or compare two.",
    "data": "Fetch, verify, list and preview datasets.",
    "config": "List the shipped configs, or print the schema.",
    "completion": "Print the script with which your shell completes commands.",
    "doctor": "Show the installation and the machine, for a report of a fault.",
}
TAKE_SETTINGS = {"train", "sweep", "explain", "gradcheck", "preview"}
"""commands that take settings as KEY=VALUE"""
MOST_LINES, LONGEST_LINE = 100, 1000
"""limits of a message, because a file may have endless problems"""
INTERNAL_ERROR, NOT_WRITTEN, BROKEN_PIPE = 1, 7, 141


class LazyGroup(click.Group):
    """A group whose commands are in `mlpcli.cli.commands.<name>`, each as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"mlpcli.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as every group does, but suggest the command that a misspelt name may mean."""
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing:  # as in completion
            from difflib import get_close_matches

            if likely := get_close_matches(name, COMMANDS, n=1):
                ctx.fail(f"No such command '{name}'. Did you mean '{likely[0]}'?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyGroup,
    no_args_is_help=False,  # what click would do differs between its versions
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 a fault of mlpcli, 2 command line or config, 3 data, "
    "4 checkpoint, 5 training diverged, 6 image, 7 could not write, 8 accuracy missed, "
    "9 a training process was ended, 10 the cluster of a sweep failed, "
    "130 Ctrl-C, 141 closed pipe, 143 SIGTERM or SIGHUP.",
)
@click.option("--debug", is_flag=True, help="Show an error's traceback; may stand anywhere.")
@click.version_option(mlpcli.__version__, prog_name="mlpcli")
def command(debug: bool) -> None:
    """Train, evaluate and use a multilayer perceptron on handwritten digits.

    \b
    Begin with:
      mlpcli train --config quickstart   digits that mlpcli draws itself; needs no network
      mlpcli train                       real MNIST
      mlpcli predict photo.png
    """


def run(arguments: list[str]) -> int:
    """Run the command line, write what went wrong on stderr, and return the exit code."""
    _make_streams_dependable()
    # pydantic would ask every package that is installed whether it has a plugin.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    stdout = sys.stdout
    try:
        if "_MLPCLI_COMPLETE" in os.environ:  # a shell asks; click finds the classes made there
            importlib.import_module("mlpcli.cli.shells")
        rest = [argument for argument in arguments if argument != "--debug"]
        code: int = command.main(rest, prog_name="mlpcli", standalone_mode=False) or 0
        sys.stdout.flush()
        return code
    except SystemExit as error:
        pipe_is_closed = sys.stdout is not stdout  # click puts a stand-in there
        return BROKEN_PIPE if pipe_is_closed else int(error.code or 0)
    except (Exception, KeyboardInterrupt) as error:
        message, code = _message_and_code(error, arguments)
        with contextlib.suppress(OSError):  # stderr cannot be written either
            if "--debug" in arguments:
                traceback.print_exc()
            click.echo(f"mlpcli: {_shortened(printable(message))}", err=True)
        return code
    finally:
        _discard_unwritten_output()


def _message_and_code(error: BaseException, arguments: list[str]) -> tuple[str, int]:
    """Return the message for the user and the exit code."""
    if isinstance(error, click.Abort):  # click's, for KeyboardInterrupt
        error = error.__cause__ or KeyboardInterrupt()
    if isinstance(error, KeyboardInterrupt):
        message, code = signals.message_and_code(getattr(error, "signal", None))
        return " ".join([message, *map(str, error.args)]), code
    if signals.came():  # a library has turned the interruption into an error of its own
        return signals.message_and_code()
    match error:
        case click.UsageError():
            return _usage(error, arguments), error.exit_code
        case click.ClickException():
            return error.format_message(), error.exit_code
        case ConfigError() if problems := str(error).count("\n"):
            return f"{problems + 1} problems:\n{error}", error.exit_code
        case MlpcliError():
            return str(error), error.exit_code
        case MemoryError():
            what = f"Not enough memory ({error})" if str(error) else "Not enough memory"
            remedy = "free some, or use a machine with more."
            if TAKE_SETTINGS.intersection(arguments[:2]):
                remedy = "make data.train_size, network.hidden or training.batch_size smaller."
            return f"{what}; {remedy}", ConfigError.exit_code
        case OSError(filename=None):  # a stream, not a file
            return f"The output cannot be written: {error.strerror}.", NOT_WRITTEN
    fault = f"A fault of mlpcli: {type(error).__name__}: {error}."
    request = "Please report it, with what this command shows with --debug, and `mlpcli doctor`."
    return f"{fault} {request}", INTERNAL_ERROR


def _usage(error: click.UsageError, arguments: list[str]) -> str:
    message = error.format_message()
    if isinstance(error, click.NoSuchOption) and (keys := _settings_meant(error, arguments)):
        message = f"No such option '{error.option_name}'; it is a setting: {keys[0]}=VALUE"
    stop = "" if message.endswith((".", "?", "!")) else "."
    if error.ctx:
        where = error.ctx.command_path
    else:  # an error of click's parser, which does not know the command
        where = " ".join(["mlpcli", *(word for word in arguments[:1] if word in COMMANDS)])
    return f"{message}{stop} See `{where} --help`."


def _settings_meant(error: click.NoSuchOption, arguments: list[str]) -> list[str]:
    """Return the settings that an unknown option may mean."""
    if not TAKE_SETTINGS.intersection(arguments[:2]):
        return []
    from mlpcli.cli.candidates import settings_named

    return settings_named(error.option_name.lstrip("-").replace("-", "_"))


def _shortened(message: str) -> str:
    lines = message.split("\n")
    shown = [line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}..." for line in lines]
    if len(lines) > MOST_LINES:
        shown[MOST_LINES:] = [f"and {len(lines) - MOST_LINES} lines more"]
    return "\n".join(shown)


def _make_streams_dependable() -> None:
    """Write to nowhere where a stream is closed, and escapes where an encoding is too narrow."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (until the end)
            setattr(sys, name, nowhere)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _discard_unwritten_output() -> None:
    """Keep the interpreter from failing, as it ends, over output that cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
