"""Contract: every conformance case gives the reference's result through an ONNX Runtime session that loads the library.

Each case runs on every path, in both float types, with symbolic and with static shapes, and is compared with the float64
reference and with ONNX Runtime's own CPU kernel (on the unpacked inputs where that kernel refuses the layout).
"""

import numpy as np
import pytest

from harness import STOCK, differences, run_case, session
from mha_cases import ALL, build_model, case_of, cases, for_cpu_kernel, make_inputs, qkv, with_dtype
from mha_reference import expected

CASES = pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
DTYPES = pytest.mark.parametrize("dtype", ["f32", "f16"])


def inputs_for(library, case):
    """The case with its feeds; unpacked for the control run, whose kernel refuses packed layouts."""
    feeds = make_inputs(case)
    return for_cpu_kernel(case, feeds) if library is STOCK else (case, feeds)


@DTYPES
@CASES
def test_symbolic_shapes(case, dtype, library, options):
    case, feeds = inputs_for(library, with_dtype(case, dtype))
    got = run_case(case, feeds, **options)
    assert not differences(case, feeds, got)
    assert_near_cpu_kernel(case, feeds, got)


def assert_near_cpu_kernel(case, feeds, got):
    """Both sides are within tolerance of the truth, so they must be within twice that of each other."""
    stock = run_case(*for_cpu_kernel(case, feeds))
    want = expected(case, feeds)
    for name in case["outputs"]:
        assert got[name].shape == stock[name].shape
        defined = np.isfinite(want[name].value) & np.isfinite(stock[name]) & np.isfinite(got[name])
        gap = np.abs(got[name][defined].astype(np.float64) - stock[name][defined].astype(np.float64))
        rounding = 2.0**-10 * np.abs(want[name].value[defined]) + 2.0**-23 if case["dtype"] == "f16" else 0
        assert (gap <= 2 * want[name].tolerance[defined] + rounding).all(), f"{name}: largest difference {gap.max()}"


@DTYPES
@CASES
def test_static_shapes(case, dtype, library, options):
    case, feeds = inputs_for(library, with_dtype(case, dtype))
    running = session(build_model(case, static_shapes=True), **options)
    got = dict(zip(case["outputs"], running.run(case["outputs"], feeds), strict=True))
    assert not differences(case, feeds, got)
    if library is not STOCK:
        assert_shapes_were_inferred(case, running, got)


def assert_shapes_were_inferred(case, running, got):
    """The shape of `output` is known before the run, and nothing that is stated is wrong.

    ONNX Runtime does not tell shape inference which other outputs a node has, so the library states none of theirs.
    """
    for info in running.get_outputs():
        actual = list(got[info.name].shape)
        stated = info.shape or ([] if info.name == "output" else actual)
        assert stated == actual, f"{info.name} of {case['name']}: inferred {info.shape}, got {actual}"


@pytest.mark.parametrize("qk_dtype", ["f32", "f16"])
def test_half_precision_model_may_ask_for_scores_in_either_type(qk_dtype, options):
    """The schema types output qk apart from the rest."""
    case = case_of("qk_type", qkv(1, 5, 6, 2, 8), ALL, dtype="f16", num_heads=2)
    feeds = make_inputs(case)
    output, qk = session(build_model(case, qk_dtype=qk_dtype), **options).run(["output", "qk"], feeds)
    assert not differences(case, feeds, {"output": output}, outputs=["output"])
    assert qk.dtype == (np.float32 if qk_dtype == "f32" else np.float16)
    want = expected(case, feeds)["qk"]
    rounding = 2.0**-11 * np.abs(want.value).max()
    assert np.abs(qk - want.value).max() <= want.tolerance.max() + rounding
