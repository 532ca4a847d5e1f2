"""Small attention models in ONNX's text form, as exporters write them, with any step replaceable."""

from __future__ import annotations

import numpy as np
import onnx

HEADS, HEAD_SIZE = 4, 8
HIDDEN = HEADS * HEAD_SIZE

STEPS = {
    "signature": "(float[B,S,32] q, float[B,T,32] k, float[B,T,32] v) => (float[B,S,32] y)",
    "constants": "int64[4] split = {0,0,4,8}, int64[3] whole = {0,0,32}, float scale = {0.35355338}, float root = {0.5946035}",
    "query": "q4 = Reshape(q, split)  qt = Transpose<perm=[0,2,1,3]>(q4)  qs = Mul(qt, root)",
    "key": "k4 = Reshape(k, split)  kt = Transpose<perm=[0,2,3,1]>(k4)  ks = Mul(kt, root)",
    "value": "v4 = Reshape(v, split)  vt = Transpose<perm=[0,2,1,3]>(v4)",
    "scores": "scores = MatMul(qs, ks)",
    "softmax": "probs = Softmax<axis=-1>(scores)",
    "context": "context = MatMul(probs, vt)",
    "merge": "ct = Transpose<perm=[0,2,1,3]>(context)  y = Reshape(ct, whole)",
    "more": "",
}

# Steps with no scale on the operand.
PLAIN_QUERY = "q4 = Reshape(q, split)  qs = Transpose<perm=[0,2,1,3]>(q4)"
PLAIN_KEY = "k4 = Reshape(k, split)  ks = Transpose<perm=[0,2,3,1]>(k4)"


def attention_model(opset: int = 17, **steps: str) -> onnx.ModelProto:
    """A model with one attention block; each of `steps` replaces the step of that name, and `constants` adds to the constants."""
    unknown = steps.keys() - STEPS.keys()
    assert not unknown, f"no such step: {unknown}"
    constants = ", ".join(filter(None, (STEPS["constants"], steps.pop("constants", ""))))
    text = {**STEPS, **steps}
    body = "\n".join(text[name] for name in STEPS if name not in ("signature", "constants"))
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]> attention {text["signature"]} <{constants}> {{ {body} }}'
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def feeds(model: onnx.ModelProto, batch: int = 2, queries: int = 3, keys: int = 5) -> dict[str, np.ndarray]:
    """Random inputs for a model whose symbolic dimensions are B, S and T."""
    sizes = {"B": batch, "S": queries, "T": keys}
    random = np.random.default_rng(7)
    shapes = {
        value.name: [dim.dim_value or sizes[dim.dim_param] for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
