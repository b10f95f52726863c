"""How much of the differences between the trials each parameter explains.

PED-ANOVA; Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter
Importance in Arbitrary Subspaces", 2023.
"""

import math

from matplotlib.figure import Figure

from mlpcli.pictures.catalogue import SweepPicture
from mlpcli.pictures.style import COLOURS, figure, grid, run_label
from mlpcli.pictures.sweep_subject import SweepSubject
from mlpcli.text import count


def shares(subject: SweepSubject) -> dict[str, float]:
    """Return the share of each parameter in percent, the largest first."""
    found = subject.result.importance
    known = {key: 100 * share for key, share in found.items() if math.isfinite(share)}
    return dict(sorted(known.items(), key=lambda each: -each[1]))


def why_not(subject: SweepSubject) -> str | None:
    """Return why the shares cannot be drawn, or None if they can."""
    if len(shares(subject)) > 1:
        return None
    return "importance compares several parameters, over trials that have a value and differ"


def draw(subject: SweepSubject) -> Figure:
    """Draw a bar for each parameter."""
    found = shares(subject)
    picture = figure(6.5, 0.36 * len(found) + 1.4)
    axes = picture.add_subplot()
    bars = axes.barh(
        [run_label(key) for key in found], list(found.values()), 0.65, color=COLOURS[0]
    )
    axes.bar_label(bars, [f"{share:.1f} %" for share in found.values()], padding=4)
    axes.invert_yaxis()
    axes.set_xlim(0, 112)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("share of the differences between the trials (%)")
    axes.set_title(_title(subject), x=0, ha="left")
    grid(axes)
    axes.grid(visible=False, axis="y")
    return picture


def _title(subject: SweepSubject) -> str:
    halving = subject.result.sweep.settings.halving
    when = f" after {count(halving.first, 'epoch')}" if halving else ""
    trials = count(len(subject.valued), "trial")
    return f"{run_label(subject.name)}: which parameter matters, by {trials}{when}"


PICTURE = SweepPicture(draw, why_not)
