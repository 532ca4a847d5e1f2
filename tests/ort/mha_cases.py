"""Conformance cases of com.microsoft.MultiHeadAttention, version 1: the node, its inputs, its model.

    for case in cases():
        feeds = make_inputs(case)     # input name -> numpy array; depends on nothing but the case
        model = build_model(case)     # serialized ONNX model

A case is a dict: `name`, `dtype` ("f32" or "f16"), `attributes` of the node, `inputs` (input name -> how to make it),
`outputs` (the ones asked for), `features` (for reading and for -k), and `native`: whether ONNX Runtime's own CPU kernel
runs this layout. It accepts packed QKV and packed KV by schema and refuses them when run; `unpacked` gives the same
computation in the plain layout.

Shapes use the operator's letters: B batch, N num_heads, S query length, L new key/value length, P past length,
T = P + L, M length of a shared past buffer, H head_size, W beam width.

`python mha_cases.py` lists the cases.
"""

import numpy as np
from onnx import TensorProto, helper

DOMAIN = "com.microsoft"
NODE_NAME = "attention_under_test"
INPUT_NAMES = [
    "query", "key", "value", "bias", "key_padding_mask", "attention_bias",
    "past_key", "past_value", "past_sequence_length", "cache_indirection",
]
INT_INPUTS = ("key_padding_mask", "past_sequence_length", "cache_indirection")
OUTPUT_NAMES = ["output", "present_key", "present_value", "qk"]
ALL = list(OUTPUT_NAMES)
OUT = ["output"]
KV = ["output", "present_key", "present_value"]
LOWEST = float(np.finfo(np.float32).min)
NUMPY_TYPE = {"f32": np.float32, "f16": np.float16}
ELEMENT_TYPE = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16}


# ---------------------------------------------------------------------------------------------------- the case table
def tensor(*shape, scale=1.0, gen="normal", **kw):
    """A generated input; `gen` names the branch of `make_inputs`."""
    return dict(shape=tuple(int(s) for s in shape), gen=gen, scale=scale, **kw)


def ints(values):
    """An int32 input with these very values."""
    return dict(shape=tuple(np.asarray(values).shape), gen="ints", values=np.asarray(values).tolist())


def case_of(name, inputs, outputs=OUT, features=(), dtype="f32", native=True, **attributes):
    """One case; keyword arguments left over are the node's attributes."""
    return dict(name=name, dtype=dtype, attributes=dict(attributes), inputs=inputs, outputs=list(outputs),
                features=list(features), native=native)


def qkv(B, S, L, N, H, Hv=None):
    """Plain layout: query (B,S,N*H), key (B,L,N*H), value (B,L,N*Hv)."""
    return dict(query=tensor(B, S, N * H), key=tensor(B, L, N * H), value=tensor(B, L, N * (Hv or H)))


def split_heads(B, S, L, N, H):
    """Pre-split keys and values: key and value (B,N,L,H)."""
    return dict(query=tensor(B, S, N * H), key=tensor(B, N, L, H), value=tensor(B, N, L, H))


def past(B, N, P, H):
    """past_key and past_value (B,N,P,H)."""
    return dict(past_key=tensor(B, N, P, H), past_value=tensor(B, N, P, H))


