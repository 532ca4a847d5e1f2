"""Contract: `webgpu-attention compare` runs a model each way, tells times and differences, and refuses in one line what it can't."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

WAYS = ["stock CPU", "baseline", "apple", "auto"]
ORT_FOLDER = Path(onnxruntime.__file__).parent / "capi"
REPOSITORY = Path(__file__).resolve().parents[2]
# A library, but neither the runtime nor the one under test.
OTHER_LIBRARY = next(ORT_FOLDER.glob("*onnxruntime_providers_shared*"))
OLD_PYTHON = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "venvs" / "ort-1.23" / "bin" / "python"

ATTENTION = "com.microsoft.MultiHeadAttention <num_heads = 4>"


def write_model(path, signature, body):
    """A model in ONNX's text form, its nodes named n0, n1, ..."""
    opsets = '["" : 17, "com.microsoft" : 1]'
    model = onnx.parser.parse_model(f"<ir_version: 8, opset_import: {opsets}> g {signature} {{ {body} }}")
    for index, node in enumerate(model.graph.node):
        node.name = f"n{index}"
    onnx.save(model, path)
    return path


@pytest.fixture
def plain(tmp_path):
    """One node, one input whose length is free."""
    body = f"y = {ATTENTION} (x, x, x)"
    return write_model(tmp_path / "plain.onnx", "(float[1,seq,32] x) => (float[1,seq,32] y)", body)


@pytest.fixture
def compare(say):
    """Runs `compare` with the onnxruntime of this Python."""

    def run(*arguments, **environment):
        return say("compare", *arguments, "--python", sys.executable, "--runs", 2, "--warm-up", 1, **environment)

    return run


def results(finished, file):
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    return json.loads(Path(file).read_text())


def refusal(finished):
    """The one line of a run that failed, without the program's name."""
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert finished.stdout == ""
    lines = finished.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("webgpu-attention: "), finished.stderr
    return lines[0].removeprefix("webgpu-attention: ")


def test_every_way_is_measured_and_agrees(compare, plain, tmp_path):
    finished = compare(plain, "--dim", "seq=40", "--json", "result.json")
    result = results(finished, tmp_path / "result.json")
    assert [row["name"] for row in result["rows"]] == WAYS
    assert [row["taken_over"] for row in result["rows"]] == [0, 1, 1, 1]
    assert result["nodes"] == 1 and result["agree"] is True
    assert result["onnxruntime"] == onnxruntime.__version__
    assert result["inputs"] == [{"name": "x", "type": "float32", "shape": [1, 40, 32], "file": None}]
    for row in result["rows"]:
        for times in (row["model_ms"], row["attention_ms"], row["nodes"][0]["ms"]):
            assert 0 < times["low"] <= times["median"] <= times["high"]
        assert [node["name"] for node in row["nodes"]] == ["n0"]
        (difference,) = row["differences"]
        assert difference["output"] == "y" and difference["relative"] <= 1e-5
    assert max(row["differences"][0]["absolute"] for row in result["rows"]) > 0, "kernels round differently"
    lines = finished.stdout.splitlines()
    assert lines[-1] == result["verdict"] and "outputs agree" in lines[-1]
    assert any(line.startswith("baseline") and "1 of 1" in line for line in lines)


