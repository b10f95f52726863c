"""The computational graph of one example: a box for each node, an arrow for each local derivative.

A chain, and a network drawn layer by layer, goes downward; the units of a small network stand in
columns, with the weights on the arrows between them.
"""

import itertools
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from mlpcli.explaining.graph import Edge, Graph, Node, product
from mlpcli.nn.arrays import Array
from mlpcli.pictures.style import COLOURS, GREY, shown

BOX, ROW, UNIT_ROW, MARGIN = 0.52, 1.02, 1.25, 0.3
"""in inches: height of a box, of a row of a chain, of a row of units; margin of the sheet"""
LINE = 0.16
"""height that each line of text after the second adds to a box, in inches"""
SMALL, MEDIUM = 7.5, 8.5
"""sizes of fonts, in points"""
CHARACTER = 0.0087
"""width of a character, in inches per point of its font"""
FILL = {"input": "#FFFFFF", "parameter": "#EEEEEE", "operation": "#FFFFFF", "loss": "#DDDDDD"}
OUTLINE = {"input": 1.2, "parameter": 0.8, "operation": 1.2, "loss": 2.0}
PLACES = (0.3, 0.25, 0.35, 0.2, 0.7, 0.65, 0.75, 0.8, 0.4, 0.6, 0.5)
"""positions of a label along its arrow, best first; arrows cross in the middle"""
NARROWEST, WIDEST, WIDER = 0.7, 7.0, 0.3
"""gap between two columns without its labels, its limit and the step that widens it, in inches"""
INDEX = re.compile(r"\[[\d,]+\]")
FOOT_WIDTH = 120
"""width of the text at the foot, in characters"""

TITLES = {
    "operations": "each operation is a box",
    "units": "each unit is a box",
    "layers": "too large for every number, so each layer is a box",
}
READING = (
    "In each box: its value, and below that the slope ∂L/∂ of the loss. On each arrow: the local "
    "derivative.\nThe slope of a box is the product of the derivatives along its path to L, summed "
    "over the paths."
)
OF_WEIGHTS = (
    "An arrow's weight is its local derivative, and the slope along that weight is what goes in "
    "times the slope\nof the box at the arrow's end. The slope along a bias is that of its box."
)
OF_LAYERS = (
    "In each box: the shape and the norm of a layer's values, and the norm of the slope ∂L/∂ of "
    "the loss.\nOn each arrow: the Jacobian. The slope of a box is 1, the slope of L, times the "
    "Jacobians on the way back to the box."
)


Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """Lines of text in a frame, in inches; x and y are its centre, from the top left."""

    node: Node
    lines: tuple[str, ...]
    x: float
    y: float

    @property
    def width(self) -> float:
        return _box_width(self.lines)

    @property
    def height(self) -> float:
        return BOX + LINE * (len(self.lines) - 2)


@dataclass(frozen=True)
class Label:
    """Text on an arrow; x and y are its centre."""

    x: float
    y: float
    text: str

    def overlaps(self, other: "Label") -> bool:
        width, height = _size(self.text)
        others_width, others_height = _size(other.text)
        across, down = abs(self.x - other.x), abs(self.y - other.y)
        return across < (width + others_width) / 2 and down < (height + others_height) / 2


def draw(graph: Graph) -> Figure:
    """Draw the whole graph, in the detail that the title names."""
    if graph.detail == "units" and not graph.is_chain:
        return _draw_columns(graph)
    return _draw_chain(graph)


class _Sheet:
    """A figure that is measured in inches, from the top left corner of the graph, y downward."""

    def __init__(self, graph: Graph, width: float, height: float) -> None:
        sizes = "-".join(map(str, graph.sizes))
        title = f"{shown(graph.name)}, {sizes}, example {graph.example}: {TITLES[graph.detail]}"
        foot = _foot(graph)
        foot_lines = foot.split("\n")
        foot_width = 0.95 * SMALL * CHARACTER * max(map(len, foot_lines))
        inner = max(width, foot_width, 11 * CHARACTER * len(title))
        full_width = inner + 2 * MARGIN
        full_height = height + 0.17 * len(foot_lines) + 1.15
        left, top = MARGIN + (inner - width) / 2, 0.65
        self.figure = Figure(figsize=(full_width, full_height))
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_xlim(-left, full_width - left)
        self._axes.set_ylim(full_height - top, -top)
        self._axes.text(width / 2, 0.3 - top, title, ha="center", va="center", fontsize=11)
        bottom = full_height - 0.2 - top
        self._axes.text(MARGIN - left, bottom, foot, va="bottom", fontsize=SMALL, linespacing=1.3)

    def box(self, box: Box) -> None:
        corner = (box.x - box.width / 2, box.y - box.height / 2)
        shape = "round,pad=0,rounding_size=0.06"
        frame = FancyBboxPatch(corner, box.width, box.height, shape, edgecolor="black", zorder=3)
        frame.set_facecolor(FILL[box.node.kind])
        frame.set_linewidth(OUTLINE[box.node.kind])
        self._axes.add_patch(frame)
        text = "\n".join(box.lines)
        self._axes.text(box.x, box.y, text, ha="center", va="center", fontsize=MEDIUM, zorder=4)

    def arrow(self, start: Point, end: Point) -> None:
        shape: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "linewidth": 0.9}
        arrow = FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, color=GREY, zorder=1, **shape)
        self._axes.add_patch(arrow)

    def label(self, label: Label, align: str = "center") -> None:
        text = self._axes.text(label.x, label.y, label.text, ha=align, va="center", zorder=2)
        text.set(fontsize=SMALL, color=COLOURS[0], linespacing=1.1)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})

    def heading(self, x: float, text: str) -> None:
        drawn = self._axes.text(x, 0, text, ha="center", va="center", fontsize=MEDIUM)
        drawn.set_fontweight("bold")


