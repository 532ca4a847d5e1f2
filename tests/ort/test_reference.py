"""Contract: the float64 reference, and the tolerances with it, are right: ONNX Runtime's own CPU kernel agrees with them.

Needs no library. Layouts that the CPU kernel refuses are unpacked.
"""

import numpy as np
import pytest

from harness import differences, run_case
from mha_cases import cases, for_cpu_kernel, make_inputs, with_dtype
from mha_reference import Expected, mismatch


@pytest.mark.parametrize("dtype", ["f32", "f16"])
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_cpu_kernel_agrees(case, dtype):
    case = with_dtype(case, dtype)
    feeds = make_inputs(case)
    assert not differences(case, feeds, run_case(*for_cpu_kernel(case, feeds)))


@pytest.mark.parametrize(
    ("got", "problem"),
    [
        (np.float32([1, 2, 3]), None),
        (np.float32([1, 2, 3.1]), "first at (2,)"),
        (np.float32([1, np.nan, 3]), "first at (1,)"),
        (np.float32([1, 2]), "shape (2,)"),
        (np.float16([1, 2, 3]), "type float16"),
    ],
)
def test_mismatch_is_found(got, problem):
    want = Expected(np.array([1.0, 2.0, 3.0]), np.full(3, 1e-5))
    found = mismatch(got, want, "f32")
    assert found is None if problem is None else problem in found


def test_every_case_has_a_name_of_its_own():
    names = [case["name"] for case in cases()]
    assert len(names) == len(set(names)) == 62
