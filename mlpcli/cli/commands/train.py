"""`mlpcli train`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlpcli.cli import candidates, options
from mlpcli.errors import Interrupted, MlpcliError, printable
from mlpcli.files import as_argument
from mlpcli.text import count, number, percent

if TYPE_CHECKING:
    from mlpcli.config.schema.config import Config
    from mlpcli.reporting import Reporter
    from mlpcli.runs.dry_run import DryRun
    from mlpcli.runs.run import Run


@click.command("train")
@options.configs
@options.overrides
@options.runs_dir
@options.data_dir
@click.option(
    "--resume",
    "resumed",
    type=options.PATH,
    metavar="RUN",
    shell_complete=candidates.checkpoints,
    help="Resume a run: its folder, or a checkpoint in it.",
)
@options.trust_paths
@click.option("--print-config", is_flag=True, help="Print the whole resolved config and stop.")
@click.option("--dry-run", is_flag=True, help="Push one batch through everything; write nothing.")
@click.option("--quiet", "-q", is_flag=True, help="Show the result only, no progress.")
def command(
    configs: tuple[str, ...],
    overrides: tuple[str, ...],
    runs_dir: Path,
    data_dir: Path | None,
    resumed: Path | None,
    trust_paths: bool,
    print_config: bool,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train a network and leave a run folder.

    A KEY=VALUE sets one setting and wins over the config, which wins over the defaults.

    \b
    mlpcli train --config quickstart
    mlpcli train --config mnist training.epochs=3 optimizer.learning_rate=1e-2
    mlpcli train --config runs/mnist/config.yaml       the same run once more
    mlpcli train --resume runs/mnist                   from where it was interrupted
    mlpcli train --resume runs/mnist training.epochs=20      or for longer
    """
    if resumed is not None:
        _refuse_beside_resume("configs", "runs_dir", "dry_run")
    elif trust_paths:
        raise click.UsageError("--trust-paths goes with --resume alone: a config is trusted.")
    from mlpcli.config.loading import load_config
    from mlpcli.config.writing import resolved_yaml

    if resumed is None:
        config = load_config(*(configs or (options.DEFAULT_CONFIG,)), overrides=overrides)
    else:
        from mlpcli.runs import resumption

        config = resumption.find(resumed, overrides).config
    if print_config:
        click.echo(resolved_yaml(config), nl=False)
        return

    from mlpcli.cli.reporters import reporter

    report = reporter(quiet)
    if dry_run:
        from mlpcli.runs.dry_run import dry_run as push_one_batch

        click.echo(_dry_run_text(push_one_batch(config, data_dir=data_dir, reporter=report)))
        return
    from mlpcli.runs import run

    try:
        if resumed is None:
            finished = run.train(config, runs_dir=runs_dir, data_dir=data_dir, reporter=report)
        else:
            finished = run.resume(
                resumed, overrides, data_dir=data_dir, trust_paths=trust_paths, reporter=report
            )
    except Interrupted as stop:
        resuming = f"mlpcli train --resume {as_argument(stop.folder)}"
        how = f"{stop} To resume: {resuming}{_with_its_data(config, data_dir)}"
        raise Interrupted(how, stop.signal, stop.folder) from stop
    click.echo(_result_text(finished))
    if config.training.pictures and finished.history:
        _leave_pictures(finished, data_dir, report)
    if not quiet:
        report.remark(_what_next(finished, data_dir))


def _refuse_beside_resume(*parameters: str) -> None:
    """Refuse options that a resumed run has settled."""
    for parameter in click.get_current_context().command.params:
        if parameter.name in parameters and options.is_given(parameter.name):
            raise click.UsageError(f"{parameter.opts[0]} does not go with --resume.")


def _with_its_data(config: "Config", data_dir: Path | None) -> str:
    from mlpcli.data.loading import options_for

    return options_for(config.data, data_dir)


