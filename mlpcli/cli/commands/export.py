"""`mlpcli export`."""

from pathlib import Path

import click

from mlpcli.cli import candidates, options
from mlpcli.extras import require
from mlpcli.text import count

ENDINGS = (".safetensors", ".onnx", ".npz")


@click.command("export")
@click.argument("checkpoint", type=options.PATH, shell_complete=candidates.checkpoints)
@click.argument("file", type=options.PATH, callback=options.named_as("a network", *ENDINGS))
@click.option("--float16", is_flag=True, help="Round the parameters to half the size.")
@click.option("--flat", is_flag=True, help="For .onnx: take images as rows, (N, height * width).")
def command(checkpoint: Path, file: Path, float16: bool, flat: bool) -> None:
    """Write a network to predict with: CHECKPOINT is a run folder or a .safetensors file.

    The ending of FILE says for whom. Batch normalisation and averaged parameters are folded in, and
    what only training needs is left out, so no training can resume from it.

    \b
    .safetensors  for mlpcli, and for every framework
    .onnx         for ONNX Runtime and others: from bytes of images to probabilities
                  (pip install 'mlpcli[onnx]')
    .npz          for NumPy alone

    \b
    mlpcli export runs/mnist mnist.safetensors --float16
    mlpcli predict photo.png --checkpoint mnist.safetensors
    mlpcli export runs/mnist mnist.onnx
    """
    import numpy as np

    from mlpcli.files import write_bytes
    from mlpcli.inference.exporting.exported import load_exported
    from mlpcli.storage import checkpoint as safetensors

    ending = file.suffix.lower()
    if flat and ending != ".onnx":
        raise click.UsageError("--flat is for .onnx files; leave it out.")
    if ending == ".onnx":
        require("onnx", extra="onnx", what="An .onnx file")
    exported = load_exported(checkpoint)
    options.refuse_to_overwrite("FILE", file, exported.path)
    if flat and not exported.reads_images:
        raise click.UsageError("--flat is for images, and this network learned from a table.")
    if float16:
        exported.refuse_float16()
    dtype = np.dtype(np.float16) if float16 else None
    left_out = ""
    if ending == ".onnx":
        from mlpcli.inference.exporting import onnx_model

        content = onnx_model.to_bytes(exported, dtype, flat=flat)
        left_out = onnx_model.left_out(exported)
    elif ending == ".npz":
        from mlpcli.inference.exporting import npz

        content, left_out = npz.to_bytes(exported, dtype), npz.left_out(exported)
    else:
        content = safetensors.to_bytes(exported.checkpoint, dtype)
    write_bytes(file, content)
    parameters = count(len(exported.network.theta), "parameter")
    click.echo(f"{file}: {parameters}, {len(content):,} bytes")
    if left_out:
        click.echo(left_out, err=True)
