"""What every peer is measured with: the shapes of attention-bench, inputs made the same way, and the float64 reference."""

import argparse
import dataclasses
import json
import pathlib
import sys
import traceback

import numpy as np

SHAPES = pathlib.Path(__file__).parent.parent / "data" / "shapes.json"
NUMPY_TYPES = {"f32": np.float32, "f16": np.float16}


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    batch: int
    q_len: int
    kv_len: int
    heads: int
    head_size: int
    causal: bool

    @property
    def hidden(self):
        return self.heads * self.head_size

    @property
    def masked(self):
        """Whether causality hides anything: one query row sees all keys, its own being the last."""
        return self.causal and self.q_len > 1

    @property
    def flops(self):
        """Those that count: half of the square of rows and keys under causality, and all of the last row's."""
        square = min(self.q_len, self.kv_len)
        seen = (self.q_len - square) * self.kv_len + square**2 / 2 + (self.kv_len - square)
        pairs = seen if self.masked else self.q_len * self.kv_len
        return 4.0 * self.batch * self.heads * pairs * self.head_size


def listed(file):
    """The cases of a file of shapes."""
    return [Case(**{k: v for k, v in shape.items() if k != "from"}) for shape in json.loads(pathlib.Path(file).read_text())]


def named(names):
    """The cases of a list of names, where `all` is every built-in shape, `sweep` the lengths from 128 to 16384, and what ends
    in `.json` a file of shapes."""
    built_in = listed(SHAPES)
    sweep = [Case(f"sweep-{1 << p}", 1, 1 << p, 1 << p, 16, 64, False) for p in range(7, 15)]
    by_name = {case.name: [case] for case in built_in + sweep} | {"all": built_in, "sweep": sweep}
    unknown = [name for name in names if name not in by_name and not name.endswith(".json")]
    if unknown:
        sys.exit(f"peers take the shapes {', '.join(by_name)}, or a FILE.json, got {', '.join(unknown)}")
    return [case for name in names for case in by_name.get(name) or listed(name)]


def normals(case):
    """Standard normal values for query, key and value, each (batch, length, heads * head_size)."""
    rng = np.random.default_rng(1)
    lengths = {"q": case.q_len, "k": case.kv_len, "v": case.kv_len}
    return {n: rng.standard_normal((case.batch, s, case.hidden), dtype=np.float32) for n, s in lengths.items()}


def written(case, directory):
    """The same from the file that attention-bench wrote of the values it takes."""
    lengths = {"q": case.q_len, "k": case.kv_len, "v": case.kv_len}
    file = pathlib.Path(directory) / f"{case.name}.f32"
    if not file.exists():
        sys.exit(f"peers take shapes that attention-bench has measured before them, got {case.name}")
    values = np.fromfile(file, "<f4")
    counts = [case.batch * s * case.hidden for s in lengths.values()]
    if len(values) != sum(counts):
        sys.exit(f"{case.name}.f32 must hold query, key and value of its shape, {sum(counts)} numbers, got {len(values)}")
    parts = np.split(values, np.cumsum(counts)[:-1])
    return {n: part.reshape(case.batch, s, case.hidden) for (n, s), part in zip(lengths.items(), parts)}


def inputs(values, dtype, score_deviation):
    """The same in a storage type, with queries scaled so that scores have this standard deviation."""
    factors = {"q": np.float32(score_deviation)}
    return {name: (x * factors.get(name, np.float32(1))).astype(NUMPY_TYPES[dtype]) for name, x in values.items()}


def errors(case, x, got, rows):
    """Differences from float64 over `rows` rows of every head, the first and last among them: the largest, and their root mean
    square."""
    sampled = np.unique(np.linspace(0, case.q_len - 1, min(rows, case.q_len)).astype(int))
    split = lambda t: t.astype(np.float64).reshape(t.shape[0], -1, case.head_size).transpose(1, 0, 2)
    largest, squares = 0.0, []
    for b in range(case.batch):
        parts = (x["q"][b, sampled], x["k"][b], x["v"][b], got[b, sampled])
        q, k, v, result = (split(part.reshape(len(part), case.heads, case.head_size)) for part in parts)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(case.head_size)
        if case.masked:
            # The operator leaves the last row unrestricted.
            restricted = (sampled < case.q_len - 1)[:, None]
            scores[:, restricted & (sampled[:, None] < np.arange(case.kv_len))] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        difference = np.abs(weights @ v / weights.sum(-1, keepdims=True) - result)
        difference[np.isnan(difference)] = np.inf
        largest = max(largest, float(difference.max()))
        squares.append(float(np.mean(difference**2)))
    return largest, float(np.sqrt(np.mean(squares)))


def median(values):
    return sorted(values)[len(values) // 2]


def times_of_more(pairs, more):
    """What one node takes by pairs of times, of runs with `more` nodes than the other and without: `gpu_ms`, the difference of medians, and
    `gpu_ms_spread`, the tenth and ninetieth percentile of what each pair says, which noise can make negative. None where the
    difference drowns in noise."""
    many, one = (median(times) for times in zip(*pairs))
    if many <= one:
        return {"gpu_ms": None}
    single = sorted((many - one) / more for many, one in pairs)
    return {"gpu_ms": (many - one) / more, "gpu_ms_spread": [single[int(len(single) * part)] for part in (0.1, 0.9)]}


def measure_all(subject, measure, arguments):
    """Calls `measure(case, x, timed)` for every case, type and deviation, and writes the rows as they come: a peer that
    ends badly keeps what it had. Times are taken at the first deviation, errors at all.

    `measure` gives the output and a dictionary of times: `gpu_ms`, of one node on the device, and `call_ms`."""
    rows = []
    for case in named(arguments.shapes.split(",")):
        values = written(case, arguments.inputs) if arguments.inputs else normals(case)
        for dtype in arguments.dtypes.split(","):
            for index, deviation in enumerate(float(d) for d in arguments.score_deviations.split(",")):
                x = inputs(values, dtype, deviation)
                row = {"shape": case.name, "dtype": dtype, "score_deviation": deviation, "subject": subject}
                try:
                    got, times = measure(case, x, index == 0)
                    found = errors(case, x, got, arguments.checked_rows)
                    # JSON has no infinity.
                    row |= times | {name: error if np.isfinite(error) else None
                                    for name, error in zip(("largest_error", "rms_error"), found)}
                    if row.get("gpu_ms"):
                        row["tflops"] = case.flops / row["gpu_ms"] / 1e9
                except Exception as error:  # a peer that refuses a case is a row of the table too
                    traceback.print_exc()
                    row["refused"] = " ".join(str(error).split())[:200]
                rows.append(row)
                print(json.dumps(row), flush=True)
                pathlib.Path(arguments.json).write_text(json.dumps(rows, indent=1))


def parser(description):
    """The options that all peers have."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--shapes", default="all")
    options.add_argument("--dtypes", default="f32,f16")
    options.add_argument("--score-deviations", default="1")
    options.add_argument("--checked-rows", type=int, default=64)
    options.add_argument("--inputs", help="folder that `attention-bench --write-inputs` wrote; own ones otherwise")
    options.add_argument("--json", required=True)
    return options