def test_all_types_in_and_out(compare, tmp_path):
    signature = """(float[1,s,32] x, float16[1,s,32] h, int32[1,s] mask, int64[s] wide, uint8[s] small, bool[s] flags)
        => (float[1,s,32] y, float16[1,s,32] z, int32[1,s] narrow, int64[s] sum, uint8[s] same, bool[s] other)"""
    body = f"""y = {ATTENTION} (x, x, x, , mask)  z = {ATTENTION} (h, h, h)  narrow = Add(mask, mask)
        sum = Add(wide, wide)  same = Identity(small)  other = Not(flags)"""
    model = write_model(tmp_path / "types.onnx", signature, body)
    result = results(compare(model, "--dim", "s=24", "--json", "result.json"), tmp_path / "result.json")
    assert [row["taken_over"] for row in result["rows"]] == [0, 2, 2, 2]
    assert result["agree"] is True and result["tolerance"] == 0.01
    types = [port["type"] for port in result["inputs"]]
    assert types == ["float32", "float16", "int32", "int64", "uint8", "bool"]
    for row in result["rows"]:
        worst = {difference["output"]: difference["absolute"] for difference in row["differences"]}
        assert worst["y"] < 1e-5 and worst["z"] < 1e-2
        assert [worst[name] for name in ("narrow", "sum", "same", "other")] == [0, 0, 0, 0]


def test_options_have_their_effect(compare, plain, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((1, 8, 32), np.float32))
    arguments = ("--input", "x.npy", "--paths", "apple", "--threads", 1, "--seed", 7, "--tolerance", 1e-30)
    finished = compare(plain, *arguments, "--adapter", "0", "--json", "result.json")
    result = results(finished, tmp_path / "result.json")
    assert [row["name"] for row in result["rows"]] == ["stock CPU", "apple"]
    assert result["inputs"][0]["shape"] == [1, 8, 32] and result["inputs"][0]["file"] == "x.npy"
    assert (result["threads"], result["seed"], result["runs"], result["warm_up"]) == (1, 7, 2, 1)
    # Attention over equal values gives these values, but for rounding.
    assert result["rows"][1]["differences"][0]["absolute"] < 1e-6
    assert result["agree"] is (result["rows"][1]["differences"][0]["relative"] == 0)