def cases():
    """Every conformance case, each with the dtype it was written for."""
    c = []

    def add(*a, **k):
        c.append(case_of(*a, **k))

    # plain layouts
    add("self_small", qkv(1, 4, 4, 2, 8), num_heads=2, features=["3d"])
    add("self_batch", qkv(3, 17, 17, 4, 16), num_heads=4, features=["3d", "batch"])
    add("single_token", qkv(1, 1, 1, 2, 8), num_heads=2, features=["3d", "S=1"])
    add("cross_long_kv", qkv(2, 5, 130, 2, 32), num_heads=2, features=["3d", "cross"])
    add("cross_short_kv", qkv(2, 70, 3, 2, 32), num_heads=2, features=["3d", "cross"])
    add("long_self_h64", qkv(1, 257, 257, 2, 64), num_heads=2, features=["3d", "tail-tiles"])
    add("head_1", qkv(2, 9, 11, 3, 1), num_heads=3, features=["odd-head"])
    add("head_3", qkv(2, 9, 11, 2, 3), num_heads=2, features=["odd-head"])
    add("head_72", qkv(1, 33, 33, 2, 72), num_heads=2, features=["odd-head"])
    add("head_80_past", dict(qkv(1, 3, 3, 2, 80), **past(1, 2, 30, 80)), KV, ["past"], num_heads=2)
    add("head_160", qkv(1, 20, 40, 1, 160), num_heads=1, features=["wide-head"])
    add("head_256", qkv(1, 18, 18, 1, 256), num_heads=1, features=["wide-head"])
    add("value_wider", qkv(2, 6, 7, 2, 8, 20), ALL, ["v_head_size"], num_heads=2)
    add("value_narrower", qkv(2, 6, 7, 2, 16, 5), num_heads=2, features=["v_head_size"])
    add("all_outputs", qkv(2, 6, 9, 2, 8), ALL, ["present", "qk"], num_heads=2)
    add("qk_only", qkv(2, 6, 9, 2, 8), ["output", "qk"], ["qk"], num_heads=2)
    add("scale_custom", qkv(1, 8, 8, 2, 8), ALL, ["scale"], num_heads=2, scale=0.37)
    add("scale_negative", qkv(1, 8, 8, 2, 8), num_heads=2, scale=-0.25, features=["scale"])
    add("scale_zero_is_default", qkv(1, 8, 8, 2, 8), num_heads=2, scale=0.0, features=["scale"])

    # input projection bias
    add("bias", dict(qkv(2, 6, 9, 2, 8, 12), bias=tensor(2 * 16 + 24)), ALL, ["bias"], num_heads=2)
    add("bias_one_token", dict(qkv(2, 1, 1, 2, 8), bias=tensor(48), **past(2, 2, 5, 8)), ALL, ["bias", "past"],
        num_heads=2)
    # cross attention, key/value already split in heads: only the query part of bias is used
    add("bnsh", split_heads(2, 6, 9, 2, 8), ALL, ["bnsh"], num_heads=2)
    add("bnsh_bias_query_only", dict(split_heads(2, 6, 9, 2, 8), bias=tensor(48)), num_heads=2,
        features=["bnsh", "bias"])

    # packed layouts
    add("packed_qkv", dict(query=tensor(2, 7, 3, 3, 8)), num_heads=3, features=["packed-qkv"], native=False)
    add("packed_qkv_bias", dict(query=tensor(2, 7, 3, 3, 8), bias=tensor(72)), num_heads=3,
        features=["packed-qkv", "bias"], native=False)
    add("packed_kv", dict(query=tensor(2, 5, 24), key=tensor(2, 11, 3, 2, 8)), num_heads=3,
        features=["packed-kv"], native=False)

    # masks
    add("mask_lengths", dict(qkv(2, 5, 9, 2, 8), key_padding_mask=ints([3, 9])), ALL, ["mask-1d"], num_heads=2)
    add("mask_lengths_out_of_range", dict(qkv(3, 5, 9, 2, 8), key_padding_mask=ints([-4, 200, 1])), num_heads=2,
        features=["mask-1d"])
    add("mask_3b_plus_2", dict(qkv(2, 5, 9, 2, 8), key_padding_mask=ints([3, 7, 0, 5, 10, 0, 9, 18])), num_heads=2,
        features=["mask-1d-3b2"])
    add("mask_2d", dict(qkv(2, 5, 9, 2, 8), key_padding_mask=tensor(2, 9, gen="mask", seed=3)), ALL, ["mask-2d"],
        num_heads=2)
    add("mask_2d_nonbinary", dict(qkv(1, 2, 5, 1, 4), key_padding_mask=ints([[2, -1, 0, 7, 1]])), ALL,
        ["mask-2d"], num_heads=1)
    add("mask_2d_past", dict(qkv(2, 3, 3, 2, 8), key_padding_mask=tensor(2, 8, gen="mask", seed=4), **past(2, 2, 5, 8)),
        ALL, ["mask-2d", "past"], num_heads=2)
    add("mask_3d", dict(qkv(2, 5, 9, 2, 8), key_padding_mask=tensor(2, 5, 9, gen="mask", seed=5)), ALL, ["mask-3d"],
        num_heads=2)
    add("mask_soft_value", dict(qkv(2, 5, 9, 2, 8), key_padding_mask=ints([4, 6])), ALL,
        ["mask-1d", "mask_filter_value"], num_heads=2, mask_filter_value=-2.5)
    add("mask_all_padding_default", dict(qkv(2, 4, 6, 2, 8), key_padding_mask=ints([0, 6])), num_heads=2,
        features=["mask-1d", "full-row"])
    add("mask_all_padding_lowest", dict(qkv(2, 4, 6, 2, 8), key_padding_mask=ints([0, 6])), num_heads=2,
        mask_filter_value=LOWEST, features=["mask-1d", "full-row"])
    add("mask_all_padding_inf_is_nan", dict(qkv(2, 4, 6, 2, 8), key_padding_mask=ints([0, 6])), num_heads=2,
        mask_filter_value=float("-inf"), features=["mask-1d", "full-row", "nan"])

    # attention bias
    for d0 in (1, 2):
        for d1 in (1, 3):
            add(f"attention_bias_{d0}_{d1}", dict(qkv(2, 5, 9, 3, 8), attention_bias=tensor(d0, d1, 5, 9)), ALL,
                ["attention_bias"], num_heads=3)
    add("attention_bias_mask_past", dict(qkv(2, 4, 4, 2, 8), attention_bias=tensor(1, 2, 4, 10),
                                         key_padding_mask=tensor(2, 10, gen="mask", seed=6), **past(2, 2, 6, 8)),
        ALL, ["attention_bias", "mask-2d", "past"], num_heads=2)
    add("attention_bias_lowest_entries",
        dict(qkv(1, 4, 6, 2, 8), attention_bias=tensor(1, 1, 4, 6, gen="lowest", seed=7)),
        num_heads=2, features=["attention_bias"])

    # causal
    add("causal_square", qkv(2, 9, 9, 2, 8), ALL, ["causal"], num_heads=2, unidirectional=1)
    add("causal_wide", qkv(2, 4, 9, 2, 8), ALL, ["causal", "last-row"], num_heads=2, unidirectional=1)
    add("causal_tall", qkv(2, 9, 4, 2, 8), ALL, ["causal"], num_heads=2, unidirectional=1)
    add("causal_one_row", qkv(2, 1, 7, 2, 8), ALL, ["causal", "last-row"], num_heads=2, unidirectional=1)
    add("causal_past", dict(qkv(2, 5, 5, 2, 8), **past(2, 2, 6, 8)), ALL, ["causal", "past"], num_heads=2,
        unidirectional=1)
    add("causal_mask_2d", dict(qkv(2, 6, 6, 2, 8), key_padding_mask=ints([[0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 0, 0]])),
        ALL, ["causal", "mask-2d"], num_heads=2, unidirectional=1)
    add("causal_flag_other_than_one", qkv(1, 5, 5, 2, 8), num_heads=2, unidirectional=2, features=["causal"])

    # state
    add("past", dict(qkv(2, 3, 3, 2, 8), **past(2, 2, 17, 8)), ALL, ["past"], num_heads=2)
    add("past_empty", dict(qkv(2, 3, 3, 2, 8), **past(2, 2, 0, 8)), ALL, ["past"], num_heads=2)
    add("past_no_new_kv", dict(qkv(2, 3, 0, 2, 8), **past(2, 2, 7, 8)), ALL, ["past", "L=0"], num_heads=2)
    add("past_shared_buffer", dict(qkv(2, 2, 2, 2, 8), past_sequence_length=ints([3]), **past(2, 2, 8, 8)), ALL,
        ["past", "shared-buffer"], num_heads=2)
    add("past_beams", dict(qkv(4, 1, 1, 2, 8), past_sequence_length=ints([3]), **past(4, 2, 6, 8),
                           cache_indirection=ints([[[0, 1, 1, 0, 0, 0], [1, 0, 1, 0, 0, 0]],
                                                    [[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]])), ALL,
        ["past", "shared-buffer", "beams"], num_heads=2)

    # empty dimensions
    add("empty_batch", qkv(0, 3, 5, 2, 8), ALL, ["empty"], num_heads=2)
    add("empty_query", qkv(2, 0, 5, 2, 8), ALL, ["empty"], num_heads=2)
    add("empty_kv_gives_zero", qkv(2, 3, 0, 2, 8), ALL, ["empty"], num_heads=2)

    # half precision
    add("f16_self", qkv(2, 19, 19, 2, 32), num_heads=2, dtype="f16", features=["f16"])
    add("f16_mask_default_value", dict(qkv(2, 5, 9, 2, 8), key_padding_mask=ints([3, 7])), num_heads=2, dtype="f16",
        features=["f16", "mask-1d"])
    add("f16_causal_past", dict(qkv(1, 4, 4, 2, 64), **past(1, 2, 40, 64)), KV, ["f16", "causal", "past"],
        dtype="f16", num_heads=2, unidirectional=1)
    add("f16_large_scores",
        dict(query=tensor(1, 8, 128, scale=60.0), key=tensor(1, 8, 128, scale=60.0), value=tensor(1, 8, 128)),
        num_heads=1, dtype="f16", features=["f16", "unscaled-score-over-65504"])
    return c


# ------------------------------------------------------------------------------------------------ inputs and model
def make_inputs(case):
    """The inputs of `case`: the seed is made of the case's name and the input's position, so that they never move."""
    float_type = NUMPY_TYPE[case["dtype"]]
    feeds = {}
    for i, name in enumerate(INPUT_NAMES):
        spec = case["inputs"].get(name)
        if spec is None:
            continue
        seed = spec.get("seed", 0) * 1000 + i * 7919 + sum(ord(ch) * (k + 1) for k, ch in enumerate(case["name"]))
        rng = np.random.default_rng(seed)
        shape = spec["shape"]
        match spec["gen"]:
            case "normal":
                feeds[name] = (rng.standard_normal(shape) * spec["scale"]).astype(float_type)
            case "ints":
                feeds[name] = np.array(spec["values"], np.int32).reshape(shape)
            case "mask":  # every row keeps at least one key
                mask = (rng.random(shape) < 0.6).astype(np.int32)
                np.put_along_axis(mask, rng.integers(0, shape[-1], shape[:-1])[..., None], 1, -1)
                feeds[name] = mask
            case "lowest":  # an exported additive mask: 0 or the most negative finite value of the type
                keep = rng.random(shape) < 0.6
                keep[..., :1] = True
                feeds[name] = np.where(keep, 0, np.finfo(float_type).min).astype(float_type)
            case other:
                raise ValueError(f"unknown generator {other!r}")
    return feeds


def build_model(case, static_shapes=False, qk_dtype=None):
    """A model of one node. Dimensions are symbols of their own unless `static_shapes`; `qk_dtype` retypes output qk."""
    element = ELEMENT_TYPE[case["dtype"]]
    ins = [n if n in case["inputs"] else "" for n in INPUT_NAMES]
    while ins and ins[-1] == "":
        ins.pop()
    outs = [n if n in case["outputs"] else "" for n in OUTPUT_NAMES]
    while outs[-1] == "":
        outs.pop()
    node = helper.make_node("MultiHeadAttention", ins, outs, name=NODE_NAME, domain=DOMAIN, **case["attributes"])

    def input_info(name):
        shape = case["inputs"][name]["shape"]
        dims = list(shape) if static_shapes else [f"{name}_{d}" for d in range(len(shape))]
        return helper.make_tensor_value_info(name, TensorProto.INT32 if name in INT_INPUTS else element, dims)

    def output_info(name):
        retyped = name == "qk" and qk_dtype is not None
        return helper.make_tensor_value_info(name, ELEMENT_TYPE[qk_dtype] if retyped else element, None)

    graph = helper.make_graph([node], case["name"], [input_info(n) for n in ins if n],
                              [output_info(n) for n in outs if n])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)])
    model.ir_version = 9
    return model.SerializeToString()


