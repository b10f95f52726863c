"""The page of a checkpoint."""

from pathlib import Path
from typing import Any

import mlpcli
from mlpcli.errors import CheckpointError
from mlpcli.inference.model import Model, load_model
from mlpcli.nn.symbols import SYMBOLS
from mlpcli.page.network import network_facts, rounded
from mlpcli.page.pack import packed
from mlpcli.page.small_networks import example_facts, table_facts
from mlpcli.page.test_images import test_image_facts
from mlpcli.reporting import Reporter

MOST_BYTES = 20_000_000
"""size of the largest page that is made unless it is forced"""
_BYTES_PER_PARAMETER = 2 * 4 / 3  # half precision in base64


def make_page(
    checkpoint: Path,
    data_dir: Path | None = None,
    *,
    trust_paths: bool = False,
    force: bool = False,
    reporter: Reporter | None = None,
) -> str:
    """Return the HTML of a page in which a network answers, forward and back.

    Args:
        checkpoint: a run folder or a checkpoint.
        data_dir: the cache of datasets, where the test images are; None for the usual one.
        trust_paths: whether data files that the checkpoint names may lie anywhere.
        force: whether the page may have more than MOST_BYTES.
        reporter: receives what the user should know.

    Raises:
        CheckpointError: the checkpoint cannot be used, or is too large for a page.
    """
    reporter = reporter or Reporter()
    model = load_model(checkpoint)
    name = str(model.config.get("name", "")) or model.path.stem
    facts: dict[str, Any] = {"version": mlpcli.__version__, "name": name, "symbols": SYMBOLS}
    if model.learned_from_a_table:
        facts |= {"network": None, "tests": None, "small": [*table_facts(model)]}
    else:
        expected = int(_BYTES_PER_PARAMETER * len(model.network.theta))
        if not force:
            _refuse_too_large(model, expected)
        model = rounded(model)
        facts["network"] = network_facts(model)
        facts["tests"] = test_image_facts(model, data_dir, trust_paths, reporter)
        facts["small"] = []
    facts["small"] += example_facts()
    return packed(f"{name}: a network, forward and back", facts)


def _refuse_too_large(model: Model, expected: int) -> None:
    if expected > MOST_BYTES:
        raise CheckpointError(
            f"{model.path}: its {len(model.network.theta):,} parameters make a page of about "
            f"{expected / 1e6:.0f} MB, and browsers are slow with more than "
            f"{MOST_BYTES / 1e6:.0f} MB; give --force to make it all the same."
        )
