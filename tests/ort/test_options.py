"""Contract: every option has an effect, whichever of registering and adding the entry comes first; nothing is ignored.

An unknown key, or a value outside the list, fails session creation with a message that names the key, the value, and what
is accepted. What happens without an adapter is in test_fallback.py.
"""

import re

import onnxruntime as ort
import pytest

from harness import OPTION_PREFIX, PATHS, VERBOSE, differences, run_case, session, session_options
from mha_cases import NODE_NAME, build_model, case_of, make_inputs, qkv
from test_errors import ANY

pytestmark = pytest.mark.plugin_only

CASE = case_of("options", qkv(1, 5, 7, 2, 8), num_heads=2)
ACCEPTED = {"path": ["baseline", "apple", "auto"], "adapter": ["auto"], "fallback": ["cpu", "error"],
            "route": ["gpu", "auto"], "profile": ["off", "summary"]}


def refusal(library, **options):
    with pytest.raises(ANY) as raised:
        session(build_model(CASE), library, **options)
    return str(raised.value)


@pytest.mark.parametrize("register_first", [True, False], ids=["register-then-add", "add-then-register"])
@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in ACCEPTED.items() for v in values])
def test_accepted_value(key, value, register_first, library):
    feeds = make_inputs(CASE)
    got = run_case(CASE, feeds, library, register_first=register_first, **{key: value})
    assert not differences(CASE, feeds, got)


@pytest.mark.parametrize(("entry", "sleeps"), [
    (None, False), (("allow_spinning", "1"), False), (("allow_spinning", "0"), True), (("allow_spinning", "false"), True),
    (("spin_duration_us", "0"), True), (("spin_duration_us", "100"), False),
])
def test_threads_spin_as_onnx_runtime_is_told(entry, sleeps, library, capfd):
    options = session_options(library, log_level=VERBOSE)
    if entry is not None:
        options.add_session_config_entry(f"session.intra_op.{entry[0]}", entry[1])
    feeds = make_inputs(CASE)
    running = ort.InferenceSession(build_model(CASE), options, providers=["CPUExecutionProvider"])
    got = dict(zip(CASE["outputs"], running.run(CASE["outputs"], feeds), strict=True))
    assert not differences(CASE, feeds, got)
    line = f"node '{NODE_NAME}': threads that wait sleep, as the session has them"
    assert (line in capfd.readouterr().err) == sleeps


@pytest.mark.parametrize("register_first", [True, False], ids=["register-then-add", "add-then-register"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("path", "fastest"), ("path", "Baseline "), ("path", ""), ("path", "metal"), ("fallback", "gpu"),
        ("fallback", ""), ("fallback", "CPU,error"), ("adapter", ""), ("adapter", "99999999999999999999999"),
    ],
)
def test_unknown_value(key, value, register_first, library):
    message = refusal(library, register_first=register_first, **{key: value})
    assert OPTION_PREFIX + key in message
    assert value in message
    for accepted in ACCEPTED[key]:
        assert accepted in message


@pytest.mark.parametrize("register_first", [True, False], ids=["register-then-add", "add-then-register"])
@pytest.mark.parametrize("key", ["pth", "routes", "profiles", "PATH", "path.x", ""])
def test_unknown_key(key, register_first, library):
    message = refusal(library, register_first=register_first, **{key: "baseline"})
    assert OPTION_PREFIX + key in message
    for accepted in ACCEPTED:
        assert re.search(rf"\b{accepted}\b", message), f"{accepted} is not in: {message}"


@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_both_types_are_the_library_s(dtype, library):
    """A refusal that only the library can give proves that it, not the CPU kernel, takes the node."""
    with pytest.raises(ANY, match="path"):
        session(build_model(dict(CASE, dtype=dtype)), library, path="none")


def test_entries_of_others_are_left_alone(library):
    """Entries outside the prefix belong to ONNX Runtime and to other custom operators."""
    feeds = make_inputs(CASE)
    options = session_options(library)
    options.add_session_config_entry("custom_op.SomeOtherOp.path", "nonsense")
    options.add_session_config_entry("session.set_denormal_as_zero", "0")
    running = ort.InferenceSession(build_model(CASE), options, providers=["CPUExecutionProvider"])
    assert not differences(CASE, feeds, {"output": running.run(None, feeds)[0]})


def test_each_path_runs_kernels_of_its_own(library, capfd):
    """The log names the path and the kernel; one result may well equal the other to the last bit."""
    case = case_of("two_paths", qkv(2, 33, 129, 2, 64), num_heads=2)
    kernels = {}
    for path in PATHS:
        run_case(case, make_inputs(case), library, path=path, log_level=VERBOSE)
        log = capfd.readouterr().err
        assert f"node '{NODE_NAME}' runs path {path} on " in log
        kernels[path] = set(re.findall(rf"node '{NODE_NAME}': (\w+), dispatches", log))
    assert kernels["baseline"] and kernels["apple"] and not kernels["baseline"] & kernels["apple"], kernels


def test_sessions_with_different_options_live_together(library):
    feeds = make_inputs(CASE)
    running = [session(build_model(CASE), library, path=path) for path in PATHS * 2]
    for each in reversed(running):
        assert not differences(CASE, feeds, {"output": each.run(None, feeds)[0]})


def adapters_passed_over(library):
    """The refusal that lists every adapter and why it was passed over."""
    return refusal(library, adapter="no such adapter", fallback="error")


def test_adapter_by_index(library):
    feeds = make_inputs(CASE)
    assert not differences(CASE, feeds, run_case(CASE, feeds, library, adapter="0", fallback="error"))


@pytest.mark.parametrize("part", ["llvmpipe", "LLVM"])
def test_adapter_by_part_of_its_name(part, library):
    if "llvmpipe" not in adapters_passed_over(library):
        pytest.skip("this machine has no llvmpipe adapter, whose name the test knows")
    feeds = make_inputs(CASE)
    assert not differences(CASE, feeds, run_case(CASE, feeds, library, adapter=part, fallback="error"))


@pytest.mark.parametrize("value", ["no such adapter", "97", "-1"])
def test_adapter_that_is_not_there(value, library):
    message = refusal(library, adapter=value, fallback="error")
    assert value in message
    assert "adapter" in message


def test_refusal_names_each_adapter(library):
    """Every adapter that the process has is listed with its index or name; on a test machine there is at least one."""
    message = adapters_passed_over(library)
    assert re.search(r"llvmpipe|nvidia|amd|radeon|intel|apple|geforce|microsoft|lavapipe|swiftshader", message, re.I), message
