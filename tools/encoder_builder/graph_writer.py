"""Collects the nodes and constants of an ONNX graph that is written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


@dataclass(slots=True)
class GraphWriter:
    """Collects nodes and constants of one graph."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node named after its output and return that name."""
        self.nodes.append(
            helper.make_node(operator, list(inputs), [output], name=output, **attributes)
        )
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add a constant and return its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def floats(self, name: str, *values: float) -> str:
        """Add a float32 constant: a scalar for one value, else a vector."""
        return self.constant(name, np.array(values[0] if len(values) == 1 else values, np.float32))

    def integers(self, name: str, *values: int) -> str:
        """Add an int64 vector."""
        return self.constant(name, np.array(values, np.int64))
