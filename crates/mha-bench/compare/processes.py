"""What several processes measured of the same cases, as one: times of a kernel can differ from process to process by more than
within any, and by whole steps (where its code or its threads come to lie), so that one process of each may compare a lucky one
with an unlucky one."""

import statistics

CASE = ("peer", "shape", "dtype", "score_deviation", "subject")
TIMES = ("gpu_ms", "chain_ms", "call_ms")
# What is by time, of a row's own `gpu_ms`.
RATES = ("tflops", "gigabytes")


def together(first, others):
    """The rows of the first process, each with the median over all processes of every time that it or another has; `gpu_ms_spread` from
    the least to the largest of theirs, and `processes`, all `gpu_ms`, in order of size. Errors are the first one's."""
    return [one(row, [row, *(other for other in others if same(row, other))]) for row in first]


def same(row, other):
    return all(row.get(name) == other.get(name) for name in CASE)


def one(row, found):
    timed = [other for other in found if other.get("gpu_ms")]
    if len(timed) < 2:
        return row
    medians = {name: statistics.median(values) for name in TIMES if (values := [o[name] for o in timed if o.get(name)])}
    work = {name: timed[0][name] * timed[0]["gpu_ms"] for name in RATES if timed[0].get(name)}
    spreads = [other["gpu_ms_spread"] for other in timed if other.get("gpu_ms_spread")]
    spread = [min(low for low, _ in spreads), max(high for _, high in spreads)] if spreads else None
    return (row | medians | {name: amount / medians["gpu_ms"] for name, amount in work.items()}
            | ({"gpu_ms_spread": spread} if spread else {}) | {"processes": sorted(other["gpu_ms"] for other in timed)})
