"""The computational graph of one example: a box for each node, an arrow for each local derivative.

A chain, and a network drawn layer by layer, goes downward; the units of a small network stand in
columns, with the weights on the arrows between them.
"""

import itertools
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from mlpcli.explaining.graph import Edge, Graph, Node, product
from mlpcli.nn.arrays import Array
from mlpcli.pictures.style import COLOURS, GREY, shown

BOX, ROW, UNIT_ROW, MARGIN = 0.52, 1.02, 1.25, 0.3
"""in inches: height of a box, of a row of a chain, of a row of units; margin of the sheet"""
LINE = 0.16
"""height that each further line of text adds to a box, in inches"""
SMALL, MEDIUM = 7.5, 8.5
"""sizes of fonts, in points"""
CHARACTER = 0.0087
"""width of a character, in inches per point of its font"""
FILL = {"input": "#FFFFFF", "parameter": "#EEEEEE", "operation": "#FFFFFF", "loss": "#DDDDDD"}
OUTLINE = {"input": 1.2, "parameter": 0.8, "operation": 1.2, "loss": 2.0}
PLACES = (0.3, 0.25, 0.35, 0.2, 0.7, 0.65, 0.75, 0.8, 0.4, 0.6, 0.5)
"""positions of a label along its arrow, best first; in the middle are crossings"""
NARROWEST, WIDEST, WIDER = 0.7, 7.0, 0.3
"""in inches: gap between two columns beside its labels, and the step that widens it"""
INDEX = re.compile(r"\[[\d,]+\]")
FOOT_WIDTH = 120
"""width of the text at the foot, in characters"""

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


@dataclass(frozen=True)
class Box:
    """Lines of text in a frame; x and y are its centre, from the left and from the top."""

    node: Node
    lines: tuple[str, ...]
    x: float
    y: float

    @property
    def width(self) -> float:
        """Width in inches."""
        return _box_width(self.lines)

    @property
    def height(self) -> float:
        """Height in inches."""
        return BOX + LINE * (len(self.lines) - 2)


@dataclass(frozen=True)
class Label:
    """Text on an arrow; x and y are its centre."""

    x: float
    y: float
    text: str

    def meets(self, other: "Label") -> bool:
        """Return whether the two labels overlap."""
        (width, height), (others_width, others_height) = _size(self.text), _size(other.text)
        return (
            abs(self.x - other.x) < (width + others_width) / 2
            and abs(self.y - other.y) < (height + others_height) / 2
        )


def draw(graph: Graph) -> Figure:
    """Draw the whole graph, in the detail that the title names."""
    in_columns = graph.detail == "units" and not graph.is_chain
    return _columns(graph) if in_columns else _spine(graph)


class _Sheet:
    """A figure with inches for units, and y downward."""

    def __init__(self, width: float, height: float, title: str, foot: str) -> None:
        foot_height = 0.17 * (foot.count("\n") + 1)
        texts = [0.95 * SMALL * CHARACTER * len(line) for line in foot.split("\n")]
        inner = max(width, *texts, 11 * CHARACTER * len(title))
        full_width, full_height = inner + 2 * MARGIN, height + foot_height + 1.15
        self._left, self._top = MARGIN + (inner - width) / 2, 0.65
        self.figure = Figure(figsize=(full_width, full_height))
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_xlim(0, full_width)
        self._axes.set_ylim(full_height, 0)
        self._axes.text(full_width / 2, 0.3, title, ha="center", va="center", fontsize=11)
        at = (MARGIN, full_height - 0.2)
        self._axes.text(*at, foot, ha="left", va="bottom", fontsize=SMALL, linespacing=1.3)

    def box(self, box: Box) -> None:
        x, y = box.x + self._left, box.y + self._top
        self._axes.add_patch(
            FancyBboxPatch(
                (x - box.width / 2, y - box.height / 2),
                box.width,
                box.height,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=FILL[box.node.kind],
                edgecolor="black",
                linewidth=OUTLINE[box.node.kind],
                zorder=3,
            )
        )
        text = "\n".join(box.lines)
        self._axes.text(x, y, text, ha="center", va="center", fontsize=MEDIUM, zorder=4)

    def arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self._axes.add_patch(
            FancyArrowPatch(
                (start[0] + self._left, start[1] + self._top),
                (end[0] + self._left, end[1] + self._top),
                arrowstyle="-|>",
                mutation_scale=9,
                shrinkA=0,
                shrinkB=0,
                linewidth=0.9,
                color=GREY,
                zorder=1,
            )
        )

    def label(self, label: Label, align: str = "center") -> None:
        self._axes.text(
            label.x + self._left,
            label.y + self._top,
            label.text,
            ha=align,
            va="center",
            fontsize=SMALL,
            color=COLOURS[0],
            zorder=2,
            linespacing=1.1,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )

    def heading(self, x: float, text: str) -> None:
        at = (x + self._left, self._top)
        self._axes.text(*at, text, ha="center", va="center", fontsize=MEDIUM, fontweight="bold")


