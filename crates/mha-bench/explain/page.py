"""The page and its plot."""

import textwrap

import chart
from figures import ASKED_UP_TO, INSTRUCTION_CACHE, M1, M4, REGISTERS, THREADS, at, featured, of

SEED_SIZES = (40, 64, 128)
DTYPES = ("f32", "f16")
SEEDS = ("seed-before", "seed-after")
# Features that are compiled in, as apple-kernels lists them, and what they are called here.
FEATURES = {"causal": "causal", "past": "past, bias of keys and values", "masks": "mask, attention_bias", "splits": "split keys",
            "scalar": "no multiple of 4"}
COLUMNS = ["dtype", "head sizes", "row", "registers", "threads", "spills : fills", "loops KB", "code KB", "workgroup KB",
           "instructions", "workgroup loads", "shuffles"]


def kb(size):
    return f"{size / 1024:.1f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def sizes(row, device):
    least, most = row.gets(device)
    return f"{most}" if least == most else f"{least} to {most}"


def name(row):
    """A row as its table has it."""
    if row.table is None:
        return f"{row.workgroup} lanes"
    lanes = f"{row.lanes} lane" if row.lanes == 1 else f"{row.lanes} lanes"
    return f"{lanes} x {row.tile}" + (f", {row.key_tile} keys" if row.key_tile else "")


def row_text(row):
    """As the benchmark's `--rows` takes it."""
    return f"{row.dtype} | {row.max_head_size} | {row.lanes} | {row.tile} | {row.key_tile} | {row.workgroup}"


def figures_of(row):
    per = [f"{row.per_multiply_add(kind):.2f}" for kind in ("instructions", "workgroup_loads", "shuffles")]
    return [str(row.registers), str(row.threads), f"{row.spills} : {row.fills}", kb(row.loop_bytes), kb(row.code_bytes),
            kb(row.workgroup_bytes), *per]


def lane_table(rows, device, of_any_size=False):
    chosen = [row for row in rows if row.gets(device)]
    return table(COLUMNS, [[row.dtype, "any" if of_any_size else sizes(row, device), name(row) + (" †" if row.has_changed else ""),
                            *figures_of(row)] for row in chosen])


def untaken_table(rows):
    """Rows that no Apple GPU gets by itself, by the largest head size that each is for."""
    lines = [[row.dtype, f"to {row.max_head_size}", name(row) + (" †" if row.has_changed else ""), *figures_of(row)] for row in rows]
    return table(COLUMNS, lines)


def folded(summary, content):
    return f"<details><summary>{summary}</summary>\n\n{content}\n</details>\n"


def missed(rows, device):
    """A list of what rows miss of what is asked on M1 and M2."""
    asked = [(row, row.misses(device)) for row in rows]
    lines = [f"- {row.dtype}, head sizes {sizes(row, device)}, {name(row)}: {', '.join(found)}" for row, found in asked if found]
    met = sum(found == [] for _, found in asked)
    return f"{met} of {met + len(lines)} rows of which it is asked meet it" + (":\n\n" + "\n".join(lines) if lines else ".")


def brief(row):
    """Threads, KB of loops and what is spilled, which is seldom anything."""
    return f"{row.threads}, {kb(row.loop_bytes)}" + (f", **{row.spills} : {row.fills}**" if row.spills or row.fills else "")


def features_table(rows, device):
    """What each row of a device needs for plain attention, and with each feature by itself."""
    lines = [[row.lane, row.dtype, sizes(row, device), name(row), brief(row),
              *(brief(by[feature]) if feature in by else "" for feature in FEATURES)] for row, by in featured(rows, device)]
    return table(["lane", "dtype", "head sizes", "row", "plain", *FEATURES.values()], lines)


