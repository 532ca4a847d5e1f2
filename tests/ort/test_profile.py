"""Contract: `profile` reports the times of a session's calls when the session ends, and what can't be reported is refused."""

import json
import re

import pytest

from harness import NO_ADAPTER, run_python, said
from mha_cases import NODE_NAME

pytestmark = pytest.mark.plugin_only

CALLS = """
from harness import session
from mha_cases import build_model, case_of, make_inputs, qkv

library, path, profile, calls = ARGUMENTS
case = case_of("profile", qkv(1, 40, 70, 2, 32), num_heads=2)
running = session(build_model(case), library, path=path, profile=profile)
for _ in range(int(calls)):
    running.run(None, make_inputs(case))
print("no report yet", flush=True)
del running
"""


def calls(library, path, profile, count=3, env=None):
    return run_python(CALLS, str(library), path, str(profile), str(count), env=env)


def rows(report):
    """The table's rows as lists of cells."""
    lines = [re.split(r" {2,}", line.strip()) for line in report.splitlines()]
    return [cells for cells in lines if len(cells) == 9]


def test_summary(path, library):
    done = calls(library, path, "summary")
    assert done.returncode == 0, said(done)
    table = rows(done.stderr)
    assert table[0] == ["run", "op", "count", "total ms", "average ms", "min ms", "max ms", "share", "provider"]
    assert [row[1] for row in table[1:]] == ["MultiHeadAttention", "upload", "kernel", "download"]
    totals = [float(row[3]) for row in table[1:]]
    assert totals[0] > 0 and sum(totals[1:]) == pytest.approx(totals[0], abs=0.01)
    for run, _, count, total, average, least, most, _, provider in table[1:]:
        assert (run, count) == (path, "3") and provider != "CPUExecutionProvider"
        assert float(average) * 3 == pytest.approx(float(total), abs=0.01)
        assert float(least) <= float(average) <= float(most)
    assert table[1][7] == "100.0 %"


def test_summary_of_the_cpu_kernel(library):
    done = calls(library, "baseline", "summary", env=NO_ADAPTER)
    assert done.returncode == 0, said(done)
    table = rows(done.stderr)
    assert [(row[1], row[2], row[8]) for row in table[1:]] == [("MultiHeadAttention", "3", "CPUExecutionProvider")]


def test_trace(library, tmp_path):
    trace = tmp_path / "trace.json"
    done = calls(library, "baseline", trace)
    assert done.returncode == 0, said(done)
    events = json.loads(trace.read_text())["traceEvents"]
    tracks = {e["args"]["name"]: e["tid"] for e in events if e["ph"] == "M"}
    assert set(tracks) == {"GPU", "host"}
    spans = {name: [e for e in events if e["ph"] == "X" and e["tid"] == tid] for name, tid in tracks.items()}
    whole = [e for e in spans["host"] if e["name"] == "MultiHeadAttention"]
    assert len(whole) == 3 and all(e["args"]["node"] == NODE_NAME for e in whole)
    assert any(e["name"].startswith("rows_f32") for e in spans["GPU"])
    # What the GPU did lies within the call that waited for it.
    for event in spans["GPU"]:
        assert any(c["ts"] - 1 <= event["ts"] and event["ts"] + event["dur"] <= c["ts"] + c["dur"] + 1 for c in whole), event
    assert [p.name for p in tmp_path.iterdir()] == ["trace.json"]


def test_off_says_nothing(library):
    assert not rows(calls(library, "baseline", "off").stderr)


@pytest.mark.parametrize("where", ["a directory", "nowhere", "another file"])
def test_a_trace_that_cannot_be_written_is_refused(where, library, tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"\x08\x0a")
    file = {"a directory": tmp_path, "nowhere": tmp_path / "missing" / "trace.json", "another file": model}[where]
    done = calls(library, "baseline", file)
    assert done.returncode != 0
    assert f"'custom_op.MultiHeadAttention.profile' accepts `off`, `summary`, a path that can be written; got '{file}'" in done.stderr
    assert model.read_bytes() == b"\x08\x0a" and [p.name for p in tmp_path.iterdir()] == [model.name]
