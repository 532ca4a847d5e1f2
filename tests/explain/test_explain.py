"""Contract of crates/mha-bench/explain: the committed page is what the command makes of the committed figures and of the planner's
tuning rows, every row that an Apple GPU may get has figures, and what the page argues is so in them. No GPU is needed."""

import copy
import json
import pathlib
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

BENCH = pathlib.Path(__file__).parents[2] / "crates" / "mha-bench"
sys.path.insert(0, str(BENCH / "explain"))
import agx  # noqa: E402
import chart  # noqa: E402
import figures  # noqa: E402
import page  # noqa: E402

DATA = BENCH / "results" / "apple-agx.json"

# A kernel of one loop in another, as the driver prints it, cut short.
PRINTED = """adapter Apple M1 (G13G A0) (vulkan, integrated, Honeykrisp Mesa 26.1.6-1)
shared_size: 8192
   0: f2153500               mov      $r5, simdgroup_index_in_threadgroup
  10: 522c5e822704           while    r47, r28, 1, ult
  20: 29e12602f4000014       lstore   r56_r57_r58_r59, r51l, 0, i32, xyzw
  30: 522ca6222605           while    $r51, r49, 1, ult
  40: 29e12602f4000014       lload    r56_r57_r58_r59, r51l, 0, i32, xyzw
  48: 29e12602f4000014       ffma     r1, r2, r3, r4
  50: 29e12602f4000014       ffma     r1, r2, r3, r4
  58: 29e12602f4000014       shuffle  r1, r2, r3
  60: 29e12602f4000014       stack_load r1, 4
  68: 00c098f6ffff           jmp_any  -56
  70: 00c0dcf0ffff           jmp_any  -96
  76: 8800                   stop
   0: 29e12602f4000014       ffma     r1, r2, r3, r4
   8: 8800                   stop
CS shader: 12 instrs, 9 alu, 9 fscib, 4 ic, 130 code size, 159 gprs, 122 uniforms, 16 scratch, 640 threads, 2 loops, 3:1 spills:fills, 2 preamble inst
"""


@pytest.fixture(scope="module")
def entries():
    return figures.listing()


@pytest.fixture(scope="module")
def recorded():
    return json.loads(DATA.read_text())


@pytest.fixture(scope="module")
def rows(entries, recorded):
    return figures.joined(entries, recorded)


def test_the_page_is_what_the_command_makes(rows, recorded):
    for name, content in page.files(rows, recorded).items():
        assert (BENCH / "results" / name).read_text() == content, f"run python3 crates/mha-bench/explain, and review {name}"


def test_every_row_of_an_apple_gpu_is_listed(entries):
    tables = BENCH.parent / "mha-plan" / "src" / "profile"
    for table in ("apple_m1", "apple_m3", "apple_wide", "short", "short_m1", "rows", "rows_m1"):
        written = [line for line in (tables / f"{table}.tbl").read_text().splitlines() if line.startswith("|")]
        listed = [entry for entry in entries if (entry["table"], entry["features"]) == (table, "plain")]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in written]
        fields = ("dtype", "max_head_size", "lanes", "tile", "key_tile", "workgroup")
        # Key splits and most keys, in a seventh and an eighth cell, change no kernel.
        assert [line[:6] for line in cells] == [[str(entry[field]) for field in fields] for entry in listed]


def test_a_row_without_figures_says_how_to_record_them(entries, recorded):
    fewer = copy.deepcopy(recorded)
    dropped = fewer["kernels"].pop(0)["kernel"]
    with pytest.raises(figures.Missing, match=rf"{dropped} \(a row of .*ci/agx_figures"):
        figures.joined(entries, fewer)


def test_a_kernel_that_changed_is_marked(entries, recorded):
    changed = copy.deepcopy(entries)
    assert changed[0]["lane"] == "apple"
    changed[0]["source"] += "\n// a comment changes nothing\n"
    assert not any(row.has_changed for row in figures.joined(changed[:1], recorded))
    changed[0]["source"] += "const ONE: u32 = 1u;"
    text = page.markdown(figures.joined(changed, recorded), recorded)
    assert f"Kernels marked † have changed since these figures were recorded: {changed[0]['kernel']}." in " ".join(text.split())
    assert text.count(" †") >= 2


