"""Replaces attention that was exported as MatMul, Softmax, MatMul by com.microsoft.MultiHeadAttention nodes.

A block is found by what it computes, never by the names of its nodes. With B batch, S query length, T key length, N heads and
H head size, it is:

    query (B,S,N*H) -> Reshape (B,S,N,H) -> Transpose (B,N,S,H) --+
    key   (B,T,N*H) -> Reshape (B,T,N,H) -> Transpose (B,N,H,T) --+- MatMul -> Softmax -+
    value (B,T,N*Hv) -> Reshape (B,T,N,Hv) -> Transpose (B,N,T,Hv) ---------------------+- MatMul -> Transpose (B,S,N,Hv)
                                                                                           -> Reshape (B,S,N*Hv)

with Mul or Div by a constant scalar anywhere between a split and the Softmax. One MultiHeadAttention node takes its place; the
splits, the transposes and the merge go with it wherever shape inference proves that they do nothing else, and stay as a Reshape
where it does not. Attention with a mask, or whose scores or probabilities are used elsewhere, is left as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from .graph_index import GraphIndex, attribute, prune

# The axes of a (batch, sequence, head, channel) tensor in the order in which each operand of the MatMul nodes has them.
SEQUENCE_BEFORE_CHANNEL = (0, 2, 1, 3)
CHANNEL_BEFORE_SEQUENCE = (0, 2, 3, 1)


class RewriteError(Exception):
    """The model has no attention to rewrite, or the rewritten model computes something else."""


class _NoMatch(Exception):
    """Why a Softmax is not the middle of an attention block."""


@dataclass(frozen=True)
class Operand:
    """A query, key or value as MultiHeadAttention takes it.

    `source` holds (B, length, heads * head_size) when `whole` is set: the tensor from before the head split. Otherwise it is the
    split tensor (B, length, heads, head_size), which a Reshape has to merge again. `factor` multiplies it on its way.
    """

    source: str
    whole: bool
    heads: int
    head_size: int
    factor: float


@dataclass(frozen=True)
class Block:
    """One attention block: its operands, its scale, and the nodes whose outputs the new node has to provide."""

    name: str
    query: Operand
    key: Operand
    value: Operand
    scale: float
    context: NodeProto
    to_sequence: NodeProto
    merge: NodeProto | None

    @property
    def heads(self) -> int:
        """The number of attention heads."""
        return self.query.heads

    @property
    def head_size(self) -> int:
        """The channels of one query or key head."""
        return self.query.head_size


def rewrite_attention(model: ModelProto) -> tuple[ModelProto, list[Block]]:
    """Returns a copy of `model` with every attention block it finds as one MultiHeadAttention node, and the blocks.

    Raises RewriteError when there is none, with the reason for the first Softmax that is not one.
    """
    index = GraphIndex(model)
    blocks, misses = [], []
    for node in model.graph.node:
        if node.op_type == "Softmax" and node.domain in ("", "ai.onnx"):
            try:
                blocks.append(_match(index, node))
            except _NoMatch as reason:
                misses.append(f"{node.name or node.output[0]!r}: {reason}")
    if not blocks:
        seen = f"Softmax nodes looked at: {len(misses)}; {misses[0]}" if misses else "there is no Softmax node"
        raise RewriteError(f"the model has no attention block of the form MatMul, Softmax, MatMul over split heads ({seen})")

    rewritten = ModelProto()
    rewritten.CopyFrom(model)
    _replace(rewritten, blocks, index.names())
    prune(rewritten.graph)
    if not any(opset.domain == "com.microsoft" for opset in rewritten.opset_import):
        rewritten.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return rewritten, blocks


def verify_unchanged(
    original: ModelProto, rewritten: ModelProto, feeds: Mapping[str, np.ndarray], tolerance: float = 1e-4
) -> float:
    """Runs both models on ORT's own CPU kernels and returns the largest absolute difference between their outputs.

    Raises RewriteError when an output has another shape, or differs by more than `tolerance` times its largest magnitude (or
    times 1 where that is smaller).
    """
    expected, actual = _run_stock(original, feeds), _run_stock(rewritten, feeds)
    largest = 0.0
    for output, want, got in zip(original.graph.output, expected, actual, strict=True):
        if want.shape != got.shape:
            raise RewriteError(f"output {output.name!r} had shape {want.shape} and has {got.shape} after rewriting")
        if want.size == 0:
            continue
        difference = float(np.max(np.abs(want.astype(np.float64) - got)))
        allowed = tolerance * max(1.0, float(np.max(np.abs(want))))
        # Written so that a NaN fails.
        if not difference <= allowed:
            raise RewriteError(f"output {output.name!r} changed by {difference:.3g} in rewriting; {allowed:.3g} is allowed")
        largest = max(largest, difference)
    return largest


def _run_stock(model: ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(feeds))


def _match(index: GraphIndex, softmax: NodeProto) -> Block:
    """The block around `softmax`, or _NoMatch."""
    # Before opset 13 Softmax flattened its input at `axis`, default 1; at the last axis both forms are the same.
    if attribute(softmax, "axis", -1 if index.opset >= 13 else 1) not in (-1, 3):
        raise _NoMatch("it does not run over the last of four axes")

    scores, factor = _through_scales(index, softmax.input[0])
    product = index.producer(scores)
    if product is None or product.op_type != "MatMul":
        raise _NoMatch("its input is not a scaled MatMul (a mask in between is not supported)")
    query = _operand(index, product.input[0], SEQUENCE_BEFORE_CHANNEL, "query")
    key = _operand(index, product.input[1], CHANNEL_BEFORE_SEQUENCE, "key")

    context = _only_consumer(index, softmax.output[0], "MatMul", "the probabilities")
    if context.input[0] != softmax.output[0]:
        raise _NoMatch("the probabilities are not the left side of their MatMul")
    value = _operand(index, context.input[1], SEQUENCE_BEFORE_CHANNEL, "value")
    if value.factor != 1.0:
        raise _NoMatch("the value is scaled, which MultiHeadAttention has no attribute for")

    element = index.element_type(query.source)
    if element not in (None, TensorProto.FLOAT, TensorProto.FLOAT16):
        raise _NoMatch(
            f"it computes in {np.dtype(helper.tensor_dtype_to_np_dtype(element))}; only float32 and float16 are supported"
        )
    if not query.heads == key.heads == value.heads:
        raise _NoMatch(f"query, key and value have {query.heads}, {key.heads} and {value.heads} heads")
    if query.head_size != key.head_size:
        raise _NoMatch(f"query and key have head sizes {query.head_size} and {key.head_size}")
    scale = query.factor * key.factor * factor
    # MultiHeadAttention reads 0 as "1/sqrt(head_size)".
    if scale == 0.0 or not math.isfinite(scale):
        raise _NoMatch(f"its scale is {scale}")

    to_sequence = _only_consumer(index, context.output[0], "Transpose", "the context")
    if tuple(attribute(to_sequence, "perm", ())) != SEQUENCE_BEFORE_CHANNEL:
        raise _NoMatch("the context is not transposed to (batch, sequence, head, channel)")
    merge = _merge(index, to_sequence.output[0], value.heads * value.head_size)
    name = (softmax.name or softmax.output[0]).rpartition("/")[0]
    return Block(name, query, key, value, scale, context, to_sequence, merge)


def _through_scales(index: GraphIndex, tensor: str) -> tuple[str, float]:
    """Goes back from `tensor` through Mul and Div by a constant scalar, for as long as nothing else reads what they scale.

    Returns the tensor before them and their product.
    """
    factor = 1.0
    while True:
        if len(index.consumers(tensor)) != 1 or index.is_output(tensor):
            raise _NoMatch("the scores are used elsewhere too")
        node = index.producer(tensor)
        scaled = _scaled(index, node)
        if scaled is None:
            return tensor, factor
        tensor, by = scaled
        factor *= by


def _scaled(index: GraphIndex, node: NodeProto | None) -> tuple[str, float] | None:
    """`node` as (tensor, constant factor), or None when it is not a multiplication or division by a constant scalar."""
    if node is None or node.op_type not in ("Mul", "Div"):
        return None
    left, right = node.input
    by = index.scalar(right)
    if by is not None:
        if node.op_type == "Div":
            return (left, 1.0 / by) if by != 0.0 else None
        return left, by
    by = index.scalar(left)
    return (right, by) if by is not None and node.op_type == "Mul" else None


def _operand(index: GraphIndex, tensor: str, order: tuple[int, ...], role: str) -> Operand:
    """Goes back from a MatMul operand, whose axes are `order`, through transposes and scales to the Reshape that split it."""
    axes, factor = (0, 1, 2, 3), 1.0
    while True:
        node = index.producer(tensor)
        scaled = _scaled(index, node)
        if scaled is not None:
            tensor, by = scaled
            factor *= by
        elif node is not None and node.op_type == "Transpose" and len(attribute(node, "perm", ())) == 4:
            perm = attribute(node, "perm")
            axes = tuple(perm[axis] for axis in axes)
            tensor = node.input[0]
        else:
            break
    if node is None or node.op_type != "Reshape":
        raise _NoMatch(f"the {role} does not come from a Reshape that splits heads")
    if axes != order:
        raise _NoMatch(f"the {role} has its axes in the order {axes}, not {order}")
    split, source = index.shape(tensor), index.shape(node.input[0])
    if split is None or len(split) != 4 or not all(isinstance(dim, int) and dim > 0 for dim in split[2:]):
        raise _NoMatch(f"the number of heads or the head size of the {role} is not known")
    _, _, heads, head_size = split
    whole = source is not None and None not in split and source == (*split[:2], heads * head_size)
    return Operand(node.input[0] if whole else tensor, whole, heads, head_size, factor)


def _merge(index: GraphIndex, tensor: str, hidden: int) -> NodeProto | None:
    """The Reshape that merges the heads of `tensor` (B, S, N, Hv) to (B, S, `hidden`) and does nothing else, if there is one."""
    split = index.shape(tensor)
    if split is None or len(split) != 4 or None in split[:2]:
        return None
    for node in index.consumers(tensor):
        if node.op_type == "Reshape" and node.input[0] == tensor and index.shape(node.output[0]) == (*split[:2], hidden):
            return node
    return None


def _only_consumer(index: GraphIndex, tensor: str, op_type: str, role: str) -> NodeProto:
    """The one node that reads `tensor`, which must be an `op_type`."""
    consumers = index.consumers(tensor)
    if index.is_output(tensor) or len(consumers) != 1 or consumers[0].op_type != op_type:
        raise _NoMatch(f"{role} must feed one {op_type} and nothing else")
    return consumers[0]


def _replace(model: ModelProto, blocks: list[Block], taken: set[str]) -> None:
    """Puts one MultiHeadAttention node in the place of each block's second MatMul. What is left unused is not removed here."""
    by_context = {block.context.output[0]: block for block in blocks}
    provided = {node.output[0] for block in blocks for node in (block.to_sequence, block.merge) if node is not None}
    writer = _Writer(model, taken)
    nodes = []
    for node in model.graph.node:
        if node.output and node.output[0] in by_context:
            nodes += writer.attention(by_context[node.output[0]])
        elif not node.output or node.output[0] not in provided:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


