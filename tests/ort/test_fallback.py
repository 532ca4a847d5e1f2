"""Contract: without a usable adapter, `fallback=cpu` computes with ONNX Runtime's own kernel and warns once, and
`fallback=error` refuses to create the session, with the reason.

Each test runs in a process of its own whose Vulkan loader finds no driver.
"""

import re
import sys

import pytest

from harness import NO_ADAPTER, run_python, said

pytestmark = [
    pytest.mark.plugin_only,
    pytest.mark.skipif(sys.platform == "darwin", reason="Metal's adapter cannot be hidden from a process"),
]

CONFORMANCE = """
from harness import WARNING, differences, run_case
from mha_cases import cases, make_inputs, with_dtype
from random_problems import problem

library, path = ARGUMENTS
wrong = []
for case in cases():
    for dtype in ("f32", "f16"):
        typed = with_dtype(case, dtype)
        feeds = make_inputs(typed)
        wrong += differences(typed, feeds, run_case(typed, feeds, library, path=path, fallback="cpu"))
for seed in range(150):
    case, feeds = problem(seed)
    wrong += differences(case, feeds, run_case(case, feeds, library, path=path, fallback="cpu"))
report(wrong)
"""

ONE_SESSION = """
from harness import WARNING, session
from mha_cases import build_model, case_of, make_inputs, qkv, tensor

library, options, packed, dtype, sessions = ARGUMENTS
inputs = dict(query=tensor(1, 5, 2, 3, 8)) if packed else qkv(1, 5, 7, 2, 8)
case = case_of("fallback", inputs, num_heads=2, dtype=dtype)
for _ in range(sessions):
    running = session(build_model(case), library, log_level=WARNING, **options)
    for _ in range(3):
        running.run(None, make_inputs(case))
report("ran")
"""

ERRORS = """
import pytest
from test_errors import BIAS_AND_MASK, LAYOUT, SIZES, STATE, assert_refused

library, dtype = ARGUMENTS
wrong = []
for broken in LAYOUT + SIZES + BIAS_AND_MASK + STATE:
    try:
        assert_refused(broken, library, dtype=dtype)
    except (AssertionError, pytest.fail.Exception) as error:
        wrong.append(f"{broken.name}: {error}")
report(wrong)
"""


def warnings_in(finished):
    """ONNX Runtime's warning lines about this library (its own, about devices it looks for, are left out)."""
    lines = re.findall(r"^.*\[W:.*$", finished.stderr, re.MULTILINE)
    return [line for line in lines if re.search("MultiHeadAttention|adapter|webgpu", line, re.IGNORECASE)]


def test_cpu_fallback_computes_everything(path, library):
    """All conformance cases in both types and random problems, packed layouts and float16 among them."""
    finished = run_python(CONFORMANCE, library, path, env=NO_ADAPTER)
    assert finished.returncode == 0, said(finished)
    assert finished.report == []


@pytest.mark.parametrize("options", [{}, {"fallback": "cpu"}], ids=["default", "cpu"])
@pytest.mark.parametrize(("packed", "dtype"), [(False, "f32"), (False, "f16"), (True, "f32"), (True, "f16")])
def test_cpu_fallback_warns_once(options, packed, dtype, library):
    finished = run_python(ONE_SESSION, library, options, packed, dtype, 1, env=NO_ADAPTER)
    assert finished.report == "ran", said(finished)
    (warning,) = warnings_in(finished)
    assert re.search("adapter", warning, re.IGNORECASE) and re.search("CPU", warning), warning


def test_no_warning_with_an_adapter(library):
    finished = run_python(ONE_SESSION, library, {}, False, "f32", 2)
    assert finished.report == "ran", said(finished)
    assert warnings_in(finished) == []


def test_unmatched_adapter_falls_back_with_a_warning(library):
    """An adapter asked for and not there is "no usable adapter" too: the warning names what was asked for."""
    finished = run_python(ONE_SESSION, library, {"adapter": "no such adapter", "fallback": "cpu"}, False, "f32", 1)
    assert finished.report == "ran", said(finished)
    (warning,) = warnings_in(finished)
    assert "no such adapter" in warning


@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_error_fallback_refuses_the_session(dtype, library):
    finished = run_python(ONE_SESSION, library, {"fallback": "error"}, False, dtype, 1, env=NO_ADAPTER)
    assert finished.report is None and finished.returncode == 1, said(finished)
    last = finished.stderr.strip().splitlines()[-1]
    assert re.search("adapter", last) and "attention_under_test" in last, said(finished)


@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_errors_are_the_same_on_the_cpu(dtype, library):
    """The rules of the operator are checked before anything is handed to ONNX Runtime's kernel."""
    finished = run_python(ERRORS, library, dtype, env=NO_ADAPTER)
    assert finished.returncode == 0, said(finished)
    assert finished.report == []

# Heads so large that no kernel ends its loops over one key in the turns that Mesa's software driver allows.
REFUSED_CALL = """
import numpy as np
from harness import WARNING, session
from mha_cases import build_model, case_of, qkv

library, options = ARGUMENTS
head_size = 300_000
running = session(build_model(case_of("huge", qkv(1, 1, 1, 1, head_size), num_heads=1)), library, log_level=WARNING, **options)
value = np.arange(head_size, dtype=np.float32).reshape(1, 1, head_size)
feeds = dict(query=np.zeros_like(value), key=np.zeros_like(value), value=value)
for _ in range(2):
    # One key weighs 1: the output is its value.
    assert np.array_equal(running.run(None, feeds)[0], value)
report("ran")
"""


def is_software(library):
    code = "from harness import VERBOSE, session\nfrom mha_cases import build_model, case_of, qkv\n"
    code += "session(build_model(case_of('a', qkv(1, 1, 1, 1, 4), num_heads=1)), ARGUMENTS[0], log_level=VERBOSE)"
    return "llvmpipe" in run_python(code, library).stderr


def test_a_call_that_the_device_refuses_falls_back_with_one_warning(library):
    if not is_software(library):
        pytest.skip("only of the software driver is it known what it refuses")
    finished = run_python(REFUSED_CALL, library, {})
    assert finished.report == "ran", said(finished)
    (warning,) = warnings_in(finished)
    assert "65535 turns at most" in warning, warning
    finished = run_python(REFUSED_CALL, library, {"fallback": "error"})
    assert finished.report is None and "fallback=error" in finished.stderr, said(finished)
