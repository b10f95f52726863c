"""Formulae of x in a config, such as `sin(x) + x**2 / 2`.

The text is parsed, never run. Functions of floats compute the nodes named here, and no others are
allowed, so a formula can neither reach anything else nor grow without bound.
"""

import ast
import math
import operator
from collections.abc import Callable

LONGEST = 200
"""length of the longest formula, in characters"""
CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "tanh": math.tanh,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
}
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}
SIGNS: dict[type[ast.unaryop], Callable[[float], float]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
Function = Callable[[float], float]


def parse_formula(text: str) -> Function:
    """Return the function of x that `text` denotes.

    It raises ArithmeticError or ValueError where it has no value, as 1/x at 0.

    Raises:
        ValueError: the text is not a formula; the message quotes the wrong piece.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text)} characters, more than {LONGEST}")
    try:
        return _function(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError, OverflowError) as error:
        raise ValueError("it cannot be read") from error


def _function(node: ast.expr) -> Function:
    match node:
        case ast.Name(id="x"):
            return lambda x: x
        case ast.Name(id=name) if name in CONSTANTS:
            constant = CONSTANTS[name]
            return lambda x: constant
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            number = float(value)
            return lambda x: number
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in SIGNS:
            signed, inner = SIGNS[type(sign)], _function(operand)
            return lambda x: signed(inner(x))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            combined, first, second = OPERATORS[type(op)], _function(left), _function(right)
            return lambda x: combined(first(x), second(x))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            function, inner = FUNCTIONS[name], _function(argument)
            return lambda x: function(inner(x))
    raise ValueError(f"{ast.unparse(node)!r} is no part of a formula")