def _title(graph: Graph) -> str:
    sizes = "-".join(map(str, graph.sizes))
    what = {
        "operations": "each operation is a box",
        "units": "each unit is a box",
        "layers": "too large for every number, so each layer is a box",
    }[graph.detail]
    return f"{shown(graph.name)}, {sizes}, example {graph.example}: {what}"


def _spine(graph: Graph) -> Figure:
    """Draw from x at the top to L at the bottom; weights on the left, biases on the right."""
    way = [node for node in graph.nodes if node.kind != "parameter"]
    y = {node.name: i * ROW + BOX / 2 for i, node in enumerate(way)}
    given = [edge for edge in graph.edges if edge.start.kind == "parameter"]
    half = max(_box_width(_lines(node)) for node in way) / 2
    gap = 0.5 + max(_size(_derivative(edge))[0] for edge in given)
    middle = max(_box_width(_lines(edge.start)) for edge in given) + gap + half
    sheet = _Sheet(2 * middle, (len(way) - 1) * ROW + BOX, _title(graph), _foot(graph))
    for node in way:
        sheet.box(Box(node, _lines(node), middle, y[node.name]))
    for edge in graph.edges:
        label, at = _derivative(edge), y[edge.end.name]
        if edge.start.kind != "parameter":
            top, bottom = y[edge.start.name] + BOX / 2, at - BOX / 2
            sheet.arrow((middle, top), (middle, bottom))
            sheet.label(Label(middle + 0.1, (top + bottom) / 2, label), "left")
            continue
        side = 1 if edge.start.name.startswith("b") else -1
        outer, inner = middle + side * (half + gap), middle + side * half
        lines = _lines(edge.start)
        sheet.box(Box(edge.start, lines, outer + side * _box_width(lines) / 2, at))
        sheet.arrow((outer, at), (middle + side * _box_width(_lines(edge.end)) / 2, at))
        sheet.label(Label((outer + inner) / 2, at, label))
    return sheet.figure


def _columns(graph: Graph) -> Figure:
    """Draw from x on the left to L on the right, the units of a layer below each other."""
    way = [node for node in graph.nodes if node.kind != "parameter"]
    columns = [list(nodes) for _, nodes in itertools.groupby(way, lambda node: node.stage)]
    tallest = max(map(len, columns))
    boxes: dict[str, Box] = {}
    labels: list[Label] = []
    headings: list[tuple[float, str]] = []
    right = 0.0
    for column in columns:
        y = [0.75 + UNIT_ROW * ((tallest - len(column)) / 2 + i) for i in range(len(column))]
        lines = [_unit_lines(graph, node) for node in column]
        half = max(map(_box_width, [*lines, (_heading(graph, column),)])) / 2
        edges = [e for e in graph.edges if e.start.name in boxes and e.end in column]
        if edges:
            y_of = dict(zip([node.name for node in column], y, strict=True))
            ways = [(boxes[e.start.name].y, y_of[e.end.name]) for e in edges]
            gap, found = _apart([_on_arrow(edge) for edge in edges], ways)
            labels += [Label(right + each.x, each.y, each.text) for each in found]
            right += gap
        for node, text, at in zip(column, lines, y, strict=True):
            boxes[node.name] = Box(node, text, right + half, at)
        headings.append((right + half, _heading(graph, column)))
        right += 2 * half
    sheet = _Sheet(right, 1.2 + (tallest - 1) * UNIT_ROW, _title(graph), _foot(graph))
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


