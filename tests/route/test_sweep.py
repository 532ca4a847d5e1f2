"""Contract of crates/mha-bench/route: every session makes the same calls in turn for as long as is asked, and tables say what was
measured, by how much it varies, and what was not."""

import importlib.util
import itertools
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
import pytest

HERE = pathlib.Path(__file__).parent
SWEEP = HERE.parents[1] / "crates" / "mha-bench" / "route"
sys.path[:0] = [str(SWEEP), str(HERE.parent / "ort")]
import problems  # noqa: E402
import report  # noqa: E402
import rounds  # noqa: E402
from harness import find_library  # noqa: E402


class Calls:
    """Calls that take what they are told to, by a clock of their own; which were made is on record."""

    def __init__(self, **seconds):
        self.now, self.made, self.settled, self.seconds = 0.0, [], [], seconds

    def of(self):
        def call(name):
            self.made.append(name)
            self.now += self.seconds[name]

        return {name: lambda name=name: call(name) for name in self.seconds}

    def measured(self, left=1e9):
        return rounds.measure(self.of(), left, settle=self.settle, clock=lambda: self.now)

    def settle(self):
        self.settled.append(self.made[-1])


def turns_made(calls):
    """Which session made how many calls in a row, all told."""
    return [(name, len(list(group))) for name, group in itertools.groupby(calls.made)]


def test_turns_settle_before_their_calls_count():
    calls = Calls(stock=27e-3, control=27e-3, gpu=15e-3, auto=40e-3)
    times = calls.measured()
    runs = turns_made(calls)
    assert calls.settled == ["stock", "control", "gpu", "auto"]
    # Three calls at least and as many as 60 ms hold; those of auto go on for two and a half seconds.
    assert runs[:4] == [("stock", 3), ("control", 3), ("gpu", 4), ("auto", 8 + 63)]
    # 100 ms settle and 100 ms count. One turn that does not count comes first, and one circuit is three turns of each.
    turns = {"stock": 4 + 4, "control": 4 + 4, "gpu": 7 + 7, "auto": 3 + 3}
    assert all(count == turns[name] for name, count in runs[4:]) and len(runs[4:]) == 1 + 12 and runs[4][0] == runs[-1][0]
    assert times["stock"] == [(pytest.approx(27e-3), 4)] * 3 and times["auto"] == [(pytest.approx(40e-3), 3)] * 3


def test_slow_calls_settle_once_and_count_twice():
    times = Calls(stock=2.0, control=2.0, gpu=1.5, auto=2.0).measured()
    assert times["auto"] == [(pytest.approx(2.0), 2)] * 3


@pytest.mark.parametrize("seconds, turns", [
    ({"stock": 0.01, "control": 0.01, "gpu": 0.021}, {"stock": 4, "control": 4, "gpu": 1, "auto": 4}),
    ({"stock": 0.021, "control": 0.03, "gpu": 0.01}, {"stock": 1, "control": 1, "gpu": 3, "auto": 3}),
    ({"stock": 0.03, "control": 0.019, "gpu": 0.01}, {"stock": 3, "control": 3, "gpu": 3, "auto": 3}),
])
def test_a_side_that_is_far_behind_has_one_turn(seconds, turns):
    times = Calls(**seconds, auto=0.01).measured()
    assert {name: len(of_name) for name, of_name in times.items()} == turns


@pytest.mark.parametrize("names", ["ab", "abc", "abcd", "abcde"])
def test_nobody_follows_one_session_more_often_than_another(names):
    way = rounds.circuit(list(names))
    pairs = list(zip(way[-1:] + way, way))
    assert len(pairs) == len(set(pairs)) == len(names) * (len(names) - 1) and all(a != b for a, b in pairs)


def test_what_takes_too_long_is_given_up_early():
    calls = Calls(stock=0.1, control=0.1, gpu=10.0, auto=10.0)
    with pytest.raises(rounds.OutOfTime, match="a call of gpu takes 10 s, of 100 s left for all"):
        calls.measured(left=100)
    assert calls.made == ["stock"] * 3 + ["control"] * 3 + ["gpu"] * 2
    assert Calls(stock=0.1, control=0.1, gpu=10.0, auto=0.1).measured(left=230)


