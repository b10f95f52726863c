"""Optimizers, in rising complexity: how the gradient moves the parameters.

An optimizer knows flat vectors and no layers. It holds the settings; the vectors that it remembers
from step to step are handed in, so that they can live anywhere and be saved by their names. Muon
alone takes whole matrices.

Each adds the gradient of the penalties to that of the loss: λ/2 · Σ w² (L2; some let the weights
decay in another way) and κ · Σ |w| (L1, Tibshirani 1996), over the weights. Biases are left out:
they shift the function and do not make it steeper.
"""

from mlpcli.nn.optimizers.adaptive import AdaGrad, Adam, AdamW, NAdam, RMSprop
from mlpcli.nn.optimizers.descent import SGD, Lion, Momentum, Nesterov
from mlpcli.nn.optimizers.muon import Muon
from mlpcli.nn.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD

__all__ = ["OPTIMIZERS", "SGD", "Momentum"]

OPTIMIZERS: dict[str, type[SGD]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "lion": Lion,
    "schedule_free_sgd": ScheduleFreeSGD,
    "schedule_free_adamw": ScheduleFreeAdamW,
    "muon": Muon,
}
