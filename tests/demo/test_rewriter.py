"""The rewriter: what it takes for attention, what it leaves alone, and that the model still computes the same."""

from collections import Counter

import numpy as np
import onnx
import pytest
from attention_models import PLAIN_KEY, PLAIN_QUERY, attention_model, feeds
from onnx import helper, numpy_helper
from vit_demo import saliency
from vit_demo.rewriter import RewriteError, rewrite_attention, verify_unchanged

DEFAULT_SCALE = 8**-0.5
# float32 sums in another order.
TOLERANCE = 2e-6


def operators(model: onnx.ModelProto) -> Counter:
    return Counter(node.op_type for node in model.graph.node)


def attention_nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "MultiHeadAttention"]


def attributes(node: onnx.NodeProto) -> dict:
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def rewritten_and_checked(model: onnx.ModelProto, **sizes: int) -> onnx.ModelProto:
    rewritten, _ = rewrite_attention(model)
    onnx.checker.check_model(rewritten)
    verify_unchanged(model, rewritten, feeds(model, **sizes), TOLERANCE)
    return rewritten


def test_the_block_becomes_one_node_fed_from_before_the_split():
    rewritten = rewritten_and_checked(attention_model())
    (node,) = rewritten.graph.node
    assert (node.op_type, node.domain) == ("MultiHeadAttention", "com.microsoft")
    assert list(node.input) == ["q", "k", "v"]
    assert list(node.output) == ["y"]
    assert attributes(node)["num_heads"] == 4
    assert attributes(node)["scale"] == pytest.approx(DEFAULT_SCALE, rel=1e-6)
    assert not rewritten.graph.initializer
    assert [(entry.domain, entry.version) for entry in rewritten.opset_import] == [("", 17), ("com.microsoft", 1)]


def test_the_given_model_is_not_changed():
    model = attention_model()
    before = model.SerializeToString(deterministic=True)
    rewrite_attention(model)
    assert model.SerializeToString(deterministic=True) == before


HEAD_SIZE_FROM_SHAPE = """
    shape = Shape({tensor})  last = Slice(shape, minus_one, far)  width = Cast<to=1>(last)  rooted = Sqrt(width)
    inverse = Div(one, rooted)  half = Sqrt(inverse)
"""

SCALES = {
    "none": (dict(query=PLAIN_QUERY, key=PLAIN_KEY), 1.0),
    "on both": ({}, DEFAULT_SCALE),
    "on the query": (dict(query=PLAIN_QUERY.replace("qs", "qt") + " qs = Mul(qt, scale)", key=PLAIN_KEY), DEFAULT_SCALE),
    "on the key": (dict(query=PLAIN_QUERY, key=PLAIN_KEY.replace("ks", "kt") + " ks = Mul(kt, scale)"), DEFAULT_SCALE),
    "constant on the left": (
        dict(query=PLAIN_QUERY.replace("qs", "qt") + " qs = Mul(scale, qt)", key=PLAIN_KEY),
        DEFAULT_SCALE,
    ),
    "division of the query": (
        dict(constants="float width = {2.5}", query=PLAIN_QUERY.replace("qs", "qt") + " qs = Div(qt, width)", key=PLAIN_KEY),
        0.4,
    ),
    "on the scores": (
        dict(query=PLAIN_QUERY, key=PLAIN_KEY, scores="raw = MatMul(qs, ks)  scores = Mul(raw, scale)"),
        DEFAULT_SCALE,
    ),
    "division of the scores": (
        dict(
            constants="float width = {2.5}",
            query=PLAIN_QUERY,
            key=PLAIN_KEY,
            scores="raw = MatMul(qs, ks)  scores = Div(raw, width)",
        ),
        0.4,
    ),
    "on operands and scores": (dict(scores="raw = MatMul(qs, ks)  scores = Mul(raw, scale)"), DEFAULT_SCALE**2),
    "between split and transpose": (
        dict(query="q4 = Reshape(q, split)  scaled = Mul(q4, scale)  qs = Transpose<perm=[0,2,1,3]>(scaled)", key=PLAIN_KEY),
        DEFAULT_SCALE,
    ),
    "a Constant node of shape (1)": (
        dict(query=PLAIN_QUERY.replace("qs", "qt") + " c = Constant<value_floats=[0.25]>() qs = Mul(qt, c)", key=PLAIN_KEY),
        0.25,
    ),
    "an expression of constants": (
        dict(
            constants="int64 width = {8}, float one = {1}",
            query=PLAIN_QUERY.replace("qs", "qt") + " f = Cast<to=1>(width) r = Sqrt(f) c = Div(one, r) qs = Mul(qt, c)",
            key=PLAIN_KEY,
        ),
        DEFAULT_SCALE,
    ),
    "an expression of the head size": (
        dict(
            constants="int64[1] minus_one = {-1}, int64[1] far = {9223372036854775807}, float one = {1}",
            query=PLAIN_QUERY.replace("qs", "qt") + HEAD_SIZE_FROM_SHAPE.format(tensor="qt") + " qs = Mul(qt, half)",
            key=PLAIN_KEY.replace("ks", "kt") + " ks = Mul(kt, half)",
        ),
        DEFAULT_SCALE,
    ),
    "gathered head size": (
        dict(
            constants="int64 last = {-1}",
            query=PLAIN_QUERY,
            key=PLAIN_KEY,
            scores="raw = MatMul(qs, ks) s = Shape(qs) g = Gather(s, last) f = Cast<to=1>(g) r = Sqrt(f) scores = Div(raw, r)",
        ),
        DEFAULT_SCALE,
    ),
}


