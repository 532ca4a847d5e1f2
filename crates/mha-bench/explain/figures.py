"""The recorded figures joined with the planner's listing: what each row of each lane needs on an M1, and what it misses."""

import dataclasses
import json
import pathlib
import re
import subprocess

import agx

M1, M4 = "Apple M1", "Apple M4 Max"
RECORD = "ci/agx_figures records them"
# What was asked of M1 and M2, by type the largest head size that it is asked for.
ASKED_UP_TO = {"f32": 80, "f16": 128}
THREADS = 512
INSTRUCTION_CACHE = 12 << 10
WORKGROUP_MEMORY = 32 << 10
REGISTERS = 256


class Missing(Exception):
    """A kernel without figures."""


@dataclasses.dataclass(frozen=True)
class Row:
    """An entry of the listing and its figures, whose names are those of `agx.figures`."""

    entry: dict
    figures: dict

    def __getattr__(self, name):
        for source in (self.entry, self.figures):
            if name in source:
                return source[name]
        raise AttributeError(name)

    @property
    def compiled(self):
        return "refused" not in self.figures

    @property
    def has_changed(self):
        return agx.digest(self.entry["source"]) != self.figures["digest"]

    def gets(self, device):
        """Smallest and largest head size of the row on a device; none where it is never chosen there."""
        if self.table is None:
            return [self.max_head_size] * 2
        return self.head_sizes.get(device)

    def per_multiply_add(self, kind):
        return self.loop[kind] / self.loop["multiply_adds"]

    def misses(self, device):
        """What is asked of kernels on M1 and M2 and not met; None where nothing is asked."""
        sizes = self.gets(device)
        if not sizes or sizes[0] > ASKED_UP_TO[self.dtype]:
            return None
        found = []
        if self.spills or self.fills:
            found.append(f"{self.spills} spills and {self.fills} fills")
        if self.threads < THREADS:
            found.append(f"{self.threads} threads")
        if self.loop_bytes > INSTRUCTION_CACHE:
            found.append(f"loops of {self.loop_bytes / 1024:.1f} KB")
        if self.workgroup_bytes > WORKGROUP_MEMORY:
            found.append(f"{self.workgroup_bytes / 1024:.1f} KB of workgroup memory")
        return found

    def held_registers(self):
        """32-bit registers of a lane that a row on matrices holds at once, by its source, where it holds most: while it makes
        weights of a tile's scores. A matrix of 8 x 8 takes two from each of 32 lanes in float32, one in float16. Weights as
        operands come when values of one set and the scores are no longer held, which is less. Without where a lane stands,
        addresses and what arithmetic takes."""
        side, rows, columns, keys, ahead = (int(n) for n in re.fullmatch(r"m(\d+)r(\d+)c(\d+)k(\d+)a(\d+)", self.tile).groups())
        numbers = side * side / self.lanes
        output_and_next_scores = (rows * columns + rows * keys) * numbers
        queries = rows * columns * numbers / 2
        # Keys and values in a set for each tile of a round, of so many pieces of four words.
        tiles_a_round = 1 if self.entry.get("table") == "matrix_m1" else 2
        loaded_ahead = 2 * tiles_a_round * ahead * 4
        # Of each block of query rows a lane has five numbers of its row's softmax, and its part of a tile's scores.
        softmax = rows * (5 + keys * side * side // self.lanes)
        return int(output_and_next_scores + queries + loaded_ahead + softmax)


def listing():
    """Every kernel that an Apple GPU may get, from the planner."""
    command = ["cargo", "run", "--quiet", "--locked", "-p", "mha-bench", "--example", "apple-kernels"]
    here = pathlib.Path(__file__).parent
    return json.loads(subprocess.run(command, cwd=here, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout)


def joined(entries, recorded):
    """Every entry of the listing with its figures."""
    known = {agx.key(row): row for row in recorded["kernels"]}
    missing = [entry for entry in entries if agx.key(entry) not in known]
    if missing:
        names = ", ".join(f"{entry['kernel']} (a row of {entry['table'] or entry['lane']})" for entry in missing)
        raise Missing(f"every kernel that an Apple GPU may get needs figures, got none of {names}: {RECORD}")
    return [Row(entry, known[agx.key(entry)]) for entry in entries]


def of(rows, lane, table=None, features="plain", **wanted):
    """The rows of a lane, of one table where it has two, with these fields."""
    wanted |= {"features": features}
    return [row for row in rows if row.lane == lane and table in (None, row.table)
            and all(getattr(row, name) == value for name, value in wanted.items())]


def featured(rows, device):
    """What a device gets for features: each row for plain attention and its kernels by feature, without rows on matrices that no
    compiler at hand takes."""
    found = []
    for row in rows:
        if row.features == "plain" and row.compiled and row.gets(device):
            same = [other for other in rows if other.features != "plain" and all(
                getattr(other, name) == getattr(row, name)
                for name in ("lane", "table", "dtype", "max_head_size", "lanes", "tile", "key_tile", "workgroup", "stand_in"))]
            if same:
                found.append((row, {other.features: other for other in same}))
    return found


def at(rows, lane, table, dtype, head_size, device):
    """The row that a head size gets on a device."""
    for row in of(rows, lane, table, dtype=dtype):
        sizes = row.gets(device)
        if sizes and sizes[0] <= head_size <= sizes[1]:
            return row
    raise Missing(f"head size {head_size} in {dtype} gets a row of {table or lane} on {device}, got none: the listing changed")
