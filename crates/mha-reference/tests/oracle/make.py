"""Writes cases.safetensors: inputs of MultiHeadAttention and what ONNX Runtime's own CPU kernel answers.

Needs numpy, onnx, onnxruntime 1.31.1 and safetensors. Run it after a change of the case table:

    python crates/mha-reference/tests/oracle/make.py

Tensors are named CASE/in/INPUT and CASE/out/OUTPUT; CASE/attributes holds num_heads, scale, mask_filter_value and
unidirectional as float64. Float inputs and outputs have the case's element type. Packed layouts, which the CPU kernel
refuses, are answered from the same inputs unpacked.
"""
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "tests" / "ort"))
from mha_cases import (ALL, KV, LOWEST, build_model, case_of, cases, for_cpu_kernel, ints, make_inputs, past,  # noqa: E402
                       qkv, split_heads, tensor)

LARGEST = 6000  # input elements of a case; the kernels meet the larger ones through ONNX Runtime itself


def further_cases():
    """What the case table leaves to random problems: the beam path's own rules, and masks meeting causality."""
    beams = dict(qkv(4, 1, 1, 2, 8), **past(4, 2, 6, 8), past_sequence_length=ints([3]))
    pairs = ints([[[0, 1, 1, 9, 9, 9], [1, 0, 1, 9, 9, 9]], [[1, 1, 0, 9, 9, 9], [0, 0, 0, 9, 9, 9]]])
    foursome = ints([[[0, 3, 1, 9, 9, 9], [2, 0, 1, 9, 9, 9], [1, 1, 3, 9, 9, 9], [3, 2, 0, 9, 9, 9]]])
    mask = ints([[1, 0, -2, 1], [0, 0, 0, 1], [1, 1, 1, 0], [5, 0, 1, 1]])
    two_rows = dict(qkv(4, 2, 2, 2, 8), **past(4, 2, 6, 8), past_sequence_length=ints([3]))
    holes = ints([[0, 0, 1, 1, 0], [1, 1, 0, 0, 0]])
    yield case_of("beams_mask", dict(beams, cache_indirection=pairs, key_padding_mask=mask), ALL, num_heads=2)
    yield case_of("beams_attention_bias", dict(beams, cache_indirection=pairs, attention_bias=tensor(4, 2, 1, 4)), ALL,
                  num_heads=2)
    yield case_of("beams_one_group", dict(beams, cache_indirection=foursome, attention_bias=tensor(4, 2, 1, 4)), ALL,
                  num_heads=2)
    yield case_of("beams_ignored_for_two_rows",
                  dict(two_rows, cache_indirection=pairs, attention_bias=tensor(4, 1, 2, 5)), ALL, num_heads=2)
    yield case_of("beams_ignored_for_key_lengths", dict(beams, cache_indirection=pairs, key_padding_mask=ints([1, 4, 2, 3])),
                  ALL, num_heads=2)
    yield case_of("causal_mask_lowest", dict(qkv(2, 5, 5, 2, 8), key_padding_mask=holes), ALL, num_heads=2,
                  unidirectional=1, mask_filter_value=LOWEST)
    yield case_of("causal_mask_minus_infinity", dict(qkv(2, 5, 5, 2, 8), key_padding_mask=holes), num_heads=2,
                  unidirectional=1, mask_filter_value=float("-inf"))
    yield case_of("causal_mask_positive", dict(qkv(2, 5, 5, 2, 8), key_padding_mask=holes), ALL, num_heads=2,
                  unidirectional=1, mask_filter_value=5.0)
    yield case_of("shared_wide_causal", dict(qkv(2, 3, 3, 2, 8), **past(2, 2, 9, 8), past_sequence_length=ints([4]),
                                             attention_bias=tensor(1, 2, 3, 7)), ALL, num_heads=2, unidirectional=1)
    yield case_of("pre_split_past", dict(split_heads(2, 3, 4, 2, 8), **past(2, 2, 5, 8), bias=tensor(48)), ALL, num_heads=2)
    yield case_of("pre_split_past_unread", dict(split_heads(2, 3, 4, 2, 8), **past(2, 2, 5, 8)), num_heads=2)
    yield case_of("presents_without_past_bias", dict(qkv(2, 3, 4, 2, 8, 3), bias=tensor(38)), KV, num_heads=2)


def run(case, feeds):
    """Outputs of the CPU kernel, by name."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(build_model(case), options, providers=["CPUExecutionProvider"])
    return dict(zip(case["outputs"], session.run(case["outputs"], feeds)))


def main():
    tensors = {}
    for case in [*cases(), *further_cases()]:
        feeds = make_inputs(case)
        if sum(array.size for array in feeds.values()) > LARGEST:
            continue
        answers = run(*for_cpu_kernel(case, feeds))
        name, attributes = case["name"], case["attributes"]
        tensors[f"{name}/attributes"] = np.array([
            attributes["num_heads"], attributes.get("scale", 0.0), attributes.get("mask_filter_value", -10000.0),
            attributes.get("unidirectional", 0)], np.float64)
        tensors |= {f"{name}/in/{key}": np.ascontiguousarray(array) for key, array in feeds.items()}
        tensors |= {f"{name}/out/{key}": answers[key] for key in case["outputs"]}
    save_file(tensors, HERE / "cases.safetensors")
    print(sum(key.endswith("/attributes") for key in tensors), "cases")


if __name__ == "__main__":
    main()
