"""Contract: a node that breaks a rule of the operator gives an ONNX Runtime error, never a crash or a wrong result.

The message states the rule, what was received, and the node's name. All of it runs in this process, so that a library
that brings its process down is seen.
"""

import re
from dataclasses import dataclass, field

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    NotImplemented,
    RuntimeException,
)

from harness import PATHS, STOCK, differences, run_case, session
from mha_cases import (
    DOMAIN,
    KV,
    NODE_NAME,
    OUT,
    build_model,
    case_of,
    ints,
    make_inputs,
    past,
    qkv,
    split_heads,
    tensor,
)
from mha_reference import expected

ANY = (Fail, InvalidArgument, InvalidGraph, NotImplemented, RuntimeException)
B, S, L, N, H = 2, 3, 5, 2, 4
D = N * H


@dataclass
class Broken:
    """A node that breaks one rule; its message has to match every expression of `says`, in any case of letters."""

    name: str
    inputs: dict
    says: list
    outputs: list = field(default_factory=lambda: list(OUT))
    attributes: dict = field(default_factory=dict)
    raises: tuple = (InvalidArgument,)
    # Whether ONNX Runtime's CPU kernel refuses it as well, rather than dying of it or not checking.
    stock: bool = True

    def case(self):
        return case_of(self.name, self.inputs, self.outputs, **{"num_heads": N} | self.attributes)


def dims(*sizes):
    """An expression that finds a list of dimensions in any bracket style."""
    return r"\b" + r"\D{1,3}".join(str(s) for s in sizes) + r"\b"


def rank(*sizes):
    """As `dims`, or as many symbols: a wrong rank may be refused at load, when no size is known yet."""
    return rf"{dims(*sizes)}|\((\S+, ){{{len(sizes) - 1}}}\S+\)"


def plain(**changes):
    """Valid plain inputs with some replaced; None takes one away."""
    return {name: spec for name, spec in (qkv(B, S, L, N, H) | changes).items() if spec is not None}


def shared(length, capacity=8, new=2, **changes):
    """A shared buffer of `capacity` entries with `new` more keys; past_sequence_length is `length`."""
    return qkv(B, new, new, N, H) | past(B, N, capacity, H) | dict(past_sequence_length=ints(length)) | changes


def beams(indirection, **changes):
    return shared([3], new=1, cache_indirection=indirection) | changes


LAYOUT = [
    Broken("query_rank_2", plain(query=tensor(S, D)), ["query", "3 or 5", rank(S, D)]),
    Broken("query_rank_4", plain(query=tensor(B, N, S, H)), ["query", "3 or 5", rank(B, N, S, H)]),
    Broken("query_alone", plain(key=None, value=None), ["key"]),
    Broken("key_without_value", plain(value=None), ["key", "value", "5"]),
    Broken("value_without_key", plain(key=None), ["value", "key"]),
    Broken("key_value_ranks_differ", plain(value=tensor(B, N, L, H)), ["key", "value", dims(B, N, L, H)]),
    Broken("key_value_rank_2", plain(key=tensor(L, D), value=tensor(L, D)), ["key", "3.* or .*[45]", rank(L, D)]),
    Broken("key_batch", plain(key=tensor(3, L, D)), ["key", "batch", dims(3, L, D)]),
    Broken("value_batch", plain(value=tensor(3, L, D)), ["value", "batch", dims(3, L, D)]),
    Broken("key_hidden_size", plain(key=tensor(B, L, 12)), ["key", "hidden", "8", "12"]),
    Broken("value_length", plain(value=tensor(B, 6, D)), ["value", "5", "6"]),
    Broken("bnsh_heads", split_heads(B, S, L, N, H) | dict(key=tensor(B, 4, L, H), value=tensor(B, 4, L, H)),
           ["key", dims(B, 4, L, H)]),
    Broken("bnsh_head_size", split_heads(B, S, L, N, H) | dict(key=tensor(B, N, L, 6), value=tensor(B, N, L, 6)),
           ["key", dims(B, N, L, 6)]),
    Broken("bnsh_value_length", split_heads(B, S, L, N, H) | dict(value=tensor(B, N, 6, H)), ["value", dims(B, N, 6, H)]),
    Broken("bnsh_value_head_size", split_heads(B, S, L, N, H) | dict(value=tensor(B, N, L, 6)),
           ["value", dims(B, N, L, 6)]),
    Broken("packed_kv_pair", plain(key=tensor(B, L, N, 3, H), value=None), ["key", dims(B, L, N, 3, H)]),
    Broken("packed_kv_heads", plain(key=tensor(B, L, 4, 2, H), value=None), ["key", dims(B, L, 4, 2, H)]),
    Broken("packed_kv_head_size", plain(key=tensor(B, L, N, 2, 6), value=None), ["key", dims(B, L, N, 2, 6)]),
    Broken("packed_kv_batch", plain(key=tensor(3, L, N, 2, H), value=None), ["key", "batch", dims(3, L, N, 2, H)]),
    Broken("packed_kv_with_bias", plain(key=tensor(B, L, N, 2, H), value=None, bias=tensor(3 * D)), ["bias", "packed"]),
    Broken("packed_qkv_triple", dict(query=tensor(B, S, N, 2, H)), ["query", dims(B, S, N, 2, H)]),
    Broken("packed_qkv_heads", dict(query=tensor(B, S, 4, 3, H)), ["query", dims(B, S, 4, 3, H)]),
    Broken("packed_qkv_with_key", plain(query=tensor(B, S, N, 3, H)), ["packed", "key"]),
]