def test_sets_that_there_is_time_for_count():
    def until(last):
        def one(index):
            if index == last:
                raise rounds.OutOfTime("a call takes too long")
            return 10 * index

        return one

    assert rounds.as_many(4, until(9), 3) == [0, 10, 20, 30] and rounds.as_many(4, until(3), 3) == [0, 10, 20]
    for count, last, least in [(4, 2, 3), (1, 0, 0), (1, 0, -2)]:
        with pytest.raises(rounds.OutOfTime, match="takes too long"):
            rounds.as_many(count, until(last), least)


@pytest.mark.parametrize("ends, sets, expected", [
    ([0.9, 1.0, 1.06], 3, True),
    ([1.05, 1.1, 1.2], 15, True),
    ([0.9, 1.0, 1.05], 3, False),
    ([1.051, 1.1, 1.2], 3, False),
    ([0.9, 1.0, 1.06], 16, False),
])
def test_more_sets_are_for_what_they_may_decide(ends, sets, expected):
    assert rounds.is_open({"ratio": ends, "sets": [{}] * sets}, report.PROMISED) == expected


STEADY = {"stock": [(3.0, 5)] * 8, "control": [(3.0, 5)] * 8, "gpu": [(2.0, 9)] * 8, "auto": [(2.1, 9)] * 8}
SAME = [pytest.approx(1.0)] * 3


def summary(times):
    return rounds.summary([times] * 3)


def test_ratios_are_to_the_faster():
    found = summary(STEADY)
    assert found["ratio"] == [pytest.approx(1.05)] * 3 and found["faster"] == "gpu" and found["control"] == SAME
    assert found["calls"] == {"stock": 120, "control": 120, "gpu": 216, "auto": 216} and found["mean_ms"]["stock"] == 3000
    assert found["sets"] == [STEADY] * 3
    # Both sessions without the library count alike.
    slow = {"gpu": [(9.0, 1)] * 8, "auto": [(3.0, 1)] * 8, "control": [(1.0, 1)] * 8}
    found = summary(STEADY | slow)
    assert found["ratio"][1] == pytest.approx(1.5) and found["faster"] == "stock" and found["mean_ms"]["stock"] == 2000
    assert found["control"] == [pytest.approx(1 / 3)] * 3
    # One turn each says nothing of what a machine can tell.
    assert summary(STEADY | {"stock": [(9.0, 1)], "control": [(8.0, 1)]})["control"] is None


@pytest.mark.parametrize("turns", [[2.0, 4.0] * 4, [2.0] * 4 + [4.0] * 4, [3.0] * 8])
def test_who_answers_wrongly_half_the_time_is_half_as_slow_again(turns):
    found = summary(STEADY | {"auto": [(seconds, 9) for seconds in turns]})
    assert found["ratio"] == [pytest.approx(1.5)] * 3
    # A turn of tries shows as what it costs.
    assert summary(STEADY | {"auto": [(2.0, 9)] * 7 + [(4.0, 9)]})["ratio"] == [pytest.approx(1.125)] * 3


def test_sets_that_differ_widen_the_interval():
    found = rounds.summary([STEADY | {"auto": [(seconds, 9)] * 6} for seconds in (2.0, 2.2, 2.42)])
    # Logarithms a tenth apart: their standard error, 4.303 times.
    half = 4.303 * math.log(1.1) / math.sqrt(3)
    assert found["ratio"] == [pytest.approx(1.1 * math.exp(x)) for x in (-half, 0, half)]
    assert found["set_ratios"] == [pytest.approx(x) for x in (1.0, 1.1, 1.21)] and found["control"] == SAME
    assert found["calls"]["auto"] == 162


