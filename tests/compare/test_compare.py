"""Contract of crates/mha-bench/compare: peers get the shapes of attention-bench and are held to the right answer, and tables
put each figure beside the one it is compared with. No peer is needed here, and no GPU."""

import argparse
import json
import pathlib
import runpy
import sys

import numpy as np
import pytest

COMPARE = pathlib.Path(__file__).parents[2] / "crates" / "mha-bench" / "compare"
sys.path.insert(0, str(COMPARE))
import cases  # noqa: E402
import processes  # noqa: E402
import tables  # noqa: E402


def case(**sizes):
    return cases.Case(**{"name": "c", "batch": 2, "q_len": 5, "kv_len": 5, "heads": 3, "head_size": 4, "causal": False} | sizes)


def attention(case, x):
    """By loops, as the definition reads."""
    got = np.zeros(x["q"].shape)
    for b in range(case.batch):
        for n in range(case.heads):
            columns = slice(n * case.head_size, (n + 1) * case.head_size)
            q, k, v = (x[name][b, :, columns].astype(np.float64) for name in "qkv")
            for s in range(case.q_len):
                visible = s + 1 if case.causal and s + 1 < case.q_len else case.kv_len
                weights = np.exp(k[:visible] @ q[s] / np.sqrt(case.head_size))
                got[b, s, columns] = weights @ v[:visible] / weights.sum()
    return got


@pytest.mark.parametrize("sizes", [{}, {"causal": True}, {"q_len": 1, "kv_len": 9, "causal": True},
                                   {"q_len": 3, "kv_len": 9, "causal": True}, {"kv_len": 3}], ids=str)
def test_the_reference_is_attention(sizes):
    c = case(**sizes)
    x = cases.inputs(cases.normals(c), "f32", 2.0)
    right = attention(c, x)
    assert max(cases.errors(c, x, right, rows=8)) < 1e-12
    for b, s in ((0, 0), (1, c.q_len - 1)):
        wrong = right.copy()
        wrong[b, s, -1] += 0.25
        largest, rms = cases.errors(c, x, wrong, rows=8)
        assert largest == pytest.approx(0.25)
        assert rms == pytest.approx(0.25 / wrong.size**0.5)
        wrong[b, s, -1] = np.nan
        assert cases.errors(c, x, wrong, rows=8) == (np.inf, np.inf)


def test_scores_have_the_deviation_that_is_asked_for():
    c = case(q_len=64, kv_len=64, head_size=64)
    x = cases.inputs(cases.normals(c), "f16", 9.0)
    assert {t.dtype for t in x.values()} == {np.dtype(np.float16)}
    q, k = (x[name][0, :, :64].astype(np.float64) for name in "qk")
    assert (q @ k.T / 8).std() == pytest.approx(9, rel=0.1)


def test_inputs_may_be_those_that_attention_bench_wrote(tmp_path):
    c = case(batch=2, q_len=3, kv_len=5, heads=2, head_size=4)
    q, kv = 2 * 3 * 8, 2 * 5 * 8
    values = np.arange(q + 2 * kv, dtype="<f4")
    (tmp_path / f"{c.name}.f32").write_bytes(values.tobytes())
    got = cases.written(c, tmp_path)
    assert {name: t.shape for name, t in got.items()} == {"q": (2, 3, 8), "k": (2, 5, 8), "v": (2, 5, 8)}
    assert [t[0, 0, 0] for t in got.values()] == [0, q, q + kv] and got["k"][1, 2, 3] == q + 40 + 2 * 8 + 3
    (tmp_path / f"{c.name}.f32").write_bytes(values[:-1].tobytes())
    with pytest.raises(SystemExit, match=f"{len(values)} numbers, got {len(values) - 1}"):
        cases.written(c, tmp_path)
    with pytest.raises(SystemExit, match="measured before them, got other"):
        cases.written(case(name="other"), tmp_path)


def test_shapes_are_those_of_attention_bench():
    names = [shape["name"] for shape in json.loads(cases.SHAPES.read_text())]
    assert [c.name for c in cases.named(["all"])] == names
    assert [c.q_len for c in cases.named(["sweep"])] == [128, 256, 512, 1024, 2048, 4096, 8192, 16384]


def test_shapes_may_come_from_a_file(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps([vars(case()) | {"from": "here"}]))
    assert cases.named(["sweep-128", str(file)])[1] == case()
    with pytest.raises(SystemExit, match="got random-01"):
        cases.named(["random-01"])