SIZES = [
    Broken("num_heads_not_dividing_hidden", plain(), ["num_heads", "3", "8"], attributes=dict(num_heads=3),
           raises=(Fail,)),
    Broken("num_heads_not_dividing_v_hidden", plain(value=tensor(B, L, 9)), ["num_heads", "value", "9"], raises=(Fail,)),
    Broken("num_heads_above_hidden", plain(), ["num_heads", "16", "8"], attributes=dict(num_heads=16),
           raises=(Fail,)),
    Broken("head_size_0", plain(query=tensor(B, S, 0), key=tensor(B, L, 0)), ["head|hidden", "0"], stock=False),
    Broken("v_head_size_0", plain(value=tensor(B, L, 0)), ["value|v_head", "0"], stock=False),
    Broken("bnsh_head_size_0", split_heads(B, S, L, N, 0), ["head|hidden", "0"], stock=False),
    Broken("packed_qkv_head_size_0", dict(query=tensor(B, S, N, 3, 0)), ["head", "0"], stock=False),
    # More than 47 bits of addresses can hold in either type: a system that promises memory it lacks can't promise this.
    Broken("scores_beyond_memory", qkv(1, 12_000_000, 12_000_000, 1, 1), ["memory|alloc|bytes|size"], ["output", "qk"],
           dict(num_heads=1), raises=ANY),
]

BIAS_AND_MASK = [
    Broken("bias_rank", plain(bias=tensor(3, D)), ["bias", "1", dims(3, D)]),
    Broken("bias_length", plain(bias=tensor(25)), ["bias", "24", "25"]),
    *(
        Broken(f"mask_{name}", plain(key_padding_mask=ints(np.ones(shape, int))), ["key_padding_mask", says])
        for name, shape, says in [
            ("2b", (4,), "4"), ("one", (1,), "1"), ("scalar", (), r"got \(\)"), ("one_row", (1, L), dims(1, L)),
            ("row_broadcast", (B, 1, L), dims(B, 1, L)), ("rank_4", (B, 1, S, L), dims(B, 1, S, L)),
            ("short", (B, L - 1), dims(B, L - 1)),
        ]
    ),
    Broken("mask_keys_without_past", plain(key_padding_mask=ints(np.ones((B, L), int)), **past(B, N, 6, H)),
           ["key_padding_mask", dims(B, L), "11"], KV),
    Broken("mask_rows_without_past", plain(key_padding_mask=ints(np.ones((B, S, L), int)), **past(B, N, 6, H)),
           ["key_padding_mask", dims(B, S, L), "11"], KV),
    *(
        Broken(f"attention_bias_{name}", plain(attention_bias=tensor(*shape)), ["attention_bias", dims(*shape)])
        for name, shape in [
            ("rank", (N, S, L)), ("batch", (3, N, S, L)), ("heads", (B, 3, S, L)), ("rows", (B, N, 1, L)),
            ("keys", (B, N, S, 1)),
        ]
    ),
    Broken("attention_bias_without_past", plain(attention_bias=tensor(1, 1, S, L), **past(B, N, 6, H)),
           ["attention_bias", dims(1, 1, S, L), "11"], KV),
]

