"""HTML that a notebook shows for an object: tables, and curves as a small SVG.

Every text is escaped, and every colour but that of a line is the notebook's own, so that it can be
read on a dark page too.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mlpcli.text import count

_COLOURS, _DASHES = ("#0072b2", "#d55e00"), ("none", "5 3")
"""of the first and the second line; they differ in grey, too"""
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 330, 190, 62, 24, 36
_MOST_POINTS = 200
_WIDE = 50
"""ratio of the largest number to the least above which the axis is logarithmic"""


@dataclass(frozen=True)
class Curves:
    """A plot of one or two lines over the epochs from 1 on; None is a number that is missing."""

    title: str
    lines: Mapping[str, Sequence[float | None]]
    best: int = 0
    """the epoch that is marked; 0 for none"""


class _Point(NamedTuple):
    epoch: int
    value: float


def page(title: str, *parts: str) -> str:
    """Return the parts below each other, with a title."""
    return f"<div><b>{html.escape(title)}</b>{''.join(parts)}</div>"


def table(rows: Sequence[Sequence[object]], *, has_header: bool = False) -> str:
    """Return a table of rows."""
    lines = []
    for i, row in enumerate(rows):
        cell = "th" if has_header and i == 0 else "td"
        cells = "".join(
            f'<{cell} style="text-align: left">{html.escape(str(each))}</{cell}>' for each in row
        )
        lines.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def plots(*curves: Curves) -> str:
    """Return plots beside each other; those without a number are left out."""
    drawn = "".join(_svg(each) for each in curves if _points(each))
    return f'<div style="display: flex; flex-wrap: wrap; gap: 1em">{drawn}</div>' if drawn else ""


def _points(curves: Curves) -> dict[str, list[_Point]]:
    """Return the points of each line that has any, thinned out evenly where there are very many."""
    found = {}
    for name, values in curves.lines.items():
        points = [
            _Point(epoch, value)
            for epoch, value in enumerate(values, 1)
            if value is not None and math.isfinite(value)
        ]
        if points:
            every = math.ceil(len(points) / _MOST_POINTS)
            found[name] = points[::every] + points[-1:] * (len(points) % every != 1 and every > 1)
    return found


def _svg(curves: Curves) -> str:
    lines = _points(curves)
    values = [point.value for points in lines.values() for point in points]
    low, high = min(values), max(values)
    is_logarithmic = low > 0 and high > _WIDE * low
    scaled = math.log if is_logarithmic else float
    last = max(point.epoch for points in lines.values() for point in points)
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - 12

    def x(epoch: int) -> float:
        return _LEFT + (right - _LEFT) * ((epoch - 1) / (last - 1) if last > 1 else 0.5)

    def y(value: float) -> float:
        share = (scaled(value) - scaled(low)) / (scaled(high) - scaled(low)) if high > low else 0.5
        return bottom - (bottom - _TOP - 6) * share

    scale = ", logarithmic" if is_logarithmic else ""
    told = f"{curves.title} over {count(last, 'epoch')}"
    head = (
        f'<svg role="img" aria-label="{html.escape(told)}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="11" '
        'fill="currentColor">'
    )
    title = f'<text x="{_LEFT}" y="13">{html.escape(curves.title + scale)}</text>'
    axes = (
        f'<path d="M{_LEFT},{_TOP} V{bottom} H{right}" fill="none" stroke="currentColor" '
        'stroke-opacity="0.5"/>'
        f'<text x="{(_LEFT + right) / 2}" y="{bottom + 14}" text-anchor="middle">'
        f"{'epoch' if last > 1 else 'epoch 1'}</text>"
    )
    parts = [head, title, axes]
    for value in dict.fromkeys((low, high)):
        parts.append(
            f'<text x="{_LEFT - 5}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        )
    for epoch in (1, last) if last > 1 else ():
        parts.append(
            f'<text x="{x(epoch):.1f}" y="{bottom + 14}" text-anchor="middle">{epoch:,}</text>'
        )
    if 0 < curves.best <= last:
        at = x(curves.best)
        parts.append(
            f'<path d="M{at:.1f},{_TOP} V{bottom}" stroke="currentColor" stroke-opacity="0.4" '
            f'stroke-dasharray="2 3"><title>best epoch: {curves.best:,}</title></path>'
        )
    for i, (name, points) in enumerate(lines.items()):
        colour, dash = _COLOURS[i % 2], _DASHES[i % 2]
        path = "M" + " L".join(f"{x(p.epoch):.1f},{y(p.value):.1f}" for p in points)
        start = _LEFT + i * (right - _LEFT) // 2
        parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6" '
            f'stroke-dasharray="{dash}"/>'
        )
        if len(points) == 1:
            (only,) = points
            parts.append(
                f'<circle cx="{x(only.epoch):.1f}" cy="{y(only.value):.1f}" r="3" fill="{colour}"/>'
            )
        parts.append(
            f'<path d="M{start},{_HEIGHT - 8} h18" stroke="{colour}" stroke-width="1.6" '
            f'stroke-dasharray="{dash}"/>'
            f'<text x="{start + 23}" y="{_HEIGHT - 4}">{html.escape(name)}</text>'
        )
    return "".join([*parts, "</svg>"])
