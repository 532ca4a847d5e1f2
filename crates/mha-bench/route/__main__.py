"""Measures the session option `route` through ONNX Runtime, with tensors in host memory: two sessions without the library (stock CPU,
and the control that says how much two of a kind differ), one with `route=gpu` and one with `route=auto` make the same calls in turn,
over lengths from 1 to 4096.

    cargo build --release
    python3 crates/mha-bench/route --name my-machine

writes NAME.json, every figure, and NAME.md, tables made of it, into crates/mha-bench/results, after each size. `--resume` measures
what such a sweep left out, `--render` makes its tables again; both take sweeps by the present method only. It needs the packages
numpy, onnx and onnxruntime.
"""

import argparse
import contextlib
import ctypes
import datetime
import hashlib
import json
import os
import pathlib
import platform
import re
import shlex
import sys
import tempfile
import time

import report
import rounds

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "results"
INFO, VERBOSE, ERROR = 1, 0, 3


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, without the usage."""
        self.exit(2, f"error: {message} (--help lists the options)\n")


def arguments():
    options = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--name", required=True, help="of the two files, `route-NAME`")
    options.add_argument("--out", type=pathlib.Path, default=RESULTS, help="folder of the two files")
    options.add_argument("--library", dest="plugin_file", type=pathlib.Path,
                         default=pathlib.Path("target/release/libort_webgpu_attention.so"))
    options.add_argument("--path", default="auto", help="the session option")
    options.add_argument("--adapter", default="auto", help="the session option")
    options.add_argument("--kinds", default="self,decode")
    options.add_argument("--dtypes", default="f32,f16")
    which = options.add_mutually_exclusive_group()
    which.add_argument("--largest", type=int, default=4096, help="length or cache")
    which.add_argument("--sizes", default="", help="lengths or caches, 4,32 say, in place of all powers of two up to --largest")
    options.add_argument("--max-seconds", type=float, default=1500, help="for all; sizes that would take longer are left out")
    options.add_argument("--sets", type=int, default=4, help="of sessions, made anew for each, that every size gets; what time is left "
                         "goes to more of them where those decide nothing")
    options.add_argument("--threads", type=int, default=0, help="of each session on the CPU, 0 for ONNX Runtime's choice: fewer than there "
                         "are cores keep times apart from what else a machine does")
    options.add_argument("--note", default="", help="a sentence for the head of the tables")
    existing = options.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="measure what an existing sweep did not")
    existing.add_argument("--render", action="store_true", help="make the tables of an existing sweep again")
    return options


def checked(options, words=None):
    chosen = options.parse_args(words)
    rules = [
        (set(chosen.dtypes.split(",")) <= {"f32", "f16"}, f"--dtypes takes f32, f16, got {chosen.dtypes}"),
        (set(chosen.kinds.split(",")) <= {"self", "decode"}, f"--kinds takes self, decode, got {chosen.kinds}"),
        (chosen.largest >= 1, f"--largest takes 1 or more, got {chosen.largest}"),
        (all(size.isdecimal() and int(size) for size in chosen.sizes.split(",") if chosen.sizes),
         f"--sizes takes numbers of 1 or more, got {chosen.sizes}"),
        (chosen.sets >= rounds.LEAST_SETS, f"--sets takes {rounds.LEAST_SETS} or more, got {chosen.sets}"),
        (chosen.threads >= 0, f"--threads takes 0 or more, got {chosen.threads}"),
        (chosen.max_seconds > 0, f"--max-seconds takes more than 0, got {chosen.max_seconds:g}"),
        (chosen.render or chosen.plugin_file.is_file(), f"--library takes a file that exists, got {chosen.plugin_file}: "
                                                        "cargo build --release makes it"),
    ]
    for holds, rule in rules:
        if not holds:
            options.error(rule)
    return chosen


def command():
    """What to run for the same figures elsewhere: places and notes are this machine's own."""
    words = ["python3", "crates/mha-bench/route", *sys.argv[1:]]
    for own in ("--out", "--library", "--note"):
        if own in words:
            del words[words.index(own) : words.index(own) + 2]
    return shlex.join(words)


