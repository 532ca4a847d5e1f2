"""The calls of the sweep: what they are, their models and their inputs."""

import dataclasses

import numpy as np
from onnx import TensorProto, helper

PREFIX = "custom_op.MultiHeadAttention."
NODE = "attention"
TYPES = {"f32": (TensorProto.FLOAT, np.float32), "f16": (TensorProto.FLOAT16, np.float16)}
IR_VERSION = 10


@dataclasses.dataclass(frozen=True)
class Kind:
    """One model, called with several sizes."""

    name: str
    title: str
    heads: int
    head_size: int
    has_past: bool

    @property
    def hidden(self):
        return self.heads * self.head_size


KINDS = (
    Kind("self", "Self-attention, 16 heads of 64, by sequence length", 16, 64, False),
    Kind("decode", "One token over a cache in host memory, 32 heads of 128, by the cache's keys", 32, 128, True),
)


def sizes(largest):
    """Powers of two from 1."""
    return [1 << power for power in range(largest.bit_length()) if 1 << power <= largest]


def model(kind, dtype):
    """A model of one node whose lengths are open, as the tensors of a real model are."""
    element = TYPES[dtype][0]
    tensor = lambda name, shape: helper.make_tensor_value_info(name, element, shape)
    inputs = [tensor(name, ["batch", "length", kind.hidden]) for name in ("query", "key", "value")]
    outputs = [tensor("output", ["batch", "length", kind.hidden])]
    names, results = ["query", "key", "value"], ["output"]
    if kind.has_past:
        cache = lambda name, length: tensor(name, ["batch", kind.heads, length, kind.head_size])
        inputs += [cache("past_key", "past"), cache("past_value", "past")]
        outputs += [cache("present_key", "total"), cache("present_value", "total")]
        names += ["", "", "", "past_key", "past_value"]
        results += ["present_key", "present_value"]
    node = helper.make_node("MultiHeadAttention", names, results, name=NODE, domain="com.microsoft", num_heads=kind.heads)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph([node], kind.name, inputs, outputs)
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION).SerializeToString()


def feeds(kind, dtype, size):
    """Seeded standard normal inputs of a call."""
    rng = np.random.default_rng(1)
    draw = lambda *shape: rng.standard_normal(shape, dtype=np.float32).astype(TYPES[dtype][1])
    length = 1 if kind.has_past else size
    tensors = {name: draw(1, length, kind.hidden) for name in ("query", "key", "value")}
    if kind.has_past:
        tensors |= {name: draw(1, kind.heads, size, kind.head_size) for name in ("past_key", "past_value")}
    return tensors
