"""Runs a vision transformer on a photograph three times, on ORT's own kernels and on the library's two paths, and compares."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from . import saliency
from .adapter import NoAdapterError, describe_adapter
from .rewriter import RewriteError, rewrite_attention, verify_unchanged
from .sessions import Measurement, Plugin, SessionError, measure

PATHS = ("baseline", "apple")
# Saliency lies between 0 and 1; this is a hundredth of what an 8-bit picture can show.
TOLERANCE = 4e-5


def main() -> str | None:
    """Runs the demo. Returns what went wrong, or None."""
    arguments = _arguments()
    if not arguments.plugin_file.is_file():
        return f"there is no library {arguments.plugin_file}: run ci/demo, or cargo build --release -p ort-webgpu-attention"
    try:
        adapter = describe_adapter(arguments.plugin_file, arguments.adapter)
    except NoAdapterError as reason:
        if arguments.adapter:
            return f"--adapter {arguments.adapter}: {reason}"
        adapter = None
        print(f"adapter     {reason};\n            so the library falls back to ORT's CPU kernel")
    else:
        print(f"adapter     {adapter}")

    original = onnx.load(saliency.model_path())
    photograph = saliency.open_photograph(arguments.image or saliency.photograph_path())
    pixels, place = saliency.preprocess(photograph)
    feeds = {saliency.MODEL_INPUT: pixels}
    rewritten, blocks = rewrite_attention(original)
    change = verify_unchanged(original, rewritten, feeds)
    print(
        f"model       {saliency.model_path().name}: {len(blocks)} attention blocks rewritten to MultiHeadAttention nodes "
        f"({blocks[0].heads} heads of {blocks[0].head_size});\n"
        f"            its output on ORT's own CPU kernels changed by {change:.1g} at most\n"
    )

    model = rewritten.SerializeToString()
    measured = {"stock CPU": measure(model, feeds, arguments.runs)}
    # With an adapter at hand, falling back would put the CPU's numbers into the GPU's rows.
    fallback = "error" if adapter else "cpu"
    for path in PATHS:
        plugin = Plugin(arguments.plugin_file, path, fallback, arguments.adapter)
        measured[path] = measure(model, feeds, arguments.runs, plugin)
    problems = _report(measured, arguments.runs, on_cpu=adapter is None)

    arguments.out.mkdir(parents=True, exist_ok=True)
    picture = arguments.out / "saliency.png"
    saliency.overlay(photograph, measured[PATHS[0]].output, place).save(picture)
    (arguments.out / saliency.model_path().name).write_bytes(model)
    print(f"\nsaliency map over the photograph: {picture}")
    print(f"the model as it ran: {arguments.out / saliency.model_path().name}")
    return "; ".join(problems) or None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ci/demo", description=__doc__)
    parser.add_argument("--adapter", help="which GPU: an index, or part of an adapter's name (default: the library chooses)")
    parser.add_argument("--image", type=Path, help="a picture of your own (default: one from scikit-image)")
    parser.add_argument(
        "--runs", type=int, default=10, help="timed runs of each path, fewer where they are slow (default: %(default)s)"
    )
    parser.add_argument("--library", dest="plugin_file", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error(f"--runs must be at least 1, not {arguments.runs}")
    return arguments


def _report(measured: dict[str, Measurement], runs: int, on_cpu: bool) -> list[str]:
    """Prints the table, and what the library warned of. Returns what is wrong with the numbers."""
    expected = measured["stock CPU"].output
    problems, warnings = [], []
    print(f"{'path':<22}{'nodes taken over':>16}{'model':>11}{'attention':>11}{'largest difference':>20}")
    for path, result in measured.items():
        stock = path == "stock CPU"
        difference = float(np.max(np.abs(result.output - expected)))
        label = f"{path} (on the CPU)" if on_cpu and not stock else path
        taken = f"{result.taken_over} of {result.nodes}"
        print(
            f"{label:<22}{taken:>16}{result.model_ms:>8.1f} ms{result.attention_ms:>8.1f} ms"
            f"{'-' if stock else f'{difference:.1e}':>20}"
        )
        if on_cpu and not stock and not result.log:
            problems.append(f"path {path} ran without an adapter and gave no warning")
        if not on_cpu and not stock and result.taken_over != result.nodes:
            problems.append(f"path {path} took over {taken} nodes")
        # Written so that a NaN is a problem.
        if not difference <= TOLERANCE:
            problems.append(f"path {path} differs from stock by {difference:.3g}; {TOLERANCE:.0e} is allowed")
        warnings += result.log
    print(f"(ORT {onnxruntime.__version__}; medians of up to {runs} runs: the whole model, and its attention nodes alone)")
    for warning in dict.fromkeys(warnings):
        print(f"warning: {warning}")
    return problems


if __name__ == "__main__":
    try:
        problem = main()
    except (RewriteError, SessionError, OSError) as reason:
        problem = str(reason)
    sys.exit(f"error: {problem}" if problem else None)
