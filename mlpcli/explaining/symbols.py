"""How the symbols of a network are written in words and pictures."""

_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def subscript(symbol: str, number: int) -> str:
    """W and 12 as W₁₂."""
    return symbol + str(number).translate(_BELOW)
