"""`mlpcli export`."""

from pathlib import Path

import click

from mlpcli.cli import options
from mlpcli.text import count


@click.command("export")
@click.argument("checkpoint", type=options.PATH)
@click.argument("file", type=options.PATH, metavar="FILE.safetensors", callback=options.safetensors)
@click.option("--float16", is_flag=True, help="Round the parameters to half the size.")
def command(checkpoint: Path, file: Path, float16: bool) -> None:
    """Write a network to predict with: CHECKPOINT is a run folder or a .safetensors file.

    The file has no optimizer state, so no training can resume from it; batch normalisation and
    averaged parameters are folded in.

    \b
    mlpcli export runs/mnist mnist.safetensors --float16
    mlpcli predict photo.png --checkpoint mnist.safetensors
    """
    import numpy as np

    from mlpcli.errors import CheckpointError
    from mlpcli.files import write_bytes
    from mlpcli.storage.checkpoint import export, load_checkpoint, to_bytes
    from mlpcli.storage.run_folder import checkpoint_path

    exported = export(load_checkpoint(checkpoint_path(checkpoint)))
    largest = np.abs(exported.network.theta).max()
    if not np.isfinite(largest):
        raise CheckpointError(
            f"{checkpoint}: batch normalisation cannot be folded into weights so large; use "
            "another checkpoint."
        )
    if float16 and largest > np.finfo(np.float16).max:
        raise CheckpointError(
            f"{checkpoint}: has numbers too large for float16; export it without --float16."
        )
    content = to_bytes(exported, np.dtype(np.float16) if float16 else None)
    write_bytes(file, content)
    parameters = count(len(exported.network.theta), "parameter")
    click.echo(f"{file}: {parameters}, {len(content):,} bytes")