def test_workgroup_memory_is_what_the_planner_counts_with(rows):
    compiled = [row for row in rows if row.compiled and row.workgroup_memory is not None]
    assert len(compiled) > 80
    for row in compiled:
        assert row.workgroup_memory == row.workgroup_bytes <= figures.WORKGROUP_MEMORY, row.kernel


def test_the_argument_holds(rows):
    """What the page says in words. Where figures no longer say so, the words have to change."""
    def seed(lane, dtype, head_size):
        return figures.of(rows, lane, dtype=dtype, max_head_size=head_size)[0]

    for lane in page.SEEDS:
        f32, f16 = seed(lane, "f32", 64), seed(lane, "f16", 64)
        assert f32.spills and f32.fills and f32.registers == figures.REGISTERS and f32.threads == 384
        assert f16.spills == f16.fills == 0
        assert min(f32.loop_bytes, f16.loop_bytes) > figures.INSTRUCTION_CACHE
    for dtype in page.DTYPES:
        before, after = seed("seed-before", dtype, 64), seed("seed-after", dtype, 64)
        assert before.per_multiply_add("shuffles") >= 0.5 and after.per_multiply_add("shuffles") == 0
        assert after.per_multiply_add("instructions") < before.per_multiply_add("instructions")
        assert after.per_multiply_add("workgroup_loads") > 10 * before.per_multiply_add("workgroup_loads")
        assert after.loop_bytes > before.loop_bytes and after.threads <= before.threads
    assert seed("seed-after", "f32", 64).spills > seed("seed-before", "f32", 64).spills
    assert seed("seed-after", "f32", 128).fills > 2 * seed("seed-before", "f32", 128).fills
    assert seed("seed-after", "f16", 64).threads < seed("seed-before", "f16", 64).threads

    asked = [row for row in figures.of(rows, "apple", "apple_m1") if row.misses(figures.M1) is not None]
    assert asked and all(row.spills == row.fills == 0 and row.loop_bytes < figures.INSTRUCTION_CACHE for row in asked)
    for head_size in (40, 64, 128):
        one = figures.at(rows, "apple", "apple_m1", "f32", head_size, figures.M1)
        two = figures.at(rows, "apple", "apple_m3", "f32", head_size, figures.M4)
        assert two.per_multiply_add("workgroup_loads") == pytest.approx(one.per_multiply_add("workgroup_loads") / 2, rel=0.05)
        assert two.registers > one.registers
        assert one.per_multiply_add("instructions") > seed("seed-after", "f32", head_size).per_multiply_add("instructions")
    matrix, stand_ins = (figures.of(rows, "matrix", stand_in=stand_in) for stand_in in (False, True))
    assert not any(row.compiled for row in matrix)
    assert [row.kernel for row in stand_ins] == [f"stand-in:{row.kernel}" for row in matrix]
    one_block, two_blocks = (figures.of(rows, "matrix", table, stand_in=True) for table in ("matrix_m1", "matrix"))
    assert [row.misses(figures.M1) for row in one_block] == [[], [], []]
    for one, two in zip(one_block, two_blocks, strict=False):
        assert one.gets(figures.M1)[0] == two.gets(figures.M4)[0] and one.gets(figures.M4) is two.gets(figures.M1) is None
        assert one.scratch_bytes < two.scratch_bytes and two.threads == 384
        assert all((row.lanes, row.dtype) == (32, "f16") and row.workgroup_bytes < figures.WORKGROUP_MEMORY for row in (one, two))
    assert [row.max_head_size for row in one_block] == [32, 64, 80] and not any(row.spills or row.fills for row in one_block)
    # Whole workgroups have 512 threads, and their workgroup memory is 32 KB at the most.
    for row in one_block:
        assert figures.THREADS % row.workgroup == 0
        assert figures.THREADS // row.workgroup * row.workgroup_bytes <= figures.WORKGROUP_MEMORY, row.kernel
    assert one_block[0].loop_bytes < 7.9 * 1024 and one_block[1].loop_bytes < 10.3 * 1024
    wide = figures.at(rows, "apple", "apple_m1", "f16", 128, figures.M1)
    assert not wide.spills and wide.threads >= figures.THREADS
    short = figures.of(rows, "short", "short_m1")
    asked = [row for row in short if row.misses(figures.M1) is not None]
    assert {row.max_head_size for row in asked} == {64, 80, 128} and not any(row.misses(figures.M1) for row in asked)
    two = figures.at([row for row in short if row.tile == "r2s2"], "short", "short_m1", "f32", 128, figures.M1)
    assert two.gets(figures.M1) == [88, 128] and not two.spills and two.threads < figures.THREADS
    for device in (figures.M1, figures.M4):
        got = [row for row in rows if row.gets(device) and row.compiled and row.lane in ("apple", "short", "rows") and row.features == "plain"]
        most = max(got, key=lambda row: row.spills)
        assert (most.lane, most.dtype) == ("short", "f32") and most.gets(device) == [136, 256]
    own = figures.of(rows, "rows", "rows_m1")
    asked = [row for row in own if row.misses(figures.M1) is not None]
    assert len(asked) >= 10 and not any(row.misses(figures.M1) for row in asked)
    assert {row.max_head_size for row in own if row.gets(figures.M1) and row.spills} == {256}
    assert not any(row.gets(figures.M1) for row in figures.of(rows, "rows", "rows"))
    baseline = [row for row in figures.of(rows, "rows", "rows") if row.gets(figures.M4)]
    assert all(row.spills for row in baseline if not row.tile.startswith("r1"))


