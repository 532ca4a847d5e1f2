"""Read-only questions about an ONNX graph (who makes a tensor, who reads it, its shape, its constant value), and pruning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, TypeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

# Exporters write a scale as a small expression over constants, such as 1 / sqrt(cast(64)).
FOLDABLE = {"Constant", "Identity", "Cast", "Sqrt", "Reciprocal", "Div", "Mul", "Pow", "Squeeze", "Unsqueeze", "Reshape"}
# A scale is one number: larger initializers are weights, not worth converting.
LARGEST_CONSTANT = 16

Shape = tuple[int | str | None, ...]


def attribute(node: NodeProto, name: str, default=None):
    """The value of a node's attribute, or `default`."""
    for entry in node.attribute:
        if entry.name == name:
            return helper.get_attribute_value(entry)
    return default


class GraphIndex:
    """Looks up tensors of one model by name. The model must not change while the index is in use."""

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self.opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
        self._producers = {output: node for node in graph.node for output in node.output if output}
        self._consumers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in graph.node:
            # By name: a node that reads a tensor twice is still one consumer.
            for name in dict.fromkeys(reads(node)):
                self._consumers[name].append(node)
        self._outputs = {value.name for value in graph.output}
        # An initializer that is an input too is a default that a caller may replace, so not a constant.
        inputs = {value.name for value in graph.input}
        self._initializers = {tensor.name: tensor for tensor in graph.initializer if tensor.name not in inputs}
        self._inputs = inputs
        self._types = _types(model)

    def names(self) -> set[str]:
        """Every name of a tensor or node in the graph."""
        nodes = {node.name for readers in self._consumers.values() for node in readers} | {
            node.name for node in self._producers.values()
        }
        return nodes | set(self._producers) | set(self._consumers) | set(self._initializers) | self._inputs | self._outputs

    def producer(self, tensor: str) -> NodeProto | None:
        """The node that makes `tensor`; None for inputs and initializers."""
        return self._producers.get(tensor)

    def consumers(self, tensor: str) -> list[NodeProto]:
        """The nodes that read `tensor`, those whose subgraphs read it included."""
        return self._consumers.get(tensor, [])

    def is_output(self, tensor: str) -> bool:
        """Whether the model returns `tensor`."""
        return tensor in self._outputs

    def shape(self, tensor: str) -> Shape | None:
        """The dimensions of `tensor` as shape inference knows them: a number, a symbol, or None. None when not even the rank is.

        Two equal symbols stand for the same number.
        """
        kind = self._types.get(tensor)
        return tuple(map(_dimension, kind.shape.dim)) if kind is not None and kind.HasField("shape") else None

    def element_type(self, tensor: str) -> int | None:
        """The TensorProto.DataType of `tensor`, or None when shape inference does not know it."""
        kind = self._types.get(tensor)
        return kind.elem_type or None if kind is not None else None

    def scalar(self, tensor: str) -> float | None:
        """The value of a constant with one element, else None."""
        value = self._constant(tensor)
        return float(value.reshape(())) if value is not None and value.size == 1 else None

    def _constant(self, tensor: str) -> np.ndarray | None:
        initializer = self._initializers.get(tensor)
        if initializer is not None:
            return numpy_helper.to_array(initializer) if np.prod(initializer.dims) <= LARGEST_CONSTANT else None
        node = self._producers.get(tensor)
        if node is None:
            return None
        if node.op_type in ("Gather", "Slice"):
            return self._dimensions(node)
        if node.op_type not in FOLDABLE or node.domain not in ("", "ai.onnx"):
            return None
        inputs = {name: self._constant(name) for name in node.input if name}
        if any(value is None for value in inputs.values()):
            return None
        return np.asarray(ReferenceEvaluator(_alone(node, inputs, self.opset)).run(None, inputs)[0])

    def _dimensions(self, node: NodeProto) -> np.ndarray | None:
        """What a Gather or Slice takes out of a Shape: exporters read the head size that way."""
        source = self._producers.get(node.input[0])
        if source is None or source.op_type != "Shape" or source.attribute or len(node.input) > 4:
            return None
        shape = self.shape(source.input[0])
        operands = [self._constant(name) for name in node.input[1:3]]
        if shape is None or any(value is None or value.size != 1 for value in operands):
            return None
        # Before opset 10, Slice had its range as attributes.
        if len(operands) != (1 if node.op_type == "Gather" else 2):
            return None
        if node.op_type == "Gather":
            place = int(operands[0].reshape(()))
            if not -len(shape) <= place < len(shape):
                return None
            picked, target = shape[place : place + 1 or None], operands[0].shape
        else:
            start, end = (int(value.reshape(())) for value in operands)
            picked = shape[start:end]
            target = (len(picked),)
        if not all(isinstance(dim, int) for dim in picked):
            return None
        return np.array(picked, np.int64).reshape(target)


def reads(node: NodeProto) -> Iterator[str]:
    """The tensors that `node` reads, those that its subgraphs (If, Loop, Scan) read from outside included."""
    yield from filter(None, node.input)
    for entry in node.attribute:
        graphs = [entry.g] if entry.type == AttributeProto.GRAPH else entry.graphs
        for graph in graphs:
            yield from (value.name for value in graph.output)
            for inner in graph.node:
                yield from reads(inner)


def prune(graph: GraphProto) -> None:
    """Removes the nodes and initializers that no output depends on, and what is recorded about tensors that are gone."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if any(output in needed for output in node.output):
            kept.append(node)
            needed.update(reads(node))
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)
    _keep(graph.initializer, lambda tensor: tensor.name in needed)
    _keep(graph.value_info, lambda value: value.name in needed)


def _keep(entries, condition) -> None:
    for place in range(len(entries) - 1, -1, -1):
        if not condition(entries[place]):
            del entries[place]


def _alone(node: NodeProto, inputs: dict[str, np.ndarray], opset: int) -> ModelProto:
    """A model with nothing but `node`."""
    values = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in inputs.items()
    ]
    output = onnx.ValueInfoProto(name=node.output[0])
    graph = helper.make_graph([node], "constant", values, [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def _types(model: ModelProto) -> dict[str, TypeProto.Tensor]:
    """What ONNX shape inference finds out about every tensor that a node makes, or that the model takes or returns."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    values = (*inferred.input, *inferred.value_info, *inferred.output)
    return {value.name: value.type.tensor_type for value in values if value.type.HasField("tensor_type")}


def _dimension(dim: TensorShapeProto.Dimension) -> int | str | None:
    return dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
