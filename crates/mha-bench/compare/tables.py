"""Markdown tables of what `compare` measured."""

import re

ORT = ("ort-builtin", "ort-plugin")


def number(value, form):
    return "" if value is None else format(value, form)


def rate(value):
    """TFLOP/s, which are few on a CPU."""
    return number(value, ".1f" if value is None or value >= 1 else ".4f")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


class Results:
    """The rows of one file, by what they are asked for."""

    def __init__(self, results):
        self.all = results
        self.own, self.peers = results["rows"], results["peers"]
        self.deviations = sorted({row["score_deviation"] for row in self.own})
        self.shapes = list(dict.fromkeys(row["shape"] for row in self.own))
        self.dtypes = list(dict.fromkeys(row["dtype"] for row in self.own))
        self.subjects = list(dict.fromkeys(row["subject"] for row in self.own))
        # Files from before it was taken have none.
        self.has_rms = any("rms_error" in row for row in self.own)
        self.has_chains = any(row.get("chain_ms") for row in self.own)
        self.peer_names = list(dict.fromkeys(row["peer"] for row in self.peers))

    def find(self, rows, **wanted):
        return [row for row in rows if all(row[key] == value for key, value in wanted.items())]

    def one(self, rows, **wanted):
        return next(iter(self.find(rows, **wanted)), {})

    def best(self, shape, dtype, deviation, names, figure):
        """The smallest time of some peers on a shape, where one of them has it."""
        rows = self.find(self.peers, shape=shape, dtype=dtype, score_deviation=deviation)
        return min((row[figure] for row in rows if row["peer"] in names and row.get(figure)), default=None)


def ratio(peer_ms, ms):
    return None if peer_ms is None or not ms else peer_ms / ms


def rates(found, dtype, deviation, shapes):
    """Every subject and peer on every shape."""
    rows = []
    peak = found.all["peak_tflops"]["f32"]
    error_heads = ["largest error", "rms error"][: 1 + found.has_rms]
    chain_heads = ["in a chain ms", "in a chain × ORT WebGPU"] if found.has_chains else []
    error_cells = lambda row: errors_of(row)[: len(error_heads)]
    for shape in shapes:
        times = {names: [found.best(shape, dtype, deviation, names, ms) for ms in ("gpu_ms", "call_ms")]
                 for names in (ORT, ("torch",))}
        for row in found.find(found.own, shape=shape, dtype=dtype, score_deviation=deviation):
            low, high = row["gpu_ms_spread"]
            rows.append([
                shape, row["subject"], f"{row['gpu_ms']:.3f} ({low:.3f} to {high:.3f})", rate(row["tflops"]),
                f"{100 * row['tflops'] / peak:.0f} %", number(row["gigabytes"], ".0f"),
                number(ratio(times[ORT][0], row["gpu_ms"]), ".2f"),
                number(ratio(times["torch",][0], row["gpu_ms"]), ".2f"),
                *[number(row.get("chain_ms"), ".4f"), number(ratio(times[ORT][0], row.get("chain_ms")), ".2f")][: len(chain_heads)],
                number(row["call_ms"], ".2f"), number(ratio(times[ORT][1], row["call_ms"]), ".2f"),
                *error_cells(row),
            ])
        for row in found.find(found.peers, shape=shape, dtype=dtype, score_deviation=deviation):
            if "refused" in row:
                rows.append([shape, row["subject"], f"refused: {row['refused']}"] + [""] * (7 + len(chain_heads) + len(error_heads)))
                continue
            tflops = row.get("tflops")
            rows.append([
                shape, row["subject"], milliseconds(row), rate(tflops),
                "" if tflops is None else f"{100 * tflops / peak:.0f} %", "", "", "", *("" for _ in chain_heads),
                number(row["call_ms"], ".2f"), "",
                *error_cells(row),
            ])
    return table(["shape", "subject", "GPU ms (10 % to 90 %)", "TFLOP/s", "of f32 peak", "GB/s", "× ORT WebGPU", "× torch",
                  *chain_heads, "call ms", "call × ORT WebGPU", *error_heads], rows)


def milliseconds(row):
    """A peer's time, with its spread where it is known."""
    if row["gpu_ms"] is None:
        return "not known"
    spread = row.get("gpu_ms_spread")
    return f"{row['gpu_ms']:.3f}" + (f" ({spread[0]:.3f} to {spread[1]:.3f})" if spread else "")


def errors_of(row):
    """The largest error and the root mean square, which older files lack."""
    if row.get("largest_error") is None:
        return ["not finite", ""]
    return [number(row["largest_error"], ".1e"), number(row.get("rms_error"), ".1e")]


