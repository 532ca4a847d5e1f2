"""One way to run the model: stock ORT, or ORT with the library's kernels; timed, and with proof of who ran the attention."""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime

OPERATOR = "MultiHeadAttention"
# "[W:logger:session, file:line function] message", with colour codes around it.
LOGGED_PROBLEM = re.compile(r"\[[WEF]:[^\]]*\] ([^\x1b]*)")
# A GPU fresh from idle is several times slower than a warm one.
WARM_UP_SECONDS = 0.25
# On a software driver the runs asked for would take too long.
ENOUGH_SECONDS, ENOUGH_RUNS = 4.0, 3


class SessionError(Exception):
    """ORT could not create or run the session."""


@dataclass(frozen=True)
class Plugin:
    """The library to load into a session, and its session options; None leaves an option at its default."""

    file: Path
    path: str
    fallback: str
    adapter: str | None = None

    def register(self, settings: onnxruntime.SessionOptions) -> None:
        """Loads the library and sets its options."""
        settings.register_custom_ops_library(str(self.file))
        for key in ("path", "fallback", "adapter"):
            value = getattr(self, key)
            if value is not None:
                settings.add_session_config_entry(f"custom_op.{OPERATOR}.{key}", value)


@dataclass(frozen=True)
class Measurement:
    """What running the model one way gave.

    `nodes` counts its MultiHeadAttention nodes, `taken_over` those that the library ran on a GPU. `model_ms` and
    `attention_ms` are medians over runs: the whole model, and its MultiHeadAttention nodes together. `log` holds the warnings
    and errors that were logged.
    """

    output: np.ndarray
    nodes: int
    taken_over: int
    model_ms: float
    attention_ms: float
    log: list[str]


def measure(model: bytes, feeds: dict[str, np.ndarray], runs: int, plugin: Plugin | None = None) -> Measurement:
    """Runs `model` on `feeds` and times up to `runs` runs, with `plugin` or on ORT's own CPU kernels.

    The model must have one output. Raises SessionError with ORT's message when it does not run.
    """
    with _captured_stderr() as captured:
        try:
            output, events, times = _run(model, feeds, runs, plugin)
        except Exception as error:
            # ORT's exceptions have no common base of their own.
            raise SessionError(str(error)) from error
    nodes = _attention_times(events)
    return Measurement(
        output=output,
        nodes=len(nodes),
        taken_over=sum(_took_over(captured.lines, name, plugin.path) for name in nodes) if plugin else 0,
        model_ms=statistics.median(times),
        attention_ms=sum(statistics.median(each[-len(times) :]) for each in nodes.values()),
        log=[match[1] for match in map(LOGGED_PROBLEM.search, captured.lines) if match],
    )


def _run(
    model: bytes, feeds: dict[str, np.ndarray], runs: int, plugin: Plugin | None
) -> tuple[np.ndarray, list[dict], list[float]]:
    """The model's output, the profile's events of all runs, and the milliseconds of the last ones, which were timed."""
    settings = onnxruntime.SessionOptions()
    # INFO: the library names each node that it takes over.
    settings.log_severity_level = 1
    settings.enable_profiling = True
    if plugin is not None:
        plugin.register(settings)
    with tempfile.TemporaryDirectory() as folder:
        settings.profile_file_prefix = os.path.join(folder, "profile")
        session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
        started = time.perf_counter()
        # At least one run: it compiles what is left to compile, and fills pools.
        while True:
            (output,) = session.run(None, feeds)
            if time.perf_counter() - started > WARM_UP_SECONDS:
                break
        times = []
        while len(times) < min(runs, ENOUGH_RUNS) or (len(times) < runs and sum(times) < ENOUGH_SECONDS * 1e3):
            start = time.perf_counter()
            session.run(None, feeds)
            times.append((time.perf_counter() - start) * 1e3)
        events = json.loads(Path(session.end_profiling()).read_text())
    return output, events, times


def _attention_times(events: list[dict]) -> dict[str, list[float]]:
    """For each MultiHeadAttention node that a session profile has run, by name, its milliseconds in each run."""
    times = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["args"].get("op_name") == OPERATOR:
            times[event["name"].removesuffix("_kernel_time")].append(event["dur"] / 1e3)
    return times


def _took_over(lines: list[str], node: str, path: str) -> bool:
    """Whether the library said, when the session was created, that it runs `node` on `path` on a GPU.

    The profile can't tell: it shows both kernels as MultiHeadAttention on the CPU provider, which runs custom operators too.
    """
    return any(f"{OPERATOR} node '{node}' runs path {path} on " in line for line in lines)


@dataclass
class _Captured:
    """The lines that went to standard error; filled at the end."""

    lines: list[str] = field(default_factory=list)


@contextmanager
def _captured_stderr() -> Iterator[_Captured]:
    """Takes what is written to file descriptor 2, ORT's log included, until the end of the block."""
    captured = _Captured()
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield captured
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            captured.lines = file.read().decode(errors="replace").splitlines()
