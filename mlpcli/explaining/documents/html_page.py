"""A document as one HTML page, with formulae in MathML."""

import html
import re
from collections.abc import Callable, Sequence

from mlpcli.explaining.documents.document import (
    APART,
    BY_DIFFERENCES,
    Document,
    Quantity,
    Section,
)
from mlpcli.explaining.documents.mathml import MATH, mathml, mathml_number, mathml_parts
from mlpcli.language import _, joined, language
from mlpcli.nn.arrays import Array

MANY_COLUMNS = 8
"""number of columns from which on a matrix is set smaller, to fit into a window"""
MOST_UNBROKEN = 8
"""length of a table's cell that no line ends in, such as unit 16"""
STYLE = """\
body { --ground: #fff; background: var(--ground); font: 16px/1.5 system-ui, sans-serif;
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
p { max-width: 56rem; }
h2 { border-bottom: 1px solid #aaa; margin-top: 2.5rem; }
math { font-family: "STIX Two Math", "Latin Modern Math", "Cambria Math", "Libertinus Math",
  "TeX Gyre Termes Math", "DejaVu Math TeX Gyre", "Noto Sans Math", math, serif; font-size: 1.1em; }
p.shapes { color: #666; font-size: 0.9em; margin: 0.2rem 0; }
p.formula { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; margin: 0.4rem 0;
  align-items: center; }
div.quantities { display: flex; flex-wrap: wrap; gap: 0.8rem 2rem; margin: 0.6rem 0;
  align-items: center; }
p.formula > span, div.quantities > div { max-width: 100%; overflow-x: auto; overflow-y: hidden;
  padding: 0.15rem 0; }
div.quantities > div.break { flex-basis: 100%; padding: 0; margin-top: -0.8rem; }
mtd { padding: 0.3em 0.45em; }
mtable.matrix { border: solid currentcolor; border-width: 0 0.09em; border-radius: 0.5em;
  margin: 0 0.15em; }
mtable.wide { font-size: 0.75em; }
div.scroll { overflow-x: auto; margin: 0.6rem 0; }
/* Where a part is wider than the screen, a shadow at its edge says that it can be moved. */
div.scroll, div.quantities > div, p.formula > span {
  background:
    linear-gradient(to right, var(--ground) 1rem, transparent 2rem) left / 2rem 100% local,
    linear-gradient(to left, var(--ground) 1rem, transparent 2rem) right / 2rem 100% local,
    linear-gradient(to right, #8888, transparent) left / 0.7rem calc(100% - 4px),
    linear-gradient(to left, #8888, transparent) right / 0.7rem calc(100% - 4px);
  background-repeat: no-repeat; }
table { border-collapse: collapse; }
th, td { border: 1px solid #ccc; padding: 0.1rem 0.6rem; text-align: right; white-space: nowrap; }
span.up { color: #0072b2; letter-spacing: -0.15em; }
span.down { color: #d55e00; letter-spacing: -0.15em; }
th:first-child, td:first-child { text-align: left; }
svg { max-width: 100%; height: auto; }
@media (max-width: 40rem) {
  body { margin: 1rem auto; }
  h1 { font-size: 1.5em; }
  h2 { font-size: 1.25em; }
  math { font-size: 0.9em; }
  div.quantities math { font-size: 0.75em; }
  table { font-size: 0.75em; }
  th, td { padding: 0.1rem 0.25rem; white-space: normal; overflow-wrap: normal; }
  span.up, span.down { font-size: 0.8em; letter-spacing: -0.35em; padding-right: 0.35em; }
}
@media (prefers-color-scheme: dark) {
  body { --ground: #1b1b1b; color: #ddd; }
  a { color: #8ab4f8; }
  p.shapes { color: #aaa; }
  th, td { border-color: #555; }
  span.up { color: #56b4e9; }
  span.down { color: #ff8c42; }
}
@media print { body { max-width: none; margin: 0; } }
"""


def as_html(document: Document) -> str:
    """Return a self-contained page: formulae in MathML, images in SVG."""
    title = html.escape(document.title)
    body = "\n".join(_html_section(section) for section in document.sections)
    if opening := _opening(document):
        body = f"{opening}\n{body}"
    return (
        f'<!DOCTYPE html>\n<html lang="{language()}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"{body}\n</body>\n</html>\n"
    )


def _opening(document: Document) -> str:
    parts = []
    if document.see:
        address = html.escape(document.see)
        link = f'<a href="{address}">{address}</a>'
        parts.append(_("All symbols, beside those of other texts: {link}.", link=link))
    if document.opening:
        parts.append(html.escape(document.opening))
    return f"<p>{joined(*parts)}</p>" if parts else ""


