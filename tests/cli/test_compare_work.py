"""Contract: `webgpu-attention compare` refuses inputs and threads that the machine can't hold, and tells which attention there was to compare."""

import json
import os
import re
import sys

import numpy as np
import onnx
import pytest

ATTENTION = "com.microsoft.MultiHeadAttention <num_heads = 4>"


def branch(condition, out, then, otherwise):
    """An `If` of two bodies, each of one node."""
    body = lambda place, node: f"{place}_{out} () => (float[1,8,32] {place}_{out}_y) {{ {place}_{out}_y = {node} }}"
    return f"{out} = If ({condition}) <then_branch = {body('t', then)}, else_branch = {body('e', otherwise)}>"


def over(x):
    return f"{ATTENTION} ({x}, {x}, {x})"


SWITCHED = "(bool c, float[1,8,32] x) => (float[1,8,32] y)"
MODELS = {
    "long": ("(float[b,s,128] q, float[b,t,128] k) => (float[b,s,128] y)", f"y = {ATTENTION} (q, k, k)"),
    "either": (SWITCHED, branch("c", "y", over("x"), over("x"))),
    # Nodes without a name have the same index in each branch, so a profile has one name for all of them.
    "twice": (SWITCHED, branch("c", "h", over("x"), over("x")) + " " + branch("c", "y", over("h"), over("h"))),
    "then": (SWITCHED, branch("c", "y", over("x"), "Neg (x)")),
    "none": ("(float[2] x) => (float[2] y)", "y = Neg (x)"),
    "rows": ("(float[1,t,32] x) => (float[1,t,32] y)", f"y = {over('x')}"),
    "keys": ("(float[1,4,32] x, float[1,t,32] k) => (float[1,4,32] y)", f"y = {ATTENTION} (x, k, k)"),
}


@pytest.fixture
def compare(say, tmp_path):
    """Runs `compare` on one of the models."""

    def run(model, *arguments):
        signature, body = MODELS[model]
        text = f'<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]> g {signature} {{ {body} }}'
        onnx.save(onnx.parser.parse_model(text), tmp_path / f"{model}.onnx")
        for value in (False, True):
            np.save(tmp_path / f"{value}.npy", np.array(value))
        (tmp_path / "temporary").mkdir(exist_ok=True)
        counts = ("--runs", 2, "--warm-up", 1)
        return say("compare", f"{model}.onnx", "--python", sys.executable, *counts, *arguments, TMPDIR=str(tmp_path / "temporary"))

    return run


def refusal(finished, status=1):
    assert finished.returncode == status and finished.stdout == "", finished.stdout + finished.stderr
    assert finished.stderr.count("\n") == 1, finished.stderr
    return finished.stderr


@pytest.mark.parametrize("source", ["sizes", "a file"])
def test_inputs_beyond_the_memory_are_refused(compare, tmp_path, source):
    with open(tmp_path / "q.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (1, 999999999999, 128)}
        np.lib.format.write_array_header_1_0(file, header)
    given = ["--input", "q.npy"] if source == "a file" else ["--dim", "b=1", "--dim", "s=999999999999"]
    said = refusal(compare("long", *given, "--dim", "t=40"))
    assert "of memory" in said and "got 476837.2 GiB in all" in said, said
    assert "'q' of shape [1, 999999999999, 128]" in said and "--dim" in said, said
    # ONNX Runtime may have a file of its own there.
    assert not list((tmp_path / "temporary").glob("webgpu-attention-*"))


def test_threads_are_as_many_as_the_machine_can_run(compare):
    said = refusal(compare("rows", "--dim", "t=8", "--threads", 0), status=2)
    most = int(re.search(r"1 to (\d+)", said)[1])
    # Else what follows might start them.
    assert most <= 4 * os.cpu_count(), said
    said = refusal(compare("rows", "--dim", "t=8", "--threads", most + 1), status=2)
    assert f"1 to {most}" in said and str(most + 1) in said, said


@pytest.mark.parametrize("model, nodes, idle", [("either", 2, 1), ("twice", 4, 2)])
def test_no_more_nodes_are_taken_over_than_there_are(compare, tmp_path, model, nodes, idle):
    finished = compare(model, "--input", "c=True.npy", "--json", "result.json")
    assert finished.returncode == 0, finished.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["nodes"] == nodes
    assert [row["taken_over"] for row in result["rows"]] == [0, nodes, nodes, nodes]
    head = next(line for line in finished.stdout.splitlines() if line.startswith("model "))
    assert f"MultiHeadAttention nodes: {nodes}" in head and re.search(rf"\b{idle}\b.* did not run", head), head


@pytest.mark.parametrize("model, has_nodes", [("then", True), ("none", False)])
def test_nodes_that_did_not_run_are_told_from_none(compare, model, has_nodes):
    said = refusal(compare(model, *(["--input", "c=False.npy"] if has_nodes else [])))
    assert ("did not run on these inputs" in said) is has_nodes, said
    assert ("--input NAME=FILE.npy" in said and "--seed" in said) is has_nodes, said
    assert ("with none after" in said) is not has_nodes, said


@pytest.mark.parametrize("model, size, is_empty", [("rows", 0, True), ("keys", 0, True), ("rows", 3, False), ("keys", 3, False)])
def test_without_work_nobody_is_fastest(compare, model, size, is_empty):
    finished = compare(model, "--dim", f"t={size}")
    assert finished.returncode == 0, finished.stderr
    verdict = finished.stdout.splitlines()[-1]
    assert ("nothing to compute" in verdict) is is_empty, verdict
    # Without a word of speed, either.
    assert ("fast" in verdict or "spread" in verdict) is not is_empty, verdict
