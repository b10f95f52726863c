"""What local workers need, imported by the process that they are forked from.

That process alone imports this module, and what is set here holds for every worker.
"""

import importlib
import logging
import os
import signal

# If the command ends early, over a mistake in its config, this process need not finish.
_parent = os.getppid()
signal.signal(signal.SIGALRM, lambda *_: os._exit(0) if os.getppid() != _parent else None)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)

# Dask sets these for each worker, but NumPy looks at them as it is imported.
for _library in ("OMP", "MKL", "OPENBLAS"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import dask  # noqa: E402
from distributed import versions  # noqa: E402

from mlpcli.sweeps import cluster, task  # noqa: E402, F401

for _route in dask.config.get("distributed.worker.http.routes"):
    importlib.import_module(_route)
versions.get_versions()  # remembered, and so is the next
task.environment_here()

signal.setitimer(signal.ITIMER_REAL, 0)
signal.signal(signal.SIGALRM, signal.SIG_DFL)

# A heartbeat may fail while its worker closes.
logging.getLogger("tornado.application").setLevel(logging.CRITICAL)

# A SIGTERM for the whole group ends the workers, but not the process that starts others.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
os.register_at_fork(
    after_in_child=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
)
