"""Measures this project's kernels and other implementations of attention on one machine in one session, and writes a table.

    cargo build --release -p mha-bench
    python3 crates/mha-bench/compare --name h100

writes NAME.json, every figure, and NAME.md, tables made of it, into crates/mha-bench/results. Peers are measured where their
packages are installed; `--peer NAME=DIRECTORY` names a folder of packages (`pip install --target`), since the two packages
of ONNX Runtime exclude each other. `--render` makes the tables of an existing NAME.json again, without measuring.
"""

import argparse
import datetime
import itertools
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import tempfile
import time

import processes
import tables

HERE = pathlib.Path(__file__).resolve().parent
# Script, its own arguments, and the modules without which it can't run.
PEERS = {
    "ort-builtin": ("ort_webgpu.py", ["builtin"], "onnx, importlib.metadata as m; m.version('onnxruntime-webgpu')"),
    "ort-plugin": ("ort_webgpu.py", ["plugin"], "onnx, onnxruntime, onnxruntime_ep_webgpu"),
    "torch": ("torch_sdpa.py", [], "numpy, torch as t; assert t.cuda.is_available()"),
}


def arguments():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--name", required=True, help="of the two files")
    options.add_argument("--out", type=pathlib.Path, default=HERE.parent / "results")
    options.add_argument("--bench", default="target/release/attention-bench")
    options.add_argument("--peer", action="append", default=[], metavar="NAME[=DIRECTORY]",
                         help=f"only these of {', '.join(PEERS)}; `none` for none")
    options.add_argument("--shapes", default="all", help="`none`, or as attention-bench takes them")
    options.add_argument("--sweep", default="sweep", help="`none`, or shapes of the sweep over sequence lengths")
    options.add_argument("--peer-shapes", help="what the peers are measured on, if not --shapes; `sweep` is a long time")
    options.add_argument("--subjects", default="all", help="at the first score deviation; elsewhere paths only")
    options.add_argument("--score-deviations", default="1,9")
    options.add_argument("--checked-rows", type=int, default=64, help="of every head, against float64")
    options.add_argument("--repeats", type=int, default=20)
    options.add_argument("--rounds", type=int, default=4, help="over which launches are shared out, subjects in turn")
    options.add_argument("--processes", type=int, default=1,
                         help="of this project and of each peer, in turn, whose medians count; of the sweep this project has one")
    options.add_argument("--peer-timeout", type=int, default=600, help="seconds; what a peer measured until then is kept")
    options.add_argument("--first-calls", default="lightonocr-4k,llm-decode", help="shapes, or `none`")
    options.add_argument("--dtypes", default="f32,f16")
    options.add_argument("--note", default="", help="a sentence for the table's head")
    options.add_argument("--render", action="store_true")
    found = options.parse_args()
    if found.processes < 1:
        options.error(f"--processes takes a number from 1 on, got {found.processes}")
    if found.processes > 1 and found.shapes == "none":
        options.error("--processes measures --shapes in each process, got none of them")
    return found


def say(what, start=time.monotonic()):
    print(f"--- {time.monotonic() - start:.0f} s: {what}", file=sys.stderr, flush=True)


def command():
    """What to run for the same figures elsewhere: places are this machine's own."""
    words = ["python3", "crates/mha-bench/compare"]
    for word in sys.argv[1:]:
        peer, is_peer, _ = word.partition("=")
        words.append(f"{peer}=DIRECTORY" if is_peer and peer.removeprefix("--peer=") in PEERS else word)
    for place in ("--out", "--bench"):
        if place in words:
            del words[words.index(place) : words.index(place) + 2]
    return shlex.join(words)


def bench(options, *extra):
    """Runs attention-bench and gives what it wrote."""
    say(f"attention-bench {' '.join(map(str, extra))}")
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run([options.bench, "--json", file.name, *map(str, extra)], check=True)
        return json.loads(pathlib.Path(file.name).read_text())


def common(options, checked_rows):
    return ["--checked-rows", checked_rows, "--repeats", options.repeats, "--dtypes", options.dtypes, "--rounds", options.rounds]


def own(options, inputs):
    """Every figure of this project's kernels. `inputs` is a folder for what they are measured with."""
    first, *others = options.score_deviations.split(",")
    runs = []
    if options.shapes != "none":
        runs.append(["--shapes", options.shapes, "--subjects", options.subjects, "--score-deviations", first,
                     "--write-inputs", inputs])
        if others:
            runs.append(["--shapes", options.shapes, "--score-deviations", ",".join(others), "--calls", 1])
    if options.sweep != "none":
        runs.append(["--shapes", options.sweep, "--score-deviations", first, "--calls", 3, "--write-inputs", inputs])
    results = {"shapes": [], "rows": [], "refused": [], "swept": []}
    for run in runs:
        found = bench(options, *common(options, options.checked_rows), *run)
        results |= {key: found[key] for key in ("format", "device", "peak_tflops")}
        results["shapes"] += [shape for shape in found["shapes"] if shape not in results["shapes"]]
        results["rows"] += found["rows"]
        results["refused"] += found["refused"]
    if options.sweep != "none":
        results["swept"] = list(dict.fromkeys(row["shape"] for row in found["rows"]))
    return results


