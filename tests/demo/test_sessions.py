"""The demo's measurements: they are what they say, and a kernel that is not ours is never counted as ours."""

import ctypes.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from attention_models import attention_model, feeds
from vit_demo import sessions
from vit_demo.adapter import describe_adapter
from vit_demo.rewriter import rewrite_attention
from vit_demo.sessions import SessionError, measure

PROBE = Path(sessions.__file__).with_name("vulkan_devices.py")


def test_stock_ort_takes_over_nothing():
    model = attention_model()
    rewritten, _ = rewrite_attention(model)
    result = measure(rewritten.SerializeToString(), feeds(model), runs=3)
    assert (result.nodes, result.taken_over) == (1, 0)
    assert result.output.shape == (2, 3, 32)
    assert result.attention_ms > 0
    assert result.model_ms > result.attention_ms
    assert result.log == []


def test_a_model_without_the_operator_has_no_such_nodes():
    model = attention_model()
    result = measure(model.SerializeToString(), feeds(model), runs=1)
    assert (result.nodes, result.attention_ms) == (0, 0)


def test_a_session_that_fails_gives_orts_message_and_standard_error_back(capfd):
    with pytest.raises(SessionError, match="(?i)protobuf|invalid"):
        measure(b"no model", {}, runs=1)
    os.write(2, b"back again")
    assert capfd.readouterr().err == "back again"


@pytest.mark.parametrize(
    "line, expected",
    [
        ("[I:x] MultiHeadAttention node 'layer.1/attention' runs path apple on a GPU", True),
        ("[I:x] MultiHeadAttention node 'layer.1/attention' runs path baseline on a GPU", False),
        ("[I:x] MultiHeadAttention node 'layer.11/attention' runs path apple on a GPU", False),
        ("[I:x] MultiHeadAttention node 'block/layer.1/attention' runs path apple on a GPU", False),
        ("[W:x] MultiHeadAttention node 'layer.1/attention' runs on ONNX Runtime's CPU kernel", False),
    ],
)
def test_a_node_counts_when_the_library_says_that_it_runs_it(line, expected):
    assert sessions._took_over(["first line", line], "layer.1/attention", "apple") is expected


@pytest.mark.parametrize(
    "line, message",
    [
        ("\x1b[0;93m2026-01-01 10:00:00.1 [W:onnxruntime:, kernel.rs:179 x] runs [on] the CPU\x1b[m", "runs [on] the CPU"),
        ("2026-01-01 10:00:00.1 [E:onnxruntime:, a.cc:1 Run] failed", "failed"),
        ("2026-01-01 10:00:00.1 [I:onnxruntime:, a.cc:1 Run] all is well", None),
        ("no line of ORT's", None),
    ],
)
def test_warnings_and_errors_are_shown_without_time_and_place(line, message):
    match = sessions.LOGGED_PROBLEM.search(line)
    assert (match and match[1]) == message


def test_attention_times_are_those_of_the_operator_by_node():
    def event(name, operator, duration, category="Node"):
        return {"cat": category, "name": f"{name}_kernel_time", "dur": duration, "args": {"op_name": operator}}

    events = [
        event("a", "MultiHeadAttention", 1000),
        event("m", "MatMul", 5000),
        event("b", "MultiHeadAttention", 2000),
        event("a", "MultiHeadAttention", 500),
        event("s", "MultiHeadAttention", 9000, category="Session"),
    ]
    assert sessions._attention_times(events) == {"a": [1.0, 0.5], "b": [2.0]}


@pytest.mark.skipif(ctypes.util.find_library("c") is None, reason="no C library to load in the place of ours")
def test_another_library_is_not_taken_for_ours():
    with pytest.raises(OSError, match="does not export ort_webgpu_attention_describe"):
        describe_adapter(Path(ctypes.util.find_library("c")), None)


def test_a_missing_library_is_one_line(tmp_path):
    command = [sys.executable, "-m", "vit_demo", "--library", str(tmp_path / "none.so"), "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(PROBE.parents[1])}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: there is no library")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="Vulkan is looked for on Linux only")
def test_no_driver_is_no_vulkan_device():
    environment = {**os.environ, "VK_DRIVER_FILES": "/nonexistent", "VK_ICD_FILENAMES": "/nonexistent"}
    result = subprocess.run([sys.executable, PROBE], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("no Vulkan")
    assert len(result.stderr.splitlines()) == 1
