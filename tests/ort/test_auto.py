"""Contract: path `auto` gives the same results as ever, measures on the device, and keeps what it learns for later processes;
a cache that can't be used changes nothing but a warning."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import VERBOSE, differences, run_python, said, session
from mha_cases import build_model, case_of, cases, make_inputs, qkv, with_dtype

pytestmark = pytest.mark.plugin_only

CASE = case_of("measured", qkv(1, 40, 40, 2, 64), num_heads=2)
MEASURED = "the fastest measured on this device"

# Runs a few times in a session of its own, with results checked.
PROGRAM = """
from harness import VERBOSE, differences, session
from mha_cases import build_model, make_inputs

library, case = ARGUMENTS
running = session(build_model(case), library, path="auto", log_level=VERBOSE)
feeds = make_inputs(case)
for _ in range(4):
    got = dict(zip(case["outputs"], running.run(case["outputs"], feeds), strict=True))
    assert not differences(case, feeds, got)
"""


def run(library, directory):
    finished = run_python(PROGRAM, library, CASE, env={"XDG_CACHE_HOME": str(directory)})
    assert finished.returncode == 0, said(finished)
    return finished


def decisions(finished):
    return [line for line in finished.stderr.splitlines() if "dispatches" in line]


def tune(library, directory):
    """Has the program measure the case's class; gives the file of choices."""
    shape = dict(name="measured", batch=1, q_len=40, kv_len=40, heads=2, head_size=64, causal=False)
    shapes = directory / "shapes.json"
    shapes.write_text(json.dumps([shape]))
    program = Path(library).with_name("webgpu-attention.exe" if sys.platform == "win32" else "webgpu-attention")
    command = [program, "tune", "--shapes", shapes, "--dtypes", "f32"]
    finished = subprocess.run(command, env={**os.environ, "XDG_CACHE_HOME": str(directory)}, capture_output=True, text=True)
    assert finished.returncode == 0, said(finished)
    [file] = directory.rglob("choices/*.json")
    return file


@pytest.mark.parametrize("dtype", ["f32", "f16"])
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_results_are_right_before_and_after_measuring(case, dtype, library):
    case = with_dtype(case, dtype)
    feeds = make_inputs(case)
    running = session(build_model(case), library, path="auto")
    for _ in range(4):
        got = dict(zip(case["outputs"], running.run(case["outputs"], feeds), strict=True))
        assert not differences(case, feeds, got)


def test_what_is_learnt_is_used_and_kept(library, tmp_path):
    assert MEASURED not in decisions(run(library, tmp_path))[0], "nothing is known yet"
    file = tune(library, tmp_path)
    written = file.read_text()
    later = run(library, tmp_path)
    assert decisions(later) and all(MEASURED in line for line in decisions(later)), said(later)
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
    file = tune(library, tmp_path)
    spoil(file)
    spoilt = run(library, tmp_path)
    assert decisions(spoilt) and MEASURED not in decisions(spoilt)[0], said(spoilt)
    warnings = [line for line in spoilt.stderr.splitlines() if "measured choices" in line]
    assert len(warnings) == 1 and str(file) in warnings[0] and "not used" in warnings[0], said(spoilt)


# A session whose log takes no warnings, and one whose log does: neither is run.
WAITING = """
from harness import ERROR, WARNING, session
from mha_cases import build_model

library, case = ARGUMENTS
first = session(build_model(case), library, path="auto", log_level=ERROR)
print("--- second", file=sys.stderr, flush=True)
second = session(build_model(case), library, path="auto", log_level=WARNING)
"""


def test_a_warning_waits_for_a_session_whose_log_takes_it(library, tmp_path):
    blocked = tmp_path / "cache"
    blocked.write_bytes(b"")
    finished = run_python(WAITING, library, CASE, env={"XDG_CACHE_HOME": str(blocked)})
    assert finished.returncode == 0, said(finished)
    first, second = finished.stderr.split("--- second")
    assert [log.count("measured choices") for log in (first, second)] == [0, 1], said(finished)


def test_a_cache_directory_that_is_a_file_costs_one_warning(library, tmp_path):
    blocked = tmp_path / "cache"
    blocked.write_bytes(b"")
    finished = run(library, blocked)
    warnings = [line for line in finished.stderr.splitlines() if "measured choices" in line]
    assert len(warnings) == 1, said(finished)
    assert blocked.read_bytes() == b""


def test_other_paths_pay_no_attention(library, tmp_path, monkeypatch, capfd):
    file = tune(library, tmp_path)
    written = file.read_text()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for path in ("baseline", "apple", "auto"):
        capfd.readouterr()
        running = session(build_model(CASE), library, path=path, log_level=VERBOSE)
        for _ in range(5):
            running.run(None, make_inputs(CASE))
        assert (MEASURED in capfd.readouterr().err) == (path == "auto"), path
    assert file.read_text() == written


LEAVES_EARLY = """
import ctypes, time
from harness import INFO, session
from mha_cases import build_model, case_of, make_inputs, qkv

library, pause = ARGUMENTS
kept = []
for length in (20, 50, 130):
    case = case_of("early", qkv(1, length, length, 2, 64), num_heads=2)
    running = session(build_model(case), library, path="auto", log_level=INFO)
    for _ in range(2):
        running.run(None, make_inputs(case))
    kept.append(running)
time.sleep(pause)
# Sessions that nobody closes: the interpreter ends without destroying them.
for running in kept:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(running._sess))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(running))
"""


def test_a_process_may_end_while_it_measures(library, tmp_path):
    for pause in (0, 0.3):
        directory = tmp_path / str(pause)
        finished = run_python(LEAVES_EARLY, library, pause, env={"XDG_CACHE_HOME": str(directory)})
        assert finished.returncode == 0, said(finished)
        if ", software, " in finished.stderr:
            pytest.skip("a software device measures nothing beside calls")