@pytest.mark.parametrize("sizes, pairs", [({}, 25), ({"causal": True}, 12.5), ({"q_len": 7, "causal": True}, 22.5),
                                          ({"kv_len": 9, "causal": True}, 16.5), ({"q_len": 1, "causal": True}, 5)], ids=str)
def test_work_is_that_of_the_pairs_that_are_seen(sizes, pairs):
    assert case(**sizes).flops == 4 * 2 * 3 * 4 * pairs


def test_an_error_that_is_not_finite_is_no_blank():
    found = results()
    found["rows"] = [row | {"largest_error": None} for row in found["rows"]]
    lines = tables.markdown("name", found).splitlines()
    assert next(line for line in lines if line.startswith("| s | baseline")).endswith("| not finite |  |")
    assert "| s | f32 | 9 | not finite |  |  |" in lines


def test_a_peer_that_fails_a_case_goes_on(tmp_path):
    def measure(case, x, timed):
        if x["q"].dtype == np.float16:
            raise RuntimeError("no f16\nhere")
        if not timed:
            return np.full_like(x["q"], np.nan), {}
        return attention(case, x), {"gpu_ms": 2.0, "call_ms": 3.0}

    file = tmp_path / "rows.json"
    arguments = argparse.Namespace(inputs=None, shapes="sweep-128", dtypes="f16,f32", score_deviations="1,9", checked_rows=2,
                                   json=file)
    cases.measure_all("peer", measure, arguments)
    rows = json.loads(file.read_text())
    assert [row.get("refused") for row in rows] == ["no f16 here", "no f16 here", None, None]
    assert rows[2]["tflops"] == pytest.approx(4 * 16 * 128 * 128 * 64 / 2e-3 / 1e12)
    assert 0 < rows[2]["rms_error"] < rows[2]["largest_error"] < 1e-6
    assert "tflops" not in rows[3]
    assert rows[3]["largest_error"] is rows[3]["rms_error"] is None, "JSON has no infinity"


def test_a_node_takes_what_more_of_them_take():
    pairs = [(30.0, 10.0), (31.0, 10.0), (29.0, 11.0), (32.0, 10.0), (30.0, 12.0), (30.0, 10.0), (50.0, 10.0)]
    found = cases.times_of_more(pairs, 10)
    assert found["gpu_ms"] == pytest.approx(2.0)
    assert found["gpu_ms_spread"] == pytest.approx([1.8, 4.0])
    assert cases.times_of_more([(10.0, 10.0), (9.0, 11.0), (11.0, 9.0)], 10) == {"gpu_ms": None}


def test_a_refused_peer_fills_its_row():
    found = results()
    found["peers"][0] = {"peer": "ort-builtin", "subject": "ORT A", "shape": "s", "dtype": "f32", "score_deviation": 1.0, "refused": "no"}
    lines = tables.markdown("name", found).splitlines()
    head = next(line for line in lines if line.startswith("| shape | subject"))
    refused = next(line for line in lines if "refused: no" in line)
    assert refused.count("|") == head.count("|")


def results():
    own = {"shape": "s", "dtype": "f32", "score_deviation": 1.0, "subject": "baseline", "gpu_ms": 2.0, "gpu_ms_spread": [1.9, 2.1],
           "call_ms": 5.0, "tflops": 30.0, "gigabytes": 12.0, "scratch_bytes": 1 << 20, "largest_error": 3e-7, "rms_error": 5e-8}
    peer = {"shape": "s", "dtype": "f32", "score_deviation": 1.0, "call_ms": 20.0, "largest_error": 1e-6, "rms_error": 2e-7}
    return {
        "device": "a GPU", "date": "a day", "host": "a CPU", "command": "a command", "note": "", "refused": [],
        "peak_tflops": {"f16": 90.0, "f32": 60.0}, "first_calls": [], "swept": ["sweep-128"], "peers_absent": {"torch": "not installed"},
        "rows": [own, own | {"shape": "sweep-128"}, own | {"score_deviation": 9.0, "largest_error": 4e-6}],
        "peers": [
            peer | {"peer": "ort-builtin", "subject": "ORT A", "gpu_ms": 6.0, "tflops": 10.0},
            peer | {"peer": "ort-plugin", "subject": "ORT B", "gpu_ms": 5.0, "gpu_ms_spread": [4.5, 5.25], "tflops": 12.0},
            peer | {"peer": "ort-plugin", "subject": "ORT B", "gpu_ms": 3.0, "tflops": 12.0, "shape": "sweep-128"},
        ],
    }