@pytest.mark.parametrize("steps, scale", SCALES.values(), ids=SCALES.keys())
def test_scales(steps, scale):
    rewritten = rewritten_and_checked(attention_model(**steps))
    assert operators(rewritten) == {"MultiHeadAttention": 1}
    assert attributes(rewritten.graph.node[0])["scale"] == pytest.approx(scale, rel=1e-6)


# Exporters with dynamic shapes build the shape of a Reshape from the shape of what it reshapes.
DYNAMIC = (
    "int64 zero = {0}, int64 one = {1}, int64[1] axis = {0}, int64[1] heads = {4}, int64[1] size = {8}, int64[1] hidden = {32}"
)
DYNAMIC_SHAPE = """
    {p}s = Shape({source})  {p}b = Gather({p}s, zero)  {p}l = Gather({p}s, one)
    {p}bu = Unsqueeze({p}b, axis)  {p}lu = Unsqueeze({p}l, axis)  {p}shape = Concat<axis=0>({p}bu, {p}lu, {tail})
"""
DYNAMIC_STEPS = dict(
    constants=DYNAMIC,
    query=DYNAMIC_SHAPE.format(p="q", source="q", tail="heads, size")
    + "q4 = Reshape(q, qshape)  qt = Transpose<perm=[0,2,1,3]>(q4)  qs = Mul(qt, root)".replace("qs =", "qscaled ="),
    scores="scores = MatMul(qscaled, ks)",
    merge="ct = Transpose<perm=[0,2,1,3]>(context)"
    + DYNAMIC_SHAPE.format(p="c", source="ct", tail="hidden")
    + "y = Reshape(ct, cshape)",
)

FORMS = {
    "key transposed in two steps": dict(
        key="k4 = Reshape(k, split)  kt = Transpose<perm=[0,2,1,3]>(k4)  kz = Transpose<perm=[0,1,3,2]>(kt)  ks = Mul(kz, root)"
    ),
    "key scaled between two transposes": dict(
        key="k4 = Reshape(k, split)  kt = Transpose<perm=[0,2,1,3]>(k4)  kz = Mul(kt, root)  ks = Transpose<perm=[0,1,3,2]>(kz)"
    ),
    "shapes computed at run time": DYNAMIC_STEPS,
    "softmax over axis 3": dict(softmax="probs = Softmax<axis=3>(scores)"),
    "softmax with the default axis": dict(softmax="probs = Softmax(scores)"),
    "one head": dict(
        constants="int64[4] single = {0,0,1,32}",
        **{
            role: step.replace("split", "single")
            for role, step in {
                "query": "q4 = Reshape(q, split)  qs = Transpose<perm=[0,2,1,3]>(q4)",
                "key": "k4 = Reshape(k, split)  ks = Transpose<perm=[0,2,3,1]>(k4)",
                "value": "v4 = Reshape(v, split)  vt = Transpose<perm=[0,2,1,3]>(v4)",
            }.items()
        },
    ),
    "all shapes fixed": dict(
        signature="(float[2,3,32] q, float[2,5,32] k, float[2,5,32] v) => (float[2,3,32] y)",
        constants="int64[4] fixed = {2,3,4,8}, int64[3] merged = {2,3,32}",
        query="q4 = Reshape(q, fixed)  qt = Transpose<perm=[0,2,1,3]>(q4)  qs = Mul(qt, root)",
        merge="ct = Transpose<perm=[0,2,1,3]>(context)  y = Reshape(ct, merged)",
    ),
    "value of another head size": dict(
        signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,12] v) => (float[B,S,12] y)",
        constants="int64[4] narrow = {0,0,4,3}, int64[3] merged = {0,0,12}",
        value="v4 = Reshape(v, narrow)  vt = Transpose<perm=[0,2,1,3]>(v4)",
        merge="ct = Transpose<perm=[0,2,1,3]>(context)  y = Reshape(ct, merged)",
    ),
}