def cpu():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@contextlib.contextmanager
def log():
    """What is written to standard error meanwhile, by C++ too: a function that gives it."""
    with tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield lambda: (file.seek(0), file.read().decode(errors="replace"))[1]
        finally:
            os.dup2(saved, 2)
            os.close(saved)


WAYS = {"stock": None, "control": None, "gpu": "gpu", "auto": "auto"}


def sessions(chosen, kind, dtype, first):
    """One for each way, made from the `first` of them on, and which device the library took."""
    import onnxruntime as ort
    import problems

    def make(route, level=ERROR):
        options = ort.SessionOptions()
        options.log_severity_level = level
        options.intra_op_num_threads = chosen.threads
        if route:
            options.register_custom_ops_library(str(chosen.plugin_file.resolve()))
            for key, value in (("path", chosen.path), ("adapter", chosen.adapter), ("route", route)):
                options.add_session_config_entry(problems.PREFIX + key, value)
        return ort.InferenceSession(problems.model(kind, dtype), options, providers=["CPUExecutionProvider"])

    # Which device that is one more says, so that those that are timed log alike.
    with log() as text:
        make("gpu", INFO)
        device = re.search(r"MultiHeadAttention node '.*' runs path \w+ on ([^\n\x1b]*)", text())
        if not device:
            raise SystemExit(f"error: the library takes the node on a GPU, got: {text().strip()[-500:]}")
    names = list(WAYS)
    return {name: make(WAYS[name]) for name in names[first:] + names[:first]}, device[1]


def waiter(plugin_file):
    """Waits while the library measures kernels beside the sessions, as it does once for every class of problems: what they compute is
    slower meanwhile, and `route=auto` decides anew after it."""
    is_measuring = ctypes.CDLL(str(plugin_file.resolve())).ort_webgpu_attention_is_measuring

    def wait():
        while is_measuring():
            time.sleep(0.01)

    return wait


def run_options(level):
    import onnxruntime as ort

    options = ort.RunOptions()
    options.log_severity_level = level
    return options


def answered(session, feeds):
    """Who answers a call under `route=auto`, and why, by the log."""
    with log() as text:
        session.run(None, feeds, run_options(VERBOSE))
        found = re.search(r"node '[^']*': route (\w+): ([^\n\x1b]*)", text())
    return (found[1], found[2]) if found else ("unknown", "")


def key(row):
    return row["kind"], row["dtype"], row["size"]


def one_set(chosen, kind, dtype, size, feeds, first, left):
    """The times of a set of sessions, made from the `first` way on; on which device, who answered in the end, and why."""
    several, device = sessions(chosen, kind, dtype, first % len(WAYS))
    quiet = run_options(ERROR)
    calls = {name: lambda session=session: session.run(None, feeds, quiet) for name, session in several.items()}
    times = rounds.measure(calls, left, waiter(chosen.plugin_file))
    return times, device, answered(several["auto"], feeds)


