"""`mlpcli sweep`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlpcli.cli import candidates, options
from mlpcli.errors import ConfigError, Interrupted, MlpcliError, printable
from mlpcli.files import as_argument
from mlpcli.text import percent, table

if TYPE_CHECKING:
    from mlpcli.config.sweep_loading import Sweep
    from mlpcli.reporting import Reporter
    from mlpcli.sweeps.results import SweepResult

MOST_SHOWN = 10
MOST_TOGETHER = 5
"""networks of the committee that is proposed"""


@click.command("sweep")
@options.configs_without_default
@click.argument(
    "arguments",
    nargs=-1,
    metavar="[SWEEP.yaml] [KEY=VALUE,VALUE...]...",
    shell_complete=candidates.sweep_arguments,
)
@click.option(
    "--workers", type=click.IntRange(1, 4096), help="Local workers.  [default: one a core]"
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Use the workers of a Dask scheduler, such as tcp://host:8786 or tls://host:8786.",
)
@click.option(
    "--resume",
    "resumed",
    type=options.PATH,
    metavar="SWEEP",
    shell_complete=candidates.sweeps,
    help="Resume a sweep: its folder.",
)
@click.option(
    "--sweeps-dir",
    type=options.PATH,
    default=Path("sweeps"),
    show_default=True,
    help="The folder of the sweeps.",
)
@options.data_dir
@click.option("--print-sweep", is_flag=True, help="Print the whole resolved sweep and stop.")
@click.option("--quiet", "-q", is_flag=True, help="Show the result only, no progress.")
@options.as_json
def command(
    configs: tuple[str, ...],
    arguments: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
    resumed: Path | None,
    sweeps_dir: Path,
    data_dir: Path | None,
    print_sweep: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a config with many values of some settings, here or on many machines.

    Several values make a parameter, and parameters are crossed; one value changes what all share.
    Settings of the sweep itself: trials, seeds (or seed=1..5), sampler, halving, monitor, minutes.

    \b
    mlpcli sweep --config mnist optimizer.learning_rate=0.01,0.03,0.1 network.hidden=[64],[128,64]
    mlpcli sweep --config mnist seed=1..5 training.epochs=3      how much is chance
    mlpcli sweep sweeps/learning_rate trials=50 --workers 2      a sweep file
    mlpcli sweep --resume sweeps/mnist                           from where it stopped
    mlpcli sweep --resume sweeps/mnist trials=50                 with more trials
    """
    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers does not go with --scheduler, which has workers.")
    if scheduler is None and not print_sweep:
        from mlpcli.sweeps import fork_server

        fork_server.start()  # first, because it takes as long as all that comes before a training
    sweep = _described(arguments, configs, resumed)
    if print_sweep:
        click.echo(sweep.as_yaml(), nl=False)
        return

    from mlpcli.cli.reporters import reporter
    from mlpcli.sweeps import api
    from mlpcli.sweeps.sweep_folder import SweepFolder

    report = reporter(quiet)
    backend = api.Backend(workers, scheduler, data_dir)
    try:
        if resumed is None:
            result = api.begin(sweep, backend, sweeps_dir=sweeps_dir, reporter=report)
        else:
            result = api.resume(SweepFolder.find(resumed), sweep, backend, reporter=report)
    except Interrupted as stop:
        raise Interrupted(
            f"{stop} To resume: {backend.resuming(stop.folder)}", stop.signal, stop.folder
        ) from stop
    click.echo(json.dumps(_facts(result)) if as_json else _text(result))
    if sweep.base.training.pictures:
        _leave_pictures(result, report)
    if not quiet:
        report.remark(_what_next(result, data_dir))


def _described(
    arguments: tuple[str, ...], configs: tuple[str, ...], resumed: Path | None
) -> "Sweep":
    from mlpcli.config.sweep_loading import load_sweep

    files = [each for each in arguments if "=" not in each]
    if resumed is not None:
        from mlpcli.sweeps.resumption import changed
        from mlpcli.sweeps.sweep_folder import SweepFolder

        if files or configs or options.is_given("sweeps_dir"):
            raise click.UsageError("--resume goes with settings of the sweep alone.")
        return changed(SweepFolder.find(resumed), arguments)
    if len(files) > 1:
        raise ConfigError(f"{files[1]}: expected one sweep file; the others are KEY=VALUE.")
    options.refuse_configs(files)
    overrides = [each for each in arguments if "=" in each]
    return load_sweep(next(iter(files), None), configs=configs, overrides=overrides)


