"""Contract: path `auto` gives the same results as ever, measures on the device, and keeps what it learns for later processes;
a cache that can't be used changes nothing but a warning."""

import re
import time

import pytest

from harness import VERBOSE, WARNING, differences, run_python, said, session
from mha_cases import build_model, case_of, cases, make_inputs, qkv, with_dtype

pytestmark = pytest.mark.plugin_only

CASE = case_of("measured", qkv(1, 40, 40, 2, 64), num_heads=2)
MEASURED = "the fastest measured on this device"
# What a busy machine may take for what takes milliseconds.
PATIENCE = 60

# Runs until something is learnt, or for as long as ARGUMENTS says; reports whether it was, and how many runs that took.
PROGRAM = """
import time
from pathlib import Path
from harness import VERBOSE, differences, session
from mha_cases import build_model, make_inputs

library, case, directory, seconds = ARGUMENTS
running = session(build_model(case), library, path="auto", log_level=VERBOSE)
feeds = make_inputs(case)
end, runs, learnt = time.monotonic() + seconds, 0, False
while time.monotonic() < end and not learnt:
    got = dict(zip(case["outputs"], running.run(case["outputs"], feeds), strict=True))
    assert not differences(case, feeds, got)
    runs += 1
    # Software devices are measured in pauses.
    pause = time.monotonic() + 2
    while time.monotonic() < min(end, pause) and not learnt:
        learnt = any(Path(directory).rglob("choices/*.json"))
        time.sleep(0.05)
got = dict(zip(case["outputs"], running.run(case["outputs"], feeds), strict=True))
assert not differences(case, feeds, got)
report(dict(runs=runs, learnt=learnt))
"""


def run(library, directory, seconds=PATIENCE, case=CASE):
    finished = run_python(PROGRAM, library, case, directory, seconds, env={"XDG_CACHE_HOME": str(directory)})
    assert finished.returncode == 0, said(finished)
    return finished


@pytest.mark.parametrize("dtype", ["f32", "f16"])
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_results_are_right_before_and_after_measuring(case, dtype, library):
    case = with_dtype(case, dtype)
    feeds = make_inputs(case)
    running = session(build_model(case), library, path="auto")
    for _ in range(4):
        got = dict(zip(case["outputs"], running.run(case["outputs"], feeds), strict=True))
        assert not differences(case, feeds, got)


def test_what_is_learnt_serves_this_process_and_later_ones(library, tmp_path):
    first = run(library, tmp_path)
    assert first.report["learnt"], said(first)
    decisions = [line for line in first.stderr.splitlines() if "dispatches" in line]
    assert MEASURED not in decisions[0] and MEASURED in decisions[-1], said(first)
    [file] = tmp_path.rglob("choices/*.json")
    written = file.read_text()
    later = run(library, tmp_path, seconds=1)
    decisions = [line for line in later.stderr.splitlines() if "dispatches" in line]
    assert decisions and all(MEASURED in line for line in decisions), said(later)
    assert file.read_text() == written, "nothing is measured again"


def damage(file):
    file.write_text(file.read_text().replace('"time": ', '"time": 1'))


def scribble(file):
    file.write_bytes(bytes(range(256)))


def make_foreign(file):
    """As if copied from a machine with another driver: whole, but for something else."""
    text = file.read_text()
    file.write_text(re.sub(r'"driver": "[^"]*"', '"driver": "another"', text))


@pytest.mark.parametrize("spoil", [damage, scribble, make_foreign])
def test_a_damaged_file_costs_one_warning(spoil, library, tmp_path):
    run(library, tmp_path)
    [file] = tmp_path.rglob("choices/*.json")
    spoil(file)
    spoilt = run(library, tmp_path, seconds=0)
    decisions = [line for line in spoilt.stderr.splitlines() if "dispatches" in line]
    assert decisions and MEASURED not in decisions[0], said(spoilt)
    warnings = [line for line in spoilt.stderr.splitlines() if "measured choices" in line]
    assert len(warnings) == 1 and str(file) in warnings[0] and "not used" in warnings[0], said(spoilt)


def test_a_cache_directory_that_is_a_file_costs_one_warning(library, tmp_path):
    blocked = tmp_path / "cache"
    blocked.write_bytes(b"")
    finished = run(library, blocked, seconds=2)
    warnings = [line for line in finished.stderr.splitlines() if "measured choices" in line]
    assert len(warnings) == 1, said(finished)
    assert blocked.read_bytes() == b""


def test_other_paths_measure_nothing(library, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for path in ("baseline", "apple"):
        running = session(build_model(CASE), library, path=path, log_level=VERBOSE)
        for _ in range(5):
            running.run(None, make_inputs(CASE))
    time.sleep(0.3)
    assert MEASURED not in capfd.readouterr().err
    assert not list(tmp_path.rglob("choices"))


LEAVES_EARLY = """
import ctypes, time
from harness import session
from mha_cases import build_model, case_of, make_inputs, qkv

library, pause = ARGUMENTS
kept = []
for length in (20, 50, 130):
    case = case_of("early", qkv(1, length, length, 2, 64), num_heads=2)
    running = session(build_model(case), library, path="auto")
    for _ in range(2):
        running.run(None, make_inputs(case))
    kept.append(running)
# Software devices are measured in pauses.
time.sleep(pause)
# Sessions that nobody closes: the interpreter ends without destroying them.
for running in kept:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(running._sess))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(running))
"""


def test_a_process_may_end_while_it_measures(library, tmp_path):
    for pause in (0, 0.25, 0.4, 0.8):
        directory = tmp_path / str(pause)
        finished = run_python(LEAVES_EARLY, library, pause, env={"XDG_CACHE_HOME": str(directory)})
        assert finished.returncode == 0, said(finished)


def test_a_session_without_a_log_is_no_trouble(library, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    running = session(build_model(CASE), library, path="auto", log_level=WARNING)
    for _ in range(3):
        running.run(None, make_inputs(CASE))
    assert "measured" not in capfd.readouterr().err
