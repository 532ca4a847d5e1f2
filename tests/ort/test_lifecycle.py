"""Contract: the library can be loaded twice, used by many sessions and threads, closed in any order; nothing leaks."""

import gc
import itertools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from harness import NO_ADAPTER, PATHS, differences, run_python, said, session, session_options
from mha_cases import DOMAIN, KV, build_model, case_of, make_inputs, past, qkv

pytestmark = pytest.mark.plugin_only

CASE = case_of("lifecycle", qkv(1, 9, 9, 2, 16) | past(1, 2, 5, 16), KV, num_heads=2, unidirectional=1)

LEAK = """
import gc, os
import numpy as np
from harness import session
from mha_cases import build_model, case_of, make_inputs, qkv

library, path, dtype, warm_up, sessions = ARGUMENTS
case = case_of("leak", qkv(1, 33, 33, 2, 32), num_heads=2, dtype=dtype)
model, feeds = build_model(case), make_inputs(case)

def use_one():
    running = session(model, library, path=path)
    running.run(None, feeds)

def resident_mib():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

def open_things():
    return dict(threads=len(os.listdir("/proc/self/task")), files=len(os.listdir("/proc/self/fd")))

for _ in range(warm_up):
    use_one()
before, things_before = resident_mib(), open_things()
for _ in range(sessions):
    use_one()
report(dict(before=before, after=resident_mib(), things_before=things_before, things_after=open_things()))
"""

# What 200 sessions may add (measured: 0.03). A leak of 20 KB a session would add 4 MiB.
FLAT_MIB = 2


def check(running, case=CASE):
    feeds = make_inputs(case)
    got = dict(zip(case["outputs"], running.run(case["outputs"], feeds), strict=True))
    assert not differences(case, feeds, got)


def test_loaded_twice_into_one_session_options(library):
    options = session_options(library)
    options.register_custom_ops_library(str(library))
    check(ort.InferenceSession(build_model(CASE), options, providers=["CPUExecutionProvider"]))


def test_one_session_options_for_several_sessions(library):
    options = session_options(library, path="apple")
    running = [ort.InferenceSession(build_model(CASE), options, providers=["CPUExecutionProvider"]) for _ in range(3)]
    del options
    gc.collect()
    for each in running:
        check(each)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_closing_in_any_order(order, library):
    running = [session(build_model(CASE), library, path=PATHS[i % len(PATHS)]) for i in range(3)]
    for closed in order:
        for each in running:
            if each is not None:
                check(each)
        running[closed] = None
        gc.collect()


def test_several_nodes_in_one_model(library):
    """Nodes of one session are kernels of their own: same inputs and device, different attributes."""
    model = onnx.load_from_string(build_model(CASE))
    second = onnx.NodeProto.FromString(model.graph.node[0].SerializeToString())
    second.name = "second"
    second.output[:] = [f"second_{name}" for name in CASE["outputs"]]
    second.attribute.append(helper.make_attribute("scale", 0.5))
    model.graph.node.append(second)
    model.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in second.output)
    running = session(model.SerializeToString(), library)
    feeds = make_inputs(CASE)
    for prefix, attributes in (("", {}), ("second_", {"scale": 0.5})):
        case = dict(CASE, attributes=CASE["attributes"] | attributes)
        got = running.run([prefix + name for name in case["outputs"]], feeds)
        assert not differences(case, feeds, dict(zip(case["outputs"], got, strict=True)))


def test_chained_nodes(library):
    """The second node reads what the first wrote: attention of attention, as ONNX Runtime alone computes it."""
    nodes = [helper.make_node("MultiHeadAttention", [x, x, x], [y], domain=DOMAIN, num_heads=2)
             for x, y in (("x", "y"), ("y", "z"))]
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["b", "s", 32]) for n in ("x", "z")]
    graph = helper.make_graph(nodes, "chain", infos[:1], infos[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)],
                              ir_version=9).SerializeToString()
    x = np.random.default_rng(7).standard_normal((2, 11, 32)).astype(np.float32)
    (ours,), (stock,) = (session(model, **how).run(None, {"x": x}) for how in ({"library": library}, {}))
    assert np.abs(ours - stock).max() <= 2e-5 * np.abs(x).max()


@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_threads_on_one_session_get_what_one_thread_gets(path, dtype, library):
    """Eight threads, each with inputs and shapes of its own, run one session again and again: equal to the last bit."""
    cases = [
        case_of(f"thread{i}", qkv(1 + i % 3, 3 + 5 * i, 7 + 9 * i, 2, 16), ["output", "present_key", "qk"], num_heads=2,
                dtype=dtype)
        for i in range(8)
    ]
    running = session(build_model(cases[0]), library, path=path)
    feeds = [make_inputs(case) for case in cases]
    alone = [running.run(None, each) for each in feeds]
    together = threading.Barrier(8)

    def repeat(i):
        together.wait(timeout=60)
        return [running.run(None, feeds[i]) for _ in range(8)]

    with ThreadPoolExecutor(8) as threads:
        for expected, runs in zip(alone, threads.map(repeat, range(8)), strict=True):
            for got in runs:
                assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(got, expected, strict=True))


def test_sessions_made_and_used_in_threads(library):
    def make_use_and_close(i):
        check(session(build_model(CASE), library, path=PATHS[i % len(PATHS)]))
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(make_use_and_close, range(24)))


def test_a_run_is_repeatable(library):
    running = session(build_model(CASE), library)
    feeds = make_inputs(CASE)
    first = running.run(None, feeds)
    for _ in range(5):
        for a, b in zip(first, running.run(None, feeds), strict=True):
            assert np.array_equal(a, b)


READS_PROC = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self")


def assert_memory_stays_flat(library, path, dtype, env=None):
    finished = run_python(LEAK, library, path, dtype, 30, 200, env=env)
    assert finished.returncode == 0, said(finished)
    seen = finished.report
    assert seen["after"] - seen["before"] <= FLAT_MIB, seen
    assert seen["things_after"] == seen["things_before"]


@READS_PROC
@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_sessions_leave_memory_flat(path, dtype, library):
    assert_memory_stays_flat(library, path, dtype)


@READS_PROC
@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_sessions_on_the_cpu_leave_memory_flat(dtype, library):
    assert_memory_stays_flat(library, PATHS[0], dtype, NO_ADAPTER)


def test_process_ends_cleanly_with_a_session_open(library):
    """No crash in static destructors, whatever order the interpreter tears things down in."""
    code = """
from harness import session
from mha_cases import build_model, case_of, make_inputs, qkv
case = case_of("open_at_exit", qkv(1, 4, 4, 2, 8), num_heads=2)
running = session(build_model(case), ARGUMENTS[0])
running.run(None, make_inputs(case))
report("ran")
"""
    finished = run_python(code, library)
    assert finished.returncode == 0 and finished.report == "ran", said(finished)
