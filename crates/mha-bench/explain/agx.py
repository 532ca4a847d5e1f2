"""What Mesa's driver for Apple's GPUs prints of a kernel that it compiles, as figures; and their record.

The driver prints its assembly and one line of statistics where AGX_MESA_DEBUG says `shaders,shaderdb`.
"""

import hashlib
import json
import os
import re
import subprocess

STATISTICS = re.compile(
    r"^CS shader: (?P<instructions>\d+) instrs, .* (?P<code_bytes>\d+) code size, (?P<last_register>\d+) gprs, .*"
    r" (?P<scratch_bytes>\d+) scratch, (?P<threads>\d+) threads, .* (?P<spills>\d+):(?P<fills>\d+) spills:fills", re.M)
ADAPTER = re.compile(r"^adapter (?P<gpu>.+?) \(vulkan, \w+, (?P<driver>.+)\)$", re.M)
WORKGROUP_MEMORY = re.compile(r"^shared_size: (\d+)$", re.M)
# Address, machine code, mnemonic, operands.
INSTRUCTION = re.compile(r"^ *([0-9a-f]+): [0-9a-f]+ +(\w+) *(.*)$")
# What counts in the loop that does the arithmetic. Loads and stores of four numbers are one.
KINDS = {
    "multiply_adds": ("ffma", "hfma"),
    "workgroup_loads": ("lload",),
    "shuffles": ("shuffle", "shuffle_xor", "quad_shuffle", "quad_shuffle_xor"),
    "spill_moves": ("stack_load", "stack_store"),
}


class Unusable(Exception):
    """What was printed holds no figures."""


def digest(source):
    """Of a kernel's code: comments and spaces change no figure."""
    code = "".join(line.partition("//")[0] for line in source.splitlines())
    return hashlib.sha256("".join(code.split()).encode()).hexdigest()[:12]


def assembly(text):
    """The instructions of the kernel itself, which ends with `stop`: address, mnemonic, operands. What follows are parts that
    run once for a whole dispatch."""
    instructions = []
    for line in text.splitlines():
        match = INSTRUCTION.match(line)
        if match:
            address, mnemonic, operands = match.groups()
            instructions.append((int(address, 16), mnemonic, operands))
            if mnemonic == "stop":
                return instructions
    raise Unusable("the end of a kernel's assembly is expected, got none")


def loops(instructions):
    """The addresses from and to which each loop runs, by its jump back."""
    found = []
    for address, mnemonic, operands in instructions:
        if mnemonic.startswith("jmp_") and operands.startswith("-"):
            found.append((address + int(operands), address))
    return found


def arithmetic_loop(instructions):
    """Counts of the loop with the most multiply-adds, without the loops inside it."""
    ranges = loops(instructions)
    best = dict.fromkeys(["instructions", *KINDS], 0)
    for begin, end in ranges:
        inner = [(b, e) for b, e in ranges if (b, e) != (begin, end) and begin <= b and e <= end]
        own = [mnemonic for address, mnemonic, _ in instructions
               if begin <= address <= end and not any(b <= address <= e for b, e in inner)]
        counts = {kind: sum(own.count(name) for name in names) for kind, names in KINDS.items()}
        if counts["multiply_adds"] > best["multiply_adds"]:
            best = {"instructions": len(own)} | counts
    return best


def figures(text):
    """What one compiled kernel needs."""
    found, memory = STATISTICS.search(text), WORKGROUP_MEMORY.search(text)
    if not found or not memory:
        raise Unusable("the driver's line of statistics and a kernel's shared_size are expected, got neither or one")
    instructions = assembly(text)
    ranges = loops(instructions)
    outer = [(b, e) for b, e in ranges if not any(c <= b and e <= f and (b, e) != (c, f) for c, f in ranges)]
    numbers = {name: int(value) for name, value in found.groupdict().items()}
    return {
        # 16-bit registers, counted from 0.
        "registers": numbers.pop("last_register") + 1,
        **numbers,
        "workgroup_bytes": int(memory[1]),
        # The jump back itself takes 6 bytes.
        "loop_bytes": sum(e + 6 - b for b, e in outer),
        "loop": arithmetic_loop(instructions),
    }


def compiled(command, entry):
    """Runs the compiler on an entry of the listing: who compiled it, and its figures or why there are none."""
    constants = [f"{name}={value}" for name, value in entry["constants"].items()]
    run = subprocess.run([*command, entry["kernel"], *constants], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    adapter = ADAPTER.search(run.stdout)
    if not adapter:
        raise Unusable(f"`{command[0]} ...` names an adapter before all else, got: {(run.stderr or run.stdout).strip()[:300]}")
    row = {"kernel": entry["kernel"], "constants": entry["constants"], "digest": digest(entry["source"])}
    if entry["stand_in"]:
        row["stand_in"] = True
    refused = re.search(r"^error: (.*)$", run.stderr, re.M)
    if run.returncode and refused:
        return adapter.groupdict(), row | {"refused": refused[1]}
    return adapter.groupdict(), row | figures(run.stdout + "\n" + run.stderr)


def key(row):
    """What a compiled kernel depends on."""
    return row["kernel"], tuple(sorted(row["constants"].items()))


def record(command, entries, file, date):
    """Compiles every kernel once and writes the file, whole or not at all."""
    rows, compiler = {}, None
    for entry in entries:
        if key(entry) not in rows:
            by, rows[key(entry)] = compiled(command, entry)
            if compiler not in (None, by):
                raise Unusable(f"one compiler is expected, got {compiler} and {by}")
            compiler = by
    text = json.dumps({"date": date, **compiler, "kernels": [rows[k] for k in sorted(rows)]}, indent=1) + "\n"
    unfinished = file.with_suffix(".tmp")
    unfinished.write_text(text)
    os.replace(unfinished, file)
