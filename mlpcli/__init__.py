"""Train, evaluate and use a multilayer perceptron on handwritten digits.

The command line's work, from Python:

    config = mlpcli.load_config("mnist", overrides=["training.epochs=3"])
    run = mlpcli.train(config)
    model = mlpcli.load_model(run.folder)
    model.predict(images)
"""

import importlib

TYPE_CHECKING = False  # importing it from typing would take a moment
if TYPE_CHECKING:
    from mlpcli.config.loading import load_config
    from mlpcli.data.dataset import Dataset
    from mlpcli.data.loading import load_dataset
    from mlpcli.inference.model import Model, load_model
    from mlpcli.runs.run import Run, resume, train
    from mlpcli.sweeps.api import resume_sweep, sweep
    from mlpcli.sweeps.results import SweepResult

__version__ = "0.1.0"
__all__ = [
    "Dataset",
    "Model",
    "Run",
    "SweepResult",
    "__version__",
    "load_config",
    "load_dataset",
    "load_model",
    "resume",
    "resume_sweep",
    "sweep",
    "train",
]

_HOMES = {
    "Dataset": "mlpcli.data.dataset",
    "Model": "mlpcli.inference.model",
    "Run": "mlpcli.runs.run",
    "SweepResult": "mlpcli.sweeps.results",
    "load_config": "mlpcli.config.loading",
    "load_dataset": "mlpcli.data.loading",
    "load_model": "mlpcli.inference.model",
    "resume": "mlpcli.runs.run",
    "resume_sweep": "mlpcli.sweeps.api",
    "sweep": "mlpcli.sweeps.api",
    "train": "mlpcli.runs.run",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import mlpcli` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mlpcli' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