@pytest.mark.parametrize("steps", FORMS.values(), ids=FORMS.keys())
def test_forms(steps):
    assert operators(rewritten_and_checked(attention_model(**steps))) == {"MultiHeadAttention": 1}


@pytest.mark.parametrize("opset", [11, 12])
def test_softmax_before_opset_13_with_the_last_axis(opset):
    assert operators(rewritten_and_checked(attention_model(opset))) == {"MultiHeadAttention": 1}


def test_self_attention_reads_one_tensor_three_times():
    model = attention_model(
        signature="(float[B,S,32] x) => (float[B,S,32] y)",
        **{
            "query": "q4 = Reshape(x, split)  qt = Transpose<perm=[0,2,1,3]>(q4)  qs = Mul(qt, root)",
            "key": "k4 = Reshape(x, split)  kt = Transpose<perm=[0,2,3,1]>(k4)  ks = Mul(kt, root)",
            "value": "v4 = Reshape(x, split)  vt = Transpose<perm=[0,2,1,3]>(v4)",
        },
    )
    (node,) = rewritten_and_checked(model).graph.node
    assert list(node.input) == ["x", "x", "x"]


def test_a_split_that_also_moves_the_sequence_into_the_batch_stays_as_a_reshape():
    """Windowed attention: (B, S, D) becomes windows of 2, which attend within themselves."""
    windows = dict(constants="int64[4] windows = {-1,2,4,8}, int64[3] rows = {-1,6,32}")
    model = attention_model(
        signature="(float[B,6,32] q, float[B,6,32] k, float[B,6,32] v) => (float[B,6,32] y)",
        **windows,
        query="q4 = Reshape(q, windows)  qt = Transpose<perm=[0,2,1,3]>(q4)  qs = Mul(qt, root)",
        key="k4 = Reshape(k, windows)  kt = Transpose<perm=[0,2,3,1]>(k4)  ks = Mul(kt, root)",
        value="v4 = Reshape(v, windows)  vt = Transpose<perm=[0,2,1,3]>(v4)",
        merge="ct = Transpose<perm=[0,2,1,3]>(context)  y = Reshape(ct, rows)",
    )
    rewritten = rewritten_and_checked(model)
    assert operators(rewritten)["MultiHeadAttention"] == 1
    assert operators(rewritten)["Transpose"] == 0
    assert operators(rewritten)["Reshape"] > 0


def test_what_else_reads_the_split_tensors_and_the_context_still_gets_them():
    model = attention_model(
        signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v)"
        " => (float[B,S,32] y, float[B,4,8,T] scaled_keys, float[B,S,4,8] heads)",
        more="scaled_keys = Identity(ks)  heads = Identity(ct)",
    )
    rewritten = rewritten_and_checked(model)
    assert len(attention_nodes(rewritten)) == 1
    assert operators(rewritten)["Softmax"] == 0


