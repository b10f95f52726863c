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
FILL = {
    "input": "#FFFFFF",
    "target": "#FFFFFF",
    "parameter": "#EEEEEE",
    "operation": "#FFFFFF",
    "loss": "#DDDDDD",
}
OUTLINE = {"input": 1.2, "target": 1.2, "parameter": 0.8, "operation": 1.2, "loss": 2.0}
BETWEEN = 0.9
"""height of the head of one of several graphs, in inches"""
BESIDE = ("parameter", "target")
"""kinds of nodes that stand beside a chain"""
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


PLAIN = {"1", "−1", "I", "−I"}
"""derivatives that are no more than their symbol"""

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


@dataclass(frozen=True)
class Layout:
    """A graph with its places, in inches from its top left corner, y downward."""

    width: float
    height: float
    boxes: list[Box]
    arrows: list[tuple[Point, Point]]
    labels: list[tuple[Label, str]]
    """each with its alignment"""
    headings: list[tuple[float, str]]


def draw(graphs: Sequence[Graph]) -> Figure:
    """Draw whole graphs below each other, in the detail that the title names.

    Below several is the mean of their losses, which is that of the batch.
    """
    layouts = [
        _columns(graph) if graph.detail == "units" and not graph.is_chain else _chain(graph)
        for graph in graphs
    ]
    width = max(layout.width for layout in layouts)
    apart = BETWEEN if len(graphs) > 1 else 0.0
    height = sum(layout.height + apart for layout in layouts)
    sheet = _Sheet(graphs, width, height)
    for graph, layout in zip(graphs, layouts, strict=True):
        sheet.left = (width - layout.width) / 2
        if len(graphs) > 1:
            sheet.example(graph, width)
            sheet.top += apart
        for x, heading in layout.headings:
            sheet.heading(x, heading)
        for start, end in layout.arrows:
            sheet.arrow(start, end)
        for label, align in layout.labels:
            sheet.label(label, align)
        for box in layout.boxes:
            sheet.box(box)
        sheet.top += layout.height
    return sheet.figure


class _Sheet:
    """A figure that is measured in inches, from the top left corner of a graph, y downward.

    Attributes:
        left, top: where the corner of the graph is that is drawn now.
    """

    def __init__(self, graphs: Sequence[Graph], width: float, height: float) -> None:
        graph = graphs[0]
        self.left = self.top = 0.0
        sizes = "-".join(map(str, graph.sizes))
        which = f", example {graph.example}" if graph.example else ""
        if len(graphs) > 1:
            which = f", examples {', '.join(str(each.example) for each in graphs)}"
        title = f"{shown(graph.name)}, {sizes}{which}: {TITLES[graph.detail]}"
        foot = _foot(graphs)
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

    def example(self, graph: Graph, width: float) -> None:
        """Draw the head of one of several graphs."""
        loss = _number(graph.node("L").value)
        text = f"Example {graph.example}, L = {loss}"
        y = self.top + 0.3
        self._axes.text(0, y, text, ha="left", va="center", fontsize=MEDIUM, fontweight="bold")
        self._axes.plot([0, width], [y - 0.2, y - 0.2], color=GREY, linewidth=0.6)

    def box(self, box: Box) -> None:
        x, y = box.x + self.left, box.y + self.top
        corner = (x - box.width / 2, y - box.height / 2)
        shape = "round,pad=0,rounding_size=0.06"
        frame = FancyBboxPatch(corner, box.width, box.height, shape, edgecolor="black", zorder=3)
        frame.set_facecolor(FILL[box.node.kind])
        frame.set_linewidth(OUTLINE[box.node.kind])
        self._axes.add_patch(frame)
        text = "\n".join(box.lines)
        self._axes.text(x, y, text, ha="center", va="center", fontsize=MEDIUM, zorder=4)

    def arrow(self, start: Point, end: Point) -> None:
        shape: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "linewidth": 0.9}
        start, end = ((x + self.left, y + self.top) for x, y in (start, end))
        arrow = FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, color=GREY, zorder=1, **shape)
        self._axes.add_patch(arrow)

    def label(self, label: Label, align: str = "center") -> None:
        x, y = label.x + self.left, label.y + self.top
        text = self._axes.text(x, y, label.text, ha=align, va="center", zorder=2)
        text.set(fontsize=SMALL, color=COLOURS[0], linespacing=1.1)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})

    def heading(self, x: float, text: str) -> None:
        x, y = x + self.left, self.top
        drawn = self._axes.text(x, y, text, ha="center", va="center", fontsize=MEDIUM)
        drawn.set_fontweight("bold")