def test_ratios_are_to_the_faster_package():
    lines = tables.markdown("name", results()).splitlines()
    ours = next(line for line in lines if line.startswith("| s | baseline"))
    cells = [cell.strip() for cell in ours.strip("|").split("|")]
    # GPU time, TFLOP/s, share of the peak, GB/s, 5 ms over 2 ms, no torch, call, 20 ms over 5 ms, errors.
    assert cells[2:] == ["2.000 (1.900 to 2.100)", "30.0", "50 %", "12", "2.50", "", "5.00", "4.00", "3.0e-07", "5.0e-08"]
    peers = [line.split("|")[3].strip() for line in lines if line.startswith("| s | ORT")]
    assert peers == ["6.000", "5.000 (4.500 to 5.250)"]
    assert "torch (not installed)" in "\n".join(lines)
    assert "| s | f32 | 9 | 4.0e-06, 5.0e-08 |  |  |" in lines
    assert "| 128 | 30.0 | 1.50 |  | 12.0 | 1.0 |" in lines


def test_times_in_a_chain_have_columns_where_there_are_any():
    found = results()
    assert "in a chain ms" not in tables.markdown("name", found)
    for row in found["rows"]:
        row["chain_ms"] = 1.25
    lines = tables.markdown("name", found).splitlines()
    head = next(line for line in lines if line.startswith("| shape | subject"))
    rows = [line for line in lines if line.startswith(("| s | baseline", "| s | ORT"))]
    assert all(line.count("|") == head.count("|") for line in rows)
    at = [cell.strip() for cell in head.split("|")].index("in a chain ms")
    assert [cell.strip() for cell in rows[0].split("|")][at : at + 2] == ["1.2500", "4.00"], "5 ms over 1.25 ms"


def test_files_from_before_have_no_rms():
    found = results()
    for row in found["rows"] + found["peers"]:
        del row["rms_error"]
    text = tables.markdown("name", found)
    assert "rms" not in text
    assert "| s | f32 | 9 | 4.0e-06 |  |  |" in text.splitlines()


def test_a_time_below_noise_is_no_figure():
    found = results()
    found["peers"] = [{**found["peers"][0], "gpu_ms": None, "tflops": None}]
    ours, peer = (line for line in tables.markdown("name", found).splitlines() if line.startswith("| s | ") and "ms" not in line
                  and "f32" not in line)
    assert ours.split("|")[7].strip() == "" and "not known" in peer


def test_of_several_processes_the_median_counts():
    first = results()["rows"][0] | {"chain_ms": 1.5, "decision": "a kernel"}
    slow = first | {"gpu_ms": 3.0, "gpu_ms_spread": [2.8, 3.5], "call_ms": 4.0, "tflops": 20.0, "gigabytes": 8.0, "chain_ms": 2.5,
                    "largest_error": 1.0}
    between = first | {"gpu_ms": 2.5, "gpu_ms_spread": [2.4, 2.6], "call_ms": 6.0, "tflops": 24.0, "gigabytes": 9.6, "chain_ms": 2.0}
    row, other = processes.together([[first], [slow, first | {"shape": "other"}], [between]])
    assert row["processes"] == {"gpu_ms": [2.0, 3.0, 2.5], "chain_ms": [1.5, 2.5, 2.0], "call_ms": [5.0, 4.0, 6.0]}
    assert (row["gpu_ms"], row["chain_ms"], row["call_ms"]) == (2.5, 2.0, 5.0)
    assert row["gpu_ms_spread"] == [1.9, 3.5]
    assert (row["tflops"], row["gigabytes"]) == (pytest.approx(24.0), pytest.approx(9.6))
    assert row["largest_error"] == 3e-7, "errors are the first one's, of more rows"
    assert row["decision"] == "a kernel"
    assert other == first | {"shape": "other"}, "a case that the first turn lacks"
    found = results() | {"rows": [row]}
    assert "medians over 3 processes" in tables.markdown("name", found)
    found["peers"] = processes.together([[peer] for peer in results()["peers"][1:2] * 2])
    assert "medians over 2 to 3 processes" in tables.markdown("name", found)
    assert "processes" not in tables.markdown("name", results())