NOT_ATTENTION = {
    "probabilities are an output": (
        "the probabilities must feed one MatMul and nothing else",
        dict(signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v) => (float[B,S,32] y, float[B,4,S,T] probs)"),
    ),
    "probabilities are used elsewhere": (
        "the probabilities must feed one MatMul and nothing else",
        dict(
            signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v) => (float[B,S,32] y, float[B,4,S,T] z)",
            more="z = Neg(probs)",
        ),
    ),
    "scores are used elsewhere": (
        "the scores are used elsewhere too",
        dict(
            signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v) => (float[B,S,32] y, float[B,4,S,T] z)",
            more="z = Neg(scores)",
        ),
    ),
    "unscaled scores are used elsewhere": (
        "the scores are used elsewhere too",
        dict(
            signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v) => (float[B,S,32] y, float[B,4,S,T] z)",
            scores="raw = MatMul(qs, ks)  scores = Mul(raw, scale)",
            more="z = Neg(raw)",
        ),
    ),
    "context is used elsewhere": (
        "the context must feed one Transpose and nothing else",
        dict(
            signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v) => (float[B,S,32] y, float[B,4,S,8] z)",
            more="z = Neg(context)",
        ),
    ),
    "a subgraph reads the probabilities": (
        "the probabilities must feed one MatMul and nothing else",
        dict(
            signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v) => (float[B,S,32] y, float z)",
            constants="bool yes = {1}",
            more="""z = If (yes) <
            then_branch = a () => (float t) { t = ReduceSum<keepdims=0>(probs) },
            else_branch = b () => (float e) { e = ReduceSum<keepdims=0>(q) }>""",
        ),
    ),
    "a mask is added": (
        "not a scaled MatMul",
        dict(
            signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v, float[B,1,S,T] mask) => (float[B,S,32] y)",
            scores="raw = MatMul(qs, ks)  scores = Add(raw, mask)",
        ),
    ),
    "the scale is an input": (
        "not a scaled MatMul",
        dict(
            signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v, float[1] temperature) => (float[B,S,32] y)",
            scores="raw = MatMul(qs, ks)  scores = Mul(raw, temperature)",
        ),
    ),
    "the scale is one number per head": (
        "not a scaled MatMul",
        dict(constants="float[4,1,1] each = {1,2,3,4}", scores="raw = MatMul(qs, ks)  scores = Mul(raw, each)"),
    ),
    "the scale is divided by the scores": (
        "not a scaled MatMul",
        dict(scores="raw = MatMul(qs, ks)  scores = Div(scale, raw)"),
    ),
    "the scale is zero": (
        "its scale is 0.0",
        dict(constants="float nil = {0}", scores="raw = MatMul(qs, ks)  scores = Mul(raw, nil)"),
    ),
    "the value is scaled": (
        "the value is scaled",
        dict(value="v4 = Reshape(v, split)  vz = Transpose<perm=[0,2,1,3]>(v4)  vt = Mul(vz, scale)"),
    ),
    "softmax over another axis": (
        "last of four axes",
        dict(softmax="probs = Softmax<axis=2>(scores)"),
    ),
    "the context stays split by heads": (
        "the context must feed one Transpose",
        dict(signature="(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v) => (float[B,4,S,8] context)", merge=""),
    ),
    "heads and head size are swapped": (
        "the query has its axes in the order",
        dict(
            signature="(float[B,S,32] q, float[B,S,32] k, float[B,S,32] v) => (float[B,S,32] y)",
            constants="int64[4] swapped = {0,0,8,4}",
            query="q4 = Reshape(q, swapped)  qt = Transpose<perm=[0,3,1,2]>(q4)  qs = Mul(qt, root)",
        ),
    ),
    "no heads are split": (
        "the query does not come from a Reshape",
        dict(
            signature="(float[B,4,S,8] q, float[B,4,8,T] k, float[B,4,T,8] v) => (float[B,S,32] y)",
            query="qs = Mul(q, root)",
            key="ks = Mul(k, root)",
            value="vt = Identity(v)",
        ),
    ),
    "float64": (
        "float64",
        dict(
            signature="(double[B,S,32] q, double[B,T,32] k, double[B,T,32] v) => (double[B,S,32] y)",
            query=PLAIN_QUERY,
            key=PLAIN_KEY,
        ),
    ),
}


@pytest.mark.parametrize("reason, steps", NOT_ATTENTION.values(), ids=NOT_ATTENTION.keys())
def test_left_alone(reason, steps):
    with pytest.raises(RewriteError, match=f"no attention block .*Softmax nodes looked at: 1; 'probs': .*{reason}"):
        rewrite_attention(attention_model(**steps))