def own_again(options):
    """The times of another process at the first score deviation."""
    first = options.score_deviations.split(",")[0]
    run = ["--shapes", options.shapes, "--subjects", options.subjects, "--score-deviations", first]
    return bench(options, *common(options, 1), *run)["rows"]


def first_calls(options):
    """First calls of fresh processes, without and with compiled pipelines on disk. Drivers' own caches would pass for the
    latter, so they are off or in a new folder."""
    say("first calls")
    rows = []
    shapes = [] if options.first_calls == "none" else options.first_calls.split(",")
    for shape, dtype, path in itertools.product(shapes, options.dtypes.split(","), ("baseline", "apple", "auto")):
        with tempfile.TemporaryDirectory() as directory:
            caches = {"MESA_SHADER_CACHE_DISABLE": "true", "__GL_SHADER_DISK_CACHE": "0"}
            for cache in ("cold", "warm"):
                file = f"{directory}/{cache}.json"
                what = ["--shapes", shape, "--dtypes", dtype, "--subjects", path, "--json", file]
                subprocess.run([options.bench, "--first-call", f"{directory}/pipelines", *what], check=True,
                               env=os.environ | caches)
                rows.append({"cache": cache} | json.loads(pathlib.Path(file).read_text()))
    return rows


def chosen(options):
    """The peers asked for, each with the folder of its packages."""
    named = dict(peer.partition("=")[::2] for peer in options.peer) or dict.fromkeys(PEERS, "")
    return {name: directory for name, directory in named.items() if name != "none"}


def peers(options, inputs, again=None):
    """Of each peer in turn, its rows, and why there are none or not all. It gets the numbers that `own` wrote to `inputs`. `again` has the
    names of those whose times of another process are wanted."""
    shapes = options.peer_shapes or options.shapes
    deviations, checked_rows, wanted = options.score_deviations, options.checked_rows, chosen(options)
    if again is not None:
        deviations, checked_rows = deviations.split(",")[0], 1
        wanted = {name: directory for name, directory in wanted.items() if name in again}
    for name, directory in wanted.items():
        script, own_arguments, modules = PEERS[name]
        path = os.pathsep.join(part for part in (directory, os.environ.get("PYTHONPATH")) if part)
        environment = os.environ | {"PYTHONPATH": path}
        probe = subprocess.run([sys.executable, "-c", f"import {modules}"], env=environment, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True)
        if probe.returncode != 0:
            yield name, [], probe.stderr.strip().splitlines()[-1]
            continue
        say(name)
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            what = ["--shapes", shapes, "--dtypes", options.dtypes, "--score-deviations", deviations,
                    "--checked-rows", str(checked_rows), "--inputs", inputs, "--json", file.name]
            run = [sys.executable, HERE / script, *own_arguments, *what]
            try:
                status = subprocess.run(run, env=environment, timeout=options.peer_timeout).returncode
                problem = f"it ended with status {status}" if status else None
            except subprocess.TimeoutExpired:
                problem = f"it was stopped after {options.peer_timeout} s"
            rows = json.loads(pathlib.Path(file.name).read_text() or "[]")
        yield name, [{"peer": name} | row for row in rows], problem and f"{problem}, after {len(rows)} rows"


def cpu():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def measured(options, inputs):
    """The results so far, after each part, so that a run that is stopped keeps the parts before. `inputs` is an empty folder."""
    results = own(options, inputs) | {
        "same_inputs": True,
        "first_calls": [],
        "peers": [],
        "peers_absent": dict.fromkeys(chosen(options), "the run was stopped before it"),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "host": f"{cpu()}, {os.cpu_count()} cores",
        "command": command(),
        "note": options.note,
    }
    yield results
    results["first_calls"] = first_calls(options)
    yield results
    for name, rows, problem in peers(options, inputs):
        results["peers"] += rows
        results["peers_absent"].pop(name)
        if problem:
            results["peers_absent"][name] = problem
        yield results
    turns = {part: [results[part]] for part in ("rows", "peers")}
    for turn in range(2, options.processes + 1):
        turns["rows"].append(own_again(options))
        found = []
        for name, rows, problem in peers(options, inputs, again={row["peer"] for row in results["peers"]}):
            found += rows
            if problem:
                before = results["peers_absent"].get(name)
                results["peers_absent"][name] = "; ".join(filter(None, [before, f"process {turn}: {problem}"]))
        turns["peers"].append(found)
        results |= {part: processes.together(rows) for part, rows in turns.items()}
        yield results


def replace(file, text):
    """Writes a file, of which a run that is stopped leaves the old or the new."""
    beside = file.with_suffix(f"{file.suffix}.new")
    beside.write_text(text)
    beside.replace(file)


def main():
    options = arguments()
    file = options.out / f"{options.name}.json"
    table = options.out / f"{options.name}.md"
    if options.render:
        table.write_text(tables.markdown(options.name, json.loads(file.read_text())))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as inputs:
        for results in measured(options, inputs):
            replace(file, json.dumps(results, indent=1) + "\n")
            replace(table, tables.markdown(options.name, results))


if __name__ == "__main__":
    main()