def _html_section(section: Section) -> str:
    parts = [f"<h{section.level}>{html.escape(section.title)}</h{section.level}>"]
    if section.words:
        parts.append(f"<p>{html.escape(section.words)}</p>")
    if section.formula:
        formulae = "".join(f"<span>{mathml(f)}</span>" for f in section.formula.split(APART))
        parts.append(f'<p class="formula">{formulae}</p>')
    if section.shapes:
        shapes = " &emsp; ".join(map(html.escape, section.shapes.split(APART)))
        parts.append(f'<p class="shapes">{shapes}</p>')
    if section.quantities:
        parts.append(f'<div class="quantities">{_html_quantities(section.quantities)}</div>')
    if section.rows:
        header, *rows = section.rows
        body = "".join(_html_row(row, "td") for row in rows)
        parts.append(_scrolling(f"<table>{_html_row(header, 'th')}{body}</table>"))
    if section.image is not None:
        colour = _signed_colour if section.is_signed else _grey
        parts.append(_svg(section.image, colour, section.title))
    return "\n".join(parts)


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_html_cell(cell)}</{tag}>" for cell in cells) + "</tr>"


def _html_cell(cell: str) -> str:
    """Return a cell in which arrows up are blue, and arrows down red; a short one stays whole."""
    if len(cell) <= MOST_UNBROKEN:
        cell = cell.replace(" ", "\N{NO-BREAK SPACE}")
    text = re.sub("↑+", r'<span class="up">\g<0></span>', html.escape(cell))
    return re.sub("↓+", r'<span class="down">\g<0></span>', text)


def _html_quantities(quantities: Sequence[Quantity]) -> str:
    """Return quantities one after the other; a gradient and its difference share a line."""
    parts = []
    for i, quantity in enumerate(quantities):
        following = quantities[i + 1].symbol if i + 1 < len(quantities) else ""
        if i and following == _(BY_DIFFERENCES):
            parts.append('<div class="break"></div>')
        parts.append(f"<div>{_html_quantity(quantity)}</div>")
    return "".join(parts)


def _html_quantity(quantity: Quantity) -> str:
    if not quantity.is_small:
        summary = quantity.summary()
        figures = [f"{value:.4g}" for value in summary.values()]
        header = _html_row(["", _("shape"), *map(_, summary)], "th")
        row = _html_row([quantity.symbol, str(quantity.values.shape), *figures], "td")
        return _scrolling(f"<table>{header}{row}</table>")
    symbol = f"<mrow>{mathml_parts(quantity.symbol)}</mrow>"
    if quantity.values.size == 1:
        value = quantity.rows()[0][0]
        return f"{MATH}<mrow>{symbol}<mo>=</mo>{mathml_number(value)}</mrow></math>"
    rows = quantity.rows()
    longest = [max(column, key=len) for column in zip(*rows, strict=True)]
    cells = "".join(
        "<mtr>"
        + "".join(f"<mtd>{_aligned(c, most)}</mtd>" for c, most in zip(row, longest, strict=True))
        + "</mtr>"
        for row in rows
    )
    # Brackets are borders: those of a font grow only where it is one for mathematics.
    look = "matrix wide" if len(longest) >= MANY_COLUMNS else "matrix"
    return f'{MATH}<mrow>{symbol}<mo>=</mo><mtable class="{look}">{cells}</mtable></mrow></math>'


def _aligned(cell: str, longest: str) -> str:
    """Return a number with room before it, so that it ends where the longest of its column does.

    Not every browser aligns the cells of a matrix to the right.
    """
    missing = longest[: len(longest) - len(cell)].replace("-", "−")
    room = f"<mphantom><mn>{missing}</mn></mphantom>" if missing else ""
    return f"{room}{mathml_number(cell)}"


def _scrolling(table: str) -> str:
    return f'<div class="scroll">{table}</div>'


def _svg(image: Array, colour: Callable[[float], str], title: str) -> str:
    height, width = image.shape
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="{colour(float(image[y, x]))}"/>'
        for y in range(height)
        for x in range(width)
        if image[y, x]
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{10 * width}" height="{10 * height}" '
        f'role="img" aria-label="{html.escape(title)}" '
        'style="background: #fff; border: 1px solid #888" '
        f'shape-rendering="crispEdges" xmlns="http://www.w3.org/2000/svg">{squares}</svg>'
    )


def _grey(value: float) -> str:
    rest = round(255 * (1 - value))
    return f"rgb({rest},{rest},{rest})"


def _signed_colour(value: float) -> str:
    rest = round(255 * (1 - min(1, abs(value))))
    return f"rgb({rest},{rest},255)" if value > 0 else f"rgb(255,{rest},{rest})"
