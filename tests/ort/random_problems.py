"""A seeded generator of valid MultiHeadAttention nodes over the whole operator, as cases with their inputs.

`problem(seed)` depends on the seed alone: `seed // SHAPES_PER_NODE` decides what kind of node it is (layout, head sizes,
masks, state, outputs), the seed itself the lengths and values. A GPU compiles a pipeline for a kind of node and not for
its lengths, and compiling is the slow part on a software GPU. Lengths are small, but cross the edges that kernels have:
tile and vector widths, one query row, long key rows, empty dimensions.
"""

from dataclasses import dataclass

import numpy as np

from mha_cases import KV, LOWEST, NUMPY_TYPE, OUTPUT_NAMES, case_of, with_feeds

SHAPES_PER_NODE = 12

# B * N * S * T * H is kept below this, so that the float64 reference and a software GPU stay fast.
WORK_LIMIT = 1_500_000
USUAL_HEAD_SIZES = (8, 16, 32, 40, 64, 72, 80, 96, 128)
RARE_HEAD_SIZES = (1, 2, 3, 5, 7, 12, 33, 100, 160, 192, 255, 256, 257, 320, 400)


@dataclass(frozen=True)
class Node:
    """What the problems of one group have in common. Mask forms: see `_padding_mask`."""

    dtype: str
    layout: str  # plain, bnsh (pre-split keys), packed_kv, packed_qkv
    state: str  # none, growing, shared, beams
    head_size: int
    v_head_size: int
    bias: bool
    mask: str | None
    attention_bias: bool
    attributes: dict
    outputs: list


def _chance(rng, share):
    return rng.random() < share


def node(seed):
    """The kind of node that all seeds of a group stand for; `seed` is the group's."""
    rng = np.random.default_rng([seed, 1])
    layout = str(rng.choice(["plain", "bnsh", "packed_kv", "packed_qkv"], p=[0.64, 0.14, 0.1, 0.12]))
    state = "none"
    if layout == "plain" and _chance(rng, 0.5):
        state = str(rng.choice(["growing", "shared", "beams"]))
    elif layout == "bnsh" and _chance(rng, 0.2):
        state = "growing"
    head_size = int(rng.choice(USUAL_HEAD_SIZES if _chance(rng, 0.6) else RARE_HEAD_SIZES))
    v_head_size = head_size
    if layout == "plain" and state == "none" and _chance(rng, 0.25):
        v_head_size = int(rng.integers(1, 80))

    mask, attributes = None, {}
    if _chance(rng, 0.4):
        mask = str(rng.choice(["lengths", "cumulative", "keys", "rows"]))
        if _chance(rng, 0.4):
            attributes["mask_filter_value"] = float(rng.choice([LOWEST, -2.5, 0.0, 3.0, -1e6, -np.inf]))
    if _chance(rng, 0.35):
        attributes["unidirectional"] = int(rng.choice([0, 1, 1, 1, 2]))
    if _chance(rng, 0.3):
        attributes["scale"] = float(rng.choice([0.0, 0.37, -0.25, 1.0 / head_size]))
    attention_bias = _chance(rng, 0.3)

    if layout == "bnsh" and state == "growing" and _chance(rng, 0.3):
        # Such a past is ignored, as long as nothing else is as long as past and new keys together.
        mask, attention_bias = (mask if mask in ("lengths", "cumulative") else None), False
        outputs = ["output"]
    elif state in ("shared", "beams") or (layout == "bnsh" and state == "growing"):
        outputs = list(KV) + (["qk"] if _chance(rng, 0.4) else [])
    else:
        outputs = ["output"] + [name for name in OUTPUT_NAMES[1:] if _chance(rng, 0.35)]
    return Node("f16" if _chance(rng, 0.5) else "f32", layout, state, head_size, v_head_size,
                layout != "packed_kv" and _chance(rng, 0.35), mask, attention_bias, attributes, outputs)


def _length(rng, longest):
    """A length from 1 to `longest`, on and beside powers of two as often as anywhere else."""
    if _chance(rng, 0.5):
        edge = int(2 ** rng.integers(0, 9)) + int(rng.integers(-1, 2))
        return int(np.clip(edge, 1, longest))
    return int(rng.integers(1, longest + 1))


