//! Tuning rows: for each lane, dtype and head size, which register tile and workgroup. The rows are text tables beside
//! this file; in each, the first row that covers a problem and fits the device wins.

use std::fmt;
use std::sync::LazyLock;

use mha_spec::{AttentionProblem, DType, PaddingMask};

use crate::caps::{DeviceCaps, DeviceKind};

/// Keys of a block of lane short, one for each lane of a quad.
pub(crate) const SHORT_KEYS: u32 = 4;

/// A row of a tuning table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TuningRow {
    /// Storage type it is for.
    pub dtype: DType,
    /// Largest head size, of keys and of values, that it covers.
    pub max_head_size: u32,
    /// Lanes that share a group of query rows.
    pub lanes: u32,
    /// Register tile, `r<rows>s<vec4 columns of a lane>`, then `a<vec4 loaded ahead>` where the lane loads ahead (in lane short the
    /// pieces of 16 bytes that its part of a block of keys has, packed in float16, and keys alone). Lane rows adds the values of a turn's
    /// eight keys by parts of columns where `p8` follows, and where `f4` or `f8` does also sums so many keys from zero, as lane apple
    /// does with `f8`; with `f8v2` values are loaded two columns at a time, with `t` each tile's weights have a sum of their own, with
    /// `x2` scores are two chains of half as many columns. `k`, for few keys, where the first reference is made of the first turn's
    /// scores. `o8` where it has one loop alone, which sums the values of eight keys from zero. `h` where tiles in workgroup memory hold
    /// float16. `c` where causality alone is where each row's keys end, in lane rows in its plain loop too. On matrices, `m<side>r<row
    /// blocks>c<column blocks>k<key blocks>a<pieces of 16 bytes loaded ahead>`.
    pub tile: String,
    /// Query rows of a group of lanes.
    pub rows: u32,
    /// Keys staged in workgroup memory at a time; 0 where the lane stages none.
    pub key_tile: u32,
    /// Lanes of a workgroup.
    pub workgroup_size: u32,
    /// Key splits, where the row fixes them.
    pub splits: Option<u32>,
    /// Most keys that the row is for, where others follow for more: no limit where the row is [pinned](crate::PlanOptions::row).
    pub most_keys: Option<u32>,
}

/// As a line of a table, which [`parse`] reads.
impl fmt::Display for TuningRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TuningRow { dtype, max_head_size, lanes, tile, key_tile, workgroup_size, .. } = self;
        write!(f, "{} | {max_head_size} | {lanes} | {tile} | {key_tile} | {workgroup_size}", dtype.name())?;
        match (self.splits, self.most_keys) {
            (None, None) => Ok(()),
            (Some(splits), None) => write!(f, " | {splits}"),
            (None, Some(keys)) => write!(f, " | | {keys}"),
            (Some(splits), Some(keys)) => write!(f, " | {splits} | {keys}"),
        }
    }
}

impl TuningRow {
    /// Query rows that a workgroup answers.
    pub fn tile_rows(&self) -> u32 {
        self.workgroup_size / self.lanes / self.key_groups() * self.rows
    }

    /// Groups of subgroups that have the same rows and each their part of a tile's keys.
    pub fn key_groups(&self) -> u32 {
        self.matrix().map_or(1, |tile| tile.key_groups)
    }

    /// Columns of Q, K, V and O that a group of lanes holds, as vec4.
    pub fn columns4(&self) -> u32 {
        self.matrix()
            .map_or_else(|| self.lanes.saturating_mul(self.slice4()), |tile| tile.side * tile.column_blocks / 4)
    }

    /// The tile of the matrix lane.
    pub fn matrix(&self) -> Option<MatrixTile> {
        matrix_tile(&self.tile)
    }

    /// Bytes of a tile's element in workgroup memory, where a bias of keys and values may forbid float16.
    pub fn tile_element(&self, adds_bias: bool) -> u32 {
        if self.tile.ends_with('h') && !adds_bias { 2 } else { 4 }
    }

