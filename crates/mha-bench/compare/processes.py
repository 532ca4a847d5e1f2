"""What several processes measured of the same cases, as one: times of a kernel can differ from process to process by more than
within any, and by whole steps (where its code or its threads come to lie), so that one process of each may compare a lucky one
with an unlucky one."""

import statistics

CASE = ("peer", "shape", "dtype", "score_deviation", "subject")
TIMES = ("gpu_ms", "chain_ms", "call_ms")
# What is by time, of a row's own `gpu_ms`.
RATES = ("tflops", "gigabytes")


def together(turns):
    """One row of each case of some turns, each the rows of a process: every time is the median of those processes that have it, and
    `gpu_ms_spread` is from the least to the largest of theirs. `processes` has the times one by one, in order of turns. All else, errors
    too, is of the first turn that has the case and was not refused it."""
    cases = {}
    for rows in turns:
        for row in rows:
            cases.setdefault(tuple(row.get(name) for name in CASE), []).append(row)
    return [one(rows) for rows in cases.values()]


def one(rows):
    first = next((row for row in rows if "refused" not in row), rows[0])
    times = {name: values for name in TIMES if (values := [row[name] for row in rows if row.get(name)])}
    if max(map(len, times.values()), default=0) < 2:
        return first
    timed = [row for row in rows if row.get("gpu_ms")]
    row = first | {name: statistics.median(values) for name, values in times.items()} | {"processes": times}
    for name in RATES:
        if known := next((other for other in timed if other.get(name)), None):
            row[name] = known[name] * known["gpu_ms"] / row["gpu_ms"]
    if spreads := [other["gpu_ms_spread"] for other in timed if other.get("gpu_ms_spread")]:
        row["gpu_ms_spread"] = [min(low for low, _ in spreads), max(high for _, high in spreads)]
    if len(decisions := list(dict.fromkeys(other["decision"] for other in rows if "decision" in other))) > 1:
        row["decision"] = "; another process: ".join(decisions)
    return row
