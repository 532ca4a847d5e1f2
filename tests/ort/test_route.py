"""Contract: under `route=auto` the GPU or the CPU kernel answers, whichever was measured to be faster, with the same results."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from harness import VERBOSE, differences, session
from mha_cases import KV, NODE_NAME, build_model, case_of, cases, make_inputs, past, qkv, with_dtype
from mha_reference import expected, mismatch

pytestmark = pytest.mark.plugin_only

ROUTE = re.compile(rf"node '{NODE_NAME}': route (\w+): ")


def routes(log):
    return ROUTE.findall(log)


@pytest.mark.parametrize("dtype", ["f32", "f16"])
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_results_are_the_same_whoever_answers(case, dtype, library, capfd):
    case = with_dtype(case, dtype)
    feeds = make_inputs(case)
    running = session(build_model(case), library, route="auto", log_level=VERBOSE)
    answered = set()
    for _ in range(9):
        got = dict(zip(case["outputs"], running.run(case["outputs"], feeds), strict=True))
        assert not differences(case, feeds, got)
        answered |= set(routes(capfd.readouterr().err))
    # Calls as small as these go to the CPU in the end, or at once.
    assert "cpu" in answered


@pytest.mark.parametrize("dtype", ["f32", "f16"])
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_calls_that_are_alike_share_nothing_but_their_route(case, dtype, library):
    """Where no log takes a reason, later calls of the same shapes are answered by what is known of the first: as right as it,
    and with inputs of their own."""
    case = with_dtype(case, dtype)
    feeds = make_inputs(case)
    halved = {name: value if value.dtype == np.int32 else value * value.dtype.type(0.5) for name, value in feeds.items()}
    running = session(build_model(case), library, route="auto")
    for number in range(16):
        given = halved if number % 2 else feeds
        got = dict(zip(case["outputs"], running.run(case["outputs"], given), strict=True))
        assert number < 8 or not differences(case, given, got), number


@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_threads_on_one_session_get_their_own_results(dtype, library):
    """Threads come in pairs of one shape, and each pair has its own: what one leaves behind is never what another pair needs."""
    lengths = (1, 2, 5, 9)
    calls = [case_of("routed", qkv(1, s, s, 2, 16) | past(1, 2, s, 16), KV, num_heads=2, dtype=dtype) for s in lengths]
    running = session(build_model(calls[0]), library, route="auto")
    together = threading.Barrier(2 * len(calls))

    def repeat(case):
        feeds = make_inputs(case)
        want = expected(case, feeds)
        together.wait(timeout=60)
        results = [running.run(case["outputs"], feeds) for _ in range(200)]
        # What is copied must come out to the bit, as its tolerance is zero.
        compared = [(name, mismatch(got, want[name], dtype)) for result in results for name, got in zip(case["outputs"], result)]
        return [f"length {feeds['query'].shape[1]}, {name}: {problem}" for name, problem in compared if problem]

    with ThreadPoolExecutor(2 * len(calls)) as threads:
        assert not [line for lines in threads.map(repeat, 2 * calls) for line in lines]


def test_what_is_slower_is_left(library, capfd):
    """A software GPU shares the CPU and does the same work at less speed."""
    case = case_of("routed", qkv(1, 300, 300, 4, 64), num_heads=4)
    feeds = make_inputs(case)
    running = session(build_model(case), library, route="auto", log_level=VERBOSE)
    if "llvmpipe" not in capfd.readouterr().err:
        pytest.skip("which of the two is faster is known of software GPUs alone")
    for _ in range(12):
        running.run(None, feeds)
    taken = routes(capfd.readouterr().err)
    assert len(taken) == 12
    assert taken[:8].count("gpu") == taken[:8].count("cpu") == 4, "both are measured"
    assert set(taken[8:]) == {"cpu"}


def test_gpu_is_the_default(library, capfd):
    case = case_of("routed", qkv(1, 8, 8, 2, 16), num_heads=2)
    for route in ({}, {"route": "gpu"}):
        running = session(build_model(case), library, log_level=VERBOSE, **route)
        for _ in range(5):
            running.run(None, make_inputs(case))
        log = capfd.readouterr().err
        assert not routes(log) and "dispatches" in log


def test_fallback_keeps_its_meaning(library):
    """route=auto makes a CPU kernel, which fallback=error must not use when the GPU fails."""
    case = case_of("routed", qkv(1, 8, 8, 2, 16), num_heads=2)
    with pytest.raises(Exception, match="fallback=error"):
        session(build_model(case), library, route="auto", fallback="error", adapter="no such adapter")
