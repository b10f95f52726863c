"""Sweeps from Python, and for the command line: begin one, or resume one."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpcli.config.schema.config import Config
from mlpcli.config.sweep_loading import Sweep, load_sweep
from mlpcli.data.loading import DataLoader
from mlpcli.data.published import cache
from mlpcli.data.published.sources import SOURCES
from mlpcli.errors import ClusterError, DataError, WriteError
from mlpcli.extras import require
from mlpcli.files import as_argument, write_text
from mlpcli.reporting import Reporter
from mlpcli.runs.interruption import Interruption
from mlpcli.runs.starting import read_start
from mlpcli.sweeps.results import SweepResult
from mlpcli.sweeps.resumption import changed
from mlpcli.sweeps.sweep_folder import SweepFolder
from mlpcli.sweeps.task import WITHOUT_FILES

if TYPE_CHECKING:
    from mlpcli.sweeps.cluster import Cluster


@dataclass(frozen=True)
class Backend:
    """Where a sweep runs."""

    workers: int | None = None
    """number of local workers; None for one a core"""
    scheduler: str | None = None
    """address of a Dask scheduler, whose workers are used instead"""
    data_dir: str | Path | None = None
    """the cache of datasets on this machine; None for the usual one"""

    @property
    def cache(self) -> Path:
        """The folder of that cache, absolute."""
        folder = None if self.data_dir is None else Path(self.data_dir)
        return cache.data_directory(folder).absolute()

    def resuming(self, folder: Path) -> str:
        """Return the command line that resumes the sweep in a folder on this backend."""
        where = f" --scheduler {self.scheduler}" if self.scheduler else ""
        where += cache.option_for(self.data_dir)
        return f"mlpcli sweep --resume {as_argument(folder)}{where}"


def sweep(
    config: Config | str | Path | Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    sweeps_dir: str | Path = "sweeps",
    data_dir: str | Path | None = None,
    reporter: Reporter | None = None,
    **settings: Any,
) -> SweepResult:
    """Train a config with many values of some settings, and leave the sweep in a new folder.

    A script that calls this needs `if __name__ == "__main__":` around its own work, because the
    local workers import it.

    Args:
        config: what the trials share: from `load_config`, a name, a file or the settings.
        parameters: by dotted key a list of values, or `{"low": 0.001, "high": 0.1, "log": True}`.
        workers: the number of local workers; None for one a core.
        scheduler: the address of a Dask scheduler, whose workers are used instead.
        sweeps_dir: the folder in which the sweep's folder is created.
        data_dir: the cache of datasets; None for MLPCLI_DATA, or else `data`.
        reporter: receives the progress.
        settings: the other settings of a sweep file, such as `trials=50`, `sampler="random"`,
            `seeds=[1, 2, 3]`, `halving={"first": 2, "factor": 3}`, `minutes=10`.

    Raises:
        ConfigError: a setting is wrong, or the extra `sweep` is not installed.
        ClusterError: the workers cannot do their work.
        DataError: the data cannot be had.
        WriteError: the sweep cannot be recorded.
        Interrupted: Ctrl-C stopped it; `resume_sweep` continues it.
    """
    base = (
        config.model_dump(mode="json", exclude_unset=True) if isinstance(config, Config) else config
    )
    base = str(base) if isinstance(base, Path) else base
    described = load_sweep({"base": base, "parameters": parameters, **settings})
    backend = Backend(workers, scheduler, data_dir)
    return begin(described, backend, sweeps_dir=sweeps_dir, reporter=reporter)


def resume_sweep(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    data_dir: str | Path | None = None,
    reporter: Reporter | None = None,
) -> SweepResult:
    """Resume a sweep that was stopped, or that gets more trials.

    Args:
        path: its folder.
        overrides: `trials=50`, `minutes=10`.
        workers: as for `sweep`, and so are the others.
        scheduler: the address of a Dask scheduler.
        data_dir: the cache of datasets.
        reporter: receives the progress.

    Raises:
        CheckpointError: there is no sweep.
        ConfigError: an override changes another setting, or the extra `sweep` is not installed.
        ClusterError, DataError, WriteError, Interrupted: as for `sweep`.
    """
    folder = SweepFolder.find(Path(path))
    backend = Backend(workers, scheduler, data_dir)
    return resume(folder, changed(folder, overrides), backend, reporter=reporter)


def begin(
    sweep: Sweep,
    backend: Backend,
    *,
    sweeps_dir: str | Path = "sweeps",
    reporter: Reporter | None = None,
) -> SweepResult:
    """Begin a sweep from `load_sweep`; errors as for `sweep`."""
    reporter = reporter or Reporter()
    with _working(sweep, backend, reporter) as cluster:
        name = sweep.settings.name or "sweep"
        folder = SweepFolder.create(Path(sweeps_dir), name, sweep.as_yaml())
        with folder.locked():
            return _drive(sweep, folder, cluster, backend, reporter)


def resume(
    folder: SweepFolder, sweep: Sweep, backend: Backend, *, reporter: Reporter | None = None
) -> SweepResult:
    """Resume the sweep of a folder, as `changed` returned it; errors as for `resume_sweep`."""
    reporter = reporter or Reporter()
    with folder.locked(), _working(sweep, backend, reporter) as cluster:
        write_text(folder.sweep, sweep.as_yaml())
        return _drive(sweep, folder, cluster, backend, reporter)


@contextlib.contextmanager
def _working(sweep: Sweep, backend: Backend, reporter: Reporter) -> "Iterator[Cluster]":
    """Yield workers, once the data that local ones read are there."""
    require("optuna", "sweep", "A sweep")
    require("distributed", "sweep", "A sweep")

    from mlpcli.sweeps.cluster import Cluster

    if backend.scheduler is None:
        _prepare_data(sweep.base, backend.cache, reporter)
    with Cluster(backend.workers, backend.scheduler, reporter=reporter) as cluster:
        yield cluster


def _prepare_data(config: Config, folder: Path, reporter: Reporter) -> None:
    """Download published data, and read one's own, before anything is trained.

    All workers would otherwise fetch and prepare them at once, and a test set that cannot be read
    would be noticed at the end.
    """
    data = config.data
    for name in {data.dataset, *([data.mix.dataset] if data.mix else [])} & SOURCES.keys():
        cache.fetch(
            name,
            folder,
            progress=lambda file, received: reporter.download(file.name, received, file.size),
            report=reporter.remark,
        )
    if data.dataset not in (*SOURCES, *WITHOUT_FILES):
        if start := read_start(config, folder):
            data = start.completed(config).data
        loader = DataLoader(data, config.seed, folder, reporter)
        loader.raw_test(loader.raw_training().class_names)


def _drive(
    sweep: Sweep, folder: SweepFolder, cluster: "Cluster", backend: Backend, reporter: Reporter
) -> SweepResult:
    from mlpcli.sweeps.driver import Driver

    with Interruption(folder.path) as interruption:
        driver = Driver(sweep, folder, cluster, backend.cache, reporter, interruption)
        reporter.sweep_begins(driver)
        try:
            return driver.run()
        except (ClusterError, DataError, WriteError) as error:
            how = f"What is done is saved; to resume: {backend.resuming(folder.path)}"
            raise type(error)(f"{error} {how}") from error
        finally:
            reporter.sweep_ends(driver)