def measured(chosen, known):
    """The rows of every size that there is time for: first of those that are not `known`, one after another, small ones of all kinds first.
    Then, a set at a time, of those that this leaves open, the highest ratios first."""
    import problems

    deadline = time.monotonic() + chosen.max_seconds
    chains = [(kind, dtype) for kind in problems.KINDS if kind.name in chosen.kinds.split(",") for dtype in chosen.dtypes.split(",")]
    sizes = sorted({int(size) for size in chosen.sizes.split(",")}) if chosen.sizes else problems.sizes(chosen.largest)
    cells = {(kind.name, dtype, size): (kind, dtype, size) for size in sizes for kind, dtype in chains}
    rows = dict(known)

    def add(name, count):
        """Measures so many sets more; gives on which devices."""
        kind, dtype, size = cells[name]
        sets, answers, devices = rows.get(name, {}).get("sets", []), dict(rows.get(name, {}).get("answers", {})), []
        if time.monotonic() > deadline:
            raise rounds.OutOfTime("no time was left")
        feeds = problems.feeds(kind, dtype, size)

        def one(index):
            times, device, (who, why) = one_set(chosen, kind, dtype, size, feeds, len(sets) + index, deadline - time.monotonic())
            devices.append(device)
            answers[who] = why
            return times

        new = rounds.as_many(count, one, rounds.LEAST_SETS - len(sets))
        rows[name] = {"kind": kind.name, "title": kind.title, "dtype": dtype, "size": size, "answers": answers} | rounds.summary(sets + new)
        return devices

    def told(name):
        print(report.line(rows[name]), file=sys.stderr, flush=True)
        return rows[name]

    for name in cells:
        if name in known:
            continue
        devices = []
        try:
            devices = add(name, chosen.sets)
        except rounds.OutOfTime as reason:
            kind, dtype, size = cells[name]
            rows[name] = {"kind": kind.name, "title": kind.title, "dtype": dtype, "size": size, "left_out": str(reason)}
        yield devices, told(name)

    # Whose intervals they are is settled here: to look after each set and stop where one suits would make it more than a chance in twenty.
    still_open = [name for name in cells if "left_out" not in rows[name] and rounds.is_open(rows[name], report.PROMISED)]
    still_open.sort(key=lambda name: -rows[name]["ratio"][1])
    while still_open:
        for name in list(still_open):
            try:
                devices = add(name, 1)
            except rounds.OutOfTime:
                still_open.remove(name)
                continue
            if len(rows[name]["sets"]) == rounds.MOST_SETS:
                still_open.remove(name)
            yield devices, told(name)


def earlier_sweep(chosen, data, option):
    """An existing sweep, by the present method."""
    try:
        found = json.loads(data.read_text())
    except (OSError, ValueError) as problem:
        raise SystemExit(f"error: {option} takes the name of a sweep in {chosen.out}, got {chosen.name}: {problem}") from None
    if found.get("method") != report.METHOD:
        raise SystemExit(f"error: {option} takes a sweep by the present method, got {chosen.name}, made by an earlier one")
    return found


def same(what, expected, received):
    """Figures of different machines or sessions are no one table."""
    if expected != received:
        raise SystemExit(f"error: a sweep has one {what} from begin to end, this one {expected}; got {received}")


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def document(results):
    """A line for each size, as a value for each turn is many."""
    head = json.dumps({key: value for key, value in results.items() if key != "rows"}, indent=1).removesuffix("\n}")
    return f'{head},\n "rows": [\n  ' + ",\n  ".join(map(json.dumps, results["rows"])) + "\n ]\n}\n"


def write(file, text):
    unfinished = file.with_name(file.name + ".tmp")
    unfinished.write_text(text)
    os.replace(unfinished, file)


def main():
    chosen = checked(arguments())
    name = f"route-{chosen.name}"
    data = chosen.out / f"{name}.json"
    if chosen.render:
        write(chosen.out / f"{name}.md", report.markdown(name, earlier_sweep(chosen, data, "--render")))
        return
    import onnxruntime as ort

    chosen.out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    results = {"device": None, "host": f"{cpu()}, {os.cpu_count()} cores", "onnxruntime": ort.__version__, "path": chosen.path,
               "adapter": chosen.adapter, "library": digest(chosen.plugin_file), "sets": chosen.sets, "threads": chosen.threads,
               "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "command": command(), "note": chosen.note,
               "method": report.METHOD, "seconds": 0, "rows": []}
    if chosen.resume:
        earlier = earlier_sweep(chosen, data, "--resume")
        for what in ("host", "onnxruntime", "library", "path", "adapter", "sets", "threads"):
            same(what, earlier[what], results[what])
        results = earlier | {"command": f"{earlier['command']}\n{results['command']}", "note": chosen.note or earlier["note"]}
    before, rows = results["seconds"], {key(row): row for row in results["rows"]}
    for devices, row in measured(chosen, {key(row): row for row in report.measured(results)}):
        for device in devices:
            same("device", results["device"] or device, device)
            results["device"] = device
        rows[key(row)] = row
        results["rows"] = list(rows.values())
        results["seconds"] = before + round(time.monotonic() - begin)
        write(data, document(results))
        write(chosen.out / f"{name}.md", report.markdown(name, results))
    print(report.verdict(results))


if __name__ == "__main__":
    main()