def _chain(graph: Graph) -> Layout:
    """Go from x at the top to L at the bottom; weights on the left, biases and t on the right."""
    spine = [node for node in graph.nodes if node.kind not in BESIDE]
    parameters = [edge for edge in graph.edges if edge.start.kind in BESIDE]
    half = max(_box_width(_lines(node)) for node in spine) / 2
    gap = 0.5 + max(_size(_derivative(edge))[0] for edge in parameters)
    middle = max(_box_width(_lines(edge.start)) for edge in parameters) + gap + half
    boxes: dict[str, Box] = {}
    beside: list[Box] = []
    arrows: list[tuple[Point, Point]] = []
    labels: list[tuple[Label, str]] = []
    for i, node in enumerate(spine):
        boxes[node.name] = Box(node, _lines(node), middle, i * ROW + BOX / 2)
    for edge in graph.edges:
        end = boxes[edge.end.name]
        if edge.start.kind not in BESIDE:
            top, bottom = boxes[edge.start.name].y + BOX / 2, end.y - BOX / 2
            arrows.append(((middle, top), (middle, bottom)))
            place = Label(middle + 0.1, (top + bottom) / 2, _derivative(edge))
            labels.append((place, "left"))
            continue
        is_weight = edge.start.kind == "parameter" and not edge.start.name.startswith("b")
        side = -1 if is_weight else 1
        lines = _lines(edge.start)
        outer = middle + side * (half + gap)
        beside.append(Box(edge.start, lines, outer + side * _box_width(lines) / 2, end.y))
        arrows.append(((outer, end.y), (middle + side * end.width / 2, end.y)))
        place = Label(middle + side * (half + gap / 2), end.y, _derivative(edge))
        labels.append((place, "center"))
    height = (len(spine) - 1) * ROW + BOX
    return Layout(2 * middle, height, [*boxes.values(), *beside], arrows, labels, [])


def _columns(graph: Graph) -> Layout:
    """Go from x on the left to L on the right, the units of a layer below each other."""
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
    lines_drawn: list[tuple[Point, Point]] = []
    for edge in graph.edges:
        if edge.start.kind != "parameter":
            start, end = boxes[edge.start.name], boxes[edge.end.name]
            from_right, to_left = start.x + start.width / 2, end.x - end.width / 2
            lines_drawn.append(((from_right, start.y), (to_left, end.y)))
    height = 1.2 + (tallest - 1) * UNIT_ROW
    centred = [(label, "center") for label in labels]
    return Layout(right, height, list(boxes.values()), lines_drawn, centred, headings)


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
        factors = graph.notation.product(edges[0].start.name, edges[0].weight.name)
        operation = f"{factors} + {edges[-1].start.name}"
    name = INDEX.sub("", node.name)
    operation = INDEX.sub("", operation)
    heading = f"{name} = {operation}" if operation not in ("", name) else name
    kinds = dict.fromkeys(INDEX.sub("", each.name) for each in column)
    return ", ".join([heading, *list(kinds)[1:]])


def _unit_lines(graph: Graph, node: Node) -> tuple[str, ...]:
    """Return the lines in the box of a unit: its bias, its value and its slope."""
    biases = [
        _summary(edge.start.name, edge.start.value)
        for edge in graph.edges
        if edge.end is node and edge.start.kind == "parameter" and edge.symbol == "1"
    ]
    slope = _summary(f"∂L/∂{node.name}", node.gradient)
    label = [shown(node.label)] if node.label else []
    return (*label, *biases, _summary(node.name, node.value), slope)


def _lines(node: Node) -> tuple[str, ...]:
    """Return the lines in the box of a number or of a layer: its value and its slope."""
    name, slope = node.name, f"∂L/∂{node.name}"
    if node.operation not in ("", name):
        name += f" = {node.operation}"
    if node.value.size == 1:
        return (_summary(name, node.value), _summary(slope, node.gradient))
    return (_summary(name, node.value), f"{slope}: norm {np.linalg.norm(node.gradient):.4g}")


def _edge_text(edge: Edge) -> str:
    if edge.symbol in PLAIN:
        return edge.symbol
    if edge.weight is None:
        return f"{edge.symbol}\n= {_number(edge.derivative)}"
    slope = _summary("∂L/∂W", edge.weight.gradient)
    return f"{_summary(edge.symbol, edge.derivative)}\n{slope}"


def _derivative(edge: Edge) -> str:
    """Return ∂z₁/∂u₁ = 1, or with a symbol between: ∂a₁/∂z₁ = σ′(z₁) = 0.2055."""
    name = f"∂{edge.end.name}/∂{edge.start.name}"
    if edge.symbol != name:
        name += f" = {edge.symbol}"
    return name if edge.symbol in PLAIN else _summary(name, edge.derivative)


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


def _foot(graphs: Sequence[Graph]) -> str:
    """Return how to read the graphs and, for a chain, the product for its first weight."""
    graph, mean = graphs[0], ""
    if len(graphs) > 1:
        losses = [float(each.node("L").value.item()) for each in graphs]
        mean = (
            f"\nThe loss of the batch is the mean, {_number(np.array(np.mean(losses)))}, and each "
            "slope of it is the mean of the slopes."
        )
    if graph.detail == "layers":
        return f"{OF_LAYERS}{mean}"
    indices = f"In brackets: the number of a unit; {graph.notation.index_words}."
    if not graph.is_chain:
        return f"{READING}\n{OF_WEIGHTS}\n{indices}{mean}"
    first = next(node for node in graph.nodes if node.kind == "parameter")
    paths = list(graph.paths(first))
    if len(paths) > 1 or mean:
        return f"{READING}{mean}"
    (path,) = paths
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