@pytest.mark.parametrize("count", [3, 5, 12])
def test_intervals_hold_the_true_mean_as_often_as_they_say(count):
    rng = np.random.default_rng(count)
    draws = np.exp(rng.normal(math.log(1.05), 0.1, (4000, count)))
    ends = [rounds.interval(list(ratios)) for ratios in draws]
    holds = sum(low <= 1.05 <= high for low, _, high in ends) / len(ends)
    assert 0.94 <= holds <= 0.96


def test_a_turn_is_all_that_happens_in_it():
    calls = Calls(fast=1e-3)
    made = 0

    def call():
        nonlocal made
        made += 1
        # Two of five go to a side that is twice as slow.
        calls.now += 2e-3 if made % 5 in (1, 3) else 1e-3

    seconds, counted = rounds.turn(call, lambda: calls.now)
    assert seconds == pytest.approx(1.4e-3, rel=0.02) and counted == pytest.approx(0.1 / 1.4e-3, abs=2)


def test_what_comes_before_a_turn_falls_to_all():
    # After a session on the CPU all others on the CPU take half as long again.
    way = rounds.circuit(["stock", "control", "gpu", "auto"])
    turns = {name: [] for name in way}
    for before, name in zip(way[-1:] + way, way):
        turns[name].append(9.0 if name == "gpu" else 1.0 if before == "gpu" else 1.5)
    found = rounds.means({name: values * 2 for name, values in turns.items()})
    assert found["auto"] == found["stock"]


def row(middle=1.02, half=0.01, **fields):
    times = {"stock": 0.5, "gpu": 2.0, "auto": 0.51}
    return {"kind": "self", "title": "Self-attention", "dtype": "f32", "size": 64, "mean_ms": times, "faster": "stock",
            "answers": {"cpu": ""}, "sets": [{}] * 3, "ratio": [middle - half, middle, middle + half], "control": [0.97, 0.99, 1.01],
            "calls": dict.fromkeys(times, 30)} | fields


def results(*rows):
    return {"device": "a GPU", "host": "a CPU, 2 cores", "onnxruntime": "1.31.1", "path": "auto", "threads": 0, "date": "a day", "command": "a command",
            "note": "", "method": report.METHOD, "seconds": 7, "rows": list(rows)}


def test_tables_mark_what_is_above_for_sure():
    text = report.markdown("route-x", results(row(size=256, middle=1.2), row(), row(size=128, middle=1.09, half=0.05),
                                              row(size=4096, left_out="a call of gpu takes 9.0 s")))
    lines = text.splitlines()
    own = "0.990 (0.970 to 1.010) | 3, 30 |"
    assert [line for line in lines if line.endswith(own)] == [
        f"| 64 | 0.5 | 2 | 0.51 | cpu | 1.020 (1.010 to 1.030) | {own}",
        f"| 128 | 0.5 | 2 | 0.51 | cpu | 1.090 (1.040 to 1.140) | {own}",
        f"| 256 | 0.5 | 2 | 0.51 | cpu | **1.200 (1.190 to 1.210)** | {own}"]
    assert any(line.startswith("| 4096 | left out: a call of gpu takes 9.0 s |") for line in lines)
    verdict = lines.index("Of 3 sizes, `route=auto` takes more than 1.05 of the faster of both at 2 (by the whole interval: above at 1, "
                          "below at 1).")
    assert lines[verdict + 1 : verdict + 3] == [
        "The mean over sizes is 1.101 (0.899 to 1.349), the worst 1.200 (1.190 to 1.210) (self, f32, 256).",
        "The second session without this library takes more than 1.05 of the first at 0 (by the whole interval: above at 0, below at 3) of "
        "3 sizes."]
    assert "| - | 3, 30 |" in report.table([row(control=None)])
    assert report.verdict(results(row(left_out="why"))) == "No size was measured."


@pytest.mark.parametrize("kind", problems.KINDS, ids=lambda kind: kind.name)
def test_models_and_inputs_are_calls_of_the_operator(kind):
    model = onnx.load_from_string(problems.model(kind, "f32"))
    onnx.checker.check_model(model)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    output, *presents = session.run(None, problems.feeds(kind, "f32", 5))
    assert output.shape == (1, 1 if kind.has_past else 5, kind.hidden)
    assert [present.shape for present in presents] == [(1, kind.heads, 6, kind.head_size)] * (2 if kind.has_past else 0)
    assert {tensor.dtype for tensor in problems.feeds(kind, "f16", 2).values()} == {np.dtype(np.float16)}


