"""Contract: the examples that the README points at run as they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from harness import REPOSITORY
from mha_cases import ALL, build_model, case_of, qkv

pytestmark = pytest.mark.plugin_only

EXAMPLES = REPOSITORY / "plugin" / "examples"


@pytest.fixture
def model(tmp_path):
    """A model file of one node with static shapes and every output."""
    file = tmp_path / "attention.onnx"
    file.write_bytes(build_model(case_of("example", qkv(1, 7, 9, 2, 8), ALL, num_heads=2), static_shapes=True))
    return file


def test_python_session(path, model, library):
    finished = subprocess.run([sys.executable, EXAMPLES / "python_session.py", model, library, path],
                              capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == [
        "output (1, 7, 16) float32", "present_key (1, 2, 9, 8) float32", "present_value (1, 2, 9, 8) float32",
        "qk (1, 2, 7, 9) float32",
    ]


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
def test_rust_host(model, library):
    """Built against no ONNX Runtime, it opens the one of this Python environment."""
    runtime = next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.*"))
    manifest = EXAMPLES / "rust-host" / "Cargo.toml"
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    finished = subprocess.run(
        ["cargo", "run", "--quiet", "--locked", "--manifest-path", manifest, "--", model, library],
        env={**os.environ, "ORT_DYLIB_PATH": str(runtime), "CARGO_TARGET_DIR": str(target / "rust-host")},
        capture_output=True, text=True, timeout=900)
    assert finished.returncode == 0, finished.stderr
    assert "output [1, 7, 16]: largest difference between the paths" in finished.stdout