STATE = [
    Broken("past_key_alone", plain(past_key=tensor(B, N, 6, H)), ["past_key", "past_value", "both"]),
    Broken("past_value_alone", plain(past_value=tensor(B, N, 6, H)), ["past_key", "past_value", "both"]),
    *(
        Broken(f"{name}_{what}", plain(**past(B, N, 6, H) | {name: tensor(*shape)}), [name, dims(*shape)], KV)
        for name in ("past_key", "past_value")
        for what, shape in [
            ("rank", (B, 6, D)), ("batch", (3, N, 6, H)), ("heads", (B, 3, 6, H)), ("head_size", (B, N, 6, 7)),
        ]
    ),
    Broken("past_lengths_differ", plain(**past(B, N, 6, H) | dict(past_value=tensor(B, N, 7, H))),
           ["past_key", "past_value", "6", "7"], KV),
    Broken("past_with_other_v_head_size", qkv(B, S, L, N, H, 6) | past(B, N, 6, H) | dict(past_value=tensor(B, N, 6, 6)),
           ["past", "head", "6", "4"], KV),
    Broken("past_sequence_length_elements", shared([3, 3]), ["past_sequence_length", "one|1", "2"], KV),
    Broken("past_sequence_length_negative", shared([-1]), ["past_sequence_length", "-1"], KV),
    Broken("past_sequence_length_whole_buffer", shared([8]), ["past_sequence_length", "8"], KV),
    Broken("past_sequence_length_beyond", shared([99]), ["past_sequence_length", "99", "8"], KV),
    Broken("shared_buffer_overflow", shared([7]), ["7", "2", "8"], KV),
    Broken("shared_buffer_without_present_value", shared([3]), ["present", "both"], ["output", "present_key"]),
    Broken("shared_buffer_without_presents", shared([3]), ["present", "both"]),
    Broken("cache_indirection_rank", beams(ints(np.zeros((B, 8), int))), ["cache_indirection", dims(B, 8)], KV),
    Broken("cache_indirection_rows", beams(ints(np.zeros((1, 3, 8), int))), ["cache_indirection", dims(1, 3, 8)], KV),
    Broken("cache_indirection_length", beams(ints(np.zeros((1, 2, 7), int))), ["cache_indirection", dims(1, 2, 7)], KV),
    Broken("cache_indirection_index", beams(ints([[[0] * 8, [0, 2, 0, 0, 0, 0, 0, 0]]])), ["cache_indirection", "2"], KV),
    Broken("cache_indirection_negative", beams(ints([[[0] * 8, [0, -1, 0, 0, 0, 0, 0, 0]]])),
           ["cache_indirection", "-1"], KV),
]

BROKEN = pytest.mark.parametrize("broken", LAYOUT + SIZES + BIAS_AND_MASK + STATE, ids=lambda broken: broken.name)


def assert_well_said(message, broken):
    assert NODE_NAME in message
    for expression in broken.says:
        assert re.search(expression, message, re.IGNORECASE), f"{expression!r} is not in: {message}"


def assert_refused(broken, library, dtype="f32", static_shapes=False, **options):
    """The model is refused at load by what is known then, or else by the kernel, as an invalid argument."""
    if library is STOCK and not broken.stock:
        pytest.skip("--stock: the CPU kernel dies of this")
    case = dict(broken.case(), dtype=dtype)
    with pytest.raises(ANY) as refusal:
        running = session(build_model(case, static_shapes), library, **options)
        with pytest.raises(broken.raises if library is not STOCK else ANY) as refusal_when_run:
            running.run(case["outputs"], make_inputs(case))
        raise refusal_when_run.value
    if library is not STOCK:
        assert_well_said(str(refusal.value), broken)


@BROKEN
def test_refused_when_run(broken, library):
    """With symbolic shapes only the ranks are known at load."""
    assert_refused(broken, library)


@BROKEN
def test_refused_with_static_shapes(broken, library):
    """Shape inference may refuse at load; the kernel refuses whatever inference let pass."""
    assert_refused(broken, library, static_shapes=True)


