"""Tables of a sweep."""

import re

# What `route=auto` promises: no more than this, of the faster of both.
PROMISED = 1.05
# Above this much of noise a machine tells little.
QUIET = 0.1
# The sessions whose times are shown; the control's say how sure they are.
SHOWN = ("stock", "gpu", "auto")

# How a sweep is made, kept with its figures.
METHOD = """Whole calls through ONNX Runtime with tensors in host memory, of four sessions in turn: two without this library, one with
`route=gpu` and one with `route=auto`, after a second and a half in which that learns; and again, with sessions made anew in another
order. A turn is some calls one after the other, the first of which don't count: sessions share caches and cores. A turn is worth the
mean of its calls, and a time is the mean of turns without the least and the greatest sixth. Each session's turns follow on each other
one's equally often. `route=auto` is compared with the faster of `route=gpu` and the mean of the two sessions without this library.
Noise is the most of: by how much the ratios of both sets differ, and in each set the two sessions without this library or, where
`route=gpu` is the faster one, every other turn of it."""


def measured(results):
    return [row for row in results["rows"] if "left_out" not in row]


def beyond(row):
    """Whether a ratio is more than what is promised and noise explain."""
    return row["ratio"] > PROMISED + row["noise"]


def milliseconds(value):
    """Three digits that count."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def line(row):
    """A row for a terminal."""
    name = f"{row['kind']} {row['dtype']} {row['size']}:"
    if "left_out" in row:
        return f"{name} left out, {row['left_out']}"
    times = ", ".join(f"{who} {milliseconds(row['mean_ms'][who])}" for who in SHOWN)
    return f"{name} {times} ms; {row['answered']} answers, {row['ratio']:.3f} of the faster (noise {100 * row['noise']:.0f} %)"


def verdict(results):
    """The worst ratio, and how many are not explained."""
    rows = measured(results)
    if not rows:
        return "No size was measured."
    worst = max(rows, key=lambda row: row["ratio"])
    above = [row for row in rows if row["ratio"] > PROMISED]
    quiet = [row for row in rows if row["noise"] <= QUIET]
    name = f"{worst['kind']}, {worst['dtype']}, {worst['size']}"
    return (f"Of {len(rows)} sizes, `route=auto` takes more than {PROMISED} of the faster of both at {len(above)}, at "
            f"{sum(map(beyond, above))} of them by more than noise. At {len(quiet)} sizes noise is {100 * QUIET:.0f} % at the most: of those, "
            f"{sum(row in above for row in quiet)} and {sum(map(beyond, quiet))}. The worst ratio is {worst['ratio']:.3f} ({name}), with noise of "
            f"{100 * worst['noise']:.0f} %.")


def table(rows):
    head = ["size", "stock CPU ms", "route=gpu ms", "route=auto ms", "who answers", "auto / faster", "noise", "calls"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        if "left_out" in row:
            cells = [str(row["size"]), f"left out: {row['left_out']}", *[""] * 6]
        else:
            ratio = f"{row['ratio']:.3f}"
            cells = [str(row["size"]), *(milliseconds(row["mean_ms"][who]) for who in SHOWN), row["answered"],
                     f"**{ratio}**" if beyond(row) else ratio, f"{100 * row['noise']:.0f} %", str(row["calls"]["auto"])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def markdown(name, results):
    parts = [f"""# {name}: {results["device"]}

{results["date"]}, on {results["host"]}, with ONNX Runtime {results["onnxruntime"]} and `path={results["path"]}`, in {results["seconds"]} s. Every figure is in
`{name}.json`. Made by

```sh
{results["command"]}
```

{results["note"]}

{verdict(results)}

{results["method"]} A ratio that exceeds {PROMISED} by more than noise is bold. For float16 ONNX Runtime has no CPU kernel of
its own, and puts casts to float32 around its float32 one; `route=auto` uses the same casts.
"""]
    for kind, dtype in dict.fromkeys((row["kind"], row["dtype"]) for row in results["rows"]):
        rows = [row for row in results["rows"] if (row["kind"], row["dtype"]) == (kind, dtype)]
        parts.append(f"## {rows[0]['title']}, {dtype}\n\n{table(rows)}")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))
