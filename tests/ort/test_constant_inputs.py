"""Contract: inputs that the model fixes as initializers are uploaded once, and runs give what they give for fed inputs."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from harness import STOCK, VERBOSE, differences, session
from mha_cases import NODE_NAME, build_model, case_of, cases, for_cpu_kernel, make_inputs, qkv, tensor

TENSORS = {
    "key": "Key",
    "value": "Value",
    "bias": "Bias",
    "key_padding_mask": "PaddingMask",
    "attention_bias": "AttentionBias",
    "past_key": "PastKey",
    "past_value": "PastValue",
    "cache_indirection": "CacheIndirection",
}


def with_constants(case, feeds, names):
    """The case's model with these inputs as initializers."""
    model = onnx.load_from_string(build_model(case))
    graph = model.graph
    kept = [info for info in graph.input if info.name not in names]
    del graph.input[:]
    graph.input.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(feeds[name]), name) for name in names)
    return model.SerializeToString()


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_constants_give_what_fed_inputs_give(case, library):
    feeds = make_inputs(case)
    if library is STOCK:
        case, feeds = for_cpu_kernel(case, feeds)
    names = [name for name in feeds if name != "query"]
    running = session(with_constants(case, feeds, names), library)
    for _ in range(2):
        got = dict(zip(case["outputs"], running.run(case["outputs"], {"query": feeds["query"]}), strict=True))
        assert not differences(case, feeds, got)


@pytest.mark.plugin_only
def test_constants_stay_on_the_device(path, library, capfd):
    inputs = qkv(2, 33, 21, 2, 24) | dict(bias=tensor(3 * 2 * 24), attention_bias=tensor(1, 2, 33, 21))
    case = case_of("constants", inputs, num_heads=2)
    feeds = make_inputs(case)
    names = [name for name in feeds if name in TENSORS and name != "value"]
    running = session(with_constants(case, feeds, names), library, path=path, log_level=VERBOSE)
    log = capfd.readouterr().err
    for name, shown in TENSORS.items():
        stays = f"node '{NODE_NAME}': {shown} stays on the device, {feeds[name].nbytes if name in feeds else 0} bytes"
        assert (stays in log) == (name in names), name
    feeds["query"] = feeds["query"] * 0.5
    fed = {name: feeds[name] for name in feeds if name not in names}
    got = dict(zip(case["outputs"], running.run(case["outputs"], fed), strict=True))
    assert not differences(case, feeds, got)
