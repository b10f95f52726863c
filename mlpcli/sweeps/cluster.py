"""Dask workers that run tasks: on this machine, or wherever a scheduler has them.

Dask runs a task again that was lost with its worker. Since a task is a pure function, its result
does not change.
"""

import asyncio
import contextlib
import functools
import importlib
import importlib.metadata
import ipaddress
import logging
import operator
import pickle
import queue
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import dask
import numpy as np
from distributed import Client, Future, KilledWorker, LocalCluster, get_worker
from distributed.comm.core import CommClosedError
from distributed.core import Status, rpc
from distributed.security import Security

import mlpcli
from mlpcli.errors import ClusterError, MlpcliError
from mlpcli.parallel.processors import available_cores
from mlpcli.reporting import Reporter
from mlpcli.sweeps import fork_server

CONNECT_SECONDS = 10
ENDED = (Status.closed, Status.failed)
MOST_LOSSES = 25
"""how often Dask may give up a task, each time after several workers ended that ran it"""
ENCRYPTED = ("tls", "wss")
SETTINGS = {
    # A checkpoint of a large network is a large argument.
    "distributed.admin.large-graph-warning-threshold": "1TB",
    "distributed.comm.retry.count": 2,
    # What Dask watches for its dashboard costs a worker and the driver time at every trial.
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.disk": False,
}


def versions() -> dict[str, str]:
    """Return the versions that all machines of a sweep must share."""
    return {"mlpcli": mlpcli.__version__, "NumPy": np.__version__}


