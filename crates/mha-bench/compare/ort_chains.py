"""Holds what `ort_webgpu.py` says a node takes ONNX Runtime's WebGPU provider against longer chains, and against chains whose tensors come
from the host: for each number of nodes the median of a run, and what each more of them costs. Prints a table.

    PYTHONPATH=DIRECTORY python3 crates/mha-bench/compare/ort_chains.py builtin --shapes lightonocr-4k --dtypes f32 --json FILE
"""

import json
import pathlib

import cases
import ort_webgpu

NODES = (1, 11, 31, 101)
RUNS = 5
WARM_UP_MS = 400


def run_times(make, case, x, resident):
    """Medians of wall clocks in ms, by numbers of nodes, which take turns."""
    chains = {nodes: make(ort_webgpu.model(case, x, nodes, resident)) for nodes in NODES}
    given = {} if resident else x
    # The first run compiles kernels and allocates.
    for chain in chains.values():
        chain.run(None, given)
    busy = 0
    while busy < WARM_UP_MS:
        busy += ort_webgpu.run_ms(chains[11], given)
    times = [{nodes: ort_webgpu.run_ms(chain, given) for nodes, chain in chains.items()} for _ in range(RUNS)]
    return {nodes: cases.median([t[nodes] for t in times]) for nodes in NODES}


def main():
    options = cases.parser(__doc__)
    options.add_argument("package", choices=["builtin", "plugin"])
    arguments = options.parse_args()
    subject, make = {"builtin": ort_webgpu.builtin, "plugin": ort_webgpu.plugin}[arguments.package]()
    steps = list(zip(NODES, NODES[1:]))
    heads = ["shape", "type", "tensors", *(f"{nodes} nodes, ms" for nodes in NODES), *(f"a node, {a} to {b}" for a, b in steps)]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    rows = []
    for case in cases.named(arguments.shapes.split(",")):
        values = cases.normals(case)
        for dtype in arguments.dtypes.split(","):
            x = cases.inputs(values, dtype, 1.0)
            for tensors in ("device", "host"):
                times = run_times(make, case, x, tensors == "device")
                nodes = [(times[b] - times[a]) / (b - a) for a, b in steps]
                rows.append({"subject": subject, "shape": case.name, "dtype": dtype, "tensors": tensors, "run_ms": times, "node_ms": nodes})
                cells = [case.name, dtype, tensors, *(f"{ms:.2f}" for ms in times.values()), *(f"{ms:.3f}" for ms in nodes)]
                print("| " + " | ".join(cells) + " |", flush=True)
                pathlib.Path(arguments.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
