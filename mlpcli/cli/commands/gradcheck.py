"""`mlpcli gradcheck`."""

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlpcli.cli import candidates, options
from mlpcli.errors import MlpcliError
from mlpcli.text import count, table

if TYPE_CHECKING:
    from mlpcli.nn.gradcheck import LayerCheck


@click.command("gradcheck")
@click.argument(
    "arguments",
    nargs=-1,
    type=options.NAME,
    metavar="[CHECKPOINT] [KEY=VALUE]...",
    shell_complete=candidates.explained,
)
@options.configs_without_default
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    callback=options.finite,
    default=1e-6,
    show_default=True,
    metavar="X",
    help="The largest relative error that passes.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Compare at most N parameters of each layer, chosen at random.",
)
@options.as_json
@options.data_dir
def command(
    arguments: tuple[str, ...],
    configs: tuple[str, ...],
    tolerance: float,
    sample: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Check backpropagation against centred differences, layer by layer, in float64.

    With --config: an untrained network on its first examples. With a CHECKPOINT or run folder: a
    trained network on random inputs. Exits with 1 if a layer is above the tolerance, unless its
    gradient is too small to check.

    \b
    mlpcli gradcheck --config quickstart
    mlpcli gradcheck --config quickstart network.activation=gelu loss=mse
    mlpcli gradcheck runs/mnist --sample 1000
    """
    from mlpcli.cli.reporters import reporter
    from mlpcli.config.loading import load_config
    from mlpcli.explaining.gradient_check import check_checkpoint, check_config

    if configs:
        config = load_config(*configs, overrides=arguments)
        checks = check_config(config, sample, data_dir=data_dir, reporter=reporter(quiet=True))
    elif data_dir is not None:
        raise click.UsageError("--data-dir goes with --config.")
    elif len(arguments) == 1:
        options.refuse_configs(arguments)
        checks = check_checkpoint(Path(arguments[0]), sample)
    else:
        raise click.UsageError("Give --config, with KEY=VALUE if you like, or a CHECKPOINT alone.")
    click.echo(_json(checks, tolerance) if as_json else _text(checks, tolerance))
    wrong = [each for each in checks if not each.passes(tolerance)]
    if wrong:
        last = wrong[-1]  # the first layer that the backward pass gets wrong
        raise MlpcliError(
            f"Layer {last.number} ({last.activation}): backpropagation and centred differences "
            f"differ by {last.relative_error:.1e}, more than {tolerance:g}. The derivative of its "
            "activation is wrong, or its own gradient, or the error that it receives."
        )


def _text(checks: "list[LayerCheck]", tolerance: float) -> str:
    rows = [["layer", "activation", "weights", "compared", "relative error", ""]]
    for each in checks:
        n_in, n_out = each.shape
        rows.append(
            [
                str(each.number),
                each.activation,
                f"{n_in} × {n_out}",
                f"{each.checked:,} of {each.parameters:,}",
                f"{each.relative_error:.1e}",
                _verdict(each, tolerance),
            ]
        )
    kinks = sum(each.at_a_kink for each in checks)
    note = f"\n{count(kinks, 'parameter')} left out: the step crosses a kink." if kinks else ""
    return table(rows) + note


def _verdict(check: "LayerCheck", tolerance: float) -> str:
    if not check.checked:
        return "not compared"
    if check.relative_error <= tolerance:
        return "ok"
    return "too small to check" if check.is_too_small else "WRONG"


def _json(checks: "list[LayerCheck]", tolerance: float) -> str:
    layers = [dataclasses.asdict(each) for each in checks]
    for layer in layers:
        for key in ("relative_error", "rounding"):
            if not math.isfinite(layer[key]):
                layer[key] = None
    return json.dumps({"tolerance": tolerance, "layers": layers}, allow_nan=False)