def test_features_spill_nothing(rows):
    """Of what M1 and M2 get for the head sizes that are asked of, each lane's rows were compiled with each feature."""
    found = figures.featured(rows, figures.M1)
    assert {(row.lane, row.dtype) for row, _ in found} == {
        ("apple", "f32"), ("apple", "f16"), ("short", "f32"), ("short", "f16"), ("rows", "f32"), ("rows", "f16"), ("matrix", "f16")}
    for row, by in found:
        assert list(by) == list(page.FEATURES), row.kernel
        assert all(other.spills == other.fills == 0 for other in by.values()), row.kernel
        assert all(other.constants != row.constants or other.kernel != row.kernel for other in by.values())
        # Lane apple and lane rows are what most calls get: threads and loops as well, but for one kernel.
        missing = [feature for feature, other in by.items() if other.misses(figures.M1)]
        if row.lane in ("apple", "matrix"):
            assert missing == [], row.kernel
        if row.lane == "rows":
            assert missing in ([], ["scalar"]), row.kernel
    for head_size in (40, 64, 80):
        for lane, table in (("apple", "apple_m1"), ("rows", "rows_m1")):
            assert figures.at([row for row, _ in found], lane, table, "f32", head_size, figures.M1)
    assert figures.at([row for row, _ in found], "rows", "rows_m1", "f16", 128, figures.M1)
    text = page.missed_with_features(rows, figures.M1)
    assert text.startswith("None of them spills; ")


def test_what_a_row_misses():
    entry = {"table": "t", "dtype": "f32", "head_sizes": {figures.M1: [72, 80]}}
    fine = {"spills": 0, "fills": 0, "threads": 512, "loop_bytes": 12 << 10, "workgroup_bytes": 32 << 10}
    assert figures.Row(entry, fine).misses(figures.M1) == []
    bad = {"spills": 1, "fills": 2, "threads": 511, "loop_bytes": 13 << 10, "workgroup_bytes": 33 << 10}
    assert figures.Row(entry, bad).misses(figures.M1) == ["1 spills and 2 fills", "511 threads", "loops of 13.0 KB",
                                                          "33.0 KB of workgroup memory"]
    assert figures.Row(entry | {"head_sizes": {figures.M1: [88, 128]}}, bad).misses(figures.M1) is None
    assert figures.Row(entry | {"head_sizes": {}}, bad).misses(figures.M1) is None


