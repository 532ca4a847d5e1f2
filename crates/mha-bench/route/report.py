"""Tables of a sweep."""

import re
import statistics

import rounds

# What `route=auto` promises: no more than this, of the faster of both.
PROMISED = 1.05
# The sessions whose times are shown; the control's say how sure they are.
SHOWN = ("stock", "gpu", "auto")

# How a sweep is made, kept with its figures.
METHOD = """Whole calls through ONNX Runtime with tensors in host memory, of four sessions in turn: two without this library, one with
`route=gpu` and one with `route=auto`, after two and a half seconds in which that learns; and again, with sessions made anew in another
order, as often as `--sets` says or as there is time for, three times at the least, as sessions of a kind differ for as long as they
live. What time is left goes, in rounds, to a set more for each size whose interval had 1.05 in it by then, up to 16 of them.
A turn is some calls one after the other, the first of which don't count: sessions share caches and cores. A turn is worth the
mean of its calls, and a session's time in a set is the mean of its turns. Each session's turns follow on each other one's equally
often; what takes more than twice as long as the other side has one turn only. In each set `route=auto` is compared with what is faster
over all sets, `route=gpu` or the mean of both sessions without this library, and the second of those with the first where they had
more than one; the geometric mean over sets is shown with its 95 % confidence interval by Student's t. Times are means over all turns,
so that their ratio may be another one."""


def measured(results):
    return [row for row in results["rows"] if "left_out" not in row]


def milliseconds(value):
    """Three digits that count."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def line(row):
    """A row for a terminal."""
    name = f"{row['kind']} {row['dtype']} {row['size']}:"
    if "left_out" in row:
        return f"{name} left out, {row['left_out']}"
    times = ", ".join(f"{who} {milliseconds(row['mean_ms'][who])}" for who in SHOWN)
    return f"{name} {times} ms; {answerers(row)} answers, {ratio(row['ratio'])} of the faster; control {ratio(row['control'])}"


def answerers(row):
    return " or ".join(sorted(row["answers"]))


def ratio(ends):
    if ends is None:
        return "-"
    low, middle, high = ends
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def counts(ratios):
    lows, middles, highs = zip(*ratios)
    above, surely_above = sum(middle > PROMISED for middle in middles), sum(low > PROMISED for low in lows)
    return f"{above} (by the whole interval: above at {surely_above}, below at {sum(high <= PROMISED for high in highs)})"


def verdict(results):
    """How many sizes keep what is promised, and the worst; of two sessions of a kind the same, which says what a machine can tell."""
    rows = measured(results)
    if not rows:
        return "No size was measured."
    worst = max(rows, key=lambda row: row["ratio"][1])
    middles = [row["ratio"][1] for row in rows]
    # An interval takes three of them.
    mean = ratio(rounds.interval(middles)) if len(middles) > 2 else f"{statistics.geometric_mean(middles):.3f}"
    controls = [row["control"] for row in rows if row["control"]]
    told = [
        f"Of {len(rows)} sizes, `route=auto` takes more than {PROMISED} of the faster of both at {counts([row['ratio'] for row in rows])}.",
        f"The mean over sizes is {mean}, the worst {ratio(worst['ratio'])} ({worst['kind']}, {worst['dtype']}, {worst['size']}).",
    ]
    if controls:
        told.append(f"The second session without this library takes more than {PROMISED} of the first at {counts(controls)} of "
                    f"{len(controls)} sizes.")
    return "\n".join(told)


def table(rows):
    head = ["size", "stock CPU ms", "route=gpu ms", "route=auto ms", "who answers", "auto / faster", "second stock session / first",
            "sets, calls"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        if "left_out" in row:
            cells = [str(row["size"]), f"left out: {row['left_out']}", *[""] * 6]
        else:
            own = f"**{ratio(row['ratio'])}**" if row["ratio"][0] > PROMISED else ratio(row["ratio"])
            cells = [str(row["size"]), *(milliseconds(row["mean_ms"][who]) for who in SHOWN), answerers(row), own, ratio(row["control"]),
                     f"{len(row['sets'])}, {row['calls']['auto']}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def markdown(name, results):
    threads = f", {results['threads']} threads a session" if results["threads"] else ""
    parts = [f"""# {name}: {results["device"]}

{results["date"]}, on {results["host"]}, with ONNX Runtime {results["onnxruntime"]} and `path={results["path"]}`{threads}, in
{results["seconds"]} s. Every figure is in `{name}.json`. Made by

```sh
{results["command"]}
```

{results["note"]}

{verdict(results)}

{results["method"]} A ratio is bold where its whole interval exceeds {PROMISED}. For
float16 ONNX Runtime has no CPU kernel of its own, and puts casts to float32 around its float32 one; `route=auto` uses the same casts.
"""]
    for kind, dtype in dict.fromkeys((row["kind"], row["dtype"]) for row in results["rows"]):
        rows = [row for row in results["rows"] if (row["kind"], row["dtype"]) == (kind, dtype)]
        rows.sort(key=lambda row: row["size"])
        parts.append(f"## {rows[0]['title']}, {dtype}\n\n{table(rows)}")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))
