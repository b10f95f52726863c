"""A document as one HTML page, with formulae in MathML."""

import html
import re
from collections.abc import Callable, Sequence

from mlpcli.explaining.documents.document import APART, Document, Quantity, Section
from mlpcli.explaining.documents.mathml import MATH, mathml, mathml_parts
from mlpcli.nn.arrays import Array

STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { border-bottom: 1px solid #aaa; margin-top: 2.5rem; }
math { font-size: 1.1em; }
p.shapes { color: #666; font-size: 0.9em; margin: 0.2rem 0; }
p.formula { margin: 0.4rem 0; }
div.quantities { display: flex; flex-wrap: wrap; gap: 0.8rem 2rem; margin: 0.6rem 0; }
mtd { padding: 0.1em 0.4em; text-align: right; }
table { border-collapse: collapse; margin: 0.6rem 0; }
th, td { border: 1px solid #ccc; padding: 0.1rem 0.6rem; text-align: right; }
span.up { color: #0072b2; letter-spacing: -0.15em; }
span.down { color: #d55e00; letter-spacing: -0.15em; }
th:first-child, td:first-child { text-align: left; }
@media (prefers-color-scheme: dark) {
  body { background: #1b1b1b; color: #ddd; }
  p.shapes { color: #aaa; }
}
"""


def as_html(document: Document) -> str:
    """Return a self-contained page: formulae in MathML, images in SVG."""
    title = html.escape(document.title)
    body = "\n".join(_html_section(section) for section in document.sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"{body}\n</body>\n</html>\n"
    )


def _html_section(section: Section) -> str:
    parts = [f"<h{section.level}>{html.escape(section.title)}</h{section.level}>"]
    if section.words:
        parts.append(f"<p>{html.escape(section.words)}</p>")
    if section.formula:
        formulae = " &emsp; ".join(map(mathml, section.formula.split(APART)))
        parts.append(f'<p class="formula">{formulae}</p>')
    if section.shapes:
        parts.append(f'<p class="shapes">{html.escape(section.shapes)}</p>')
    if section.quantities:
        inside = "".join(f"<div>{_html_quantity(each)}</div>" for each in section.quantities)
        parts.append(f'<div class="quantities">{inside}</div>')
    if section.rows:
        header, *rows = section.rows
        body = "".join(_html_row(row, "td") for row in rows)
        parts.append(f"<table>{_html_row(header, 'th')}{body}</table>")
    if section.image is not None:
        parts.append(_svg(section.image, _signed_colour if section.is_signed else _grey))
    return "\n".join(parts)


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_html_cell(cell)}</{tag}>" for cell in cells) + "</tr>"


def _html_cell(cell: str) -> str:
    """Return a cell in which arrows up are blue, and arrows down red."""
    text = re.sub("↑+", r'<span class="up">\g<0></span>', html.escape(cell))
    return re.sub("↓+", r'<span class="down">\g<0></span>', text)


def _html_quantity(quantity: Quantity) -> str:
    if not quantity.is_small:
        summary = quantity.summary()
        figures = [f"{value:.4g}" for value in summary.values()]
        header = _html_row(["", "shape", *summary], "th")
        row = _html_row([quantity.symbol, str(quantity.values.shape), *figures], "td")
        return f"<table>{header}{row}</table>"
    symbol = mathml_parts(quantity.symbol)
    cells = "".join(
        "<mtr>" + "".join(f"<mtd><mn>{cell}</mn></mtd>" for cell in row) + "</mtr>"
        for row in quantity.rows()
    )
    return (
        f"{MATH}<mrow>{symbol}<mo>=</mo><mo>(</mo><mtable>{cells}</mtable><mo>)</mo></mrow></math>"
    )


def _svg(image: Array, colour: Callable[[float], str]) -> str:
    height, width = image.shape
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="{colour(float(image[y, x]))}"/>'
        for y in range(height)
        for x in range(width)
        if image[y, x]
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{10 * width}" height="{10 * height}" '
        'role="img" style="background: #fff; border: 1px solid #888" '
        f'shape-rendering="crispEdges" xmlns="http://www.w3.org/2000/svg">{squares}</svg>'
    )


def _grey(value: float) -> str:
    rest = round(255 * (1 - value))
    return f"rgb({rest},{rest},{rest})"


def _signed_colour(value: float) -> str:
    rest = round(255 * (1 - min(1, abs(value))))
    return f"rgb({rest},{rest},255)" if value > 0 else f"rgb(255,{rest},{rest})"