def _draw_chain(graph: Graph) -> Figure:
    """Draw from x at the top to L at the bottom; weights on the left, biases on the right."""
    spine = [node for node in graph.nodes if node.kind != "parameter"]
    parameters = [edge for edge in graph.edges if edge.start.kind == "parameter"]
    half = max(_box_width(_lines(node)) for node in spine) / 2
    gap = 0.5 + max(_size(_derivative(edge))[0] for edge in parameters)
    middle = max(_box_width(_lines(edge.start)) for edge in parameters) + gap + half
    sheet = _Sheet(graph, 2 * middle, (len(spine) - 1) * ROW + BOX)
    boxes: dict[str, Box] = {}
    for i, node in enumerate(spine):
        boxes[node.name] = Box(node, _lines(node), middle, i * ROW + BOX / 2)
        sheet.box(boxes[node.name])
    for edge in graph.edges:
        end = boxes[edge.end.name]
        if edge.start.kind != "parameter":
            top, bottom = boxes[edge.start.name].y + BOX / 2, end.y - BOX / 2
            sheet.arrow((middle, top), (middle, bottom))
            sheet.label(Label(middle + 0.1, (top + bottom) / 2, _derivative(edge)), "left")
            continue
        side = 1 if edge.start.name.startswith("b") else -1
        lines = _lines(edge.start)
        outer = middle + side * (half + gap)
        sheet.box(Box(edge.start, lines, outer + side * _box_width(lines) / 2, end.y))
        sheet.arrow((outer, end.y), (middle + side * end.width / 2, end.y))
        sheet.label(Label(middle + side * (half + gap / 2), end.y, _derivative(edge)))
    return sheet.figure


def _draw_columns(graph: Graph) -> Figure:
    """Draw from x on the left to L on the right, the units of a layer below each other."""
    units = [node for node in graph.nodes if node.kind != "parameter"]
    columns = [list(nodes) for _, nodes in itertools.groupby(units, lambda node: node.stage)]
    tallest = max(map(len, columns))
    boxes: dict[str, Box] = {}
    labels: list[Label] = []
    headings: list[tuple[float, str]] = []
    right = 0.0
    for column in columns:
        heading = _heading(graph, column)
        lines = [_unit_lines(graph, node) for node in column]
        half = max(map(_box_width, [*lines, (heading,)])) / 2
        top = 0.75 + UNIT_ROW * (tallest - len(column)) / 2
        y = {node.name: top + UNIT_ROW * i for i, node in enumerate(column)}
        edges = [e for e in graph.edges if e.start.name in boxes and e.end in column]
        if edges:
            arrows = [(boxes[e.start.name].y, y[e.end.name]) for e in edges]
            gap, placed = _place_labels([_edge_text(edge) for edge in edges], arrows)
            labels += [Label(right + each.x, each.y, each.text) for each in placed]
            right += gap
        for node, text in zip(column, lines, strict=True):
            boxes[node.name] = Box(node, text, right + half, y[node.name])
        headings.append((right + half, heading))
        right += 2 * half
    sheet = _Sheet(graph, right, 1.2 + (tallest - 1) * UNIT_ROW)
    for x, heading in headings:
        sheet.heading(x, heading)
    for edge in graph.edges:
        if edge.start.kind != "parameter":
            start, end = boxes[edge.start.name], boxes[edge.end.name]
            sheet.arrow((start.x + start.width / 2, start.y), (end.x - end.width / 2, end.y))
    for label in labels:
        sheet.label(label)
    for box in boxes.values():
        sheet.box(box)
    return sheet.figure


