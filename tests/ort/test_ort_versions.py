"""Contract: under an ONNX Runtime older than 1.24 registration fails with an error that names both versions.

Needs a virtual environment with such a version in target/venvs/ort-1.23; `ci/test` makes it.
"""

import os
import re
from pathlib import Path

import pytest

from harness import REPOSITORY, run_python, said

pytestmark = pytest.mark.plugin_only

VENV = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "venvs" / "ort-1.23"
OLD_PYTHON = VENV / "bin" / "python"

REGISTER = """
import onnxruntime as ort
options = ort.SessionOptions()
try:
    options.register_custom_ops_library(ARGUMENTS[0])
    report(dict(version=ort.__version__, error=None))
except Exception as error:
    report(dict(version=ort.__version__, error=str(error)))
"""


def test_old_runtime_is_refused(library):
    if not OLD_PYTHON.exists():
        pytest.skip(f"{VENV} is missing: make it with `python3 -m venv` and install onnxruntime==1.23.2")
    finished = run_python(REGISTER, library, python=OLD_PYTHON)
    assert finished.returncode == 0, said(finished)
    assert finished.report["version"].startswith("1.23.")
    error = finished.report["error"]
    assert error, "registration succeeded"
    assert re.search(r"1\.24", error) and finished.report["version"] in error, error


def test_this_runtime_is_accepted(library):
    finished = run_python(REGISTER, library)
    assert finished.returncode == 0 and finished.report["error"] is None, said(finished)