def _sizes(rng, kind):
    """B, N, S and L within the work limit; B, S or L may be 0, seldom."""
    B, N = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    budget = max(4, WORK_LIMIT // (B * N * kind.head_size))
    S = 1 if _chance(rng, 0.25) else _length(rng, min(150, budget))
    L = S if _chance(rng, 0.4) else _length(rng, max(1, min(300, budget // S)))
    empty = rng.random()
    if empty < 0.02 and kind.state == "none":
        B = 0
    elif empty < 0.04:
        S = 0
    elif empty < 0.08:
        L = 0
    if kind.state == "beams" and (S == 1 or _chance(rng, 0.8)):
        S = L = 1  # the CPU kernel has no defined result for one query row with any other count of new keys
    if kind.layout == "packed_qkv":
        L = S
    return B, N, S, L


def _padding_mask(rng, form, B, S, T):
    """key_padding_mask as (B), (3B+2), (B,T) or (B,S,T), values outside the ordinary included."""
    if form in ("lengths", "cumulative"):
        lengths = rng.integers(-2, T + 3, B).astype(np.int32)
        rest = rng.integers(0, 50, 2 * B + 2).astype(np.int32)
        return np.concatenate([lengths, rest]) if form == "cumulative" else lengths
    shape = (B, T) if form == "keys" else (B, S, T)
    mask = (rng.random(shape) < rng.choice([0.2, 0.6, 0.95])).astype(np.int32)
    if _chance(rng, 0.2):
        mask = np.where(rng.random(shape) < 0.2, rng.integers(-3, 4, shape), mask).astype(np.int32)
    return mask


def problem(seed):
    """The case and the feeds of `seed`."""
    kind = node(seed // SHAPES_PER_NODE)
    rng = np.random.default_rng([seed, 2])
    B, N, S, L = _sizes(rng, kind)
    H, Hv = kind.head_size, kind.v_head_size
    amplitude = float(rng.choice([0.1, 1.0, 1.0, 1.0, 4.0]))

    def normal(*shape):
        return (rng.standard_normal(shape) * amplitude).astype(NUMPY_TYPE[kind.dtype])

    feeds = {}
    match kind.layout:
        case "plain":
            feeds |= {"query": normal(B, S, N * H), "key": normal(B, L, N * H), "value": normal(B, L, N * Hv)}
        case "bnsh":
            feeds |= {"query": normal(B, S, N * H), "key": normal(B, N, L, H), "value": normal(B, N, L, H)}
        case "packed_kv":
            feeds |= {"query": normal(B, S, N * H), "key": normal(B, L, N, 2, H)}
        case "packed_qkv":
            feeds["query"] = normal(B, S, N, 3, H)
    if kind.bias:
        feeds["bias"] = normal(2 * N * H + N * Hv)

    P = 0 if kind.state == "none" or _chance(rng, 0.1) else int(rng.integers(0, 40))
    if kind.state != "none":
        # In a shared buffer at least one free entry must follow the past.
        M = P if kind.state == "growing" else P + max(L, 1) + int(rng.integers(0, 6))
        feeds["past_key"], feeds["past_value"] = normal(B, N, M, H), normal(B, N, M, H)
        if kind.state != "growing":
            feeds["past_sequence_length"] = np.full(() if _chance(rng, 0.5) else (1,), P, np.int32)
        if kind.state == "beams":
            W = int(rng.choice([w for w in range(1, B + 1) if B % w == 0]))
            feeds["cache_indirection"] = rng.integers(0, W, (B // W, W, M)).astype(np.int32)

    T = P + L
    if kind.mask and B > 0 and S > 0 and T > 0:
        feeds["key_padding_mask"] = _padding_mask(rng, kind.mask, B, S, T)
    if kind.attention_bias and T > 0:
        feeds["attention_bias"] = normal(B if _chance(rng, 0.5) else 1, N if _chance(rng, 0.5) else 1, S, T)

    case = case_of(f"seed{seed}", {}, kind.outputs, [kind.layout, kind.state], kind.dtype,
                   not kind.layout.startswith("packed"), **{"num_heads": N} | kind.attributes)
    return with_feeds(case, feeds), feeds


def describe(case):
    """One line that tells what a seed stands for."""
    shapes = ", ".join(f"{name}{list(spec['shape'])}" for name, spec in case["inputs"].items())
    return f"{case['name']} {case['dtype']} {case['attributes']} {shapes} -> {', '.join(case['outputs'])}"