def test_sizes_are_powers_of_two():
    assert problems.sizes(1) == [1] and problems.sizes(100) == [1, 2, 4, 8, 16, 32, 64] and problems.sizes(4096)[-1] == 4096


def run(*arguments):
    return subprocess.run([sys.executable, SWEEP, *map(str, arguments)], capture_output=True, text=True, timeout=300)


def test_a_sweep_leaves_its_figures_and_tables(tmp_path):
    library = find_library()
    assert library, "cargo build --release makes the library"
    done = run("--name", "x", "--out", tmp_path, "--library", library, "--kinds", "self", "--dtypes", "f16", "--largest", 1, "--sets", 3,
               "--threads", 2, "--max-seconds", 30)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "route-x.json").read_text())
    measured = {(r["kind"], r["dtype"], r["size"]): r for r in found["rows"]}
    assert set(measured) == {(kind, dtype, size) for kind in ("self",) for dtype in ("f16",) for size in (1,)}
    # No GPU answers as little as this within the time of a CPU.
    assert {who for r in found["rows"] for who in r["answers"]} == {"cpu"} and found["device"] and found["onnxruntime"] == ort.__version__
    assert found["command"] == (
        "python3 crates/mha-bench/route --name x --kinds self --dtypes f16 --largest 1 --sets 3 --threads 2 --max-seconds 30")
    text = (tmp_path / "route-x.md").read_text()
    assert done.stdout.strip() in text and "`path=auto`, 2 threads a session, in\n" in text
    assert run("--name", "x", "--out", tmp_path, "--render").returncode == 0
    assert (tmp_path / "route-x.md").read_text() == text and len(list(tmp_path.iterdir())) == 2


def the_sweep():
    spec = importlib.util.spec_from_file_location("route_main", SWEEP / "__main__.py")
    sweep = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sweep)
    return sweep


def test_time_that_is_left_goes_to_what_it_may_decide(monkeypatch):
    sweep, made = the_sweep(), []
    # Of a set, by size: steady, above for sure, and from set to set now below and now above.
    ratios = {1: [1.0], 2: [1.2], 4: [0.9, 1.25]}

    def one_set(chosen, kind, dtype, size, feeds, first, left):
        made.append(size)
        steady = dict.fromkeys(("stock", "control", "gpu"), [(1.0, 5)] * 3)
        return steady | {"auto": [(ratios[size][first % len(ratios[size])], 5)] * 3}, "a GPU", ("cpu" if first < 3 else "gpu", "why")

    monkeypatch.setattr(sweep, "one_set", one_set)
    words = ["--name", "x", "--library", str(find_library()), "--kinds", "self", "--dtypes", "f32", "--largest", "4", "--sets", "3"]
    chosen = sweep.checked(sweep.arguments(), words)
    rows = {row["size"]: row for _, row in sweep.measured(chosen, {})}
    assert made == [1] * 3 + [2] * 3 + [4] * rounds.MOST_SETS
    assert rows[4]["answers"] == {"cpu": "why", "gpu": "why"} and rows[1]["answers"] == {"cpu": "why"}
    # What was measured before is gone on with too, and nothing where no time is left.
    half = rows[4] | {"sets": rows[4]["sets"][:5]}
    made.clear()
    known = {sweep.key(row): row for row in (rows[1], rows[2], half)}
    assert len(list(sweep.measured(chosen, known))) == len(made) == rounds.MOST_SETS - 5
    chosen.max_seconds = 0
    assert not list(sweep.measured(chosen, known))


def test_every_session_has_the_threads_that_are_asked_for():
    sweep = the_sweep()
    for words, threads in [([], 0), (["--threads", "3"], 3)]:
        chosen = sweep.checked(sweep.arguments(), ["--name", "x", "--library", str(find_library()), *words])
        made, _ = sweep.sessions(chosen, problems.KINDS[0], "f32", 0)
        assert {name: s.get_session_options().intra_op_num_threads for name, s in made.items()} == dict.fromkeys(sweep.WAYS, threads)


