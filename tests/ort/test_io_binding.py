"""Contract: outputs may lie over inputs, as a cache that is past and present at once does; answers are the same."""

import numpy as np
import pytest

from harness import differences, session
from mha_cases import KV, build_model, case_of, ints, make_inputs, qkv, tensor, with_dtype

pytestmark = pytest.mark.plugin_only

BATCH, HEADS, HEAD_SIZE, CAPACITY = 2, 3, 16, 40
PAST = {name: tensor(BATCH, HEADS, CAPACITY, HEAD_SIZE) for name in ("past_key", "past_value")}
SHARED = case_of("shared", qkv(BATCH, 2, 2, HEADS, HEAD_SIZE) | PAST | {"past_sequence_length": ints([5])}, KV, num_heads=HEADS)


def bound(library, case, feeds, path, over):
    """A run whose outputs named in `over` lie over an input, as many elements after its first as told: output name -> array."""
    values = {name: np.array(value) for name, value in feeds.items()}
    dtype = values["query"].dtype
    # Room for an output that begins later than its input.
    memory = {name: np.concatenate([values[name].ravel(), np.zeros(64, dtype)]) for name in PAST}
    running = session(build_model(case), library, path=path, route="gpu", fallback="error")
    binding = running.io_binding()
    for name, value in values.items():
        binding.bind_input(name, "cpu", 0, value.dtype, value.shape, (memory[name] if name in memory else value).ctypes.data)
    got = {"output": np.zeros(values["query"].shape, dtype)}
    for name, (source, later) in over.items():
        got[name] = memory[source][later : later + values[source].size].reshape(values[source].shape)
    for name, array in got.items():
        binding.bind_output(name, "cpu", 0, dtype, array.shape, array.ctypes.data)
    running.run_with_iobinding(binding)
    return got


@pytest.mark.parametrize("over", [
    {"present_key": ("past_key", 0), "present_value": ("past_value", 0)},
    {"present_key": ("past_value", 0), "present_value": ("past_key", 0)},
    {"present_key": ("past_key", 8), "present_value": ("past_value", 64)},
], ids=["in place", "swapped", "partly"])
@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_outputs_over_inputs(path, dtype, over, library):
    case = with_dtype(SHARED, dtype)
    feeds = make_inputs(case)
    assert not differences(case, feeds, bound(library, case, feeds, path, over))