def _leave_pictures(run: "Run", data_dir: Path | None, report: "Reporter") -> None:
    """Draw the run's pictures. The run is complete: a failure here is reported, and no error."""
    try:
        from mlpcli.pictures.of_runs import draw_pictures

        draw_pictures(
            run.folder, data_dir=data_dir, trust_paths=True, reporter=report, test=run.test
        )
    except Exception as error:
        what = str(error) if isinstance(error, MlpcliError) else f"{type(error).__name__}: {error}"
        report.remark(
            f"The run is complete, but not all of its pictures could be drawn: {printable(what)} "
            f"`mlpcli plot {as_argument(run.folder)}{_with_its_data(run.config, data_dir)}` draws "
            "them again."
        )


def _dry_run_text(dry: "DryRun") -> str:
    setup, network = dry.setup, dry.setup.network
    validation = 0 if setup.validation is None else len(setup.validation)
    return (
        f"Network:    {'-'.join(map(str, network.sizes))} ({len(network.theta):,} parameters)\n"
        f"Examples:   {len(setup.training):,} for training, {validation:,} for validation, "
        f"{len(setup.test):,} for the test\n"
        f"One batch:  loss {number(dry.loss_before)}, after one step {number(dry.loss_after)}\n"
        "Nothing was written."
    )


def _result_text(run: "Run") -> str:
    best = f"{run.best_epoch} of {len(run.history)}" if run.history else "none: nothing was trained"
    if run.best is not None and run.monitor != "epoch":
        figure = getattr(run.best, run.monitor)
        written = number(figure) if run.monitor.endswith("loss") else f"{figure:.4f}"
        best += f" ({run.monitor} {written})"
    if run.stopped_early:
        best += ", stopped early"
    if run.reached_loss:
        last = run.history[-1]
        best += f", stopped at training loss {number(last.train_loss)}, below training.stop_at_loss"
    if run.took_back:
        steps = count(len(run.history) - 1, "step")
        best += f"\n            The weights kept are those of {steps}, which have this loss."
    test = f"loss {number(run.test.loss)}"
    if run.test.accuracy is not None:
        right = int((run.test.predictions == run.test.labels).sum())
        total = len(run.test.labels)
        test = f"{percent(run.test.accuracy)} right ({right:,} of {total:,}), {test}"
    return (
        f"Run:        {run.folder}\n"
        f"Best epoch: {best}\n"
        f"Test:       {test}\n"
        f"Time:       {run.seconds:.1f} s"
    )


def _what_next(run: "Run", data_dir: Path | None) -> str:
    from mlpcli.data.published.cache import option_for
    from mlpcli.data.table import training_rows
    from mlpcli.page.small_networks import may_be_drawn

    has_classes = run.test.accuracy is not None
    report = "each class, and what is confused with what" if has_classes else "each output"
    folder, its_data = as_argument(run.folder), _with_its_data(run.config, data_dir)
    reads_digits = run.config.data.dataset in ("mnist", "synthetic")
    mine = "your own image of a digit" if reads_digits else "your own image"
    evaluate = (f"mlpcli evaluate {folder}{its_data}", report)
    predict = (f"mlpcli predict photo.png --checkpoint {folder}", mine)
    page = f"mlpcli page {folder}{its_data} --open"
    watch = (page, "draw in the browser, and watch the network forward and back")
    lines = [evaluate, predict, watch]
    if run.config.data.dataset == "synthetic":
        cache = option_for(data_dir)
        lines = [
            (f"mlpcli train --config mnist{cache}", "real MNIST (12 MB are downloaded once)"),
            evaluate,
            (f"mlpcli evaluate {folder} --dataset mnist{cache}", "on real handwriting"),
            predict,
            watch,
        ]
    if run.config.data.table is not None:
        explain = f"mlpcli explain --config {as_argument(run.folder / 'config.yaml')}"
        table = run.config.data.table
        first = table.inputs[0] if table.inputs else [0]
        row = ",".join(f"{number:g}" for number in first)
        lines = [
            evaluate,
            (f"mlpcli predict --inputs {row} --checkpoint {folder}", "its answer to a row"),
            (f"mlpcli explain {folder} --example 1", "an example's way forward and back"),
            (explain, "each step of its training, with its numbers"),
        ]
        if may_be_drawn(run.config, training_rows(table, None)):
            lines.append((page, "the network itself, drawn with its numbers"))
    width = max(len(text) for text, _ in lines)
    return "Try next:\n" + "\n".join(f"  {text:{width}}  {why}" for text, why in lines)