def test_a_sweep_goes_on_where_it_ended(tmp_path):
    data = tmp_path / "route-x.json"
    options = ["--name", "x", "--out", tmp_path, "--library", find_library(), "--dtypes", "f16", "--sets", 3]
    of_self = ["--kinds", "self", "--sizes", 3]
    assert run(*options, *of_self, "--max-seconds", "0.000001").returncode == 0
    left_out = json.loads(data.read_text())
    assert [r["left_out"] for r in left_out["rows"]] == ["no time was left"]
    # What was left out stays on record until it is measured.
    assert run(*options, "--kinds", "decode", "--largest", 1, "--resume", "--max-seconds", 30).returncode == 0
    resumed = json.loads(data.read_text())
    assert resumed["rows"][0] == left_out["rows"][0] and [(r["kind"], "left_out" in r) for r in resumed["rows"]] == [
        ("self", True), ("decode", False)]
    assert run(*options, *of_self, "--resume", "--note", "A quiet day.", "--max-seconds", 30).returncode == 0
    whole = json.loads(data.read_text())
    assert [(r["kind"], r["size"], "left_out" in r) for r in whole["rows"]] == [("self", 3, False), ("decode", 1, False)]
    assert (resumed["note"], whole["note"]) == ("", "A quiet day.")
    # What is there is not measured again, and every command that made the table is told.
    assert whole["rows"][1] == resumed["rows"][1] and whole["seconds"] > resumed["seconds"]
    assert [line.split()[-2:] for line in whole["command"].splitlines()] == [["--max-seconds", "0.000001"]] + [["--max-seconds", "30"]] * 2
    # Figures of other sessions, machines or methods are not mixed with these.
    others = [({}, ["--threads", 2], "a sweep has one threads from begin to end, this one 0; got 2"),
              ({}, ["--sets", 4], "a sweep has one sets from begin to end, this one 3; got 4"),
              ({}, ["--path", "baseline"], "a sweep has one path from begin to end, this one auto; got baseline"),
              ({"library": "another"}, [], "a sweep has one library from begin to end, this one another; got"),
              ({"host": "an abacus"}, [], "a sweep has one host from begin to end, this one an abacus; got"),
              ({"method": "By eye."}, [], "--resume takes a sweep by the present method, got x, made by an earlier one")]
    for changes, more, expected in others:
        data.write_text(json.dumps(whole | changes))
        done = run(*options, *of_self, "--resume", *more)
        assert done.returncode == 1 and f"error: {expected}" in done.stderr and json.loads(data.read_text()) == whole | changes


@pytest.mark.parametrize("arguments, rule", [
    (["--dtypes", "f64"], "--dtypes takes f32, f16, got f64"),
    (["--sets", "2"], "--sets takes 3 or more, got 2"),
    (["--threads", "-1"], "--threads takes 0 or more, got -1"),
    (["--resume", "--render"], "argument --render: not allowed with argument --resume"),
    (["--resume"], "--resume takes the name of a sweep in"),
    (["--largest", "0"], "--largest takes 1 or more, got 0"),
    (["--sizes", "4", "--largest", "8"], "argument --largest: not allowed with argument --sizes"),
    (["--sizes", "4,0"], "--sizes takes numbers of 1 or more, got 4,0"),
    (["--sizes", "4,"], "--sizes takes numbers of 1 or more, got 4,"),
    (["--library", "nothing.so"], "--library takes a file that exists, got nothing.so: cargo build --release makes it"),
    (["--render"], "--render takes the name of a sweep in"),
])
def test_wrong_use_gets_one_line(tmp_path, arguments, rule):
    # Wherever the library was built; a later --library counts.
    done = run("--name", "x", "--out", tmp_path, "--library", find_library(), *arguments)
    assert done.returncode != 0 and done.stderr.startswith(f"error: {rule}") and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
