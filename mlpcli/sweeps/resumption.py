"""What a sweep that is resumed may change."""

from collections.abc import Sequence

from mlpcli.config.sweep_loading import Sweep, load_sweep
from mlpcli.errors import ConfigError
from mlpcli.storage.records import differences
from mlpcli.sweeps.sweep_folder import SweepFolder
from mlpcli.text import setting

MAY_CHANGE = ("trials", "minutes")
"""settings that a resumed sweep may change"""
ONLY_THOSE = "a resumed sweep may change trials and minutes only."


def changed(folder: SweepFolder, overrides: Sequence[str]) -> Sweep:
    """Return the sweep of a folder with changes, or raise ConfigError if it cannot have them."""
    before = load_sweep(folder.sweep)
    try:
        after = load_sweep(folder.sweep, overrides=overrides)
    except ConfigError as error:
        # Its trials, say, may be too many for the values of a parameter that has changed.
        others = [each for each in overrides if each.partition("=")[0].strip() not in MAY_CHANGE]
        if not others:
            raise
        raise ConfigError("\n".join(f"{each}: {ONLY_THOSE}" for each in others)) from error
    found = differences(
        before.settings.model_dump(mode="json"), after.settings.model_dump(mode="json")
    )
    problems = [
        f"{key}: was {setting(old)} and would be {setting(new)}; {ONLY_THOSE}"
        for key, (old, new) in sorted(found.items())
        if key not in MAY_CHANGE
    ]
    if after.trials < before.trials:
        problems.append(f"trials: expected at least {before.trials}, found {after.trials}")
    if problems:
        raise ConfigError("\n".join(problems))
    return after
