"""`mlpcli config`."""

import json

import click


@click.group("config", no_args_is_help=False)
def command() -> None:
    """List the shipped configs, or print the schema."""


@command.command("schema", short_help="Print the JSON Schema of a config.")
@click.option("--sweep", is_flag=True, help="Print that of a sweep file.")
def schema(sweep: bool) -> None:
    """Print the JSON Schema of a config, which editors use to complete and check it."""
    from mlpcli.config.json_schema import json_schema

    click.echo(json.dumps(json_schema(of_sweeps=sweep), indent=2))


@command.command("list")
def list_shipped() -> None:
    """Print the names of the configs that come with mlpcli; of sweep files last."""
    from mlpcli.config.shipped import config_names, sweep_names

    for name in (*config_names(), *sweep_names()):
        click.echo(name)