def _apart(texts: Sequence[str], ways: Sequence[tuple[float, float]]) -> tuple[float, list[Label]]:
    """Return the narrowest gap between columns in which no two labels overlap, and the labels.

    Args:
        texts: the labels' texts.
        ways: the y at which the arrow of each begins and ends.
    """
    widest = max(_size(text)[0] for text in texts)
    gap = NARROWEST + widest
    while True:
        placed: list[Label] = []
        for text, (start, end) in zip(texts, ways, strict=True):
            room = (gap - widest - 0.3) / gap
            for place in PLACES:
                along = 0.5 + (place - 0.5) * min(1.0, room / 0.6)
                label = Label(along * gap, start + along * (end - start), text)
                if not any(label.meets(other) for other in placed):
                    placed.append(label)
                    break
        if len(placed) == len(texts) or gap > WIDEST:
            return gap, placed
        gap += WIDER


def _heading(graph: Graph, column: Sequence[Node]) -> str:
    """Return the heading of a column: a₁ = sigmoid(z₁)."""
    node = column[0]
    edges = [edge for edge in graph.edges if edge.end is node]
    operation = node.operation
    if edges and edges[0].weight is not None:
        operation = f"{edges[0].start.name} {edges[0].weight.name} + {edges[-1].start.name}"
    return INDEX.sub("", f"{node.name} = {operation}" if operation else node.name)


def _unit_lines(graph: Graph, node: Node) -> tuple[str, ...]:
    """Return the lines in the box of a unit, with its bias."""
    lines = (f"{node.name} = {_figure(node.value)}", f"∂L/∂{node.name} = {_figure(node.gradient)}")
    for edge in graph.edges:
        if edge.end is node and edge.start.kind == "parameter" and edge.symbol == "1":
            return (f"{edge.start.name} = {_figure(edge.start.value)}", *lines)
    return lines


def _lines(node: Node) -> tuple[str, ...]:
    name = f"{node.name} = {node.operation}" if node.operation else node.name
    if node.value.size == 1:
        return (f"{name} = {_figure(node.value)}", f"∂L/∂{node.name} = {_figure(node.gradient)}")
    shape = "×".join(map(str, node.value.shape))
    return (
        f"{name}: {shape}, norm {np.linalg.norm(node.value):.4g}",
        f"∂L/∂{node.name}: norm {np.linalg.norm(node.gradient):.4g}",
    )


def _on_arrow(edge: Edge) -> str:
    if edge.weight is None:
        return f"{edge.symbol}\n= {_figure(edge.derivative)}"
    slope = f"∂L/∂W = {_figure(edge.weight.gradient)}"
    return f"{edge.symbol} = {_figure(edge.derivative)}\n{slope}"


def _derivative(edge: Edge) -> str:
    """Return ∂z₁/∂u₁ = 1, or with a symbol between: ∂a₁/∂z₁ = σ′(z₁) = 0.2055."""
    left = f"∂{edge.end.name}/∂{edge.start.name}"
    known = left if edge.symbol == left else f"{left} = {edge.symbol}"
    if edge.symbol in "1I":
        return known
    if edge.derivative.size == 1:
        return f"{known} = {_figure(edge.derivative)}"
    shape = "×".join(map(str, edge.derivative.shape))
    return f"{known}: {shape}, norm {np.linalg.norm(edge.derivative):.4g}"


def _figure(value: Array) -> str:
    """Return a number with four decimals, or in powers of ten where those show too little."""
    number = value.item() or 0.0  # and not -0
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
    factors = " · ".join(_figure(edge.derivative) for edge in path if edge.symbol != "1")
    slope = _figure(np.array(product(path)))
    whole = f"Without the factors 1: ∂L/∂{first.name} = {factors} = {slope}"
    return f"{READING}\n{textwrap.fill(whole, FOOT_WIDTH)}"


def _box_width(lines: Sequence[str]) -> float:
    return 0.24 + MEDIUM * CHARACTER * max(map(len, lines))


def _size(text: str) -> tuple[float, float]:
    """Return the width and height of a label, in inches."""
    lines = text.split("\n")
    return SMALL * CHARACTER * max(map(len, lines)) + 0.06, 0.13 * len(lines) + 0.06
