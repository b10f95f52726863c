"""`mlpcli data`."""

from pathlib import Path

import click

from mlpcli.cli import options
from mlpcli.data.published.sources import SOURCES
from mlpcli.errors import ConfigError, DataError
from mlpcli.text import count, table

VERSIONS = 8
DATASETS = list(SOURCES)


@click.group("data", no_args_is_help=False)
def command() -> None:
    """Fetch, verify, list and preview datasets."""


@command.command("fetch", short_help="Download what is missing.")
@click.argument("datasets", nargs=-1, type=click.Choice(DATASETS), metavar="[DATASET]...")
@options.data_dir
def fetch(datasets: tuple[str, ...], data_dir: Path | None) -> None:
    """Download what is missing: mnist (the default), fashion_mnist, kmnist or qmnist.

    Cached files are verified and kept. MLPCLI_MIRROR, a URL or a folder, is tried before the public
    mirrors.
    """
    from mlpcli.cli.reporters import reporter
    from mlpcli.data.published import cache

    report = reporter(quiet=False)
    for dataset in dict.fromkeys(datasets) or DATASETS[:1]:
        files = cache.fetch(
            dataset,
            cache.data_directory(data_dir),
            progress=lambda file, received: report.download(file.name, received, file.size),
            report=report.remark,
        )
        for file in files.values():
            click.echo(f"{file.path}: verified, {len(file.content):,} bytes")


@command.command("verify", short_help="Check the SHA-256 of the cached files.")
@click.argument("datasets", nargs=-1, type=click.Choice(DATASETS), metavar="[DATASET]...")
@options.data_dir
def verify(datasets: tuple[str, ...], data_dir: Path | None) -> None:
    """Check the SHA-256 of the cached files; exit with 3 if one is damaged or missing.

    Without a DATASET, check every dataset in the cache.
    """
    from mlpcli.data.published import cache

    folder = cache.data_directory(data_dir)
    names = dict.fromkeys(datasets) or [found.name for found in cache.cached(folder)]
    if not names:
        raise DataError(
            f"{folder}: nothing is cached there; `{cache.fetch_command([], folder)}` downloads "
            "MNIST."
        )
    wrong: list[str] = []
    for name in names:
        for file in cache.verify(name, folder):
            problem = f" ({file.problem})" if file.problem else ""
            click.echo(f"{file.path}: {file.state.value}{problem}")
            if file.state is not cache.State.OK:
                wrong.append(name)
    if wrong:
        raise DataError(
            f"{count(len(wrong), 'file is', 'files are')} damaged or missing; "
            f"`{cache.fetch_command(dict.fromkeys(wrong), folder)}` fetches such files anew."
        )


@command.command("list")
@options.data_dir
def list_cached(data_dir: Path | None) -> None:
    """List the cached datasets, with their folders and sizes."""
    from mlpcli.data.published import cache

    folder = cache.data_directory(data_dir)
    found = cache.cached(folder)
    if not found:
        fetching = cache.fetch_command([], folder)
        click.echo(f"{folder}: nothing is cached; `{fetching}` downloads MNIST.", err=True)
        return
    rows = [["dataset", "files", "bytes", "folder"]]
    rows += [[c.name, f"{len(c.file_names)} of 4", f"{c.size:,}", str(c.folder)] for c in found]
    click.echo(table(rows))


@command.command("preview", short_help="Draw training images as augmentation distorts them.")
@options.configs
@options.overrides
@click.option(
    "--count", type=click.IntRange(1, 500), default=10, show_default=True, help="How many images."
)
@click.option(
    "--epoch", type=click.IntRange(min=1), default=1, show_default=True, help="The first epoch."
)
@click.option(
    "--output",
    "-o",
    type=options.PATH,
    default=Path("preview.png"),
    show_default=True,
    callback=options.png,
    help="The PNG file to write.",
)
@options.data_dir
def preview(
    configs: tuple[str, ...],
    overrides: tuple[str, ...],
    count: int,
    epoch: int,
    output: Path,
    data_dir: Path | None,
) -> None:
    """Draw training images, a row for each: the original, then its distorted versions.

    These are the versions of eight epochs, exactly as `mlpcli train` makes them.

    \b
    mlpcli data preview --config quickstart data.augmentation.rotation=15
    mlpcli data preview --config mine.yaml --count 20 --output sheet.png
    """
    from mlpcli.cli.reporters import reporter
    from mlpcli.config.loading import load_config
    from mlpcli.data.augmentation import Augmenter
    from mlpcli.data.loading import DataLoader
    from mlpcli.data.preview import draw_sheet, first_of_each_class
    from mlpcli.data.published.cache import data_directory
    from mlpcli.data.shaping import Shaping
    from mlpcli.files import write_bytes

    config = load_config(*(configs or (options.DEFAULT_CONFIG,)), overrides=overrides)
    if config.data.table is not None:
        raise ConfigError("A table has no images to draw; give a config of a dataset of images.")
    report = reporter(quiet=False)
    loader = DataLoader(config.data, config.seed, data_directory(data_dir), report)
    training, _ = loader.training_and_validation()
    training = Shaping.from_settings(config.data.model_dump()).apply(training)
    augmenter = Augmenter.from_config(config, training.image_shape)
    epochs = range(epoch, epoch + VERSIONS)
    if augmenter.changes_nothing:
        epochs = range(0)
        report.remark(
            "This config has no augmentation, so the sheet shows originals only; try "
            "data.augmentation.rotation=12."
        )
    elif epochs[-1] > augmenter.last_epoch:
        report.remark(
            f"This run shows the images as they are after epoch {augmenter.last_epoch:,.0f} "
            "(data.augmentation.undistorted_fraction)."
        )
    indices = first_of_each_class(training.labels, count)
    write_bytes(output, draw_sheet(training, indices, augmenter, epochs))
    click.echo(f"{output}: written")
