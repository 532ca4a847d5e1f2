"""Fixtures of the program's tests. The program is the one beside the library under test, which `ci/test` builds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def program():
    """Path of `webgpu-attention`. One that was not built is a failure, not a skip."""
    library = os.environ.get("ORT_WEBGPU_ATTENTION_LIBRARY")
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    folder = Path(library).parent if library else target / "release"
    found = folder / ("webgpu-attention.exe" if sys.platform == "win32" else "webgpu-attention")
    if not found.is_file():
        pytest.fail(f"there is no {found}: run `cargo build --release`")
    return found


@pytest.fixture
def say(program, tmp_path):
    """Runs the program in a folder of the test's own; gives the CompletedProcess."""

    def run(*arguments, **environment):
        # Mesa's device-select layer writes to standard error where there is no desktop session.
        inherited = {name: value for name, value in os.environ.items() if name != "ORT_DYLIB_PATH"}
        env = {**inherited, "NODEVICE_SELECT": "1", **environment}
        command = [str(program), *map(str, arguments)]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return run