def test_a_process_without_a_time_leaves_it_to_the_others():
    timed = results()["peers"][1]
    drowned = {key: value for key, value in timed.items() if key not in ("gpu_ms_spread", "tflops")} | {"gpu_ms": None, "call_ms": 30.0}
    later = timed | {"gpu_ms": 7.0, "gpu_ms_spread": [6.0, 8.0]}
    (row,) = processes.together([[drowned], [timed], [later]])
    assert (row["gpu_ms"], row["gpu_ms_spread"], row["processes"]["gpu_ms"]) == (6.0, [4.5, 8.0], [5.0, 7.0])
    assert row["call_ms"] == 20.0 and row["processes"]["call_ms"] == [30.0, 20.0, 20.0]
    assert row["tflops"] == pytest.approx(12.0 * 5 / 6)
    refused = {key: timed[key] for key in ("peer", "subject", "shape", "dtype", "score_deviation")} | {"refused": "no"}
    assert processes.together([[refused], [timed]]) == [timed]
    (row,) = processes.together([[refused], [timed], [later]])
    assert "refused" not in row and row["largest_error"] == timed["largest_error"]
    assert processes.together([[refused], [refused]]) == [refused]
    assert processes.together([[drowned], []]) == [drowned]
    (never,) = processes.together([[drowned], [drowned]])
    assert never["gpu_ms"] is None and never["call_ms"] == 30.0
    assert "not known" in tables.markdown("name", results() | {"peers": [never]})
    deviation_9 = {key: value for key, value in timed.items() if "ms" not in key} | {"score_deviation": 9.0}
    assert processes.together([[deviation_9], [timed]]) == [deviation_9, timed]


def test_processes_that_chose_other_kernels_say_so():
    row = results()["rows"][0] | {"decision": "one"}
    (both,) = processes.together([[row], [row | {"decision": "two"}]])
    assert both["decision"] == "one; another process: two"


def scripted(monkeypatch, tmp_path, *words):
    """What `compare` writes with programs that write down a time: 2, 4 and 3 ms for this project, half of it for a peer, which fails
    in its third process."""
    bench = tmp_path / "bench"
    peer = tmp_path / "peer.py"
    count = lambda name: (f"n = pathlib.Path('{tmp_path}/{name}'); i = int(n.read_text()) if n.exists() else 0; n.write_text(str(i + 1))\n"
                          "ms = [2.0, 4.0, 3.0][i]\n")
    head = "import json, pathlib, sys\nfile = sys.argv[sys.argv.index('--json') + 1]\n"
    row = results()["rows"][0]
    bench.write_text(f"#!{sys.executable}\n{head}{count('own')}"
                     f"row = {row!r} | {{'gpu_ms': ms, 'checked': sys.argv[sys.argv.index('--checked-rows') + 1]}}\n"
                     "pathlib.Path(file).write_text(json.dumps({'format': 1, 'device': 'a GPU', 'peak_tflops': {'f32': 60.0}, 'shapes': [],"
                     " 'refused': [], 'rows': [row]}))\n")
    bench.chmod(0o755)
    peer.write_text(f"{head}{count('peer')}if i == 2: sys.exit(3)\n"
                    f"row = {results()['peers'][1]!r} | {{'gpu_ms': ms / 2}}\n"
                    "del row['peer']\npathlib.Path(file).write_text(json.dumps([row]))\n")
    main = runpy.run_path(str(COMPARE / "__main__.py"))
    main["PEERS"].clear()
    main["PEERS"]["ort-plugin"] = (str(peer), [], "sys")
    main["PEERS"]["torch"] = (str(peer), [], "no_module_of_this_name")
    words = ["compare", "--name", "x", "--out", str(tmp_path), "--bench", str(bench), "--shapes", "s", "--sweep", "none", "--first-calls",
             "none", "--score-deviations", "1", *words]
    monkeypatch.setattr(sys, "argv", words)
    main["main"]()
    return json.loads((tmp_path / "x.json").read_text())


def test_processes_take_turns_and_tell_what_failed(monkeypatch, tmp_path):
    found = scripted(monkeypatch, tmp_path, "--processes", "3")
    (own,), (peer,) = found["rows"], found["peers"]
    assert own["processes"]["gpu_ms"] == [2.0, 4.0, 3.0] and own["gpu_ms"] == 3.0
    assert own["checked"] == "64", "the first process's errors, of all rows"
    assert peer["processes"]["gpu_ms"] == [1.0, 2.0] and peer["gpu_ms"] == 1.5
    assert found["peers_absent"].keys() == {"ort-plugin", "torch"}
    assert found["peers_absent"]["ort-plugin"] == "process 3: it ended with status 3, after 0 rows"
    assert "no_module_of_this_name" in found["peers_absent"]["torch"]


def test_one_process_is_measured_once(monkeypatch, tmp_path):
    found = scripted(monkeypatch, tmp_path)
    assert found["rows"][0]["gpu_ms"] == 2.0 and "processes" not in found["rows"][0]
    for words in (["--processes", "0"], ["--processes", "2", "--shapes", "none"]):
        with pytest.raises(SystemExit):
            scripted(monkeypatch, tmp_path, *words)