def with_dtype(case, dtype):
    """The same case in another float type; its inputs are generated in that type."""
    return dict(case, dtype=dtype)


def with_feeds(case, feeds):
    """`case` with the shapes of `feeds`, which the caller made itself."""
    return dict(case, inputs={n: dict(shape=v.shape, gen="given") for n, v in feeds.items()})


def unpacked(case, feeds):
    """The same computation in the plain layout, as (case, feeds): the identity for layouts that are not packed."""
    feeds = dict(feeds)
    query, key = feeds["query"], feeds.get("key")
    if query.ndim == 5:
        B, S, N, _, H = query.shape
        for i, name in enumerate(("query", "key", "value")):
            feeds[name] = np.ascontiguousarray(query[:, :, :, i]).reshape(B, S, N * H)
    elif key is not None and key.ndim == 5:
        B, L, N, _, H = key.shape
        for i, name in enumerate(("key", "value")):
            feeds[name] = np.ascontiguousarray(key[:, :, :, i]).reshape(B, L, N * H)
    else:
        return case, feeds
    return dict(with_feeds(case, feeds), native=True), feeds


def for_cpu_kernel(case, feeds):
    """An equivalent (case, feeds) that ONNX Runtime's CPU kernel has a defined result for.

    Besides refusing packed layouts, that kernel reads outside its buffers when plain keys have a past and not both
    presents are asked for, and, with beams, when attention_bias has a batch but no heads.
    """
    case, feeds = unpacked(case, feeds)
    if "past_key" in feeds and feeds["key"].ndim == 3:
        case = dict(case, outputs=[n for n in OUTPUT_NAMES if n in KV or n in case["outputs"]])
    bias = feeds.get("attention_bias")
    if bias is not None and "cache_indirection" in feeds:
        shape = (bias.shape[0], case["attributes"]["num_heads"], *bias.shape[2:])
        feeds["attention_bias"] = np.ascontiguousarray(np.broadcast_to(bias, shape))
        case = with_feeds(case, feeds)
    return case, feeds


if __name__ == "__main__":
    for row in cases():
        print(f"{row['name']:34s} {row['dtype']} {','.join(row['features'])}")
