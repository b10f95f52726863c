"""A graph of ONNX, written as formulae of NumPy are.

Whatever is done with a value adds a node to the graph, and returns the value that the node will
have when the graph runs: `a * 2 + b` adds Mul and Add. https://onnx.ai/onnx/operators/ says what
each operator does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Dimensions: TypeAlias = tuple[str | int, ...]
"""a shape; a dimension of any length has a name"""


class Graph:
    """Nodes, each after those whose values it takes, and constants."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self._unnamed: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def constant(self, array: NDArray[Any], name: str = "") -> "Value":
        """Return an array as a value; one without a name is kept once."""
        array = np.ascontiguousarray(array) if array.ndim else array  # which would become (1,)
        if not name:
            key = array.dtype.str, array.shape, array.tobytes()
            name = self._unnamed.setdefault(key, f"constant_{len(self._unnamed)}")
        self.constants[name] = numpy_helper.from_array(array, name)
        return Value(self, name, array.dtype)

    def apply(
        self, operator: str, *inputs: "Value", dtype: DTypeLike | None = None, **attributes: Any
    ) -> "Value":
        """Add a node; its value has the dtype of its first input, unless another is given."""
        name = f"{operator}_{len(self.nodes)}"
        names = [each.name for each in inputs]
        self.nodes.append(helper.make_node(operator, names, [name], name=name, **attributes))
        return Value(self, name, np.dtype(dtype or inputs[0].dtype))

    def named(self, value: "Value", name: str) -> "Value":
        """Return the value under another name, which every node calls it by."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if each == value.name else each for each in names]
            if node.name == value.name:
                node.name = name
        return Value(self, name, value.dtype)


@dataclass(frozen=True)
class Value:
    """A tensor of a graph; numbers and arrays beside it become constants of its dtype."""

    graph: Graph
    name: str
    dtype: np.dtype[Any]

    def info(self, shape: Dimensions, meaning: str = "") -> ValueInfoProto:
        """Return the description that an input or output of a graph has."""
        code = helper.np_dtype_to_tensor_dtype(self.dtype)
        return helper.make_tensor_value_info(self.name, code, shape, meaning)

    def apply(
        self, operator: str, *others: "Operand", dtype: DTypeLike | None = None, **attributes: Any
    ) -> "Value":
        """Return what an operator makes of this value and others."""
        inputs = map(self._as_value, others)
        return self.graph.apply(operator, self, *inputs, dtype=dtype, **attributes)

    def _as_value(self, operand: "Operand") -> "Value":
        if isinstance(operand, Value):
            return operand
        return self.graph.constant(np.asarray(operand, self.dtype))

    def __add__(self, other: "Operand") -> "Value":
        return self.apply("Add", other)

    def __sub__(self, other: "Operand") -> "Value":
        return self.apply("Sub", other)

    def __mul__(self, other: "Operand") -> "Value":
        return self.apply("Mul", other)

    def __truediv__(self, other: "Operand") -> "Value":
        return self.apply("Div", other)

    def __rsub__(self, other: float) -> "Value":
        return self._as_value(other) - self

    def __rtruediv__(self, other: float) -> "Value":
        return self._as_value(other) / self

    def __gt__(self, other: "Operand") -> "Value":
        return self.apply("Greater", other, dtype=bool)

    def where(self, this: "Value", other: float) -> "Value":
        """Return `this` where this value is true, and another number elsewhere."""
        chosen = self.graph.constant(np.asarray(other, this.dtype))
        return self.apply("Where", this, chosen, dtype=this.dtype)

    def cast(self, dtype: DTypeLike) -> "Value":
        """Return the same numbers in another dtype."""
        if np.dtype(dtype) == self.dtype:
            return self
        code = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.apply("Cast", dtype=dtype, to=code)

    def reshape(self, *shape: int) -> "Value":
        """Return the same numbers in another shape, in which 0 keeps a dimension as it is."""
        return self.apply("Reshape", self.graph.constant(np.array(shape, np.int64)))

    def columns(self, chosen: Sequence[int]) -> "Value":
        """Return some columns of a matrix, in this order."""
        return self.apply("Gather", self.graph.constant(np.array(chosen, np.int64)), axis=1)

    def sum(self, axis: int) -> "Value":
        """Return the sums along an axis, which stays, with length 1."""
        return self.apply("ReduceSum", self.graph.constant(np.array([axis], np.int64)), keepdims=1)


Operand: TypeAlias = Value | float | NDArray[Any]
