"""Formulae of plain text as MathML, which browsers draw."""

import html
import re

MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML" displaystyle="true">'
THIN = '<mspace width="0.17em"/>'
HAT = "\N{COMBINING CIRCUMFLEX ACCENT}"
_BELOW = dict(zip("₀₁₂₃₄₅₆₇₈₉ᵢⱼₜ₊", "0123456789ijt+", strict=True))
_ABOVE = dict(zip("ᵀᵗ⁽⁾⁰¹²³⁴⁵⁶⁷⁸⁹", "Tt()0123456789", strict=True))
PRIME = "′"
COMMA = '<mo lspace="0" rspace="0.4em">,</mo>'
PRIMED = '<mo lspace="0" rspace="0">′</mo>'
_BEFORE_A_SIGN = ("", "(", "=", "←", ",", "/")
_FUNCTION = "(?:exp|erf|log|max|min|tanh|softmax|softplus|sign)(?![A-Za-z])"
_MARKS = "".join((*_BELOW, *_ABOVE, PRIME))
_NAME = f"(?:{_FUNCTION}|[A-Za-zα-ωΑ-Ω]{HAT}?)[{_MARKS}]*"
_CHINESE = "\u3400-\u9fff"
_WORD = f"(?:(?!{_FUNCTION})[A-Za-z]{{2,}}|[{_CHINESE}]+)"
_TOKEN = re.compile(
    rf"(?P<top>∂{_NAME})/(?P<bottom>∂{_NAME})|(?P<words>{_WORD}(?: {_WORD})*)|(?P<name>{_NAME})"
    r"|(?P<closing>\)²?)|(?P<number>[0-9.½]+(?:e[-+]?[0-9]+)?)"
    r"|(?P<space> {2,})|(?P<blank> )|(?P<other>.)"
)


def mathml(formula: str) -> str:
    """Return a formula as MathML.

    A name may have a hat, subscripts, superscripts and primes (W₁ᵀ, W⁽¹⁾ᵀ); a root is of the name
    or the brackets behind it; a quotient of derivatives becomes a fraction; two letters or more are
    a function or words; two spaces separate formulae.
    """
    return f"{MATH}<mrow>{mathml_parts(formula)}</mrow></math>"


def mathml_parts(formula: str) -> str:
    """Return the same without the elements around it.

    What stands between brackets is an element of its own, so that they grow with nothing else.
    """
    groups: list[list[str]] = [[]]
    before = ""
    under_a_root = []
    for token in _TOKEN.finditer(formula):
        parts = groups[-1]
        if token["top"]:
            top, bottom = (
                f"<mrow><mo>∂</mo>{_name(token[side][1:])}</mrow>" for side in ("top", "bottom")
            )
            parts.append(f"<mfrac>{top}{bottom}</mfrac>")
        elif token["words"]:
            parts.append(f"<mtext>&#160;{token['words']}&#160;</mtext>")
        elif token["name"]:
            is_function = bool(re.match(_FUNCTION, token["name"]))
            if is_function and before not in (*_BEFORE_A_SIGN, "−", "+"):
                parts.append(THIN)
            name = _name(token["name"])
            parts.append(f"<msqrt>{name}</msqrt>" if before == "√" else name)
            if is_function and formula[token.end() : token.end() + 1] != "(":
                parts.append(THIN)
        elif token["number"]:
            parts.append(f"<mn>{token['number']}</mn>")
        elif token["space"]:
            parts.append('<mspace width="2em"/>')
        elif token["other"] == "(":
            groups.append([])
            under_a_root.append(before == "√")
        elif token["closing"] and len(groups) > 1:
            inside = "".join(groups.pop())
            if under_a_root.pop():
                group = f"<msqrt>{inside}</msqrt>"
            else:
                group = f"<mrow><mo>(</mo>{inside}<mo>)</mo></mrow>"
            is_square = token["closing"].endswith("²")
            groups[-1].append(f"<msup>{group}<mn>2</mn></msup>" if is_square else group)
        elif token["other"] == ",":
            parts.append(COMMA)
        elif token["other"] != "√" and not token["blank"]:
            is_sign = token["other"] == "−" and before in _BEFORE_A_SIGN
            form = ' form="prefix"' if is_sign else ""
            parts.append(f"<mo{form}>{html.escape(token[0])}</mo>")
        if not (token["blank"] or token["space"]):
            before = "" if token["words"] else token[0]
    return "<mo>(</mo>".join("".join(parts) for parts in groups)


def mathml_number(text: str) -> str:
    """Return a number as MathML; its sign is a minus, and 1.2e-05 a power of ten."""
    digits, _, exponent = text.partition("e")
    written = f"<mn>{digits.replace('-', '−')}</mn>"
    if not exponent:
        return written
    power = f"<mn>{str(int(exponent)).replace('-', '−')}</mn>"
    return f"<mrow>{written}<mo>·</mo><msup><mn>10</mn>{power}</msup></mrow>"


def _name(name: str) -> str:
    """Return a name with its marks; a prime stands beside it, raised by its own glyph."""
    base = name.rstrip(_MARKS)
    marks = name[len(base) :]
    before, prime, after = marks.partition(PRIME)
    if not prime:
        return _marked(f"<mi>{base}</mi>", marks, base)
    primed = f"<mrow>{_marked(f'<mi>{base}</mi>', before, base)}{PRIMED}</mrow>"
    return _marked(primed, after.replace(PRIME, ""), "")


def _marked(inner: str, marks: str, base: str) -> str:
    """Return an element with subscripts and superscripts; a hat at the end of `base` goes on it."""
    below = "".join(_BELOW.get(mark, "") for mark in marks)
    above = "".join(_ABOVE.get(mark, "") for mark in marks)
    if base.endswith(HAT):
        inner = f"<mover><mi>{base[:-1]}</mi><mo>^</mo></mover>"
    sub, sup = f"<mrow><mi>{below}</mi></mrow>", f"<mtext>{above}</mtext>"
    if below and above:
        return f"<msubsup>{inner}{sub}{sup}</msubsup>"
    if below:
        return f"<msub>{inner}{sub}</msub>"
    return f"<msup>{inner}{sup}</msup>" if above else inner
