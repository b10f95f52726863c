"""`mlpcli runs`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlpcli.cli import candidates, options
from mlpcli.errors import DataError
from mlpcli.text import number, percent, table

if TYPE_CHECKING:
    from mlpcli.storage.records import RunRecord

MISSING = "-"
STATES = ("interrupted", "diverged", "paused", "impossible")
"""reasons why a run stopped before its end"""
RESULTS = ("best_epoch", "val_loss", "val_accuracy", "test_loss", "test_accuracy", "seconds")


@click.command("runs")
@click.argument("folder", required=False, type=options.PATH, default=Path("runs"), metavar="[DIR]")
@click.option(
    "--compare",
    nargs=2,
    type=options.PATH,
    metavar="A B",
    shell_complete=candidates.run_names,
    help="Show the settings in which two runs differ, and their results.",
)
@options.as_json
def command(folder: Path, compare: tuple[Path, Path] | None, as_json: bool) -> None:
    """List the runs of a folder (runs), or compare two of them.

    \b
    mlpcli runs
    mlpcli runs --json elsewhere/runs
    mlpcli runs sweeps/mnist
    mlpcli runs --compare mnist mnist-2
    """
    if compare is not None:
        from mlpcli.storage.folders import is_run
        from mlpcli.storage.records import read_record

        a, b = (folder / name if is_run(folder / name) else name for name in compare)
        click.echo(_comparison(read_record(a), read_record(b), as_json=as_json))
        return
    records, left_out = _readable(folder)
    if as_json:
        for record in records:
            click.echo(json.dumps(_facts(record)))
    elif records:
        click.echo(_list(records))
    elif not left_out:
        click.echo(f"{folder}: no runs there yet; `mlpcli train` makes one.", err=True)


def _readable(folder: Path) -> tuple[list["RunRecord"], int]:
    """Return the runs by the time they started, and the number of damaged ones, each reported."""
    from mlpcli.storage.records import read_record, run_folders

    records, left_out = [], 0
    for path in run_folders(folder):
        try:
            records.append(read_record(path))
        except DataError as error:
            left_out += 1
            click.echo(f"Left out: {error}", err=True)
    return sorted(records, key=lambda record: (_when(record), record.folder.name)), left_out


def _facts(record: "RunRecord") -> dict[str, Any]:
    best, summary = record.best, record.summary
    return {
        "name": _name(record),
        "folder": str(record.folder.path),
        "started": record.environment.get("started"),
        "finished": record.has_ended,
        "hidden": record.setting("network", "hidden"),
        "optimizer": record.setting("optimizer", "name"),
        "learning_rate": record.setting("optimizer", "learning_rate"),
        "epochs": len(record.history),
        "epochs_planned": record.setting("training", "epochs"),
        "best_epoch": best.epoch if best else None,
        "val_loss": best.val_loss if best else None,
        "val_accuracy": best.val_accuracy if best else None,
        "test_loss": summary.get("test_loss"),
        "test_accuracy": summary.get("test_accuracy"),
        "seconds": record.seconds,
    }


def _name(record: "RunRecord") -> str:
    """Return the name of a run; of a trial with several seeds, with its number."""
    path = record.folder.path
    is_of_seed = path.parent.parent.name == "trials"
    return f"{path.parent.name}/{path.name}" if is_of_seed else record.folder.name


def _list(records: list["RunRecord"]) -> str:
    rows = [["name", "when", "network", "optimizer", "epochs", "validation", "test", "time"]]
    return table(rows + [_row(record, _facts(record)) for record in records])


def _row(record: "RunRecord", facts: dict[str, Any]) -> list[str]:
    optimizer, rate = str(facts["optimizer"]), facts["learning_rate"]
    return [
        facts["name"],
        _when(record) or MISSING,
        _network(facts["hidden"]),
        f"{optimizer} {rate:g}" if isinstance(rate, int | float) else optimizer,
        f"{facts['epochs']} of {facts['epochs_planned']}",
        _result(facts["val_accuracy"], facts["val_loss"]) or MISSING,
        _result(facts["test_accuracy"], facts["test_loss"]) or _state(record),
        _time(facts["seconds"]),
    ]


def _when(record: "RunRecord") -> str:
    """Return the time of the start in UTC: 2026-01-31 12:05."""
    return str(record.environment.get("started") or "")[:16].replace("T", " ")


def _network(hidden: Any) -> str:
    return "-".join(map(str, hidden)) if isinstance(hidden, list) and hidden else "no hidden layer"


def _result(accuracy: Any, loss: Any) -> str:
    """Return an accuracy, or the loss of a regression."""
    if isinstance(accuracy, int | float):
        return percent(accuracy)
    return f"loss {number(loss)}" if isinstance(loss, int | float) else ""


def _state(record: "RunRecord") -> str:
    """Return the state of a run that was not tested."""
    stopped = record.summary.get("stopped")
    if record.has_ended:
        return "not tested"
    return stopped if stopped in STATES else "unfinished"


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def _comparison(a: "RunRecord", b: "RunRecord", *, as_json: bool) -> str:
    from mlpcli.storage.records import differences

    settings = differences(a.config, b.config)
    facts_of_a, facts_of_b = _facts(a), _facts(b)
    results = {key: (facts_of_a[key], facts_of_b[key]) for key in RESULTS}
    paths = [str(a.folder.path), str(b.folder.path)]
    if as_json:
        return json.dumps({"runs": paths, "settings": settings, "results": results})
    names = [a.folder.name, b.folder.name]
    if names[0] == names[1]:
        names = paths
    rows = [["setting", *names]]
    rows += [[key, *map(_plain, pair)] for key, pair in settings.items()]
    if not settings:
        rows.append(["(all the same)", "", ""])
    rows += [["", "", ""], ["result", *names]]
    rows += [[key, *map(_plain, pair)] for key, pair in results.items()]
    return table(rows)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if value is None:
        return MISSING
    return value if isinstance(value, str) else json.dumps(value)
