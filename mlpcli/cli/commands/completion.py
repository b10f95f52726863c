"""`mlpcli completion`."""

import os
from pathlib import Path

import click

NAMES = ("bash", "zsh", "fish", "powershell")


@click.command("completion")
@click.argument("shell", type=click.Choice(NAMES), required=False)
def command(shell: str | None) -> None:
    """Print the script with which a shell completes commands, options, settings and runs.

    Without a name, that of the shell in the variable SHELL; on Windows, PowerShell's. Put the line
    of your shell where it starts:

    \b
    eval "$(mlpcli completion bash)"                   ~/.bashrc
    eval "$(mlpcli completion zsh)"                    ~/.zshrc
    mlpcli completion fish | source                    ~/.config/fish/config.fish
    mlpcli completion powershell | Out-String | Invoke-Expression      $PROFILE
    """
    from mlpcli.cli import shells
    from mlpcli.cli.main import command as mlpcli

    script = shells.SHELLS[shell or _own_shell()](mlpcli, {}, "mlpcli", shells.VARIABLE).source()
    click.echo(script, nl=False)


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).stem
    if name in NAMES:
        return name
    if os.name == "nt":
        return "powershell"
    raise click.UsageError(f"Which shell is yours? Give one of {', '.join(NAMES)}.")
