"""The style of every picture.

Pictures are readable in grey and by the colour-blind: lines differ in dashes and markers too, the
colours are those of Okabe and Ito (2008), and colour scales are monotonic in lightness.
"""

import contextlib
import logging
import math
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import (
    FontProperties,
    findfont,
    findSystemFonts,
    fontManager,
    get_font,
    get_font_names,
)
from matplotlib.legend import Legend
from matplotlib.ticker import LogLocator, StrMethodFormatter
from numpy.typing import NDArray

from mlpcli.errors import ConfigError
from mlpcli.files import write_bytes
from mlpcli.language import language

Format = Literal["png", "svg"]
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C6D31")
MARKERS = "osD^vP*X"
DASHES = ("-", "--", "-.", ":")
GREY = "#666666"
UP, DOWN = COLOURS[0], COLOURS[1]
"""colours of arrows: blue where a number should rise, red where it should fall"""
MOST_MARKERS = 25
"""number of markers on a line; more would run into each other"""
FEW_DECADES = 1e4
"""largest ratio of values for which a log axis has room for ticks at 1, 2 and 5"""
LONGEST_NAME, LONGEST_LABEL = 16, 36
"""lengths of a class's name and of a run's label, in characters"""
EDGE, TITLE, BAR, CAPTION_LINE, LOWEST = 0.2, 0.4, 0.9, 0.125, 1.4
"""parts of a sheet of images, in inches: margin, title, colour bar, caption line, least height"""
HEADING_CHARACTER = 0.085
"""mean width of a character of a heading, in inches, with some to spare"""
FINEST = 28
"""side to which smaller images are enlarged, in pixels, so that the gaps can be narrow"""
CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "STHeiti",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Noto Sans CJK JP",  # under this name matplotlib finds the file that has all of Noto's
    "Arial Unicode MS",
)
"""fonts with Chinese characters that Linux, Windows and macOS have, best first"""
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


OPTIONS: Any = {
    "png": {"pil_kwargs": {"compress_level": 3}},  # 6 takes twice as long and saves 3 %
    "svg": {"metadata": {"Date": None}},
}
"""of writing a file, by its format"""


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Draw in this style, whatever the user's own matplotlib settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        if language() == "zh":
            mpl.rcParams["font.family"] = [*STYLE["font.family"], _chinese_font()]
            logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it has no bold
        yield


def _chinese_font() -> str:
    """Return the name of an installed font with Chinese characters.

    Raises:
        ConfigError: there is none.
    """
    found = _installed_font() or _installed_font(since_the_list=True)
    if found is None:
        raise ConfigError(
            "No font with Chinese characters is installed, so the picture cannot be drawn in "
            "Chinese; install one, such as Noto Sans CJK SC (on Debian and Ubuntu: apt install "
            "fonts-noto-cjk), or draw it in English with --language en."
        )
    return found


def _installed_font(*, since_the_list: bool = False) -> str | None:
    """Return a font of matplotlib's list, or one installed since that was made."""
    if since_the_list:
        known = {entry.fname for entry in fontManager.ttflist}
        for path in set(findSystemFonts()) - known:
            with contextlib.suppress(OSError, RuntimeError):  # a damaged font
                fontManager.addfont(path)
    names = set(get_font_names())
    return next((name for name in CHINESE_FONTS if name in names), None)


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, in which nothing is cut off or overlaps."""
    return Figure(figsize=(width, height), layout="constrained")


def save(picture: Figure, path: Path, file_format: Format) -> None:
    """Write a figure, completely or not at all.

    Raises:
        WriteError: it could not be written.
    """
    content = BytesIO()
    if picture.axes and (layout := picture.get_layout_engine()):
        layout.execute(picture)
        picture.set_layout_engine(None)  # with any, even "none", savefig draws everything twice
    picture.savefig(content, format=file_format, **OPTIONS[file_format])
    write_bytes(path, content.getvalue())


def line_style(i: int) -> dict[str, Any]:
    """Return the colour and marker of the i-th of several lines."""
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}


def marked(n: int, i: int = 0, lines: int = 1, most: int = MOST_MARKERS) -> dict[str, Any]:
    """Return the option that thins the markers of the i-th of several lines of `n` points.

    The markers of different lines lie at different points.
    """
    spacing = math.ceil(n / most)
    return {"markevery": (i * spacing // lines, spacing)}


def logarithmic(panels: Sequence[Axes], values: Iterable[float]) -> None:
    """Give panels a logarithmic scale with legible ticks, unless all `values` are 0."""
    positive = [value for value in values if value > 0]
    if not positive:
        return
    narrow = max(positive) < FEW_DECADES * min(positive)
    for axes in panels:
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter("")


def legend_outside(
    picture: Figure,
    handles: Sequence[Any],
    names: Sequence[str] | None = None,
    *,
    most: int,
    loc: Literal["outside upper center", "outside lower center"] = "outside upper center",
    **look: Any,
) -> Legend:
    """Add a legend beside the panels, in as many columns as fit into the width, `most` at most."""
    own = names or [str(handle.get_label()) for handle in handles]
    for columns in range(most, 0, -1):
        legend: Legend = picture.legend(handles, own, loc=loc, ncols=columns, **look)
        if columns == 1 or legend.get_window_extent().width <= picture.bbox.width:
            break
        legend.remove()
    return legend


def heading(picture: Figure, text: str) -> None:
    """Write a title over a whole figure, in as many lines as its width asks for."""
    columns = int(picture.get_figwidth() / HEADING_CHARACTER)
    picture.suptitle(textwrap.fill(text, columns), fontsize=10)


def grid(axes: Axes) -> None:
    """Draw faint lines behind the data."""
    axes.grid(visible=True)
    axes.set_axisbelow(True)


def shown(name: str) -> str:
    """Return a class's name, shortened, and without characters that the font lacks."""
    text = _drawable(name)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def run_label(name: str) -> str:
    """Return a run's name likewise, but keep its end, where runs often differ."""
    return shortened(name, LONGEST_LABEL)