    /// How far apart the four or eight lanes of a row group of lanes rows and apple lie in a subgroup: on discrete GPUs whose subgroups
    /// always have 32 lanes, so far that eight or four neighbours read the same 16 bytes of a tile. On an H200 that takes 3 % off lane rows
    /// at heads of 64 (`results/h200-lanes.md`, "Lane rows: lanes apart"): its multiprocessors fetch such reads once for two lanes.
    /// Elsewhere, where nothing was measured, side by side: lanes of a quad exchange scores by operations of their own.
    pub(crate) fn lane_step(&self, caps: &DeviceCaps) -> u32 {
        let has_32 = caps.min_subgroup_size == 32 && caps.max_subgroup_size == 32;
        // Groups that lie apart fill whole subgroups together.
        let fills = self.workgroup_size.is_multiple_of(32) && self.lanes <= 32;
        if caps.kind == DeviceKind::Discrete && has_32 && fills { 32 / self.lanes } else { 1 }
    }

    /// Bytes of workgroup memory that lane rows has besides tiles: what its loop of plain tiles found, none where all tiles have one loop, and
    /// where each tile's weights have a sum of their own (`t`), each lane's sums of the tiles before.
    pub(crate) fn plain_loop_memory(&self) -> u32 {
        let sums = if self.tile.contains("v2t") { self.workgroup_size * self.rows * 4 } else { 0 };
        if self.has_one_loop() { 0 } else { 8 + sums }
    }

    /// Whether lane rows has one loop for all tiles, and no plain one.
    pub(crate) fn has_one_loop(&self) -> bool {
        self.tile.ends_with("o8")
    }

    /// Keys that a workgroup of lane short takes in each turn of its loop: a block for each group of lanes.
    pub(crate) fn short_turn(&self) -> u32 {
        self.workgroup_size / self.lanes * SHORT_KEYS
    }

    /// Pieces of 16 bytes of keys, and but in lane short of values, that each lane loads ahead; 0 where it loads none.
    pub(crate) fn ahead(&self) -> u32 {
        tile_numbers(&self.tile).map_or(0, |[.., ahead]| ahead)
    }

    /// Whether the row is for as many keys as the problem has. Rows for few differ in the loop of lane rows that takes scores as they are.
    pub(crate) fn is_for(&self, problem: &AttentionProblem) -> bool {
        let adds_to_scores = problem.padding_mask != PaddingMask::None || problem.attention_bias.is_some();
        self.most_keys.is_none_or(|most| problem.total_len() <= most && !adds_to_scores)
    }

    fn slice4(&self) -> u32 {
        tile_numbers(&self.tile).map_or(0, |[_, slice4, ..]| slice4)
    }
}

/// What a subgroup of the matrix lane holds, in blocks of one cooperative matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatrixTile {
    /// Rows and columns of a matrix.
    pub side: u32,
    /// Blocks of query rows.
    pub row_blocks: u32,
    /// Blocks of columns of Q, K, V and O.
    pub column_blocks: u32,
    /// Blocks of a tile of keys that each subgroup takes.
    pub key_blocks: u32,
    /// Groups of subgroups that have the same rows and each their part of a tile's keys.
    pub key_groups: u32,
    /// Pieces of 16 bytes of keys, and of values, that a lane loads ahead.
    pub ahead: u32,
}

fn matrix_tile(tile: &str) -> Option<MatrixTile> {
    let (side, rest) = tile.strip_prefix('m')?.split_once('r')?;
    let (row_blocks, rest) = rest.split_once('c')?;
    let (column_blocks, rest) = rest.split_once('k')?;
    let (keys, ahead) = rest.split_once('a')?;
    let (key_blocks, key_groups) = keys.split_once('g').unwrap_or((keys, "1"));
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    Some(MatrixTile {
        side: number(side)?,
        row_blocks: number(row_blocks)?,
        column_blocks: number(column_blocks)?,
        key_blocks: number(key_blocks)?,
        key_groups: number(key_groups)?,
        ahead: number(ahead)?,
    })
}

/// A tuning table and its name for decisions.
#[derive(Debug)]
pub struct Profile {
    /// Name of the table.
    pub name: &'static str,
    /// Its rows, in order.
    pub rows: Vec<TuningRow>,
}

/// What a table row got wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// Line, from 1.
    pub line: usize,
    /// The rule and what was received.
    pub message: String,
}

