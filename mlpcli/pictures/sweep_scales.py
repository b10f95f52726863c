"""Where the values of a sweep lie along an axis: numbers, powers of ten, errors or categories.

Every picture of a sweep draws in these positions, so that an axis looks the same in all of them.
"""

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from matplotlib.ticker import MaxNLocator

from mlpcli.config.schema.sweep import ParameterConfig
from mlpcli.config.sweep_loading import grid_values
from mlpcli.pictures.style import shortened

Kind = Literal["linear", "log", "errors", "categories"]

LONGEST_VALUE = 18
"""length of a value along an axis, in characters"""
MOST_NUMBERS = 9
"""number of ticks of an axis of numbers"""
MOST_CATEGORIES = 30
"""number of ticks of an axis of categories"""
CLOSEST_TICKS, CLOSEST_VALUES = 0.05, 0.025
"""least distance of ticks, and of the numbers of a list, as a part of the axis"""
CROWDED = 0.2
"""part of the axis that the better half of the trials must fill, or else it is stretched"""
EDGE = 0.07
"""distance from the axis at which values lie that are beyond its ends, as a part of the axis"""
ROUND_ERRORS = [100.0, *(m * 10.0**e for e in range(1, -5, -1) for m in (5, 2, 1))]
"""percentages of wrong answers that an axis of accuracies may have ticks at"""


@dataclass(frozen=True)
class Scale:
    """An axis from 0 to 1."""

    kind: Kind
    low: float
    """the number at position 0; of categories, 0"""
    high: float
    """the number at position 1; of categories, how many there are"""
    ticks: tuple[tuple[float, str], ...]
    """positions with their labels, in order"""
    categories: tuple[str, ...] = ()
    """the values in order, as JSON"""
    least_error: float = 0.0
    """the percentage that stands for no error at all, which has no logarithm"""
    is_discrete: bool = False
    """only some values are possible, so trials may share one"""

    def position(self, value: Any) -> float:
        """Return where a value lies; all those beyond an end lie `EDGE` behind it."""
        if self.kind == "categories":
            return (self.categories.index(_key(value)) + 0.5) / len(self.categories)
        low, high = self._transformed(self.low), self._transformed(self.high)
        if low == high:
            return 0.5
        position = (self._transformed(value) - low) / (high - low)
        if position < -1e-9:
            return -EDGE
        return position if position <= 1 + 1e-9 else 1 + EDGE

    def _transformed(self, value: float) -> float:
        if self.kind == "log":
            return math.log10(max(value, 1e-300))
        if self.kind == "errors":
            return -math.log10(max(100 - value, self.least_error))
        return value


def parameter_scale(parameter: ParameterConfig) -> Scale:
    """Return the axis of a parameter: as its range says, or as suits its list of values.

    A list of numbers is an axis of numbers, or of their logarithms, whichever has the closest two
    further apart. Where they would still touch, and for all other lists, the values are categories
    in the order in which they are given.
    """
    values = parameter.values
    if values is None:
        low, high = parameter.low or 0, parameter.high or 0
        kind: Kind = "log" if parameter.log else "linear"
        return _of_numbers(kind, low, high, grid_values(parameter), parameter.is_integer)
    numbers = sorted({value for value in values if _is_number(value)})
    if len(numbers) < 2 or not all(map(_is_number, values)):
        return _of_categories(values)
    kind, gap = "linear", _closest(numbers)
    if numbers[0] > 0:
        by_factors = _closest([math.log(number) for number in numbers])
        if by_factors > 1.001 * gap:
            kind, gap = "log", by_factors
    if gap < CLOSEST_VALUES and len(values) <= MOST_CATEGORIES:
        return _of_categories(values)
    are_integers = all(isinstance(number, int) for number in numbers)
    return _of_numbers(kind, numbers[0], numbers[-1], numbers, are_integers)