def missed_with_features(rows, device):
    """What of what is asked of plain attention is missed with a feature."""
    lines = []
    for row, by in featured(rows, device):
        for feature, other in by.items():
            if found := other.misses(device):
                lines.append(f"- {row.lane}, {row.dtype}, head sizes {sizes(row, device)}, {name(row)}, {FEATURES[feature]}: {', '.join(found)}")
    kernels = sum(len(by) for _, by in featured(rows, device))
    spilling = sum(bool(other.spills or other.fills) for _, by in featured(rows, device) for other in by.values())
    spills = "None of them spills" if not spilling else f"{spilling} of them spill"
    return f"{spills}; {kernels - len(lines)} of {kernels} meet all that is asked of plain attention" + (":\n\n" + "\n".join(lines) if lines else ".")


def compared(rows):
    """The report's kernels beside what lane apple has for the same head size."""
    lines = []
    for dtype in DTYPES:
        for head_size in SEED_SIZES:
            for lane in SEEDS:
                lines.append([dtype, str(head_size), lane, *figures_of(of(rows, lane, dtype=dtype, max_head_size=head_size)[0])])
            for device, table_name, title in ((M1, "apple_m1", "apple, M1 and M2"), (M4, "apple_m3", "apple, M3 and later")):
                row = at(rows, "apple", table_name, dtype, head_size, device)
                lines.append([dtype, str(head_size), title, *figures_of(row)])
    return table(["dtype", "head size", "kernel", *COLUMNS[3:]], lines)


def plot(rows):
    """Spills, threads and loops of four kernels by head size, a row of panels for each type."""
    def values(dtype, figure):
        groups = []
        for head_size in SEED_SIZES:
            four = [of(rows, lane, dtype=dtype, max_head_size=head_size)[0] for lane in SEEDS]
            four += [at(rows, "apple", "apple_m1", dtype, head_size, M1), at(rows, "apple", "apple_m3", dtype, head_size, M4)]
            groups.append((f"head size {head_size}", [figure(row) for row in four]))
        return groups

    panels = [[(f"{dtype}: spills and fills in the code", values(dtype, lambda row: row.spills + row.fills), None, "d"),
               (f"{dtype}: threads a core", values(dtype, lambda row: row.threads), (THREADS, str(THREADS)), "d"),
               (f"{dtype}: KB of code in loops", values(dtype, lambda row: row.loop_bytes / 1024),
                (INSTRUCTION_CACHE / 1024, "cache 12"), ".0f")] for dtype in DTYPES]
    return chart.chart([*SEEDS, "lane apple, M1 and M2", "lane apple, M3 and later (as an M1 would have it)"], panels)


def matrix_table(rows, device):
    """Of rows that no compiler at hand takes: what they hold by a count, and the figures of what stands in for them."""
    lines = [[row.dtype, sizes(row, device), name(row) + (" †" if row.has_changed else ""), str(row.held_registers()),
              *figures_of(row)[:3], str(row.scratch_bytes), *figures_of(row)[3:6]] for row in rows]
    stand_ins = [f"stand-in's {figure}" for figure in ("registers", "threads", "spills : fills", "spilled bytes", "loops KB", "code KB")]
    return table(["dtype", "head sizes", "row", "held, of 128", *stand_ins, "workgroup KB"], lines)


def change(before, after, figure, form):
    return f"{figure(before):{form}} → {figure(after):{form}}"


def filled(markdown):
    """The same with the lines of paragraphs filled; numbers put into them made some short and some long."""
    blocks, fenced = [], False
    for block in markdown.split("\n\n"):
        is_text = not fenced and not block.startswith(("|", "#", "-", "`" * 3, "<", "!"))
        blocks.append(textwrap.fill(" ".join(block.split()), 128, break_long_words=False, break_on_hyphens=False) if is_text else
                      block.strip("\n"))
        fenced ^= block.count("`" * 3) % 2 == 1
    return "\n\n".join(blocks) + "\n"


