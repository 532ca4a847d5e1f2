"""Compiles kernels in HLSL with DXC's library: `python ci/dxc.py LIBRARY FOLDER`, with the arguments that wgpu gives it, but for the
least shader model that a kernel can do with, where wgpu takes the device's best.

The folder holds NAME.FEATURES.MODEL.hlsl, of which kernels with scalar access are compiled without features and others with all, as
compiling everything takes minutes. The last line counts as `cargo test` does; status 1 where a kernel failed."""

import concurrent.futures
import ctypes
import functools
import os
import pathlib
import sys
import uuid

CLSID_COMPILER = "73e22d93-e6ce-47f3-b5bf-f0664f39c1b0"
IID_COMPILER3 = "228b4687-5a6a-4730-900c-9702b2203f54"
IID_RESULT = "58346cda-dde7-4497-9461-6f87af5e0659"
UTF8 = 65001
# Places in tables of virtual functions: those of IUnknown, whose destructor takes two outside Windows, then an interface's own.
RELEASE, OWN = 2, 5
COMPILE = OWN
GET_STATUS, GET_ERRORS = OWN, OWN + 2
GET_POINTER, GET_SIZE = OWN, OWN + 1
# What FXC's shader models are compiled as, which DXC does not know: the language is the same.
LEAST_MODEL = "6_0"
WITH_FLOAT16 = "6_2"


class Buffer(ctypes.Structure):
    _fields_ = [("pointer", ctypes.c_char_p), ("size", ctypes.c_size_t), ("encoding", ctypes.c_uint)]


def at(thing):
    """Where it is. Whoever asks keeps the thing."""
    return ctypes.c_void_p(ctypes.addressof(thing))


@functools.cache
def identifier(text):
    return ctypes.create_string_buffer(uuid.UUID(text).bytes_le, 16)


def call(target, place, result, *arguments):
    """Calls a method of a COM object."""
    table = ctypes.cast(target, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
    return ctypes.CFUNCTYPE(result, ctypes.c_void_p, *map(type, arguments))(table[place])(target, *arguments)


def check(status, what):
    if status != 0:
        raise SystemExit(f"error: {what} must succeed, got status {status & 0xffffffff:#x}")


@functools.cache
def compiler(library):
    create = ctypes.CDLL(str(library)).DxcCreateInstance
    create.argtypes = [ctypes.c_void_p] * 3
    made = ctypes.c_void_p()
    check(create(at(identifier(CLSID_COMPILER)), at(identifier(IID_COMPILER3)), at(made)), "DxcCreateInstance")
    return made


def failure(library, file):
    """What DXC says against a file; None where it compiles."""
    model = max(file.suffixes[-2].removeprefix("."), LEAST_MODEL)
    words = ["-E", "main", "-T", f"cs_{model}", "-HV", "2018", "-no-warnings", "-Ges"]
    if model >= WITH_FLOAT16:
        words.append("-enable-16bit-types")
    text = file.read_bytes()
    source, arguments = Buffer(text, len(text), UTF8), (ctypes.c_wchar_p * len(words))(*words)
    result, status, errors = ctypes.c_void_p(), ctypes.c_int(), ctypes.c_void_p()
    check(call(compiler(library), COMPILE, ctypes.c_int, at(source), at(arguments), ctypes.c_uint(len(words)), ctypes.c_void_p(),
               at(identifier(IID_RESULT)), at(result)), "IDxcCompiler3::Compile")
    check(call(result, GET_STATUS, ctypes.c_int, at(status)), "IDxcResult::GetStatus")
    said = None
    if status.value != 0:
        check(call(result, GET_ERRORS, ctypes.c_int, at(errors)), "IDxcResult::GetErrorBuffer")
        said = ctypes.string_at(call(errors, GET_POINTER, ctypes.c_void_p), call(errors, GET_SIZE, ctypes.c_size_t)).decode()
        call(errors, RELEASE, ctypes.c_uint)
    call(result, RELEASE, ctypes.c_uint)
    return said


def main():
    if len(sys.argv) != 3:
        raise SystemExit(f"usage: python ci/dxc.py LIBRARY FOLDER; got {len(sys.argv) - 1} arguments")
    library, folder = map(pathlib.Path, sys.argv[1:])
    files = sorted(file for file in folder.glob("*.hlsl") if ("_scalar" in file.name) == (".plain." in file.name))
    if not files:
        raise SystemExit(f"error: the folder holds NAME.FEATURES.MODEL.hlsl, as ci/dx12 makes them; got {folder} without any")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(files, pool.map(failure, [library] * len(files), files)))
    failed = {file: said for file, said in found.items() if said is not None}
    for file, said in failed.items():
        print(f"{file.name}: {said}")
    verdict = "FAILED" if failed else "ok"
    print(f"test result: {verdict}. {len(files) - len(failed)} passed; {len(failed)} failed; 0 ignored")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
