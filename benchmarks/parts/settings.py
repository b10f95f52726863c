"""How much is measured, and where the data lie meanwhile."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

_STARTED = time.monotonic()


@dataclass(frozen=True)
class Settings:
    """What the command line asked for."""

    dataset: str
    """mnist or synthetic"""
    repeats: int
    epochs: int
    """timed in each process, after one that warms up"""
    quick: bool
    """a smoke test of the benchmark: so small that the figures mean nothing"""
    folder: Path
    """temporary: images, saved models, run folders"""
    goals: tuple[str, ...] = ()
    """in percent of the test images"""
    seeds: int = 1
    """with which mlpcli trains to each goal"""
    peer_seeds: int = 1
    """with how many of these each peer does"""

    @property
    def train_size(self) -> int:
        """Images of an epoch."""
        return 6_000 if self.quick else 60_000

    @property
    def test_size(self) -> int:
        """Images that accuracy is measured on."""
        return 1_000 if self.quick else 10_000

    @property
    def accuracy_tolerance(self) -> float:
        """Off from mlpcli's by more, a contestant has done other work; few images tell little."""
        return 0.1 if self.quick else 0.01


def progress(text: str) -> None:
    """Say on stderr what is done, after how many seconds."""
    print(f"{time.monotonic() - _STARTED:6.0f} s  {text}", file=sys.stderr, flush=True)