def _place_labels(texts: Sequence[str], arrows: Sequence[Point]) -> tuple[float, list[Label]]:
    """Return the narrowest gap between columns in which no two labels overlap, and the labels.

    An arrow is given as the y at its beginning and at its end.
    """
    widest = max(_size(text)[0] for text in texts)
    gap = NARROWEST + widest
    while True:
        spread = min(1.0, (gap - widest - 0.3) / gap / 0.6)
        placed: list[Label] = []
        for text, (start, end) in zip(texts, arrows, strict=True):
            for place in PLACES:
                along = 0.5 + (place - 0.5) * spread
                label = Label(along * gap, start + along * (end - start), text)
                if not any(label.overlaps(other) for other in placed):
                    placed.append(label)
                    break
        if len(placed) == len(texts) or gap > WIDEST:
            return gap, placed
        gap += WIDER


def _heading(graph: Graph, column: Sequence[Node]) -> str:
    """Return the heading of a column: a₁ = sigmoid(z₁)."""
    node = column[0]
    operation = node.operation
    edges = [edge for edge in graph.edges if edge.end is node]
    if edges and edges[0].weight is not None:
        operation = f"{edges[0].start.name} {edges[0].weight.name} + {edges[-1].start.name}"
    return INDEX.sub("", f"{node.name} = {operation}" if operation else node.name)


def _unit_lines(graph: Graph, node: Node) -> tuple[str, ...]:
    """Return the lines in the box of a unit: its bias, its value and its slope."""
    biases = [
        _summary(edge.start.name, edge.start.value)
        for edge in graph.edges
        if edge.end is node and edge.start.kind == "parameter" and edge.symbol == "1"
    ]
    slope = _summary(f"∂L/∂{node.name}", node.gradient)
    return (*biases, _summary(node.name, node.value), slope)


def _lines(node: Node) -> tuple[str, ...]:
    """Return the lines in the box of a number or of a layer: its value and its slope."""
    name, slope = node.name, f"∂L/∂{node.name}"
    if node.operation:
        name += f" = {node.operation}"
    if node.value.size == 1:
        return (_summary(name, node.value), _summary(slope, node.gradient))
    return (_summary(name, node.value), f"{slope}: norm {np.linalg.norm(node.gradient):.4g}")


def _edge_text(edge: Edge) -> str:
    if edge.weight is None:
        return f"{edge.symbol}\n= {_number(edge.derivative)}"
    slope = _summary("∂L/∂W", edge.weight.gradient)
    return f"{_summary(edge.symbol, edge.derivative)}\n{slope}"


def _derivative(edge: Edge) -> str:
    """Return ∂z₁/∂u₁ = 1, or with a symbol between: ∂a₁/∂z₁ = σ′(z₁) = 0.2055."""
    name = f"∂{edge.end.name}/∂{edge.start.name}"
    if edge.symbol != name:
        name += f" = {edge.symbol}"
    return name if edge.symbol in {"1", "I"} else _summary(name, edge.derivative)


def _summary(name: str, value: Array) -> str:
    """Return a name with its number, or with the shape and norm of its numbers."""
    if value.size == 1:
        return f"{name} = {_number(value)}"
    shape = "×".join(map(str, value.shape))
    return f"{name}: {shape}, norm {np.linalg.norm(value):.4g}"


def _number(value: Array) -> str:
    """Return a number with four decimals, or in powers of ten where those show too little."""
    number = value.item() or 0.0  # -0 becomes 0
    if number and not 1e-3 <= abs(number) < 1e5:
        return f"{number:.2e}".replace("-", "−")
    return f"{number:.4f}".replace("-", "−")


def _foot(graph: Graph) -> str:
    """Return how to read the graph and, for a chain, the product for its first weight."""
    if graph.detail == "layers":
        return OF_LAYERS
    if not graph.is_chain:
        return f"{READING}\n{OF_WEIGHTS}"
    first = next(node for node in graph.nodes if node.kind == "parameter")
    (path,) = graph.paths(first)
    factors = " · ".join(_number(edge.derivative) for edge in path if edge.symbol != "1")
    slope = _number(np.array(product(path)))
    whole = f"Without the factors 1: ∂L/∂{first.name} = {factors} = {slope}"
    return f"{READING}\n{textwrap.fill(whole, FOOT_WIDTH)}"


def _box_width(lines: Sequence[str]) -> float:
    return 0.24 + MEDIUM * CHARACTER * max(map(len, lines))


def _size(text: str) -> tuple[float, float]:
    """Return the width and height of a label, in inches."""
    lines = text.split("\n")
    return SMALL * CHARACTER * max(map(len, lines)) + 0.06, 0.13 * len(lines) + 0.06
