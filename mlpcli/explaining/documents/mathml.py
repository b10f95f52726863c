"""Formulae of plain text as MathML, which browsers draw."""

import html
import re

MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">'
HAT = "\N{COMBINING CIRCUMFLEX ACCENT}"
_BELOW = dict(zip("₀₁₂₃₄₅₆₇₈₉ᵢⱼₜ₊", "0123456789ijt+", strict=True))
_ABOVE = dict(zip("ᵀ²′ᵗ", "T2′t", strict=True))
_FUNCTION = "(?:exp|erf|log|max|min|tanh|softmax|softplus|sign)(?![A-Za-z])"
_NAME = f"(?:{_FUNCTION}|[A-Za-zα-ωΑ-Ω]{HAT}?)[{''.join(_BELOW)}]*[{''.join(_ABOVE)}]*"
_WORD = f"(?!{_FUNCTION})[A-Za-z]{{2,}}"
_TOKEN = re.compile(
    rf"(?P<top>∂{_NAME})/(?P<bottom>∂{_NAME})|(?P<words>{_WORD}(?: {_WORD})*)|(?P<name>{_NAME})"
    r"|(?P<number>[0-9.]+(?:e[-+]?[0-9]+)?)|(?P<space> {2,})|(?P<blank> )|(?P<other>.)"
)


def mathml(formula: str) -> str:
    """Return a formula as MathML.

    A name may have a hat, subscripts and then superscripts (W₁ᵀ); a quotient of derivatives becomes
    a fraction; two letters or more are a function or words; two spaces separate formulae.
    """
    return f"{MATH}<mrow>{mathml_parts(formula)}</mrow></math>"


def mathml_parts(formula: str) -> str:
    """Return the same without the elements around it."""
    parts = []
    for token in _TOKEN.finditer(formula):
        if token["top"]:
            top, bottom = (
                f"<mrow><mo>∂</mo>{_name(token[side][1:])}</mrow>" for side in ("top", "bottom")
            )
            parts.append(f"<mfrac>{top}{bottom}</mfrac>")
        elif token["words"]:
            parts.append(f"<mtext>&#160;{token['words']}&#160;</mtext>")
        elif token["name"]:
            parts.append(_name(token["name"]))
        elif token["number"]:
            parts.append(f"<mn>{token['number']}</mn>")
        elif token["space"]:
            parts.append('<mspace width="2em"/>')
        elif token["other"]:
            parts.append(f"<mo>{html.escape(token['other'])}</mo>")
    return "".join(parts)


def _name(name: str) -> str:
    base = name.rstrip("".join((*_BELOW, *_ABOVE)))
    marks = name[len(base) :]
    below = "".join(_BELOW.get(mark, "") for mark in marks)
    above = "".join(_ABOVE.get(mark, "") for mark in marks)
    inner = f"<mi>{base}</mi>"
    if base.endswith(HAT):
        inner = f"<mover><mi>{base[:-1]}</mi><mo>^</mo></mover>"
    sub, sup = f"<mrow><mi>{below}</mi></mrow>", f"<mo>{above}</mo>"
    if below and above:
        return f"<msubsup>{inner}{sub}{sup}</msubsup>"
    if below:
        return f"<msub>{inner}{sub}</msub>"
    return f"<msup>{inner}{sup}</msup>" if above else inner
