"""What com.microsoft.MultiHeadAttention has to compute, in float64, and how far a kernel may be from it.

`expected(case, feeds)` gives, for every output of the case, the value and the tolerance of each of its elements;
`mismatch(got, want, tolerance)` says what differs. The one place where rounding is part of the meaning is the score: it
is rounded to float32 after the scale, after attention_bias and after the mask, because a row whose every key carries
-10000 is a softmax over scores rounded to the float32 grid at 10000.
"""

from dataclasses import dataclass

import numpy as np

from mha_cases import LOWEST, NUMPY_TYPE, unpacked

F32_RELATIVE = 1e-5
F16_RELATIVE = 2e-3
F16_HALF_ULP = 2.0**-11  # one rounding to float16, relative to the value
F16_SMALLEST = 2.0**-24


@dataclass(frozen=True)
class Expected:
    """An output's float64 `value` and the `tolerance` of each element, both in the output's shape."""

    value: np.ndarray
    tolerance: np.ndarray


@dataclass(frozen=True)
class State:
    """Keys and values as attention reads them, (B,N,T,H) and (B,N,T,Hv), and as the present outputs hold them."""

    key: np.ndarray
    value: np.ndarray
    present_key: np.ndarray
    present_value: np.ndarray
    past_length: int
    beam_width: int | None  # None: cache_indirection absent, or ignored


def beams_apply(feeds, past_length, v_head_size_equal):
    """Whether cache_indirection counts: plain layout, one query row, a past, equal head sizes, no 1-D or 3-D mask."""
    mask = feeds.get("key_padding_mask")
    return (
        "cache_indirection" in feeds
        and "past_sequence_length" in feeds
        and feeds["query"].shape[1] == 1
        and past_length > 0
        and feeds["key"].ndim == 3
        and v_head_size_equal
        and (mask is None or mask.ndim == 2)
    )


def past_is_unread(feeds, outputs):
    """Whether a past is ignored: pre-split keys, and nothing that is as long as past and new keys together."""
    mask = feeds.get("key_padding_mask")
    return (feeds["key"].ndim == 4 and outputs == ["output"] and "attention_bias" not in feeds
            and (mask is None or mask.ndim == 1))