def test_registers_held_on_matrices():
    # O 2 x 8 matrices of 2 registers, scores 2 x 4 of 2, Q 2 x 8 of 1, four times 2 pieces of 4, and 2 x 13 of the softmax.
    assert figures.Row({"tile": "m8r2c8k4a2", "lanes": 32}, {}).held_registers() == 32 + 16 + 16 + 32 + 26
    # One tile a round: half of the pieces.
    assert figures.Row({"tile": "m8r2c8k4a2", "lanes": 32, "table": "matrix_m1"}, {}).held_registers() == 32 + 16 + 16 + 16 + 26
    # Half of the keys: half of the scores, of the next tile and of this lane.
    assert figures.Row({"tile": "m8r2c8k2a2", "lanes": 32}, {}).held_registers() == 32 + 8 + 16 + 32 + 18


def test_nobody_takes_a_stand_in_for_the_kernel(entries, recorded):
    stand_ins = [entry for entry in entries if entry["stand_in"]]
    assert sum(entry["features"] == "plain" for entry in stand_ins) == 6
    for entry in stand_ins:
        assert entry["kernel"].startswith("stand-in:matrix_f16_") and "stand_in_multiply_add" in entry["source"]
        # No matrix is left in it, and what it adds to the kernel is called in every turn.
        assert not re.search(r"coop_mat|coop(Load|Store|Multiply)|wgpu_cooperative", entry["source"])
        tiles_a_round = 1 if entry["table"] == "matrix_m1" else 2
        assert entry["source"].count("place = moved(place, ") == tiles_a_round and entry["source"].count("    move_matrices(t0);") == 2
    assert {row["kernel"] for row in recorded["kernels"] if row.get("stand_in")} == {entry["kernel"] for entry in stand_ins}
    assert not any(row["kernel"].startswith("stand-in:") for row in recorded["kernels"] if not row.get("stand_in"))


def test_what_the_driver_prints():
    found = agx.figures(PRINTED)
    assert (found["registers"], found["threads"], found["spills"], found["fills"]) == (160, 640, 3, 1)
    assert (found["workgroup_bytes"], found["code_bytes"], found["instructions"], found["scratch_bytes"]) == (8192, 130, 12, 16)
    # From 0x10 to 0x76; the loop inside counts once.
    assert found["loop_bytes"] == 0x66
    # What follows `stop` runs once and does not count.
    assert found["loop"] == {"instructions": 7, "multiply_adds": 2, "workgroup_loads": 1, "shuffles": 1, "spill_moves": 1}
    for cut in ("shared_size", "CS shader", "stop"):
        with pytest.raises(agx.Unusable):
            agx.figures("\n".join(line for line in PRINTED.splitlines() if cut not in line))


def test_a_compiler_that_prints_nothing_leaves_the_figures(entries):
    before = DATA.read_bytes()
    run = subprocess.run([sys.executable, BENCH / "explain", "--record", "true"], capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr.startswith("error: `true ...` names an adapter") and len(run.stderr.splitlines()) == 1
    assert DATA.read_bytes() == before and not list(DATA.parent.glob("*.tmp"))
    run = subprocess.run([sys.executable, BENCH / "explain", "--record"], capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.startswith("error: --record needs the command") and len(run.stderr.splitlines()) == 1


def test_bars_are_as_tall_as_their_values():
    svg = ElementTree.fromstring(chart.chart(["a", "b"], [[("title", [("x", [2, 1])], (2, "two"), "d")]]))
    heights = [float(rect.get("height")) for rect in svg.iter("{http://www.w3.org/2000/svg}rect") if rect.get("y") and rect.get("x")][2:]
    assert len(heights) == 2 and heights[0] == pytest.approx(2 * heights[1], rel=1e-3)