def _facts(result: "SweepResult") -> dict[str, object]:
    from mlpcli.sweeps.results import summary

    return {"folder": str(result.folder), **summary(result)}


def _text(result: "SweepResult") -> str:
    from mlpcli.cli.sweep_progress import cells, headers, plain

    sweep, best = result.sweep, result.best
    states = [trial.state for trial in result.trials]
    counts = ", ".join(f"{states.count(each)} {each}" for each in sorted(set(states)))
    counted = f" ({counts})" if counts else ""
    lines = [f"Sweep:   {result.folder}", f"Trials:  {len(states):,}{counted}", ""]
    if result.stopped == "minutes":
        if left := sweep.trials - len(states):
            lines[1] += f", {left:,} not begun"
        lines[1] += ": the minutes are over"
    rows = [cells(sweep, trial) for trial in result.ranking[:MOST_SHOWN]]
    if rows:
        lines += [table([headers(sweep), *rows]), ""]
    if best is None:
        failed = any(trial.reason for trial in result.trials)
        reasons = "; results.csv has the reasons" if failed else " yet"
        return "\n".join([*lines, f"No trial has a result{reasons}."])
    values = " ".join(f"{key}={plain(value)}" for key, value in best.values.items())
    lines.append(f"Best:    trial {best.number}{': ' if values else ''}{values}")
    for seed, test in result.test.items():
        right = "" if test["test_accuracy"] is None else f"{percent(test['test_accuracy'])} right, "
        which = f", seed {seed}" if len(result.test) > 1 else ""
        lines.append(f"Test:    {right}loss {test['test_loss']:.4f}{which}")
    if len(result.importance) > 1:
        shares = ", ".join(f"{key} {percent(share)}" for key, share in result.importance.items())
        lines.append(f"Matters: {shares}")
    lines.append(f"Time:    {result.seconds:.1f} s")
    return "\n".join(lines)


def _leave_pictures(result: "SweepResult", report: "Reporter") -> None:
    """Draw the pictures. The sweep is complete: a failure here is reported, and no error."""
    try:
        from mlpcli.pictures.of_sweeps import draw_pictures

        draw_pictures(result)
    except Exception as error:
        what = str(error) if isinstance(error, MlpcliError) else f"{type(error).__name__}: {error}"
        report.remark(
            f"The sweep is complete, but not all of its pictures could be drawn: {printable(what)} "
            f"`mlpcli plot {as_argument(result.folder)}` draws them again."
        )


def _what_next(result: "SweepResult", data_dir: Path | None) -> str:
    from mlpcli.data.loading import options_for
    from mlpcli.data.published.cache import option_for

    folder, cache = as_argument(result.folder), option_for(data_dir)
    lines = [(f"mlpcli runs {folder}", "every training of the sweep")]
    if result.stopped == "minutes":
        resume = f"mlpcli sweep --resume {folder}{cache}"
        lines.append((resume, "the trials that are left, for as many minutes again"))
    elif result.sweep.has_more:
        more = f"mlpcli sweep --resume {folder} trials={2 * result.sweep.trials}{cache}"
        lines.append((more, "more trials"))
    if result.best is not None:
        best = as_argument(result.folder / "best.yaml")
        its_data = options_for(result.sweep.base.data, data_dir)
        members = min(MOST_TOGETHER, _networks(result))
        evaluate = (f"mlpcli evaluate {folder}{its_data}", "the best network on the test set")
        if members > 1:
            together = f"mlpcli evaluate {folder} --best {members}{its_data}"
            evaluate = (together, f"the {members} best answer together")
        lines = [
            (f"mlpcli train --config {best}{cache}", "the best trial as a run of its own"),
            evaluate,
            *lines,
        ]
    width = max(len(text) for text, _ in lines)
    return "Try next:\n" + "\n".join(f"  {text:{width}}  {why}" for text, why in lines)


def _networks(result: "SweepResult") -> int:
    """Return how many networks could answer together."""
    found = [each.result for trial in result.trials for each in trial.trainings]
    return sum(each is not None and not each.failed and each.best_epoch > 0 for each in found)