def errors(found, shapes):
    """Largest error of each path and peer, and the root mean square, by the deviation of the scores."""
    paths = [subject for subject in found.subjects if ":" not in subject]
    names = {row["peer"]: row["subject"] for row in found.peers}
    rows = []
    for shape in shapes:
        for dtype in found.dtypes:
            for deviation in found.deviations:
                wanted = {"shape": shape, "dtype": dtype, "score_deviation": deviation}
                cells = [found.one(found.own, **wanted, subject=path) for path in paths]
                cells += [found.one(found.peers, **wanted, peer=peer) for peer in found.peer_names]
                if any(cells):
                    figures = [", ".join(filter(None, errors_of(cell))) if cell else "" for cell in cells]
                    rows.append([shape, dtype, f"{deviation:g}", *figures])
    return table(["shape", "dtype", "score deviation", *paths, *(names[peer] for peer in found.peer_names)], rows)


def sweep(found, shapes, dtype):
    """TFLOP/s and scratch memory by sequence length."""
    paths = [subject for subject in found.subjects if ":" not in subject]
    names = {row["peer"]: row["subject"] for row in found.peers}
    rows = []
    for shape in shapes:
        wanted = {"shape": shape, "dtype": dtype}
        own = [found.one(found.own, **wanted, subject=path) for path in paths]
        others = [found.one(found.peers, **wanted, peer=peer) for peer in found.peer_names]
        scratch = max((row["scratch_bytes"] for row in own if row), default=0) / 2**20
        best = found.best(shape, dtype, found.deviations[0], ORT, "gpu_ms")
        ratios = [number(ratio(best, row.get("gpu_ms")), ".2f") for row in own]
        rows.append([shape.removeprefix("sweep-"), *(rate(row.get("tflops")) for row in own), *ratios,
                     *(rate(row.get("tflops")) for row in others), f"{scratch:.1f}"])
    return table(["S", *paths, *(f"{path} × ORT WebGPU" for path in paths), *(names[peer] for peer in found.peer_names),
                  "scratch MiB"], rows)


def first_calls(rows):
    cells = [[row["shape"], row["dtype"], row["subject"], row["cache"], f"{row['first_ms']:.1f}", f"{row['second_ms']:.1f}"]
             for row in rows]
    return table(["shape", "dtype", "subject", "pipelines on disk", "first call ms", "second call ms"], cells)


def markdown(name, results):
    found = Results(results)
    swept = results["swept"]
    plain = [shape for shape in found.shapes if shape not in swept]
    peaks = ", ".join(f"{rate(peak)} TFLOP/s in {dtype}" for dtype, peak in reversed(results["peak_tflops"].items()))
    absent = "".join(f"\n\nNot measured, or not wholly: {peer} ({why})." for peer, why in results["peers_absent"].items())
    first = found.deviations[0]
    inputs = ("peers get the same inputs, but\nround each number in ways of their own." if results.get("same_inputs") else
              "inputs of peers are of the same kind, but not\nthe same numbers, on which the largest of many differences depends.")
    rms = "" if not found.has_rms else ("\nTheir root mean square (rms) says more where implementations are compared: " + inputs)
    chains = "" if not found.has_chains else (
        "\nIn a chain is what a call adds to a chain of calls in one compute pass, which has no beginning and end of a pass between them,\n"
        "as peers are measured.")
    counts = sorted({len(row["processes"].get("gpu_ms", [])) for row in found.own + found.peers if "processes" in row})
    repeated = "" if not counts else (
        f"\nTimes are medians over {' to '.join(dict.fromkeys(map(str, (counts[0], counts[-1]))))} processes of each, in turn, and from the smallest "
        f"tenth to the largest ninetieth\npercentile of any; `{name}.json` has each one's. Errors are of the first.")
    parts = [f"""# {name}: {results['device']}

{results['date']}, on {results['host']}. Every figure is in `{name}.json`. Made by

```sh
{results['command']}
```

{results['note']}

Fused multiply-adds alone reach {peaks} here.
GPU times are by timestamp queries: the median of launches in a row at full clocks. ONNX Runtime gives none, so a node's time
there is what one more costs in a chain of nodes whose tensors stay on the device, by wall clock. `call` is one call with
tensors in host memory. Ratios are the peer's time over ours, of the faster where ONNX Runtime has two packages. Errors are
the largest differences from float64 over a sample of rows, and scores have a standard deviation of {first:g} unless a table
says otherwise.{rms}{chains}{repeated}{absent}
"""]
    if plain:
        parts += [f"## {dtype}\n\n{rates(found, dtype, first, plain)}" for dtype in found.dtypes]
        heading = "Errors, largest and rms" if found.has_rms else "Largest errors"
        parts.append(f"## {heading}\n\n{errors(found, plain)}")
    if swept:
        parts += [f"## TFLOP/s by sequence length, 16 heads of 64, {dtype}\n\n{sweep(found, swept, dtype)}"
                  for dtype in found.dtypes]
    if results["first_calls"]:
        parts.append("## First call of a process\n\nThe driver's own cache of compiled shaders is off.\n\n"
                     + first_calls(results["first_calls"]))
    if results["refused"]:
        rows = [[row["shape"], row["dtype"], row["subject"], row["why"]] for row in results["refused"]]
        parts.append("## Refused\n\n" + table(["shape", "dtype", "subject", "why"], rows))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))
