"""Measures MultiHeadAttention on ONNX Runtime's own WebGPU execution provider.

It reports no GPU times, so a node's time is what one more of them costs inside a chain on the device:
(a run with 11 nodes - a run with 1 node) / 10, by wall clock. So that copies between host and device don't drown it, the chain
begins with constants of the model and only one element of its result comes back. Where 11 nodes take less than 10 ms, there
are 101.

Packages: onnx, and onnxruntime-webgpu (`builtin`) or onnxruntime with onnxruntime-ep-webgpu (`plugin`).
"""

import importlib.metadata
import sys
import time

import cases
import numpy as np
import onnxruntime as ort
from onnx import helper, numpy_helper

CHAINS = (11, 101)
LONG_ENOUGH_MS = 10
WARM_UP_MS = 500
RUNS = 7


def model(case, x, nodes=1, resident=False):
    """A chain of attention, each node's result the next one's query. `resident` has its tensors made on the device."""
    dtype = helper.np_dtype_to_tensor_dtype(x["q"].dtype)
    info = lambda name, shape: helper.make_tensor_value_info(name, dtype, shape)
    names = ["q", *(f"h{i}" for i in range(1, nodes)), "o"]
    chain = [
        helper.make_node("MultiHeadAttention", [before, "k", "v"], [after], domain="com.microsoft",
                         num_heads=case.heads, unidirectional=int(case.masked))
        for before, after in zip(names, names[1:])
    ]
    if resident:
        # Constants may lie in other memory than what nodes compute, so attention reads sums of theirs with 0.
        sums = [helper.make_node("Add", [f"constant_{name}", "zero"], [name]) for name in x]
        element = helper.make_node("Slice", ["o", "first", "end"], ["element"])
        constants = {f"constant_{name}": t for name, t in x.items()}
        constants |= {"zero": np.zeros(1, x["q"].dtype), "first": np.array([0, 0, 0]), "end": np.array([1, 1, 1])}
        graph = helper.make_graph([*sums, *chain, element], "chain", [], [info("element", [1, 1, 1])],
                                  [numpy_helper.from_array(value, name) for name, value in constants.items()])
    else:
        graph = helper.make_graph(chain, "chain", [info(name, t.shape) for name, t in x.items()], [info("o", x["q"].shape)])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def session_options():
    options = ort.SessionOptions()
    # A node that goes to the CPU instead must not count.
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def session(m, options, **more):
    # Nor one that is computed from its constants ahead of the run.
    return ort.InferenceSession(m, options, disabled_optimizers=["ConstantFolding"], **more)


def builtin():
    name = f"onnxruntime-webgpu {importlib.metadata.version('onnxruntime-webgpu')}"
    return name, lambda m: session(m, session_options(), providers=["WebGpuExecutionProvider"])


def plugin():
    import onnxruntime_ep_webgpu as ep
    ort.register_execution_provider_library("webgpu", ep.get_library_path())
    devices = [device for device in ort.get_ep_devices() if device.ep_name == ep.get_ep_name()]
    if not devices:
        sys.exit("onnxruntime-ep-webgpu lists no device here: it takes none but GPUs")

    def make(m):
        options = session_options()
        options.add_provider_for_devices(devices[:1], {})
        return session(m, options)

    return f"onnxruntime-ep-webgpu {importlib.metadata.version('onnxruntime-ep-webgpu')}", make


def run_ms(runnable, x):
    start = time.perf_counter()
    runnable.run(None, x)
    return (time.perf_counter() - start) * 1e3


def node_times(make, case, x):
    """A node's `gpu_ms` and `gpu_ms_spread`."""
    chains = [make(model(case, x, nodes, resident=True)) for nodes in (1, CHAINS[0])]
    nodes = CHAINS[0]
    # The first run compiles kernels and allocates.
    times = [run_ms(chain, {}) for chain in chains for _ in range(2)]
    if times[-1] < LONG_ENOUGH_MS:
        nodes = CHAINS[1]
        chains[1] = make(model(case, x, nodes, resident=True))
    # A GPU fresh from idle is slow, and the chain of one is too short to change that, so the two take turns.
    busy = 0
    while busy < WARM_UP_MS:
        busy += run_ms(chains[1], {})
    return cases.times_of_more([(run_ms(chains[1], {}), run_ms(chains[0], {})) for _ in range(RUNS)], nodes - 1)


def main():
    options = cases.parser(__doc__)
    options.add_argument("package", choices=["builtin", "plugin"])
    arguments = options.parse_args()
    subject, make = {"builtin": builtin, "plugin": plugin}[arguments.package]()

    def measure(case, x, timed):
        call = make(model(case, x))
        got = call.run(None, x)[0]
        if not timed:
            return got, {}
        return got, {"call_ms": cases.median([run_ms(call, x) for _ in range(RUNS)]), **node_times(make, case, x)}

    cases.measure_all(subject, measure, arguments)


if __name__ == "__main__":
    main()