/// Reads a table: lines `| dtype | max head size | lanes | tile | key tile | workgroup |`, a seventh cell where the number of key splits
/// is fixed, and an eighth, behind the seventh or an empty one, where the row is for so many keys at the most; `#` begins a comment.
pub fn parse(text: &str) -> Result<Vec<TuningRow>, TableError> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fail = |message: String| TableError { line: index + 1, message };
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let ([dtype, max_head_size, lanes, tile, key_tile, workgroup_size], splits, most_keys) = match cells[..] {
            [a, b, c, d, e, f] => ([a, b, c, d, e, f], None, None),
            [a, b, c, d, e, f, splits] => ([a, b, c, d, e, f], Some(splits), None),
            [a, b, c, d, e, f, splits, keys] => {
                ([a, b, c, d, e, f], (!splits.is_empty()).then_some(splits), Some(keys))
            }
            _ => return Err(fail(format!("a row has 6 to 8 cells, got {}", cells.len()))),
        };
        let number = |cell: &str| cell.parse::<u32>().map_err(|_| fail(format!("a number is expected, got `{cell}`")));
        let [rows_of_tile, ..] = tile_numbers(tile).filter(|[rows, ..]| *rows > 0).ok_or_else(|| {
            let on_matrices = "m<side>r<row blocks>c<column blocks>k<key blocks>g<groups>a<pieces loaded ahead>";
            fail(format!(
                "a tile is r<rows>s<vec4 columns>a<vec4 loaded ahead>, p8, f4, f8, f8v2, f8v2t, f8v2x2, o8, h, c or k behind it, or {on_matrices}, from 1 on, got `{tile}`"
            ))
        })?;
        let (lanes, workgroup_size) = (number(lanes)?, number(workgroup_size)?);
        if lanes == 0 || workgroup_size == 0 || !workgroup_size.is_multiple_of(lanes) {
            return Err(fail(format!(
                "a workgroup is some groups of lanes, got {workgroup_size} in groups of {lanes}"
            )));
        }
        let row = TuningRow {
            dtype: match dtype {
                "f32" => DType::F32,
                "f16" => DType::F16,
                other => return Err(fail(format!("a dtype is f32 or f16, got `{other}`"))),
            },
            max_head_size: number(max_head_size)?,
            lanes,
            tile: tile.to_owned(),
            rows: rows_of_tile,
            key_tile: number(key_tile)?,
            workgroup_size,
            splits: splits.map(number).transpose()?,
            most_keys: most_keys.map(number).transpose()?,
        };
        // Columns that no lane has would be missing from scores and output.
        if row.columns4().saturating_mul(4) < row.max_head_size {
            let columns = row.columns4() * 4;
            return Err(fail(format!(
                "a tile has as many columns as its largest heads, got {columns} for heads of {max_head_size}"
            )));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Rows, vec4 columns of a lane (0 on matrices) and vec4 loaded ahead, from a tile's name; no `a` means none are.
fn tile_numbers(tile: &str) -> Option<[u32; 3]> {
    if let Some(matrix) = matrix_tile(tile) {
        return Some([matrix.side * matrix.row_blocks, 0, matrix.ahead]);
    }
    let (rows, rest) = tile.strip_suffix(['h', 'c', 'k']).unwrap_or(tile).strip_prefix('r')?.split_once('s')?;
    let (rest, turn) = rest.split_at(rest.find(['p', 'f', 'o']).unwrap_or(rest.len()));
    let (slice4, ahead) = rest.split_once('a').unwrap_or((rest, "0"));
    matches!(turn, "" | "p8" | "f4" | "f8" | "f8v2" | "f8v2t" | "f8v2x2" | "o8").then_some([
        rows.parse().ok()?,
        slice4.parse().ok()?,
        ahead.parse().ok()?,
    ])
}

fn table(name: &'static str, text: &str) -> Profile {
    match parse(text) {
        Ok(rows) => Profile { name, rows },
        // The tables are part of the program, and a test parses each: an empty one refuses every problem.
        Err(_) => Profile { name, rows: Vec::new() },
    }
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub static $name: LazyLock<Profile> = LazyLock::new(|| table($file, include_str!(concat!($file, ".tbl"))));)*

        /// Every table as text, for tests.
        pub const TABLES: &[(&str, &str)] = &[$(($file, include_str!(concat!($file, ".tbl")))),*];
    };
}