@pytest.mark.plugin_only
@BROKEN
def test_refused_in_half_precision_on_the_other_path(broken, library):
    assert_refused(broken, library, dtype="f16", path=PATHS[1])


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({}, ["num_heads"]),
        ({"num_heads": 0}, ["num_heads", "0"]),
        ({"num_heads": -2}, ["num_heads", "-2"]),
        ({"num_heads": 2**31}, ["num_heads", str(2**31)]),
        ({"num_heads": 2.0}, ["num_heads"]),
        ({"num_heads": [2]}, ["num_heads"]),
        ({"num_heads": "2"}, ["num_heads"]),
        ({"num_heads": 2, "scale": 1}, ["scale"]),
        ({"num_heads": 2, "mask_filter_value": "low"}, ["mask_filter_value"]),
        ({"num_heads": 2, "unidirectional": 1.0}, ["unidirectional"]),
    ],
    ids=lambda value: "-".join(f"{k}={v}" for k, v in value.items()) or "none" if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_attributes_are_checked_at_load(attributes, says, dtype, library):
    case = dict(case_of("attributes", plain(), dtype=dtype), attributes=attributes)
    with pytest.raises(ANY) as refusal:
        session(build_model(case), library)
    if library is not STOCK:
        assert_well_said(str(refusal.value), Broken("attributes", {}, says))


def typed_model(**types):
    """A plain node in which the inputs of `types` have the element type given."""
    shapes = dict(query=3, key=3, value=3, bias=1, key_padding_mask=2)
    names = list(shapes)
    node = helper.make_node("MultiHeadAttention", names, ["output"], name=NODE_NAME, domain=DOMAIN, num_heads=N)
    element = {name: TensorProto.FLOAT for name in names} | {"key_padding_mask": TensorProto.INT32} | types
    infos = [helper.make_tensor_value_info(n, element[n], [f"{n}_{d}" for d in range(shapes[n])]) for n in names]
    output = helper.make_tensor_value_info("output", element["query"], None)
    graph = helper.make_graph([node], "typed", infos, [output])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


@pytest.mark.parametrize(
    "types",
    [
        dict(key_padding_mask=TensorProto.INT64),
        dict(key_padding_mask=TensorProto.BOOL),
        dict(key_padding_mask=TensorProto.FLOAT),
        dict(value=TensorProto.FLOAT16),
        dict(bias=TensorProto.FLOAT16),
        {name: TensorProto.DOUBLE for name in ("query", "key", "value", "bias")},
        {name: TensorProto.BFLOAT16 for name in ("query", "key", "value", "bias")},
    ],
    ids=lambda types: "-".join(f"{name}:{TensorProto.DataType.Name(t)}" for name, t in types.items()),
)
def test_element_types_are_checked_at_load(types, library):
    with pytest.raises(ANY) as refusal:
        session(typed_model(**types), library)
    assert NODE_NAME in str(refusal.value) or "MultiHeadAttention" in str(refusal.value)


def test_scores_of_a_float32_node_are_float32(library):
    """ONNX Runtime's CPU kernel fails at run when qk is declared float16 here; a refusal at load is as good."""
    case = case_of("qk_type", plain(), ["output", "qk"], num_heads=N)
    with pytest.raises(ANY):
        session(build_model(case, qk_dtype="f16"), library).run(None, make_inputs(case))


def test_a_session_works_on_after_an_error(library):
    """Also with other sessions at work in the process, and after errors of several kinds."""
    good = case_of("good", plain(), num_heads=N)
    bad = case_of("bad", plain(key=tensor(3, L, D)), num_heads=N)
    worse = case_of("worse", plain(value=tensor(B, 6, D)), num_heads=N)
    running, other = session(build_model(good), library), session(build_model(good), library)
    for _ in range(3):
        for refused in (bad, worse):
            with pytest.raises(InvalidArgument):
                running.run(None, make_inputs(refused))
        for each in (running, other):
            feeds = make_inputs(good)
            assert not differences(good, feeds, {"output": each.run(None, feeds)[0]})


def test_what_is_not_an_error(library):
    """NaN and infinity in any input, and any integer in a mask, run; what they do not reach stays right."""
    case = case_of("odd_values", plain(key_padding_mask=ints(np.ones((B, L), int)), attention_bias=tensor(1, 1, S, L)),
                   num_heads=N)
    feeds = make_inputs(case)
    limits = np.iinfo(np.int32)
    feeds["key_padding_mask"][0] = [limits.min, limits.max, 1, 0, -1]
    feeds["query"][0, 0, 0], feeds["key"][0, 0, 1], feeds["value"][0, 0, 2] = np.nan, np.inf, -np.inf
    feeds["attention_bias"][0, 0, 0, 0] = np.nan
    assert np.isfinite(expected(case, feeds)["output"].value[1, 1:]).all()
    assert not differences(case, feeds, run_case(case, feeds, library))
