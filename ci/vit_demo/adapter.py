"""The library as a process sees it that loads it without ORT: is it there, and which adapter would it use."""

from __future__ import annotations

import ctypes
from pathlib import Path


class NoAdapterError(Exception):
    """No usable adapter matches the selector; the message is the library's reason."""


def describe_adapter(library: Path, selector: str | None) -> str:
    """One line about the adapter that `selector` (the value of the option `adapter`; None for `auto`) picks.

    Raises NoAdapterError when there is none, OSError when `library` is not a shared library or not ours.
    """
    try:
        describe = ctypes.CDLL(str(library)).ort_webgpu_attention_describe
    except AttributeError:
        raise OSError(f"{library} does not export ort_webgpu_attention_describe: is it libort_webgpu_attention?") from None
    describe.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
    describe.restype = ctypes.c_int32
    text = ctypes.create_string_buffer(4096)
    result = describe(selector.encode() if selector else None, text, len(text))
    line = text.value.decode(errors="replace")
    if result < 0:
        raise NoAdapterError(line or "the library gave no reason")
    return line