tables! {
    /// The portable prefill lane.
    ROWS = "rows";
    /// The portable prefill lane on M1 and M2.
    ROWS_M1 = "rows_m1";
    /// The portable prefill lane on discrete GPUs.
    ROWS_DISCRETE = "rows_discrete";
    /// The portable prefill lane on software devices.
    ROWS_SOFTWARE = "rows_software";
    /// The short-query lane.
    SHORT = "short";
    /// The short-query lane on M1 and M2.
    SHORT_M1 = "short_m1";
    /// The short-query lane on discrete GPUs.
    SHORT_DISCRETE = "short_discrete";
    /// The Apple lane on M1 and M2, and on integrated GPUs that are not Apple's.
    APPLE_M1 = "apple_m1";
    /// The Apple lane on M3 and later.
    APPLE_M3 = "apple_m3";
    /// The Apple lane on other makers' discrete GPUs.
    APPLE_WIDE = "apple_wide";
    /// The Apple lane on software devices.
    APPLE_SOFTWARE = "apple_software";
    /// The lane on cooperative matrices whose elements can be reached.
    FRAGMENT = "fragment";
    /// The lane on cooperative matrices.
    MATRIX = "matrix";
    /// The lane on cooperative matrices on M1 and M2.
    MATRIX_M1 = "matrix_m1";
}