def markdown(rows, recorded):
    seed = {(lane, dtype): of(rows, lane, dtype=dtype, max_head_size=64)[0] for lane in SEEDS for dtype in DTYPES}
    before, after = (seed[lane, "f32"] for lane in SEEDS)
    before16, after16 = (seed[lane, "f16"] for lane in SEEDS)
    wide_before, wide_after = (of(rows, lane, dtype="f32", max_head_size=128)[0] for lane in SEEDS)
    one, two = at(rows, "apple", "apple_m1", "f32", 64, M1), at(rows, "apple", "apple_m3", "f32", 64, M4)
    moves = lambda row: row.spills + row.fills
    per = lambda kind: lambda row: row.per_multiply_add(kind)
    matrix = of(rows, "matrix", stand_in=False)
    one_block, two_blocks = (of(rows, "matrix", table, stand_in=True) for table in ("matrix_m1", "matrix"))
    _, medium, widest = one_block
    wide_m1 = at(rows, "apple", "apple_m1", "f16", 128, M1)
    baseline = [row for row in of(rows, "rows", "rows") if row.gets(M4)]
    spilling = [row for row in baseline if moves(row)]
    rows_m1 = of(rows, "rows", "rows_m1")
    one_loop = at(rows, "rows", "rows_m1", "f32", 64, M1)
    widest_loops = [row for row in rows_m1 if row.gets(M1) and moves(row)]
    m1 = of(rows, "apple", "apple_m1")
    of_m3 = of(rows, "apple", "apple_m3")
    m3 = [row for row in of_m3 if not row.gets(M1)]
    others = {row.kernel for row in m1 + of_m3}
    wide = [row for row in of(rows, "apple", "apple_wide") if row.kernel not in others]
    short_m1 = of(rows, "short", "short_m1")
    short_m3 = [row for row in of(rows, "short", "short") if row.gets(M4) and not row.gets(M1)]
    one_short, two_short = (of(short_m1, "short", dtype="f32", max_head_size=128, tile=tile)[0] for tile in ("r1s2", "r2s2"))
    largest_matrix = max(row.max_head_size for row in matrix)
    refusal = matrix[0].figures["refused"].partition(" needs ")[2]
    changed = sorted({row.kernel for row in rows if row.compiled and row.has_changed})
    notes = (f"Kernels marked † have changed since these figures were recorded: {', '.join(changed)}. `ci/agx_figures` records them "
             "again.\n\n") if changed else ""
    return filled(f"""# Which kernel for which Apple GPU

**No Apple GPU timed any of this.** The figures are of {recorded["date"]}: what {recorded["driver"]}, the open-source driver for Apple's
GPUs, compiles each kernel to for an {recorded["gpu"]}. The page is made of them by `python3 crates/mha-bench/explain`.

The question is the original report's. Its kernel `seed-before` took 20 times as long as it had to on an M4 Max. `seed-after` mended
that and made M1-class chips slower, and nobody could tell the two apart at run time or say which kernel is right for which.

## The answer

The adapter's name tells the chips apart ("Apple M4 Max"), and path `apple` goes by it, `auto` until it has measured:

| chip | prefill in float16, head sizes to {largest_matrix} | other prefill | what decides |
|---|---|---|---|
| M1, M2 | lane matrix, rows `matrix_m1`, to {widest.max_head_size} | lane apple, rows `apple_m1` | registers fixed when a kernel is compiled, an instruction cache of 12 KB |
| M3 and later | lane matrix, rows `matrix` | lane apple, rows `apple_m3` | reads of threadgroup memory; registers are allocated as used |

Path `baseline`, which runs where nothing is set, has [rows of its own](#rows-which-baseline-runs) for M1 and M2, `rows_m1`.

Whether lane matrix is right for M1 and M2 is open, as its kernels are not compiled here: [what stands in for them](#matrix-8-x-8) meets what is
asked for heads of up to {widest.max_head_size}, and not for larger ones, which take lane apple. If it does not prove faster there, lane apple's rows for float16 are what M1 and M2 should have.

Neither kernel of the report is right for M1 and M2. At head size 64 in f32 both need more registers than there are, so that both
spill ({before.spills} : {before.fills} and {after.spills} : {after.fills}), a core holds {before.threads} threads of either, the fewest there
can be, and their loops ({kb(before.loop_bytes)} and {kb(after.loop_bytes)} KB) run out of the instruction cache. Lane apple's row spills
{"nothing" if not moves(one) else f"{one.spills} : {one.fills}"}, leaves room for {one.threads} threads and loops in {kb(one.loop_bytes)} KB.

![Spills, threads and code of four kernels by head size](apple-agx.svg)

## From `seed-before` to `seed-after`

| head size 64, `seed-before` → `seed-after` | f32 | f16 |
|---|---|---|
| shuffles for a multiply-add | {change(before, after, per("shuffles"), ".2f")} | {change(before16, after16, per("shuffles"), ".2f")} |
| instructions for a multiply-add | {change(before, after, per("instructions"), ".2f")} | {change(before16, after16, per("instructions"), ".2f")} |
| reads of threadgroup memory for a multiply-add | {change(before, after, per("workgroup_loads"), ".2f")} | {change(before16, after16, per("workgroup_loads"), ".2f")} |
| spills and fills | {change(before, after, moves, "d")} | {change(before16, after16, moves, "d")} |
| threads a core | {change(before, after, lambda r: r.threads, "d")} | {change(before16, after16, lambda r: r.threads, "d")} |
| loops, KB | {change(before, after, lambda r: r.loop_bytes / 1024, ".0f")} | {change(before16, after16, lambda r: r.loop_bytes / 1024, ".0f")} |

What `seed-after` gains, shuffles and instructions, it gains on every chip. What it pays with is what M1 and M2 are short of: registers
(at head size 64 its step holds 32 scores where `seed-before` holds 16), code, and reads that need threads to hide behind. At head size 128 in f32
spills and fills go from {moves(wide_before)} to {moves(wide_after)}. M3 and later allocate registers as a shader uses them, from one
on-chip pool with threadgroup memory and cache, so that there the price is small and the gain remains. That is the likely reason
why one chip got faster and the other slower. Spills alone are not: both kernels spill in f32, and neither does in f16 at 64, where
threads, code and reads get worse all the same.

## What it means for each lane

Asked on M1 and M2, for head sizes up to {ASKED_UP_TO["f32"]} in f32 and {ASKED_UP_TO["f16"]} in f16: no spill, {THREADS} threads a core or more, loops within 12 KB,
workgroup memory within 32 KB.

{notes}### apple, rows for M1 and M2

As few lanes to a query row as do without spills: four, and eight for wide heads. {missed(m1, M1)}

{lane_table(m1, M1)}

Rows with f8 take eight keys a step and sum their values from zero before they add them to O, for smaller errors. That is one more
addition for every eight multiply-adds; steps of eight keys instead of four save more instructions than that. The sums begin with a
zero that no compiler knows: to sums of four products Mesa's compiler adds O first where they begin with a product, and Metal's may to
any, which makes one chain of all keys again. An accumulator of its own for each tile, added to O after it, would have smaller errors
still, over 4,096 keys and tiles of 16 by an emulation that is not part of the project 0.34 of one chain's where f8 has 0.39; with eight keys a step it spills or
leaves room for fewer than {THREADS} threads, but for heads of 16.

### apple, rows for M3 and later

The figures are an M1's, so registers, threads and spills say what a row asks for and not what it gets. Heads of up to 16 have a fourth query
row in float32, for which M1 and M2 have no room. From 40 to 128 columns two query rows to a group where M1 and M2 have one
halve the reads of threadgroup memory, {one.per_multiply_add("workgroup_loads"):.2f} → {two.per_multiply_add("workgroup_loads"):.2f} for a multiply-add at head size 64, for {two.registers} registers
where one row takes {one.registers}. Other head sizes have the rows above: up to 32 columns two rows share reads there too, and beyond 128 Q and O
of two rows would be 128 numbers a lane, as many as it can have registers. `apple_m3.tbl` has the reason for each row.

{lane_table(m3, M4)}

### apple, rows for other makers' discrete GPUs

No Apple GPU has these before it has measured; path `auto` tries them there beside the two above. Four query rows to a group halve the
reads once more. The figures are an M1's.

{untaken_table(wide)}

### matrix, 8 x 8

On Metal the matrices are `simdgroup_matrix`, of which each of 32 lanes holds two elements; a multiply-add of them takes operands
without reads or shuffles of its own. Mesa's driver has no cooperative matrices (lane matrix "needs {refusal}"), so **none of these
kernels is compiled**. Two estimates take the place of figures.

*Held* is a count by the kernel's source, in 32-bit registers of a lane, of what it has at once where it has most: O, Q, scores of the
next tile, four sets of keys and values loaded ahead, or two with one tile a round, and of a lane's rows the numbers of the softmax and the scores of which weights
are being made. Where the lane stands, 21 numbers of which the loop needs some, addresses and arithmetic come on top.

The *stand-in* is the same WGSL with each matrix as the two elements that one lane of 32 holds of it: two of float16 for operands, two
of float32 for sums. A load or store of a matrix is one of two elements of workgroup memory at addresses of the lane's own, a
multiply-add one of elements, without the exchange among lanes that the real one makes. Mesa's compiler says what holding all that
costs, and **nothing of the schedule of real matrix instructions**: not how many they are, in which order they come or how long they
take. Its code is longer than the real kernel's, as a multiply-add of matrices is two instructions and a load some four. Addresses in
workgroup memory change in every turn by a zero that no compiler knows; Mesa's would else hold each of them through the loop, and
spill more.

M1 and M2 get one block of query rows to a simdgroup, tiles of {medium.key_tile} keys, one piece loaded ahead and one tile a round of the loop, where others have
two blocks, 32 keys and two tiles, `matrix_m1`. {missed(one_block, M1)}

{matrix_table(one_block, M1)}

Two tiles a round, each with registers of its own for what is loaded ahead, of 32 keys each, left room for 512 and 448 threads of heads of up to 32 and 64
and looped in 13.7 and 19.1 KB. One tile a round has half of the code, and keys and values are loaded one tile ahead instead of two. It also
multiplies Q by the next tile's keys in one place, where others do so once beside the weights of tiles that something masks and once beside
those of other tiles. With 32 keys that was 640 and 576 threads, 7.9 and 10.3 KB, but 13.2 KB with masks, and with an older version of the
compiler, Mesa 25.0.7's, 448 threads or fewer for heads of up to 64; with {medium.key_tile} keys that version makes 184 registers of them and 208 of heads of up to 80. Of these forms no figures are kept. By the count {128 - widest.held_registers()}
registers are left, so that Apple's compiler may leave room for more threads. Workgroups are of {medium.workgroup} and {widest.workgroup} lanes, so that those of a core have
{THREADS} threads and no more than 32 KB of workgroup memory.

Heads of up to 128 would leave room for 448 threads in such a form. Those over {widest.max_head_size} take lane apple, which for heads of 128 spills
{"nothing" if not moves(wide_m1) else f"{wide_m1.spills} : {wide_m1.fills}"} and leaves room for {wide_m1.threads} threads.

That lane matrix is the faster where both meet what is asked is reasoned: lane apple takes two instructions and more for a multiply-add,
where the kernels of `simdgroup_matrix` of [metal-flash-attention](https://github.com/philipturner/metal-flash-attention) keep ALUs of
Apple's GPUs 83 to 94 % busy, by published figures. Only a timing on such a chip can tell.

M3 and later, which allocate registers as used, get two blocks up to head sizes of {two_blocks[1].max_head_size}, so that each matrix of keys and values that is read
is multiplied twice. The figures are what an M1 would make of them: with these it would spill {", ".join(str(row.scratch_bytes) for row in two_blocks[:-1])} and
{two_blocks[-1].scratch_bytes} bytes, which is why it gets the others.

{matrix_table(two_blocks, M4)}

naga's Metal output of one kernel is kept in [mha-kernels/tests/metal](../../mha-kernels/tests/metal). None of these rows, of 32 lanes,
ran on any device. The software driver that has 8 x 8 matrices has subgroups of 8: it runs, rightly, the smaller rows of 8 lanes that
are made of the same source. No row of 8 lanes can have tiles of M1's {medium.key_tile} keys, which are one vec4 a lane: those give right answers on a software driver
with what each lane needs of a matrix in plain WGSL ([a test](../../mha-gpu/src/tests/matrices.rs) of each), where all but the matrices is the kernel's own.

Float32 prefill takes lane apple although Metal lists 8 x 8 matrices of float32 too: there is no row for them. No driver at hand runs
them (the software driver lists operands of float16 alone), so nothing could test one. Nor is it plain what one would gain: up to M4
Apple's GPUs have no matrix units beside their ALUs (measured by others [on an M4 Max](https://arxiv.org/abs/2606.12765)), on which
`simdgroup_matrix` runs like lane apple, so that it could save traffic of operands but no arithmetic. It was not tried.

### short, queries of 16 rows and fewer

`r1` answers a decoding step, with the same rows on every chip. For more query rows M1 and M2 have rows of their own, `short_m1`: as
many of them to a group of lanes as meet what is asked. {missed(short_m1, M1)}

{lane_table(short_m1, M1)}

In f32 two query rows of head sizes 72 to 80 would leave room for {two_short.threads} threads, so that each has a group of its own. Of head
sizes 88 to 128, of which nothing is asked, two share one: at {two_short.threads} threads they take {per("instructions")(two_short):.2f} instructions
for a multiply-add where one takes {per("instructions")(one_short):.2f}, and read keys and values half as often.

M3 and later allocate registers as used, and take the rows of other makers' GPUs. The figures are an M1's:

{lane_table(short_m3, M4)}

Beyond what is asked, head sizes above 128 in f32 spill the most of all that an Apple GPU gets, on any chip: they want rows of fewer
columns to a lane.

### rows, which `baseline` runs

M1 and M2 have rows of their own, `rows_m1`: one loop that takes eight keys a turn and sums their values from zero, as lane apple's does, with
the next tile of keys and values loaded ahead, one vec4 of each a lane (two for heads of over 192). {missed(rows_m1, M1)}

{lane_table(rows_m1, M1)}

Elsewhere lane rows has a loop of its own for tiles to whose scores nothing is added. On M1 that loop and the other hold more at once than either:
four lanes with one query row of head size 64 need 232 registers in f32, for 448 threads, and 12.7 KB, where one loop takes {one_loop.registers} and {kb(one_loop.loop_bytes)}. With two vec4 ahead
one loop needs 232 too. Rows of heads beyond what is asked spill where that is listed, {", ".join(f"{row.spills} : {row.fills} in {row.dtype}" for row in widest_loops)} for
head sizes of {widest_loops[0].gets(M1)[0]} and more.

M3 and later allocate registers as used, and have the rows that all GPUs without rows of their own have. They were tuned for a GPU with twice the
registers to a lane: by an M1's figures {len(spilling)} of {len(baseline)} would spill there. On M3 and later what a row asks for decides how many threads
run, so that these may be too many registers for them as well; nobody timed it. Path `auto` takes lanes matrix and apple on all of them, and
tries these among others.

{folded("Their rows", lane_table(baseline, M4))}

### What features cost

The tables above are of plain attention. For the rows that M1 and M2 get for head sizes of 40, 64 and 80, and in float16 of 128, these are the
kernels with each feature by itself: causality; earlier keys with a bias of queries, keys and values (which lane matrix does not take, so that
its kernel has earlier keys alone); a mask for each row with an attention_bias; results of key splits; and head sizes of no multiple of 4, whose
elements are loaded one by one. Threads a core and KB of loops, of lane matrix the stand-in's. {missed_with_features(rows, M1)}

{features_table(rows, M1)}

### wide, for head sizes beyond 256

{lane_table(of(rows, "wide"), M1, of_any_size=True)}

### The report's kernels beside lane apple

{compared(rows)}

## Measured, reasoned, and what would refute it

Compiled: every figure above but those of lane matrix, which are counted by its source or a stand-in's. Measured by others on Apple GPUs: an instruction cache of 12 KB, a data cache of 8 KB and
threads a core that fall with registers on [M1](https://github.com/philipturner/metal-benchmarks); registers fixed at a shader's worst point
until M2, allocated as used [from M3 on](https://developer.apple.com/videos/play/tech-talks/111375/); blocks that differ by generation in the
same way in [metal-flash-attention](https://github.com/philipturner/metal-flash-attention). Reasoned: that these limits decide the times.

Lane apple has its own price: {one.per_multiply_add("instructions"):.2f} instructions for a multiply-add at head size 64 in f32 where `seed-after` has
{after.per_multiply_add("instructions"):.2f}, as lanes that share a row exchange scores. Where neither registers nor code bind, on M3 and later, `seed-after`
may be the faster one.

On an M1 or M2 and on an M3 or later, in turn:

```sh
webgpu-attention bench --shapes lightonocr-4k,sd15-self --subjects lane:seed-before,lane:seed-after,lane:apple,lane:matrix,lane:rows
webgpu-attention bench --shapes lightonocr-4k --dtypes f32 --subjects lane:apple --rows '{row_text(two)}'
webgpu-attention bench --shapes lightonocr-4k --dtypes f32 --subjects lane:apple --rows '{row_text(one)}'
```

| if | then |
|---|---|
| on M1, lane rows is as fast as lane apple | what it loads ahead is worth the registers, and lane apple wants it too |
| on M1, lane apple is slower than a seed kernel | registers, threads and code do not decide, and `apple_m1` is wrong |
| on M1, `seed-after` is slower than `seed-before` in f32 but not in f16 | spills alone made the regression |
| on M1, it is slower in both | threads, code or reads of threadgroup memory did |
| on M3 or later, the first `--rows` is not faster than the second | two query rows to a group are not worth their registers: `apple_m1` for all |
| on M3 or later, `seed-after` is faster than lane apple | instructions decide there: lane apple wants fewer, or one lane to a row |
| lane matrix is slower than lane apple in f16 | the order of the path's lanes is wrong on that chip |
| it is so on M1 and not on M3 or later | lane matrix wants more registers than M1 and M2 have |
| on M1, `--shapes llm-prefill --dtypes f16 --subjects lane:matrix --rows 'f16\\|128\\|32\\|m8r1c16k4a4\\|32\\|128'` is faster than lane apple | what stands in for it misleads, and heads over {widest.max_head_size} belong on matrices there too |

A report of either table with the output of `webgpu-attention doctor` settles it.

## How the figures were made

`ci/agx_figures` does all of it on Linux with apt, in seconds once a Debian system with Mesa 26.1 is unpacked under `target/`. Its package
mesa-drm-shim lets Mesa's Vulkan driver believe in an M1 as long as nothing runs. Each kernel goes through wgpu and naga as it does in
the library, without run-time checks, with the constants of plain attention but where [features](#what-features-cost) are named: no mask, bias,
causality, past or beams, keys not split.
`HK_PERFTEST=norobust` leaves out bounds checks that Vulkan has and Metal does not. The driver prints its assembly and statistics.

*Registers* are 16-bit ones of a lane, of which there are {REGISTERS}; *threads* are how many of them a core has room for, 1,024 at most and 384 at
least. *Spills : fills* are instructions that store and load what does not fit. *Loops* is the code of all loops together, *workgroup*
the workgroup memory. *Instructions*, *workgroup loads* and *shuffles* are for one multiply-add of a lane in the loop that does them;
a load or store of four numbers counts once. Head sizes are multiples of 8, which read whole vectors.

Mesa's compiler is not Apple's: it unrolls and schedules otherwise. Large gaps mean something, single registers don't.
""")


def files(rows, recorded):
    """What the command writes: name and content."""
    return {"apple-agx.md": markdown(rows, recorded), "apple-agx.svg": plot(rows)}