def test_softmax_that_flattens_is_left_alone():
    """Before opset 13 the default was to flatten from axis 1 on."""
    with pytest.raises(RewriteError, match="last of four axes"):
        rewrite_attention(attention_model(12, softmax="probs = Softmax(scores)"))


def test_slice_with_attributes_is_not_read_as_a_scale():
    scores = "raw = MatMul(qs, ks) s = Shape(qs) l = Slice<starts=[3], ends=[4]>(s) f = Cast<to=1>(l) scores = Mul(raw, f)"
    with pytest.raises(RewriteError, match="not a scaled MatMul"):
        rewrite_attention(attention_model(9, query=PLAIN_QUERY, key=PLAIN_KEY, scores=scores))


def test_a_model_without_softmax_is_refused():
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Neg(x) }')
    with pytest.raises(RewriteError, match="there is no Softmax node"):
        rewrite_attention(model)


def two_blocks(**second: str) -> onnx.ModelProto:
    """Two attention blocks in a row."""
    first = attention_model()
    after = attention_model(**second)
    return onnx.compose.merge_models(
        first, onnx.compose.add_prefix(after, "second_"), io_map=[("y", "second_q")], outputs=["second_y"]
    )


def test_several_blocks_get_names_of_their_own():
    nodes = attention_nodes(rewritten_and_checked(two_blocks()))
    assert len({node.name for node in nodes}) == len(nodes) == 2


def test_a_block_that_does_not_match_leaves_the_others_to_be_rewritten():
    model = two_blocks(softmax="probs = Softmax<axis=2>(scores)")
    rewritten = rewritten_and_checked(model)
    assert operators(rewritten)["MultiHeadAttention"] == operators(rewritten)["Softmax"] == 1


def test_verification_notices_another_scale():
    model = attention_model()
    rewritten, _ = rewrite_attention(model)
    for entry in rewritten.graph.node[0].attribute:
        if entry.name == "scale":
            entry.f *= 1.1
    with pytest.raises(RewriteError, match="changed by"):
        verify_unchanged(model, rewritten, feeds(model))


def test_verification_notices_a_nan():
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Abs(x) }')
    broken = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Sqrt(x) }')
    with pytest.raises(RewriteError, match="changed by nan"):
        verify_unchanged(model, broken, {"x": np.array([-1, 1], np.float32)})


def test_verification_notices_another_shape():
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]> g (float[N] x) => (float[M] y) { y = Abs(x) }')
    other = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N] x) => (float[M] y) { y = ReduceSum(x) }'
    )
    with pytest.raises(RewriteError, match=r"shape \(2,\) and has \(1,\)"):
        verify_unchanged(model, other, {"x": np.array([-1, 1], np.float32)})


def test_the_vision_transformer_of_the_demo():
    try:
        path = saliency.model_path()
    except FileNotFoundError as reason:
        pytest.skip(str(reason))
    model = onnx.load(path)
    rewritten, blocks = rewrite_attention(model)
    assert [(block.heads, block.head_size) for block in blocks] == [(6, 64)] * 12
    assert all(block.scale == pytest.approx(0.125, rel=1e-6) for block in blocks)
    assert all(operand.whole for block in blocks for operand in (block.query, block.key, block.value))
    assert all(block.merge is not None for block in blocks)
    assert operators(rewritten)["MultiHeadAttention"] == 12
    assert operators(rewritten)["Softmax"] == 0
    used = {name for node in rewritten.graph.node for name in node.input}
    assert {tensor.name for tensor in rewritten.graph.initializer} <= used
    pixels = np.random.default_rng(3).standard_normal((2, 3, saliency.SIDE, saliency.SIDE)).astype(np.float32)
    assert verify_unchanged(model, rewritten, {saliency.MODEL_INPUT: pixels}) < 1e-5


def test_constants_too_large_for_a_scale_are_not_taken_for_one():
    weights = numpy_helper.from_array(np.ones((1, 4, 1, 8), np.float32), "each")
    model = attention_model(query=PLAIN_QUERY.replace("qs", "qt") + " qs = Mul(qt, scale)")
    model.graph.initializer.append(weights)
    for node in model.graph.node:
        if node.op_type == "Mul" and node.output[0] == "qs":
            node.input[1] = "each"
    with pytest.raises(RewriteError, match="does not come from a Reshape"):
        rewrite_attention(model)