/// The generation of an Apple GPU from the adapter's name ("Apple M4 Max" is 4), or None for another GPU.
pub fn apple_generation(adapter_name: &str) -> Option<u32> {
    let rest = adapter_name.strip_prefix("Apple M")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// The portable prefill lane's table for a device, and why.
pub fn rows(caps: &DeviceCaps) -> (&'static Profile, String) {
    match (apple_generation(&caps.name), caps.kind) {
        // Where no subgroups of 8 are promised, not all of its rows would run.
        (Some(generation), _) if generation < 3 && caps.min_subgroup_size >= 8 => {
            (&ROWS_M1, format!("Apple M{generation} fixes registers at compile time"))
        }
        (_, DeviceKind::Discrete) => (&ROWS_DISCRETE, String::new()),
        (_, DeviceKind::Software) => (&ROWS_SOFTWARE, String::new()),
        _ => (&ROWS, String::new()),
    }
}

/// The short-query lane's table for a device, and why.
pub fn short(caps: &DeviceCaps) -> (&'static Profile, String) {
    match apple_generation(&caps.name) {
        // Where no subgroups of 16 are promised, none of its rows would run.
        Some(generation) if generation < 3 && caps.min_subgroup_size >= 16 => {
            (&SHORT_M1, format!("Apple M{generation} fixes registers at compile time"))
        }
        None if caps.kind == DeviceKind::Discrete => (&SHORT_DISCRETE, String::new()),
        _ => (&SHORT, String::new()),
    }
}

/// The table of the lane on cooperative matrices for a device, and why.
pub fn matrix(caps: &DeviceCaps) -> (&'static Profile, String) {
    match apple_generation(&caps.name) {
        Some(generation) if generation < 3 => {
            (&MATRIX_M1, format!("Apple M{generation} fixes registers at compile time"))
        }
        _ => (&MATRIX, String::new()),
    }
}

/// The Apple lane's table for a device, and why.
pub fn apple(caps: &DeviceCaps) -> (&'static Profile, String) {
    match apple_generation(&caps.name) {
        Some(generation) if generation >= 3 => (&APPLE_M3, format!("Apple M{generation} allocates registers as used")),
        Some(generation) => (&APPLE_M1, format!("Apple M{generation} fixes registers at compile time")),
        None if caps.kind == DeviceKind::Discrete => {
            (&APPLE_WIDE, format!("`{}` is no Apple M-series GPU, and a discrete one: the widest rows", caps.name))
        }
        None if caps.kind == DeviceKind::Software => (&APPLE_SOFTWARE, format!("`{}` is a software device", caps.name)),
        None => (&APPLE_M1, format!("`{}` is no Apple M-series GPU: the careful rows", caps.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices;

    #[test]
    fn discrete_gpus_have_the_same_rows_for_short_queries() {
        let plain = |row: &TuningRow| TuningRow { tile: row.tile.split('a').next().unwrap().to_owned(), ..row.clone() };
        let rows: Vec<TuningRow> = SHORT_DISCRETE.rows.iter().map(plain).collect();
        assert_eq!(rows, SHORT.rows);
        // A lane's part of a block of four keys, in pieces of 16 bytes.
        for row in SHORT_DISCRETE.rows.iter().filter(|row| row.ahead() > 0) {
            let bytes = SHORT_KEYS * row.slice4() * if row.dtype == DType::F16 { 8 } else { 16 };
            assert_eq!(row.ahead(), bytes / 16, "{row}");
        }
    }

    #[test]
    fn discrete_gpus_have_the_rows_of_the_portable_lane_and_more() {
        let mut rest = ROWS_DISCRETE.rows.iter();
        for row in &ROWS.rows {
            assert!(rest.any(|other| other == row), "rows_discrete has the rows of rows, in order, without {row}");
        }
    }

    #[test]
    fn lanes_lie_apart_where_it_was_measured() {
        let row = |lanes| ROWS.rows.iter().find(|row| row.lanes == lanes).unwrap();
        let wide = DeviceCaps { max_subgroup_size: 64, ..devices::h100() };
        for (lanes, caps, step) in [
            (4, devices::h100(), 8),
            (8, devices::h100(), 4),
            (4, wide, 1),
            (4, devices::m3_max(), 1),
            (4, devices::amd_integrated(), 1),
            (4, devices::lavapipe(), 1),
        ] {
            assert_eq!(row(lanes).lane_step(&caps), step, "{lanes} lanes on {}", caps.name);
        }
        let odd = TuningRow { workgroup_size: 48, ..row(4).clone() };
        assert_eq!(odd.lane_step(&devices::h100()), 1, "half of a subgroup's groups would lack lanes");
    }

    #[test]
    fn short_queries_have_rows_of_their_own_on_m1_and_m2() {
        for (caps, want) in [
            (devices::m1(), "short_m1"),
            (devices::m2_max(), "short_m1"),
            (devices::m3_max(), "short"),
            (DeviceCaps { min_subgroup_size: 4, ..devices::m1() }, "short"),
            (devices::h100(), "short_discrete"),
            (devices::lavapipe(), "short"),
        ] {
            assert_eq!(short(&caps).0.name, want, "{}", caps.name);
        }
        // A decoding step has the rows that it has elsewhere.
        let step = |row: &&TuningRow| row.rows == 1;
        for row in SHORT_M1.rows.iter().filter(step) {
            let same = |other: &&TuningRow| TuningRow { max_head_size: other.max_head_size, ..row.clone() } == **other;
            let found = SHORT.rows.iter().find(same).unwrap();
            assert!(found.max_head_size >= row.max_head_size, "{row}");
        }
    }

    #[test]
    fn the_portable_lane_has_rows_of_its_own_on_m1_and_m2() {
        for (caps, want) in [
            (devices::m1(), "rows_m1"),
            (devices::m2_max(), "rows_m1"),
            (devices::m3_max(), "rows"),
            (DeviceCaps { min_subgroup_size: 4, ..devices::m1() }, "rows"),
            (DeviceCaps { subgroups: false, min_subgroup_size: 1, ..devices::m1() }, "rows"),
            (devices::amd_integrated(), "rows"),
            (devices::h100(), "rows_discrete"),
            (devices::lavapipe(), "rows_software"),
        ] {
            assert_eq!(rows(&caps).0.name, want, "{}", caps.name);
        }
    }

    #[test]
    fn every_table_parses_and_grows() {
        for (name, text) in TABLES {
            let rows = parse(text).unwrap_or_else(|e| panic!("{name}.tbl:{}: {}", e.line, e.message));
            for dtype in [DType::F32, DType::F16] {
                let sizes: Vec<u32> = rows.iter().filter(|r| r.dtype == dtype).map(|r| r.max_head_size).collect();
                // M1 and M2 have lane apple for what is not among rows on matrices.
                let (least, optional) = match *name {
                    "matrix" => (128, true),
                    "matrix_m1" => (64, true),
                    _ => (128, false),
                };
                let wide_enough = sizes.last() >= Some(&least) || (optional && sizes.is_empty());
                assert!(sizes.is_sorted() && wide_enough, "{name} {dtype:?}: {sizes:?}");
            }
            for row in &rows {
                assert_eq!(parse(&row.to_string()).as_deref(), Ok(std::slice::from_ref(row)), "{name}");
                assert!(row.columns4() * 4 >= row.max_head_size, "{name}: the tile of {row:?} is too narrow");
                assert!(row.workgroup_size.is_multiple_of(row.lanes));
                let [_, _, ahead] = tile_numbers(&row.tile).unwrap();
                assert!(row.key_tile.is_multiple_of(4), "{name}: {row:?} stages whole blocks of keys");
                let packs = row.matrix().is_some() && row.dtype == DType::F16;
                let columns = row.columns4() / if packs { 2 } else { 1 };
                // On matrices a workgroup loads whole rows at a time.
                let loads = match row.matrix() {
                    Some(_) => row.key_tile.div_ceil(row.workgroup_size / columns),
                    None => (row.key_tile * columns).div_ceil(row.workgroup_size),
                };
                assert!(ahead == 0 || ahead >= loads, "{name}: {row:?} loads {loads} pieces a lane");
            }
        }
    }

    #[test]
    fn bad_rows_name_their_line() {
        let error = parse("# head\n| f32 | 64 | 4 | r4s4 | 32 |\n").unwrap_err();
        assert_eq!((error.line, error.message.as_str()), (2, "a row has 6 to 8 cells, got 5"));
        assert!(parse("| f64 | 64 | 4 | r4s4 | 32 | 64 |").unwrap_err().message.contains("f64"));
        assert!(parse("| f32 | 64 | 4 | wide | 32 | 64 |").unwrap_err().message.contains("wide"));
        assert!(parse("| f32 | 64 | four | r4s4 | 32 | 64 |").unwrap_err().message.contains("four"));
        assert!(parse("| f32 | 64 | 4 | r4s4 | 32 | 64 | 1 | few |").unwrap_err().message.contains("few"));
        // What planning divides by.
        for tile in [
            "r0s4",
            "r4s4a2f",
            "r4s4f",
            "r4s4a2p0",
            "r4s4a2x8",
            "r4s5a1v2",
            "r4s5a1f8v",
            "r4s5a1f8t",
            "r4s5a1f4v2",
            "r4s4a2kk",
            "r4s4a1o4",
            "m0r1c4k1a1",
            "m16r0c4k1a1",
            "m16r1c0k1a1",
            "m16r1c4k0a1",
            "m16r1c4k1g0a1",
        ] {
            let message = parse(&format!("| f16 | 64 | 32 | {tile} | 16 | 128 |")).unwrap_err().message;
            assert!(message.contains(&format!("from 1 on, got `{tile}`")), "{message}");
        }
        for (lanes, workgroup) in [(0, 64), (4, 0), (32, 100)] {
            let message = parse(&format!("| f32 | 64 | {lanes} | r4s4 | 32 | {workgroup} |")).unwrap_err().message;
            assert!(message.contains(&format!("got {workgroup} in groups of {lanes}")), "{message}");
        }
        for (lanes, tile, head_size, columns) in
            [(2, "r4s5a1f8v2", 41, 40), (32, "m16r2c3k1a2", 49, 48), (16, "r1s2", 129, 128)]
        {
            let message = parse(&format!("| f32 | {head_size} | {lanes} | {tile} | 16 | 128 |")).unwrap_err().message;
            assert!(message.contains(&format!("got {columns} for heads of {head_size}")), "{message}");
        }
    }

    #[test]
    fn splits_and_most_keys_may_each_be_missing() {
        for (cells, splits, most_keys) in
            [("", None, None), (" | 2", Some(2), None), (" | | 99", None, Some(99)), (" | 2 | 99", Some(2), Some(99))]
        {
            let text = format!("f32 | 64 | 4 | r4s4 | 32 | 64{cells}");
            let rows = parse(&text).unwrap();
            assert_eq!((rows[0].splits, rows[0].most_keys, rows[0].to_string()), (splits, most_keys, text));
        }
    }

    #[test]
    fn apple_generations() {
        for (name, want) in [
            ("Apple M1", Some(1)),
            ("Apple M2 Max", Some(2)),
            ("Apple M4 Max", Some(4)),
            ("Apple M10", Some(10)),
            ("Apple A17 Pro GPU", None),
            ("NVIDIA H100 80GB HBM3", None),
        ] {
            assert_eq!(apple_generation(name), want, "{name}");
        }
    }
}
