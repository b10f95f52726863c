"""The command `mlpcli`: finds the subcommand, and turns what goes wrong into an exit code.

A subcommand's module is imported when it is asked for, and imports what it needs when it runs, so
that `mlpcli --help` answers at once.
"""

import gc
import importlib
import io
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

import mlpcli
from mlpcli.errors import ConfigError, Interrupted, MlpcliError, printable

COMMANDS = {
    "train": "Train a network and leave a run folder.",
    "evaluate": "Judge a trained network on a dataset.",
    "predict": "Say which digit is in a picture.",
    "export": "Write a small file of a network, to predict with.",
    "explain": "Show each step of training, or of reading a picture, with its numbers.",
    "gradcheck": "Check backpropagation against centred differences.",
    "plot": "Draw pictures of runs.",
    "runs": "List runs, or compare two.",
    "data": "Fetch, verify, list and preview datasets.",
    "config": "Show what a config may say.",
}
MOST_LINES, LONGEST_LINE = 100, 1000
"""of a message; what a file says wrongly may be without end"""
INTERNAL_ERROR, NOT_WRITTEN, BROKEN_PIPE = 1, 7, 141
STOPS: dict[int, tuple[str, int]] = {
    signal.SIGINT: ("Interrupted.", 130),
    signal.SIGTERM: ("Terminated.", 143),
}
if hasattr(signal, "SIGHUP"):
    STOPS[signal.SIGHUP] = STOPS[signal.SIGTERM]
_stopped_by: list[int] = []
"""The signals that have come."""
_over = False
"""The exit code is settled: there is nothing left to stop."""
AGAIN = 0.02
"""Seconds after which a signal comes again that was lost"""


class LazyGroup(click.Group):
    """A group whose commands lie in `mlpcli.cli.<name>`, as an object named `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order in which a user meets them."""
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
        """As in every group; and of a misspelt name, say which it may mean."""
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing:  # which completion is
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
    no_args_is_help=False,  # which click answers in two ways, by its version
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 a fault of mlpcli, 2 command line or config, 3 data, "
    "4 checkpoint, 5 training diverged, 6 image, 7 could not write, 8 accuracy missed, "
    "9 a training process was ended, "
    "130 Ctrl-C, 141 closed pipe, 143 SIGTERM or SIGHUP.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error; may stand anywhere.")
@click.version_option(mlpcli.__version__, prog_name="mlpcli")
def command(debug: bool) -> None:
    """Train, evaluate and use a multilayer perceptron on handwritten digits.

    \b
    Begin with:
      mlpcli train --config quickstart   digits that mlpcli draws itself; needs no network
      mlpcli train                       real MNIST
      mlpcli predict photo.png
    """


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    global _over
    sys.unraisablehook = _let_it_come_again
    gc.set_threshold(200_000)  # not every 700 objects: imports make many, and keep them
    try:
        for number in STOPS:
            if number in (signal.SIGINT, signal.SIGTERM) or callable(signal.getsignal(number)):
                signal.signal(number, _stop)  # nohup has SIGHUP ignored, and so it stays
        code = _run()
        _over = True
    except KeyboardInterrupt:  # before the beginning, or while the end was being told
        _over = True
        code = STOPS[(_stopped_by or [signal.SIGINT])[-1]][1]
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)  # Python's own end knows nothing of _over
    _forget_unwritten_output()
    gc.freeze()  # or Python looks through all that is left twice at its end, for 0.08 s
    sys.exit(code)


def _run() -> int:
    """Run the command line, tell what went wrong, and hand the exit code back."""
    _make_streams_dependable()
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    stdout = sys.stdout
    try:
        code: int = command.main(arguments, prog_name="mlpcli", standalone_mode=False) or 0
        sys.stdout.flush()
    except click.UsageError as error:
        code = _explain(_usage(error, arguments), error.exit_code)
    except click.ClickException as error:
        code = _explain(error.format_message(), error.exit_code)
    except ConfigError as error:
        problems = str(error).splitlines()
        heading = "" if len(problems) == 1 else f"{len(problems)} problems:\n"
        code = _explain(heading + str(error), error.exit_code)
    except MlpcliError as error:
        code = _explain(str(error), error.exit_code)
    except MemoryError as error:
        what = f"There is not memory enough for this ({str(error) or 'no more is to be had'})"
        remedy = "make data.train_size, network.hidden or training.batch_size smaller."
        code = _explain(f"{what}; {remedy}", ConfigError.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        stop = error.__cause__ if isinstance(error, click.Abort) else error
        if isinstance(stop, Interrupted):
            _stopped_by.append(stop.signal)
        message, code = STOPS[_stopped_by[-1] if _stopped_by else signal.SIGINT]
        code = _explain(" ".join([message, *map(str, stop.args if stop else ())]), code)
    except SystemExit as error:
        pipe_is_closed = sys.stdout is not stdout  # click puts a stand-in there
        code = BROKEN_PIPE if pipe_is_closed else int(error.code or 0)
    except Exception as error:
        if _stopped_by:  # a library has made an error of its own of the interruption
            code = _explain(*STOPS[_stopped_by[-1]])
        elif isinstance(error, OSError) and error.filename is None:  # a stream, not a file
            code = _explain(f"The output cannot be written: {error.strerror}.", NOT_WRITTEN)
        else:
            code = _explain(
                f"A fault of mlpcli: {type(error).__name__}: {error}. Please report it, with what "
                "the same command shows with --debug.",
                INTERNAL_ERROR,
            )
    return code


def _usage(error: click.UsageError, arguments: list[str]) -> str:
    where = error.ctx.command_path if error.ctx else _command_in(arguments)
    message = error.format_message()
    stop = "" if message.endswith((".", "?", "!")) else "."
    return f"{message}{stop} See `{where} --help`."


def _command_in(arguments: list[str]) -> str:
    """The command that they call, by its path: click's parser does not know in which it is."""
    here: click.Command | None = command
    path = ["mlpcli"]
    for argument in arguments:
        if not isinstance(here, click.Group):
            break
        if found := here.get_command(click.Context(here), argument):
            here = found
            path.append(argument)
    return " ".join(path)


def _explain(message: str, code: int) -> int:
    """Put the message, after the traceback if asked for, on stderr; hands the exit code back."""
    try:
        if "--debug" in sys.argv:
            traceback.print_exc()
        click.echo(f"mlpcli: {_shortened(printable(message))}", err=True)
    except OSError:
        return code  # nobody can be told
    return code


def _shortened(message: str) -> str:
    lines = message.split("\n")
    shown = [line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}..." for line in lines]
    if len(lines) > MOST_LINES:
        shown[MOST_LINES:] = [f"and {len(lines) - MOST_LINES} lines more"]
    return "\n".join(shown)


def _make_streams_dependable() -> None:
    """Let a closed stream swallow what is said, and a narrow encoding show escapes, not fail."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (until the end)
            setattr(sys, name, nowhere)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stop(number: int, _frame: FrameType | None) -> None:
    if not _over:
        _stopped_by.append(number)
        raise KeyboardInterrupt


def _let_it_come_again(lost: "sys.UnraisableHookArgs") -> None:
    """Where Python drops exceptions, as in a callback of an import, no signal is to be lost."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
    elif _stopped_by and not _over:
        again = threading.Timer(AGAIN, _send_to_the_main_thread, [_stopped_by.pop()])
        again.daemon = True
        again.start()


def _send_to_the_main_thread(number: int) -> None:
    if sys.platform == "win32":
        signal.raise_signal(number)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, number)  # wakes it, too


def _forget_unwritten_output() -> None:
    """Let the interpreter, as it ends, not trip over output that could not be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