def shortened(name: str, longest: int) -> str:
    """Return a name of at most this length, without its middle if it is longer."""
    text, half = _drawable(name), longest // 2
    return text if len(text) <= longest else f"{text[: half - 1]}…{text[-half:]}"


def _drawable(name: str) -> str:
    families = [FontProperties(family=[name]) for name in mpl.rcParams["font.family"]]
    fonts = [get_font(findfont(each)) for each in families]
    text = unicodedata.normalize("NFC", name)
    return "".join(
        c if any(font.get_char_index(ord(c)) for font in fonts) else f"U+{ord(c):04X}" for c in text
    )


def mosaic(tiles: NDArray[Any], columns: int, gap: tuple[int, int]) -> NDArray[np.float64]:
    """Return tiles (n, height, width) in rows of `columns`, with nan in the gaps.

    `gap` is (down, across) in pixels; a tile has `down` below it, and half of `across` on each
    side.
    """
    n, height, width = tiles.shape
    rows = math.ceil(n / columns)
    cells = np.full((rows * columns, height + gap[0], width + gap[1]), np.nan)
    left = gap[1] // 2
    cells[:n, :height, left : left + width] = tiles
    grid = cells.reshape(rows, columns, *cells.shape[1:])
    return grid.swapaxes(1, 2).reshape(rows * cells.shape[1], columns * cells.shape[2])


def tiled(
    title: str,
    tiles: NDArray[Any],
    captions: Sequence[str],
    columns: int,
    inches: float,
    bar: str | None = None,
    **image: Any,
) -> Figure:
    """Draw a sheet of small images (n, height, width) in rows of `columns`, with captions.

    The captions (n,) have equally many lines. A tile's longer side is `inches`. `bar` labels the
    colour bar, if there is one; `image` has matplotlib's options for shading the images.
    """
    finer = math.ceil(FINEST / min(tiles.shape[1:]))
    tiles = tiles.repeat(finer, axis=1).repeat(finer, axis=2)
    _, height, width = tiles.shape
    dots = max(width, height) / inches
    caption_height = (captions[0].count("\n") + 1) * CAPTION_LINE
    down, across = math.ceil((caption_height + 0.1) * dots), math.ceil(1.12 * inches * dots) - width
    sheet = mosaic(tiles, columns, (down, across))
    sheet_height, sheet_width = (pixels / dots for pixels in sheet.shape)
    bar_width = BAR if bar else 0.0
    full_width = max(sheet_width + bar_width, 0.075 * len(title)) + 2 * EDGE
    full_height = TITLE + max(sheet_height, LOWEST) + EDGE
    picture = Figure(figsize=(full_width, full_height))
    bottom = 1 - (TITLE + sheet_height) / full_height
    size = (sheet_width / full_width, sheet_height / full_height)
    axes = picture.add_axes((EDGE / full_width, bottom, *size))
    axes.set_axis_off()
    drawn = axes.imshow(sheet, aspect="auto", **image)
    for i, caption in enumerate(captions):
        row, column = divmod(i, columns)
        x = column * (width + across) + across // 2 + width / 2
        y = row * (height + down) + height + 0.03 * dots
        axes.text(x, y, caption, ha="center", va="top", fontsize=7)
    picture.text(0.5, 1 - 0.5 * TITLE / full_height, title, ha="center", va="center", fontsize=10)
    if bar:
        left = (EDGE + sheet_width + 0.05) / full_width
        span = (full_height - TITLE - 2 * EDGE) / full_height
        scale = picture.add_axes((left, 1.5 * EDGE / full_height, 0.15 / full_width, span))
        picture.colorbar(drawn, cax=scale, extend="both").set_label(bar)
    return picture
