"""The style of every picture, and how one is written.

Pictures are readable in grey and by the colour-blind: lines differ in dashes and markers too, the
colours are those of Okabe and Ito (2008), and colour scales are monotonic in lightness.
"""

import contextlib
import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.ticker import LogLocator, StrMethodFormatter
from numpy.typing import NDArray

from mlpcli.files import write_bytes

Format = Literal["png", "svg"]
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C6D31")
MARKERS = "osD^vP*X"
DASHES = ("-", "--", "-.", ":")
GREY = "#666666"
MOST_MARKERS = 25
"""number of markers on a line; more would run into each other"""
FEW_DECADES = 1e4
"""ratio of the largest value to the smallest below which a log axis has room for 1, 2 and 5"""
LONGEST_NAME, LONGEST_LABEL = 16, 36
"""characters of a class's name, and of a run's label"""
EDGE, TITLE, BAR, CAPTION_LINE, LOWEST = 0.2, 0.4, 0.9, 0.125, 1.4
"""of a sheet of images, in inches: margin, title, colour bar, line of a caption, least height"""
FINEST = 28
"""pixels to which smaller images are repeated, so that the gaps between them can be narrow"""
STYLE: Any = {
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "text.parse_math": False,  # a class may be named $x$
    "svg.hashsalt": "mlpcli",  # the same run gives the same file
    "image.interpolation": "nearest",
}


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Draw in this style, whatever the user's own matplotlib settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, in which nothing is cut off or overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def save(picture: Figure, path: Path, file_format: Format) -> None:
    """Write a figure, completely or not at all.

    Raises:
        WriteError: it could not be written.
    """
    content = BytesIO()
    metadata = {"Date": None} if file_format == "svg" else {}
    picture.savefig(content, format=file_format, metadata=metadata)
    write_bytes(path, content.getvalue())


def line_style(i: int) -> dict[str, Any]:
    """Return the colour and marker of the i-th of several lines."""
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}


def marked(n: int, i: int = 0, lines: int = 1) -> dict[str, Any]:
    """Return where the i-th of several lines of `n` points has markers: at few enough of them."""
    apart = -(-n // MOST_MARKERS)
    return {"markevery": (i * apart // lines, apart)}


def logarithmic(panels: Sequence[Axes], values: Iterable[float]) -> None:
    """Give panels a logarithmic scale with legible ticks; it leaves out values of 0."""
    positive = [value for value in values if value > 0]
    if not positive:
        return
    narrow = max(positive) < FEW_DECADES * min(positive)
    for axes in panels:
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter("")


def grid(axes: Axes) -> None:
    """Draw faint lines behind the data."""
    axes.grid(visible=True)
    axes.set_axisbelow(True)


def shown(name: str) -> str:
    """Return a class's name as it can be drawn: not too long, and of characters the font has."""
    text = _drawable(name)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def run_label(name: str) -> str:
    """Return a run's name in the same way, with its end: runs often differ there."""
    text, half = _drawable(name), LONGEST_LABEL // 2
    return text if len(text) <= LONGEST_LABEL else f"{text[: half - 1]}…{text[-half:]}"


def _drawable(name: str) -> str:
    font = get_font(findfont("DejaVu Sans"))
    text = unicodedata.normalize("NFC", name)
    return "".join(c if font.get_char_index(ord(c)) else f"U+{ord(c):04X}" for c in text)


def mosaic(tiles: NDArray[Any], columns: int, gap: tuple[int, int]) -> NDArray[np.float64]:
    """Return tiles (n, height, width) in rows of `columns`, with nan in the gaps.

    `gap` is pixels (down, across): down lies below a tile, across on both its sides.
    """
    n, height, width = tiles.shape
    down, across = height + gap[0], width + gap[1]
    sheet = np.full((-(-n // columns) * down, columns * across), np.nan)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * down, (i % columns) * across + gap[1] // 2
        sheet[top : top + height, left : left + width] = tile
    return sheet


def tiled(
    title: str,
    tiles: NDArray[Any],
    captions: Sequence[str],
    columns: int,
    inches: float,
    bar: str | None = None,
    **image: Any,
) -> Figure:
    """Draw a sheet of small images, each above its caption.

    Args:
        title: the sheet's title.
        tiles: (n, height, width).
        captions: (n,), all of the same number of lines.
        columns: tiles in a row.
        inches: longer side of a tile.
        bar: label of the colour bar; None for no bar.
        image: matplotlib's options for shading the images.
    """
    finer = -(-FINEST // min(tiles.shape[1:]))
    tiles = tiles.repeat(finer, axis=1).repeat(finer, axis=2)
    _, height, width = tiles.shape
    dots = max(width, height) / inches
    text = (captions[0].count("\n") + 1) * CAPTION_LINE
    gap = (math.ceil((text + 0.1) * dots), math.ceil(1.12 * inches * dots) - width)
    sheet = mosaic(tiles, columns, gap)
    sheet_width, sheet_height = sheet.shape[1] / dots, sheet.shape[0] / dots
    full_width = max(sheet_width + 2 * EDGE + (BAR if bar else 0), 0.075 * len(title) + 2 * EDGE)
    full_height = TITLE + max(sheet_height, LOWEST) + EDGE
    picture = Figure(figsize=(full_width, full_height))
    bottom = 1 - (TITLE + sheet_height) / full_height
    across, tall = sheet_width / full_width, sheet_height / full_height
    axes = picture.add_axes((EDGE / full_width, bottom, across, tall))
    axes.set_axis_off()
    drawn = axes.imshow(sheet, aspect="auto", **image)
    for i, caption in enumerate(captions):
        x = (i % columns) * (width + gap[1]) + gap[1] // 2 + width / 2
        y = (i // columns) * (height + gap[0]) + height + 0.03 * dots
        axes.text(x, y, caption, ha="center", va="top", fontsize=7)
    picture.text(0.5, 1 - 0.5 * TITLE / full_height, title, ha="center", va="center", fontsize=10)
    if bar:
        left = (EDGE + sheet_width + 0.05) / full_width
        span = (full_height - TITLE - 2 * EDGE) / full_height
        scale = picture.add_axes((left, 1.5 * EDGE / full_height, 0.15 / full_width, span))
        picture.colorbar(drawn, cax=scale, extend="both").set_label(bar)
    return picture
