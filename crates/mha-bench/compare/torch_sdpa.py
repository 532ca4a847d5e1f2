"""Measures torch's scaled_dot_product_attention on CUDA: the vendor's own best, by CUDA events."""

import time

import cases
import torch

DISCARDED = 5
LAUNCHES = 50
RUNS = 5


def main():
    arguments = cases.parser(__doc__).parse_args()

    def attention(case, q, k, v):
        heads = lambda t: t.view(t.shape[0], t.shape[1], case.heads, case.head_size).transpose(1, 2)
        result = torch.nn.functional.scaled_dot_product_attention(heads(q), heads(k), heads(v), is_causal=case.masked)
        return result.transpose(1, 2).reshape(q.shape)

    def measure(case, x, timed):
        host = [torch.from_numpy(x[name]) for name in "qkv"]
        call = lambda: attention(case, *(t.cuda() for t in host)).cpu()
        got = call().numpy()
        if not timed:
            return got, {}
        # Heads before rows, as torch likes them best, and no copy of the result.
        split = lambda t: t.cuda().view(t.shape[0], t.shape[1], case.heads, case.head_size).transpose(1, 2).contiguous()
        q, k, v = (split(t) for t in host)
        launch = lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=case.masked)
        for _ in range(DISCARDED):
            launch()
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(LAUNCHES):
            launch()
        end.record()
        torch.cuda.synchronize()
        calls = []
        for _ in range(RUNS):
            begin = time.perf_counter()
            call()
            calls.append(time.perf_counter() - begin)
        return got, {"gpu_ms": start.elapsed_time(end) / LAUNCHES, "call_ms": sorted(calls)[RUNS // 2] * 1e3}

    cases.measure_all(f"torch {torch.__version__}", measure, arguments)


if __name__ == "__main__":
    main()