class Cluster:
    """Runs tasks on Dask workers and returns their results as they come.

    Args:
        workers: the number of local workers; None for one a core.
        scheduler: the address of a Dask scheduler, whose workers are used instead of local ones.
        reporter: receives remarks.
    """

    def __init__(
        self, workers: int | None = None, scheduler: str | None = None, *, reporter: Reporter
    ) -> None:
        self.is_local = scheduler is None
        self._size = workers or available_cores()
        self._scheduler = scheduler
        self._reporter = reporter
        self._stack = contextlib.ExitStack()
        self._ended: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._running: dict[Any, tuple[Any, Callable[..., Any], tuple[Any, ...], int]] = {}
        self._futures: dict[Any, Future[Any]] = {}
        self._shared: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Start the local workers, or connect to the scheduler.

        Raises:
            ClusterError: the scheduler cannot be reached, or a worker is not fit.
        """
        _silence_dask()
        method = {"distributed.worker.multiprocessing-method": fork_server.start_method()}
        self._stack.enter_context(dask.config.set(SETTINGS | method))
        with self._closing_if_it_fails():
            if self._scheduler is None:
                self._local = self._stack.enter_context(_local_cluster())
                client = Client(self._local)  # type: ignore[no-untyped-call]
                self._client: Client = self._stack.enter_context(client)
                self._local.sync(_spare_workers_signals)
                self._keep_size()
            else:
                self._client = self._stack.enter_context(self._connected(self._scheduler))
                self._check_workers()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def _closing_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._stack.close()
            raise

    def _connected(self, address: str) -> Client:
        if not _is_protected(address):
            self._reporter.remark(
                f"Warning: {address} is used without TLS: whoever reaches that scheduler can run "
                "programs on its workers. Use it in a network that you trust, or a tls:// address."
            )
        try:
            found = asyncio.run(_identity(address))
            if found != "Scheduler":
                raise ValueError(f"a Dask {found.lower()} answers")
            return Client(address, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]
        except (OSError, ValueError, TypeError, CommClosedError) as error:
            raise ClusterError(
                f"{address}: no Dask scheduler can be reached there ({_first_line(error)}); start "
                "one with `dask scheduler`, and give the address that it prints."
            ) from error

    def _keep_size(self) -> None:
        """Let Dask start the local workers that are missing: at first, all of them.

        It restarts a worker that ends, but not one that ended while it was starting.
        """
        if self.is_local and len(self._workers()) < self._size:
            self._local.sync(self._replace_ended)

    async def _replace_ended(self) -> None:
        nannies = self._local.workers
        for name in [name for name, nanny in nannies.items() if nanny.status in ENDED]:
            del nannies[name]
        self._local.scale(self._size)

    def _workers(self) -> Mapping[str, Any]:
        """Return what the scheduler says of each worker, by its address."""
        workers: Mapping[str, Any] = self._client.scheduler_info().get("workers", {})
        return workers

    @property
    def size(self) -> int:
        """The number of tasks that can run at the same time."""
        if self.is_local:
            return self._size
        return sum(worker["nthreads"] for worker in self._workers().values())

    @property
    def has_room(self) -> bool:
        """Whether another task would begin soon."""
        return len(self._running) < 2 * max(self.size, 1)

    @property
    def outstanding(self) -> int:
        """The number of tasks that are running, or waiting to."""
        return len(self._running)

    @property
    def is_idle(self) -> bool:
        """Whether no task is left."""
        return not self._running

    def shared(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what stands for data in the arguments of tasks; it is made and sent only once."""
        if name not in self._shared:
            self._shared[name] = self._client.submit(_itself, make(), pure=False)
        return self._shared[name]

    def submit(self, label: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Run `function(*arguments)` on a worker; `label` says which task it was.

        The last argument may be one of `shared`.
        """
        self._submit(label, function, arguments, losses=0)

    def _submit(
        self, label: Any, function: Callable[..., Any], arguments: tuple[Any, ...], losses: int
    ) -> None:
        # A worker without mlpcli fails in `pickle.loads`, with a message. If Dask itself had to
        # unpickle our function there, the worker would end without one.
        *first, last = arguments
        call = functools.partial(_on_worker, versions(), function, *first)
        if isinstance(last, Future):
            loaded = self._client.submit(pickle.loads, pickle.dumps(call), pure=False)
            future = self._client.submit(operator.call, loaded, last, pure=False)
        else:  # half the work for Dask
            packed = pickle.dumps(_CalledAsLoaded(functools.partial(call, last)))
            future = self._client.submit(pickle.loads, packed, pure=False)
        self._running[future.key] = label, function, arguments, losses
        self._futures[future.key] = future
        future.add_done_callback(self._ended.put)  # type: ignore[no-untyped-call]

    def next_result(self, seconds: float) -> tuple[Any, Any] | None:
        """Return the label and the result of a task that has ended; None if none has by then.

        Raises:
            ClusterError: the scheduler is gone, or a worker cannot run tasks.
            MlpcliError: the task raised it; the message names the worker.
        """
        if self._client.status not in ("running", "connecting"):
            raise self._gone()
        try:
            future = self._ended.get(timeout=seconds)
        except queue.Empty:
            self._keep_size()
            return None
        if future.key not in self._running:  # it was cancelled
            return None
        label, function, arguments, losses = self._running.pop(future.key)
        del self._futures[future.key]
        if future.status == "cancelled":
            raise self._gone()
        try:
            return label, future.result()
        except KilledWorker as error:
            if losses == MOST_LOSSES:
                raise ClusterError(
                    "A training was lost with each of the many workers that ran it, the last one "
                    f"{error.last_worker.address}; perhaps they had too little memory."
                ) from error
            self._submit(label, function, arguments, losses + 1)
            return None
        except (ImportError, AttributeError):
            self._check_workers()
            raise
        except CommClosedError as error:
            raise self._gone() from error

    def cancel(self) -> None:
        """Give up all tasks."""
        futures = list(self._futures.values())
        self._client.cancel(futures, force=True)  # type: ignore[no-untyped-call]
        self._running.clear()
        self._futures.clear()

    def _gone(self) -> ClusterError:
        where = self._scheduler or "The local scheduler"
        return ClusterError(f"{where}: the connection to the scheduler is lost.")

    def _check_workers(self) -> None:
        """Check that each worker has mlpcli, which is looked for without a function of its own.

        Raises:
            ClusterError: one has not, or has another version.
        """
        if not self._workers():
            self._reporter.remark(f"{self._scheduler} has no workers yet; waiting for one.")
            return
        found = self._client.run(importlib.import_module, "mlpcli.sweeps.task", on_error="return")
        problems = [
            f"Worker {address}: cannot import mlpcli ({_first_line(error)}); install "
            f"mlpcli {mlpcli.__version__} there."
            for address, error in found.items()
            if isinstance(error, Exception)
        ]
        if not problems:
            for name, package in (("mlpcli", "mlpcli"), ("NumPy", "numpy")):
                there = self._client.run(importlib.metadata.version, package, on_error="return")
                problems += [
                    _wrong_version(address, name, str(version), versions()[name])
                    for address, version in there.items()
                    if str(version) != versions()[name]
                ]
        if problems:
            raise ClusterError("\n".join(problems))


def _silence_dask() -> None:
    """Keep Dask's log off stderr: what a user must know is raised as an error of ours."""
    for name in logging.root.manager.loggerDict:
        if name.startswith("distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _local_cluster() -> Any:
    """Return a cluster on this machine that has no workers yet, and listens on loopback only."""
    return LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=0,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=logging.CRITICAL,
    )


async def _spare_workers_signals() -> None:
    """Spare worker processes signals, which are started by this thread, Dask's own."""
    fork_server.spare_children_signals()


def _is_protected(address: str) -> bool:
    """Return whether nobody in a network can read or change what goes to this address."""
    with contextlib.suppress(ValueError):  # not an address, or a host with a name
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        host = parts.hostname or ""
        return (
            parts.scheme in ENCRYPTED
            or host == "localhost"
            or ipaddress.ip_address(host).is_loopback
        )
    return False


async def _identity(address: str) -> str:
    """Return what answers at an address; an error where nothing of Dask's does in time.

    A client would wait for ever where something else answers.
    """
    security = Security().get_connection_args("client")  # type: ignore[no-untyped-call]
    there = rpc(address, connection_args=security)  # type: ignore[no-untyped-call]
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return str((await there.identity())["type"])
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {CONNECT_SECONDS} s") from error
    finally:
        await there.close_rpc()  # type: ignore[no-untyped-call]


class _CalledAsLoaded:
    """A call whose pickle becomes its result, where it is loaded."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return operator.call, (self._call,)


def _on_worker(expected: dict[str, str], function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a task; errors name the worker."""
    address = get_worker().address
    for name, version in versions().items():
        if version != expected[name]:
            raise ClusterError(_wrong_version(address, name, version, expected[name]))
    try:
        return function(*arguments)
    except MlpcliError as error:
        raise type(error)(f"Worker {address}: {error}") from error


def _wrong_version(address: str, name: str, found: str, expected: str) -> str:
    return (
        f"Worker {address}: has {name} {found}, and this machine has {expected}; the same version "
        "is needed for the same results."
    )


def _itself(data: Any) -> Any:
    return data


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
