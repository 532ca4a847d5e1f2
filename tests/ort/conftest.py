"""Options and fixtures shared by the suite. `TESTING.md` beside this folder describes what each file checks."""

import os
import tempfile
from pathlib import Path

import pytest

import harness


def pytest_addoption(parser):
    group = parser.getgroup("ort-webgpu-attention")
    group.addoption("--stock", action="store_true",
                    help="run against ONNX Runtime's own CPU kernel, to tell a defect of the suite from one of the library")
    group.addoption("--paths", default=",".join(harness.PATHS),
                    help="paths that tests of every path run on (default %(default)s)")
    group.addoption("--problems", type=int, default=240, help="random problems to run (default 240)")
    group.addoption("--first-seed", type=int, default=0, help="seed of the first random problem (default 0)")


def pytest_configure(config):
    # What the library keeps there must neither decide tests nor outlive them.
    cache = tempfile.TemporaryDirectory(prefix="ort-webgpu-attention-tests-")
    config.add_cleanup(cache.cleanup)
    # Mesa's compiled shaders are as good as ever.
    kept = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    os.environ.setdefault("MESA_SHADER_CACHE_DIR", str(kept))
    os.environ["XDG_CACHE_HOME"] = cache.name
    config.addinivalue_line("markers", "plugin_only: checks something that only the library has; skipped with --stock")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--stock"):
        skip = pytest.mark.skip(reason="--stock: checks something that only the library has")
        for item in items:
            if item.get_closest_marker("plugin_only"):
                item.add_marker(skip)


def pytest_report_header(config):
    if config.getoption("--stock"):
        return "kernel under test: ONNX Runtime's own (--stock)"
    return f"library under test: {harness.find_library() or 'none built'}"


def pytest_generate_tests(metafunc):
    if "path" in metafunc.fixturenames:
        metafunc.parametrize("path", metafunc.config.getoption("--paths").split(","), indirect=True)
    if "problem_seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("--first-seed")
        seeds = range(first, first + metafunc.config.getoption("--problems"))
        metafunc.parametrize("problem_seed", seeds, ids=[f"seed{seed}" for seed in seeds])


@pytest.fixture(scope="session")
def library(request):
    """Path of the library under test, or STOCK with --stock. A library that was not built is a failure, not a skip."""
    if request.config.getoption("--stock"):
        return harness.STOCK
    found = harness.find_library()
    if found is None:
        pytest.fail("the library is not built: run `cargo build --release`, or set ORT_WEBGPU_ATTENTION_LIBRARY to its file")
    return found


@pytest.fixture
def path(request):
    """Each path of --paths in turn; with --stock there is one kernel, so only the first is run."""
    if request.config.getoption("--stock") and request.param != request.config.getoption("--paths").split(",")[0]:
        pytest.skip("--stock: the CPU kernel has one path")
    return request.param


@pytest.fixture
def options(library, path):
    """Keyword arguments of `harness.session` that select the library under test and the path."""
    return {} if library is harness.STOCK else {"library": library, "path": path}
