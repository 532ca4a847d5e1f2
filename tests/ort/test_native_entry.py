"""Contract: the library is a plain native library: it exports RegisterCustomOps and brings no ONNX Runtime with it."""

import shutil
import subprocess
import sys

import pytest

from harness import run_python, said

pytestmark = pytest.mark.plugin_only


def test_loads_where_there_is_no_onnxruntime(library):
    """A process that never loaded ONNX Runtime can open it and find the entry point: nothing of it is linked."""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc/self/maps")
    code = """
import ctypes
library = ctypes.CDLL(ARGUMENTS[0])
library.RegisterCustomOps
with open("/proc/self/maps") as maps:
    report(sorted({line.split()[-1] for line in maps if "onnxruntime" in line}))
"""
    finished = run_python(code, library)
    assert finished.returncode == 0 and finished.report == [], said(finished)


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf (binutils) is not installed")
def test_needs_only_system_libraries(library):
    dynamic = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True).stdout
    needed = [line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "(NEEDED)" in line]
    assert needed
    system = ("libc.so", "libm.so", "libgcc_s.so", "libdl.so", "libpthread.so", "librt.so", "ld-linux", "libstdc++.so")
    assert [name for name in needed if not name.startswith(system)] == []


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("readelf") is None, reason="readelf on Linux is needed")
def test_stays_loaded(library):
    """Its devices and threads outlive the last session, which is when ONNX Runtime unloads it."""
    dynamic = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True).stdout
    assert "NODELETE" in dynamic


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm (binutils) is not installed")
def test_exports_nothing_that_could_clash(library):
    """The entry point that ONNX Runtime looks for, and names that carry the library's own."""
    listed = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True)
    symbols = [line.split()[-1] for line in listed.stdout.splitlines()]
    assert "RegisterCustomOps" in symbols
    assert [s for s in symbols if s != "RegisterCustomOps" and not s.startswith("ort_webgpu_attention_")] == []
