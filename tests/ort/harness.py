"""Runs cases in real ONNX Runtime sessions, with the library under test or, as a control, without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import onnxruntime as ort

from mha_cases import build_model
from mha_reference import expected, mismatch

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent.parent
OPTION_PREFIX = "custom_op.MultiHeadAttention."
PATHS = ("baseline", "apple", "auto")
ERROR, WARNING, INFO, VERBOSE = 3, 2, 1, 0  # log levels of ONNX Runtime

# Variables of the Vulkan loader; naming a file that does not exist leaves a process without any adapter.
NO_ADAPTER = {"VK_DRIVER_FILES": "/nonexistent/none.json", "VK_ICD_FILENAMES": "/nonexistent/none.json"}


class StockKernel:
    """Stands for "no library": sessions run ONNX Runtime's own CPU kernel. The control of the suite itself."""


STOCK = StockKernel()


def library_file_name():
    """The name that the build gives the library on this platform."""
    if sys.platform == "darwin":
        return "libort_webgpu_attention.dylib"
    return "ort_webgpu_attention.dll" if sys.platform == "win32" else "libort_webgpu_attention.so"


def find_library():
    """The library: ORT_WEBGPU_ATTENTION_LIBRARY, else the newest of the release and debug builds; None if there is none."""
    named = os.environ.get("ORT_WEBGPU_ATTENTION_LIBRARY")
    if named:
        return Path(named).resolve(strict=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    built = [p for kind in ("release", "debug") if (p := target / kind / library_file_name()).exists()]
    return max(built, key=lambda p: p.stat().st_mtime, default=None)


def session_options(library=STOCK, log_level=ERROR, register_first=True, **options):
    """SessionOptions with `library` registered and one config entry per option (`path="apple"`, ...)."""
    result = ort.SessionOptions()
    result.log_severity_level = log_level
    result.intra_op_num_threads = 1

    def register():
        if library is not STOCK:
            result.register_custom_ops_library(str(library))

    if register_first:
        register()
    for key, value in options.items():
        result.add_session_config_entry(OPTION_PREFIX + key, value)
    if not register_first:
        register()
    return result


def session(model, library=STOCK, **how):
    """An InferenceSession of the CPU execution provider; `how` is passed to `session_options`."""
    return ort.InferenceSession(model, session_options(library, **how), providers=["CPUExecutionProvider"])


def run_case(case, feeds, library=STOCK, static_shapes=False, **how):
    """Runs the case once: output name -> array."""
    running = session(build_model(case, static_shapes), library, **how)
    return dict(zip(case["outputs"], running.run(case["outputs"], feeds), strict=True))


def differences(case, feeds, got, outputs=None):
    """One line for every output in `got` that is not what the reference expects; empty when all is right."""
    want = expected(case, feeds)
    lines = []
    for name in outputs or case["outputs"]:
        problem = mismatch(got[name], want[name], case["dtype"])
        if problem:
            lines.append(f"{case['name']} ({case['dtype']}) {name}: {problem}")
    return lines


def run_python(code, *arguments, python=sys.executable, env=None, timeout=300):
    """Runs `code` in a new interpreter that can import this suite's modules; gives the CompletedProcess.

    `arguments` arrive as `ARGUMENTS`, decoded from JSON, and what the code passes to `report` comes back, decoded, as
    `.report` of the result (None if it never called it). The exit status is left for the caller to judge.
    """
    preamble = (
        "import json, sys\n"
        f"sys.path.insert(0, {str(TESTS)!r})\n"
        f"ARGUMENTS = json.loads({json.dumps(json.dumps(arguments, default=str))})\n"
        "def report(value): print('REPORT ' + json.dumps(value), flush=True)\n"
    )
    finished = subprocess.run([str(python), "-c", preamble + code], env={**os.environ, **(env or {})},
                              capture_output=True, text=True, timeout=timeout)
    lines = [line for line in finished.stdout.splitlines() if line.startswith("REPORT ")]
    finished.report = json.loads(lines[-1].removeprefix("REPORT ")) if lines else None
    return finished


def said(finished):
    """Both streams of a finished process, for assertion messages."""
    return f"exit status {finished.returncode}\n--- stdout\n{finished.stdout}\n--- stderr\n{finished.stderr}"