def _state(feeds, key, value, outputs):
    """Joins past and new keys and values: a growing past, a shared buffer, or a shared buffer with beams."""
    if "past_key" not in feeds or past_is_unread(feeds, outputs):
        return State(key, value, key, value, 0, None)
    past_key, past_value = (feeds[n].astype(np.float64) for n in ("past_key", "past_value"))
    if "past_sequence_length" not in feeds:
        key, value = np.concatenate([past_key, key], 2), np.concatenate([past_value, value], 2)
        return State(key, value, key, value, past_key.shape[2], None)

    P, L = int(feeds["past_sequence_length"].reshape(-1)[0]), key.shape[2]
    present_key, present_value = past_key.copy(), past_value.copy()
    present_key[:, :, P:P + L], present_value[:, :, P:P + L] = key, value
    used_key, used_value, width = past_key[:, :, :P], past_value[:, :, :P], None
    if beams_apply(feeds, P, key.shape[3] == value.shape[3]):
        indirection = feeds["cache_indirection"]
        width = indirection.shape[1]
        B = key.shape[0]
        row = (np.arange(B) // width * width)[:, None] + indirection.reshape(B, -1)[:, :P]
        # row (B,P) picks the batch row that each past entry is read from.
        used_key = past_key[row, :, np.arange(P)[None]].transpose(0, 2, 1, 3)
        used_value = past_value[row, :, np.arange(P)[None]].transpose(0, 2, 1, 3)
    return State(np.concatenate([used_key, key], 2), np.concatenate([used_value, value], 2),
                 present_key, present_value, P, width)


def _mask_addend(attributes, mask, shape, past_length, beams):
    """The one addend (B,S,T) that padding and causality make together: causality replaces the padding value."""
    B, S, T = shape
    addend = np.zeros(shape, np.float32)
    if mask is not None:
        if mask.ndim == 1:  # (B) or (3B+2): the first B entries are key lengths
            visible = np.arange(T)[None, None, :] < mask[:B].reshape(B, 1, 1)
        elif beams:
            visible = mask[:, None, :] != 0
        else:
            visible = (mask if mask.ndim == 3 else mask[:, None, :]) > 0
        filter_value = np.float32(attributes.get("mask_filter_value", -10000.0))
        addend = np.where(np.broadcast_to(visible, shape), np.float32(0), filter_value)
    if attributes.get("unidirectional", 0) == 1 and S > 1:
        s, t = np.arange(S)[:, None], np.arange(T)[None, :]
        hidden = (t > s + past_length) & (s < S - 1)  # the last query row is never restricted
        addend = np.where(hidden[None], np.float32(LOWEST), addend)
    return addend


def _score_error(scores, magnitude):
    """How far a float32 score (B,N,S,T) may be from the exact one, for each row (B,N,S).

    Rounding in the dot product grows with `magnitude`, the largest scale * sum(|q| * |k|) of the row; each addition
    rounds to the float32 grid at the size of the row's largest score. A row at LOWEST has absorbed its scores: exact.
    """
    if scores.shape[-1] == 0:
        return np.zeros(scores.shape[:-1])
    top = np.abs(scores.max(-1))
    grid = np.spacing(np.where(top < 1e30, top, 0).astype(np.float32)).astype(np.float64)
    return np.maximum(2.0**-22 * magnitude, 2 * grid)


def expected(case, feeds):
    """Output name -> Expected, for the outputs that `case` asks for."""
    _, feeds = unpacked(case, feeds)
    attributes = case["attributes"]
    N = attributes["num_heads"]
    query, key, value = (feeds[n].astype(np.float64) for n in ("query", "key", "value"))
    B, S, D = query.shape
    H = D // N
    bias = feeds["bias"].astype(np.float64) if "bias" in feeds else None

    def heads(x):
        return x.reshape(x.shape[0], x.shape[1], N, x.shape[2] // N).transpose(0, 2, 1, 3)

    query = heads(query if bias is None else query + bias[:D])
    if key.ndim == 3:  # bias never applies to pre-split keys and values
        key = heads(key if bias is None else key + bias[D:2 * D])
        value = heads(value if bias is None else value + bias[2 * D:])
    state = _state(feeds, key, value, case["outputs"])
    T = state.key.shape[2]

    scale = attributes.get("scale", 0.0)
    scale = np.float64(np.float32(scale)) if scale != 0 else 1.0 / np.sqrt(H)
    with np.errstate(over="ignore", invalid="ignore"):
        raw = np.einsum("bnsh,bnth->bnst", query, state.key) * scale
        magnitude = np.einsum("bnsh,bnth->bnst", np.abs(query), np.abs(state.key)) * abs(scale)
        scores = raw.astype(np.float32)
        if "attention_bias" in feeds:
            attention_bias = feeds["attention_bias"].astype(np.float32)
            if state.beam_width is not None and attention_bias.shape[0] == B:
                attention_bias = attention_bias[np.arange(B) // state.beam_width]
            scores = scores + attention_bias
        scores = scores + _mask_addend(attributes, feeds.get("key_padding_mask"), (B, S, T), state.past_length,
                                       state.beam_width is not None)[:, None]
        exact = scores.astype(np.float64)
        if T == 0:
            output = np.zeros((B, N, S, state.value.shape[3]))
        else:
            weights = np.exp(exact - exact.max(-1, keepdims=True))
            output = weights / weights.sum(-1, keepdims=True) @ state.value

    def largest(x, axis, keep=False):
        return np.max(np.where(np.isfinite(x), np.abs(x), 0), axis=axis, initial=0, keepdims=keep)

    error = _score_error(exact, largest(magnitude, -1))  # (B,N,S)
    # Outputs are averages of values: their scale is the largest value of the head.
    value_scale = largest(state.value, (2, 3))[:, :, None]  # (B,N,1)
    relative = F32_RELATIVE if case["dtype"] == "f32" else F16_RELATIVE
    tolerance = (value_scale * np.maximum(relative, error))[..., None] * np.ones(state.value.shape[3])

    def joined(x):
        return x.transpose(0, 2, 1, 3).reshape(B, S, N * state.value.shape[3])

    # The scale of a score is the largest dot product of its row; masks and biases add their own magnitude.
    score_scale = largest(magnitude, -1, keep=True) * np.ones(T)
    with np.errstate(over="ignore"):
        score_tolerance = relative * score_scale + 2.0**-22 * np.where(np.isfinite(exact), np.abs(exact), 0)

    results = {
        "output": Expected(joined(output), joined(tolerance)),
        # One addition at most, so both types round once from the exact sum.
        "present_key": Expected(state.present_key, np.zeros(state.present_key.shape)),
        "present_value": Expected(state.present_value, np.zeros(state.present_value.shape)),
        "qk": Expected(exact, score_tolerance),
    }
    return {name: results[name] for name in case["outputs"]}


def mismatch(got, want, dtype):
    """None when `got` is within tolerance of `want` (an Expected), else what differs first.

    Elements whose expected value is NaN are not compared: shader languages do not promise NaN. An expected value that
    the type cannot hold must come out as the infinity of its sign; -inf by overflow of LOWEST may stay at LOWEST.
    """
    if got.shape != want.value.shape:
        return f"shape {got.shape}, expected {want.value.shape}"
    if got.dtype != NUMPY_TYPE[dtype]:
        return f"type {got.dtype}, expected {np.dtype(NUMPY_TYPE[dtype])}"
    if got.size == 0:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = want.value.astype(got.dtype).astype(np.float64)
        actual = got.astype(np.float64)
        tolerance = want.tolerance
        if dtype == "f16":
            tolerance = tolerance + F16_HALF_ULP * np.abs(want.value) + F16_SMALLEST
        # Exact outputs are compared with the rounded value.
        aim = np.where(want.tolerance == 0, rounded, want.value)
        near = np.abs(actual - aim) <= np.where(want.tolerance == 0, 0, tolerance)
        lowest = float(np.finfo(got.dtype).min)
        infinite = np.isinf(rounded) & ((actual == rounded) | ((rounded < 0) & (actual == lowest)))
        good = near | infinite | np.isnan(want.value)
    if good.all():
        return None
    bad = np.argwhere(~good)
    first = tuple(int(i) for i in bad[0])
    return (f"{len(bad)} of {got.size} elements differ, the first at {first}: got {got[first]!r}, expected "
            f"{want.value[first]!r} within {want.tolerance[first]:.3g}")
