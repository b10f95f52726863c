"""`mlpcli doctor`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mlpcli.cli import options
from mlpcli.errors import MlpcliError, printable
from mlpcli.text import count, listed, size


@click.command("doctor")
@click.option("--mirrors", is_flag=True, help="Ask every mirror of the datasets for a file, too.")
@options.data_dir
@options.as_json
def command(mirrors: bool, data_dir: Path | None, as_json: bool) -> None:
    """Show the installation and the machine, as a report of a fault should.

    That is every version, BLAS and its threads, cores, memory, the cached datasets, and what the
    extras lack. The home folder is written as ~. Without --mirrors, nothing goes over the network.
    Exits with 1 if something is broken that mlpcli cannot do without.

    \b
    mlpcli doctor
    mlpcli doctor --mirrors --json
    """
    from mlpcli.cli.diagnosis import diagnose

    found = diagnose(data_dir, ask_mirrors=mirrors)
    if as_json:
        click.echo(json.dumps({**found.facts, "problems": found.problems}))
    else:
        lines = list(_lines(found.facts))
        width = max(len(name) for name, _ in lines)
        for name, text in lines:
            click.echo(f"{name:{width}}  {printable(text)}".rstrip())
    if found.problems:
        broken = count(len(found.problems), "essential thing is", "essential things are")
        raise MlpcliError("\n  ".join([f"{broken} broken:", *found.problems]))


def _lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what stands in the left column, and what in the right."""
    yield "mlpcli", f"{facts['mlpcli']}, in {facts['folder']}"
    yield "Python", f"{facts['python']}, {facts['executable']}"
    yield "platform", facts["platform"]
    if "cpu" in facts:
        yield "processor", facts["cpu"]
        yield "cores", f"{facts['cores']} usable of {facts['cores_of_the_machine']}"
    yield "memory", _memory(facts["memory"])
    for library, threads in zip(facts.get("blas", []), facts.get("blas_threads", []), strict=True):
        names = " ".join(str(value) for value in library.values() if value)
        yield "BLAS", f"{names}, {count(threads, 'thread')}; in training 1 a worker"
    for name, package in facts["packages"].items():
        fault = f": {package['fault']}" if package["fault"] else ""
        yield name, f"{package['version'] or '-'}{fault}"
    for name, extra in facts["extras"].items():
        yield f"extra {name}", _extra(extra)
    own = facts["own_files"]
    box = own["boxed_network_fault"] or "whole"
    yield "own files", f"{count(own['configs'], 'config')}; the network in the box is {box}"
    yield from _cache(facts["cache"])
    if facts["mirrors"] is None:
        yield "mirrors", "not asked; --mirrors asks them"
    else:
        for address, fault in facts["mirrors"].items():
            yield "mirror", f"{address}: {fault or 'answers'}"
    for name, value in facts["variables"].items():
        yield "variable", f"{name}={value}"
    yield "output", f"{facts['encoding']}, {count(facts['columns'], 'column')}"


def _memory(memory: dict[str, int | None]) -> str:
    parts = [f"{size(number)} {what}" for what, number in memory.items() if number is not None]
    return ", ".join(parts) or "unknown"


def _extra(extra: dict[str, Any]) -> str:
    parts = [f"{name} {version}" for name, version in extra["installed"].items()]
    if extra["missing"]:
        missing = extra["missing"]
        names = listed(missing) if missing[1:] else missing[0]
        parts.append(f"missing: {names}; {extra['command']}")
    return ", ".join(parts)


def _cache(cache: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if cache["fault"]:
        yield "cache", cache["fault"]
        return
    if not cache["datasets"]:
        yield "cache", f"{cache['folder']}: empty; `{cache['command']}` downloads MNIST"
        return
    yield "cache", cache["folder"]
    for name, dataset in cache["datasets"].items():
        wrong = [f"{file} {state}" for file, state in dataset["files"].items() if state != "ok"]
        state = f"{', '.join(wrong)}; `{cache['command']}` mends it" if wrong else "verified"
        yield f"  {name}", f"{size(dataset['bytes'])}: {state}"