def monitor_scale(values: Sequence[float], minimize: bool, ends: Sequence[float] = ()) -> Scale:
    """Return the axis of losses, or of accuracies in percent, that trials have.

    Trials that learned little would leave the others no room to differ in. So where the better half
    fills less than a fifth of the axis, losses are drawn by their logarithms, and accuracies by
    those of their errors. Where that is not enough, the axis ends where the better half fills a
    fifth, and worse trials lie beyond. It has room for the `ends` of bars too, if it is linear.
    """
    ranked = sorted(values, reverse=not minimize)
    best, middle, worst = ranked[0], ranked[(len(ranked) - 1) // 2], ranked[-1]
    if len(ranked) < 4 or abs(middle - best) >= CROWDED * abs(worst - best):
        possible = (0.0, math.inf if minimize else 100.0)
        reached = [*values, *(end for end in ends if possible[0] < end < possible[1])]
        return _of_numbers("linear", min(reached), max(reached))
    kind: Kind = "errors" if not minimize else "log" if best > 0 else "linear"
    least = 0.0 if minimize else min(100 - value for value in values if value < 100) / 2
    whole = Scale(kind, min(values), max(values), (), least_error=least)
    to_middle = abs(whole.position(middle) - whole.position(best))
    near = [
        v for v in values if abs(whole.position(v) - whole.position(best)) * CROWDED <= to_middle
    ]
    inside = near if to_middle > 0 else values
    scale = replace(whole, low=min(inside), high=max(inside))
    labelled = _apart(scale, _round_ticks(kind, scale.low, scale.high))
    if len(inside) < len(values):
        end = scale.high if minimize else scale.low
        beyond = (
            1 + EDGE if minimize else -EDGE,
            f"{'>' if minimize else '<'} {number_label(end)}",
        )
        labelled = tuple(sorted([*labelled, beyond]))
    return replace(scale, ticks=labelled)


def gap(positions: Iterable[float]) -> float:
    """Return the least distance of different positions; 1 if there are not two."""
    return min((b - a for a, b in itertools.pairwise(sorted(set(positions)))), default=1.0)


def labels(values: Sequence[Any], longest: int = LONGEST_VALUE) -> list[str]:
    """Return short labels of values, no two of which are the same.

    A mapping goes by its name, if no other has that.
    """
    names = [_name(value) for value in values]
    full = [
        name if names.count(name) == 1 else _in_full(value)
        for name, value in zip(names, values, strict=True)
    ]
    short = [shortened(text, longest) for text in full]
    return [
        text if short.count(text) == 1 else f"{i}: {text[: longest - 4]}"
        for i, text in enumerate(short, 1)
    ]


def _name(value: Any) -> str:
    is_named = isinstance(value, Mapping) and isinstance(value.get("name"), str)
    return str(value["name"]) if is_named else _in_full(value)


def _in_full(value: Any) -> str:
    """Return a value as a sweep file has it; a mapping with the last words of its keys."""
    if isinstance(value, Mapping):
        parts = [
            _in_full(each) if isinstance(each, Mapping) else f"{key}={_in_full(each)}"
            for key, each in value.items()
        ]
        return " ".join(parts)
    if _is_number(value):
        return number_label(value)
    return value if isinstance(value, str) else json.dumps(value)


def number_label(value: float) -> str:
    """Return a number with at most four digits that matter; an integer with all."""
    if isinstance(value, int) and abs(value) < 1e9:
        return str(value)
    # Accuracies such as 99.995 differ in their last digits.
    return f"{value:.6g}" if 99 < value < 100 else f"{value:.4g}"


def _of_categories(values: Sequence[Any]) -> Scale:
    different = list({_key(value): value for value in values}.values())
    n = len(different)
    every = math.ceil(n / MOST_CATEGORIES)
    named = list(enumerate(labels(different)))[::every]
    ticks = tuple(((i + 0.5) / n, label) for i, label in named)
    keys = tuple(map(_key, different))
    return Scale("categories", 0, n, ticks, keys, is_discrete=True)


def _of_numbers(
    kind: Kind,
    low: float,
    high: float,
    possible: Sequence[float] = (),
    are_integers: bool = False,
) -> Scale:
    scale = Scale(kind, low, high, (), is_discrete=bool(possible))
    if 0 < len(possible) <= MOST_NUMBERS:
        ticks = list(possible)
    else:
        ticks = _round_ticks(kind, low, high, are_integers)
    return replace(scale, ticks=_apart(scale, ticks))


def _round_ticks(kind: Kind, low: float, high: float, are_integers: bool = False) -> list[float]:
    if kind == "errors":
        found = [100 - error for error in ROUND_ERRORS if low <= 100 - error <= high]
        return found if len(found) > 2 else _round_numbers(low, high)
    if kind == "log" and high > low:
        return _round_factors(low, high)
    return _round_numbers(low, high, are_integers)


def _round_numbers(low: float, high: float, are_integers: bool = False) -> list[float]:
    if low == high:
        return [low]
    steps = [1, 2, 2.5, 5, 10]
    found = MaxNLocator(6, steps=steps, integer=are_integers).tick_values(low, high)
    slack = 1e-9 * (high - low)
    inside = [float(tick) for tick in found if low - slack <= tick <= high + slack]
    return [round(tick) for tick in inside] if are_integers else inside


def _round_factors(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for multiples in ((1,), (1, 3), (1, 2, 5)):
        found = [multiple * 10.0**decade for decade in decades for multiple in multiples]
        inside = [tick for tick in found if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(inside) >= 4:
            break
    every = math.ceil(len(inside) / MOST_NUMBERS)
    return inside[::every] if len(inside) > 1 else _round_numbers(low, high)


def _apart(scale: Scale, ticks: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """Return ticks with their labels, without those that are too close to an earlier one."""
    found: list[tuple[float, str]] = []
    for tick in ticks:
        position = scale.position(tick)
        if not found or position - found[-1][0] >= CLOSEST_TICKS:
            found.append((position, number_label(tick)))
    return tuple(found)


def _closest(numbers: Sequence[float]) -> float:
    """Return the least distance of sorted numbers as a part of that of the first and last."""
    return min(b - a for a, b in itertools.pairwise(numbers)) / (numbers[-1] - numbers[0])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _key(value: Any) -> str:
    return json.dumps(value)
