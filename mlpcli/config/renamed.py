"""Keys that have another name in older runs and checkpoints."""

import copy
from typing import Any

RENAMED: dict[tuple[str | int, ...], tuple[str, str]] = {
    ("training", "threads"): ("training", "workers")
}
"""present section and key of each old one"""


def with_present_names(saved: Any) -> Any:
    """Return a copy of a saved config in which every renamed key has its present name."""
    if not isinstance(saved, dict):
        return saved
    config = copy.deepcopy(saved)
    for (section, old), (new_section, new) in RENAMED.items():
        if isinstance(config.get(section), dict) and old in config[section]:
            config.setdefault(new_section, {})[new] = config[section].pop(old)
    return config