ENDS = [] if sys.platform == "win32" else [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def endless(program, plain, tmp_path):
    """Starts a comparison that only a signal ends, with some signals ignored; gives it, and its folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = [program, "compare", plain, "--dim", "seq=64", "--runs", "100000", "--python", sys.executable]
    environment = {**os.environ, "TMPDIR": str(folder), "NODEVICE_SELECT": "1"}
    started = []

    def start(*ignored):
        def dispose():
            # Whatever this process was started with.
            for how in ENDS:
                signal.signal(how, signal.SIG_IGN if how in ignored else signal.SIG_DFL)

        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        running = subprocess.Popen(command, env=environment, cwd=tmp_path, preexec_fn=dispose, **quiet)
        started.append(running)
        # Profiles are under way.
        give_up = time.monotonic() + 60
        while not list(folder.glob("webgpu-attention-*/*")):
            assert running.poll() is None and time.monotonic() < give_up, "it makes no temporary file"
            time.sleep(0.02)
        return running, folder

    yield start
    for running in started:
        running.kill()
        running.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")
@pytest.mark.parametrize("how", ENDS)
def test_an_interrupted_run_leaves_nothing_behind(how, endless):
    running, folder = endless()
    running.send_signal(how)
    assert running.wait(timeout=60) == -how, "it ends as any interrupted program does"
    assert not list(folder.glob("webgpu-attention-*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")
def test_signals_that_were_ignored_stay_ignored(endless):
    """As under `nohup`, and in the background of a script."""
    running, folder = endless(signal.SIGINT, signal.SIGHUP)
    for how in (signal.SIGINT, signal.SIGHUP):
        running.send_signal(how)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(timeout=1)
        assert list(folder.glob("webgpu-attention-*/*")), "it goes on"
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=60) == -signal.SIGTERM
    assert not list(folder.glob("webgpu-attention-*"))


def test_the_seed_decides_the_values(compare, plain, tmp_path):
    def difference(seed):
        arguments = ("--dim", "seq=64", "--paths", "baseline", "--seed", seed, "--json", "result.json")
        return results(compare(plain, *arguments), tmp_path / "result.json")["rows"][1]["differences"][0]["absolute"]

    # A difference is a few units in the last place, which two seeds may have in common.
    first, *others = [difference(seed) for seed in (1, 2, 3, 4)]
    assert difference(1) == first and set(others) != {first}


def test_a_difference_is_said(compare, plain, tmp_path):
    finished = compare(plain, "--dim", "seq=64", "--tolerance", "0", "--json", "result.json")
    result = results(finished, tmp_path / "result.json")
    assert result["agree"] is False and "; outputs DIFFER: '" in finished.stdout.splitlines()[-1]


@pytest.mark.skipif(sys.platform != "linux", reason="names the cache directory as Linux does")
def test_auto_has_measured_before_it_is_timed(compare, plain, tmp_path):
    """Beside so short a run it would not end in time: it has waited. A software device measures nothing beside calls."""
    cache = tmp_path / "cache"
    finished = compare(plain, "--dim", "seq=96", "--paths", "auto", XDG_CACHE_HOME=str(cache))
    assert finished.returncode == 0, finished.stderr
    learnt = list(cache.glob("ort-webgpu-attention/choices/*"))
    assert bool(learnt) != (", software, " in finished.stdout), finished.stdout


def test_nodes_in_a_loop_are_one_node(compare, tmp_path):
    """A body that runs three times a run has its times added up."""
    model = tmp_path / "loop.onnx"
    body = "(int64 i, bool go, float[1,8,32] a) => (bool on, float[1,8,32] b)"
    write_model(
        model,
        "(float[1,8,32] x) => (float[1,8,32] y)",
        f"""count = Constant <value_int = 3> ()  yes = Constant <value = bool {{1}}> ()
        y = Loop (count, yes, x) <body = each {body} {{ on = Identity(go)  b = {ATTENTION} (a, a, a) }}>""",
    )
    result = results(compare(model, "--json", "result.json"), tmp_path / "result.json")
    assert result["nodes"] == 1 and len(result["rows"][1]["nodes"]) == 1 and result["agree"] is True


def test_the_runtime_may_be_named(say, compare, plain):
    (runtime,) = [file for file in ORT_FOLDER.iterdir() if file.name.startswith("libonnxruntime.")]
    sizes = ("--dim", "seq=8", "--runs", 1, "--warm-up", 1, "--python", "/nonexistent")
    assert say("compare", plain, *sizes, "--onnxruntime", runtime).returncode == 0
    assert say("compare", plain, *sizes, ORT_DYLIB_PATH=str(runtime)).returncode == 0
    assert "--onnxruntime" in refusal(say("compare", plain, *sizes))


def bad_command_lines(folder):
    """Arguments, and what the one line has to say."""
    (folder / "text.onnx").write_text("no protobuf")
    identity = "y = Identity(x)"
    write_model(folder / "none.onnx", "(float[2] x) => (float[2] y)", identity)
    write_model(folder / "words.onnx", "(string[2] x) => (string[2] y)", identity)
    write_model(folder / "double.onnx", "(float[2] x) => (double[2] y)", "y = Cast <to = 11> (x)")
    write_model(folder / "list.onnx", "(float[2] x) => (seq(float[2]) y)", "y = SequenceConstruct(x)")
    write_model(folder / "maybe.onnx", "(optional(float[2]) x) => (float[2] y)", "y = OptionalGetElement(x)")
    packed = f"y = {ATTENTION} (x)"
    write_model(folder / "packed.onnx", "(float[1,8,4,3,8] x) => (float[1,8,32] y)", packed)
    np.save(folder / "wrong_type.npy", np.ones((1, 8, 32), np.float64))
    np.save(folder / "wrong_size.npy", np.ones((1, 8, 33), np.float32))
    np.save(folder / "wrong_rank.npy", np.ones(8, np.float32))
    np.save(folder / "right.npy", np.ones((1, 8, 32), np.float32))
    (folder / "text.npy").write_text("no array")
    plain = ["plain.onnx", "--dim", "seq=8"]
    return [
        (["absent.onnx"], "MODEL is an ONNX file, got 'absent.onnx', which is no file"),
        (["."], "MODEL is an ONNX file, got '.', which is no file"),
        (["text.onnx"], f"MODEL is one that ONNX Runtime {onnxruntime.__version__} loads, got 'text.onnx': "),
        (["none.onnx"], "got 'none.onnx' with none after ONNX Runtime's own optimisations: there is nothing to compare"),
        (["words.onnx"], "inputs are float32, float16, int32, int64, uint8, bool, got 'x' of type string"),
        (["double.onnx"], "outputs are float32, float16, int32, int64, uint8, bool, got 'y' of type float64"),
        (["list.onnx"], "got 'y' of type sequence of float32"),
        (["maybe.onnx"], "got 'x' of type optional float32"),
        (["packed.onnx"], "stock CPU kernels must run 'packed.onnx' on these inputs, got: "),
        (["plain.onnx"], "got none for some of them: add --dim seq=N"),
        ([*plain, "--dim", "batch=1"], "--dim names a symbolic dimension of an input, got 'batch'; there are: seq"),
        ([*plain, "--dim", "seq=9"], "'seq' has one size, got 8 from --dim and 9 from --dim"),
        ([*plain, "--input", "x=absent.npy"], "--input of 'x': 'absent.npy' can't be read"),
        ([*plain, "--input", "x=text.npy"], "an .npy file begins as numpy.save writes it, got something else in 'text.npy'"),
        ([*plain, "--input", "wrong_type.npy"], "--input of 'x': its elements are float32 (<f4), got <f8 in 'wrong_type.npy'"),
        ([*plain, "--input", "wrong_size.npy"], "input 'x' has shape [1, seq, 32], got [1, 8, 33] in 'wrong_size.npy'"),
        ([*plain, "--input", "wrong_rank.npy"], "input 'x' has shape [1, seq, 32], got [8] in 'wrong_rank.npy'"),
        ([*plain, "--input", "q=right.npy"], "got 'q=right.npy'; there are: x"),
        ([*plain, "--input", "right.npy", "--input", "x=right.npy"], "got a second one for 'x'"),
        (["plain.onnx", "--dim", "seq=9", "--input", "right.npy"], "got 9 from --dim and 8 from 'right.npy'"),
        ([*plain, "--onnxruntime", "absent.so"], "ONNX Runtime is a shared library, got 'absent.so'"),
        ([*plain, "--onnxruntime", OTHER_LIBRARY], "ONNX Runtime exports OrtGetApiBase, got '"),
        ([*plain, "--library", "absent.so"], "absent.so', which is no file"),
        ([*plain, "--library", folder / "plain.onnx"], "the library is a build of ort-webgpu-attention, got '"),
        ([*plain, "--library", OTHER_LIBRARY], "it lacks functions of this version"),
        ([*plain, "--adapter", "no such GPU"], "the library needs an adapter: no usable graphics adapter whose name contains"),
        ([*plain, "--json", "absent/result.json"], "--json takes a file to write, got `absent/result.json` in no folder: "),
        ([*plain, "--json", "."], "--json takes a file to write, got `.`, which is none: name another"),
        ([*plain, "--json", "plain.onnx"], "a file to write is none that is read, got `plain.onnx`"),
        ([*plain, "--input", "right.npy", "--json", "./right.npy"], "a file to write is none that is read, got `./right.npy`"),
    ]


def test_bad_input_is_refused_in_one_line(compare, plain, tmp_path):
    for arguments, message in bad_command_lines(tmp_path):
        json_file = [] if "--json" in arguments else ["--json", "result.json"]
        said = refusal(compare(*arguments, *json_file))
        assert message in said, f"{arguments}: {said}"
        assert not (tmp_path / "result.json").exists(), arguments
    assert np.load(tmp_path / "right.npy").shape == (1, 8, 32), "what is read is kept"
    assert not list(tmp_path.glob("*partial*")) and not list(tmp_path.glob("*profile*")), "nothing half-written"


def test_a_machine_without_adapter(compare, plain):
    none = {"VK_DRIVER_FILES": "/nonexistent/none.json", "VK_ICD_FILENAMES": "/nonexistent/none.json"}
    assert "the library needs an adapter: " in refusal(compare(plain, "--dim", "seq=8", **none))


def test_an_old_runtime_is_refused(say, plain):
    if not OLD_PYTHON.exists():
        pytest.skip(f"{OLD_PYTHON} is missing: `ci/test` makes it")
    said = refusal(say("compare", plain, "--python", OLD_PYTHON))
    assert "needs ONNX Runtime 1.24 or newer, got 1.23." in said


def test_a_python_without_runtime(say, plain):
    """`false` stands for an interpreter that does not find the package."""
    said = refusal(say("compare", plain, "--python", "false"))
    assert "`false` has none: pip install onnxruntime" in said and "--onnxruntime" in said


@pytest.mark.parametrize(
    "arguments, line",
    [
        ([], "a command is missing: type `webgpu-attention doctor|bench|compare|tune`"),
        (["comapre"], "there is no command 'comapre': type `webgpu-attention doctor|"),
        (["compare"], "<MODEL> is missing: type `webgpu-attention compare <MODEL>`"),
        (["compare", "m.onnx", "--pahts", "auto"], "type --paths, or `webgpu-attention compare --help` for all there are"),
        (["compare", "m.onnx", "--paths", "fast"], "paths are baseline, apple, auto"),
        (["compare", "m.onnx", "--dim", "seq"], "it is name=size, as in batch=1"),
        (["compare", "m.onnx", "--runs", "0"], "invalid value '0' for '--runs <RUNS>': a number from 1 to 1000000 is needed"),
        (["bench", "--score-deviations", "-1"], "'--score-deviations <SCORE_DEVIATIONS>': a number above 0 is needed"),
        (["bench", "--repeats", "-1"], "invalid value '-1' for '--repeats <REPEATS>': a number from 1 to "),
        (["tune", "--seconds", "-1"], "--seconds is a number above 0, 86400 at most, got '-1'"),
        (["bench", "--jsn", "x"], "type --json, or `webgpu-attention bench --help` for all there are"),
        (["doctor", "now"], "there is no option or argument 'now'"),
    ],
)
def test_errors_of_use_are_one_line(say, arguments, line):
    finished = say(*arguments)
    assert finished.returncode == 2 and finished.stdout == ""
    assert line in finished.stderr and finished.stderr.count("\n") == 1, finished.stderr


def test_places_that_are_not_there_are_refused_before_a_device_is_opened(say, tmp_path):
    (tmp_path / "file").write_text("kept")
    for arguments, message in [
        (["doctor", "--library", "absent.so"], "--library takes the file of a library, got 'absent.so', which is none"),
        (["tune", "--cache", "file"], "choices are kept in a directory, got 'file', where 'file' is none; --cache DIR names another"),
        (["bench", "--shapes", "absent.json"], "--shapes takes names, or a FILE.json that is there"),
    ]:
        assert message in refusal(say(*arguments)), arguments
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "kept"


def test_tune_fails_where_it_chose_nothing(say, tmp_path):
    shape = {"name": "wide", "batch": 1, "q_len": 4, "kv_len": 4, "heads": 1, "head_size": 5000, "causal": False}
    (tmp_path / "wide.json").write_text(json.dumps([shape]))
    finished = say("tune", "--shapes", "wide.json", "--dtypes", "f32", "--cache", "cache")
    assert finished.returncode == 1
    assert "a choice is made where candidates were measured, got none" in finished.stderr
    assert "| wide f32 | " in finished.stdout and "kept in" not in finished.stdout


def test_help_is_on_standard_output(say):
    for arguments in (["--help"], ["compare", "--help"], ["--version"]):
        finished = say(*arguments)
        assert finished.returncode == 0 and finished.stdout and not finished.stderr