class _Writer:
    """Makes the new nodes, with names that the model does not use yet."""

    def __init__(self, model: ModelProto, taken: set[str]) -> None:
        self._model = model
        self._taken = taken
        self._shapes: dict[tuple[int, ...], str] = {}

    def attention(self, block: Block) -> list[NodeProto]:
        """The MultiHeadAttention node of `block`, with the Reshapes before and after it that the model may still need."""
        nodes = []
        inputs = [self._merged(operand, nodes) for operand in (block.query, block.key, block.value)]
        name = self._unused(f"{block.name}/MultiHeadAttention" if block.name else "MultiHeadAttention")
        output = block.merge.output[0] if block.merge else self._unused(f"{name}_output")
        nodes.append(
            helper.make_node(
                "MultiHeadAttention",
                inputs,
                [output],
                name,
                domain="com.microsoft",
                num_heads=block.heads,
                scale=block.scale,
            )
        )
        nodes.append(self._reshape(output, (0, 0, block.heads, block.value.head_size), block.to_sequence.output[0]))
        return nodes

    def _merged(self, operand: Operand, nodes: list[NodeProto]) -> str:
        if operand.whole:
            return operand.source
        output = self._unused(f"{operand.source}_merged")
        nodes.append(self._reshape(operand.source, (0, 0, operand.heads * operand.head_size), output))
        return output

    def _reshape(self, source: str, shape: tuple[int, ...], output: str) -> NodeProto:
        """A Reshape; 0 in `shape` keeps the dimension."""
        if shape not in self._shapes:
            self._shapes[shape] = self._unused("attention_shape_" + "_".join(map(str, shape)))
            value = numpy_helper.from_array(np.array(shape, np.int64), self._shapes[shape])
            self._model.graph.initializer.append(value)
        return helper.make_node("Reshape", [source, self._shapes[shape]], [output], self._unused(f"{output}_reshape"))

    def _unused(self, wish: str) -> str:
        name, count = wish, 1
        while name in self._taken:
            name, count = f"{wish}_{count}", count + 1
        self._taken.add(name)
        return name
