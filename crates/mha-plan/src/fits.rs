//! Whether a tuning row runs a problem on a device, and how much workgroup memory it takes.

use mha_spec::{AttentionProblem, DType};

use crate::caps::{CoopMatrix, DeviceCaps};
use crate::profile::{SHORT_KEYS, TuningRow};
use crate::select::{Lane, adds_bias};

/// Keys that a lane takes at a time, of which its tiles hold a whole number of times: a block of four or two. Lane rows takes two for a
/// row's first reference, too.
fn step_keys(lane: Lane, dtype: DType) -> u32 {
    match (lane, dtype) {
        (Lane::Rows, _) | (Lane::Apple, DType::F32) => 8,
        (Lane::Apple, DType::F16) => 4,
        _ => 1,
    }
}

/// Why a row can't run on a device.
pub(crate) fn fits(lane: Lane, row: &TuningRow, problem: &AttentionProblem, caps: &DeviceCaps) -> Result<(), String> {
    if lane.on_matrices() {
        fits_matrices(lane, row, caps)?;
    }
    if row.lanes > 1 && !caps.subgroups {
        return Err(format!(
            "{} lanes in a row group need subgroup operations, which `{}` lacks",
            row.lanes, caps.name
        ));
    }
    if row.lanes > caps.min_subgroup_size.max(1) {
        let least = caps.min_subgroup_size;
        return Err(format!("{} lanes in a row group need subgroups as large, got {least} at least", row.lanes));
    }
    if row.workgroup_size > caps.max_workgroup_size {
        return Err(format!(
            "a workgroup of {} lanes is needed, got {} at most",
            row.workgroup_size, caps.max_workgroup_size
        ));
    }
    let keys = step_keys(lane, row.dtype);
    if !row.key_tile.is_multiple_of(keys) {
        return Err(format!("lane {} takes tiles of a multiple of {keys} keys, got {}", lane.name(), row.key_tile));
    }
    // The short-query lane counts keys in 32 bits, to as much as two turns past the last.
    let most = u32::MAX - 2 * row.short_turn();
    if lane == Lane::Short && problem.total_len() > most {
        return Err(format!("lane short takes {most} keys at most, got {}", problem.total_len()));
    }
    if let Some((ahead, loads)) = loads_ahead(lane, row).filter(|(ahead, loads)| ahead < loads) {
        return Err(format!("tile {} loads {ahead} pieces a lane ahead, where its keys take {loads}", row.tile));
    }
    // In float32, lane fragment puts a matrix of each part of each subgroup's queries where that part of keys will be.
    let held =
        row.matrix().map_or(0, |tile| 2 * row.key_tile * (tile.column_blocks * tile.side + 8) / tile.side.pow(2));
    if lane == Lane::Fragment && row.dtype == DType::F32 && row.workgroup_size / row.lanes > held {
        let subgroups = row.workgroup_size / row.lanes;
        return Err(format!("tile {} has room for the queries of {held} subgroups, got {subgroups}", row.tile));
    }
    // Where key splits are merged, how many of their workgroups are done.
    let of_merges = if lane == Lane::Short { 4 } else { 0 };
    let memory = workgroup_memory(lane, row, problem) + of_merges;
    if memory > caps.max_workgroup_memory {
        return Err(format!("{memory} bytes of workgroup memory are needed, got {}", caps.max_workgroup_memory));
    }
    Ok(())
}

/// Pieces of keys that each lane of a row loads ahead, and those that a tile of keys takes; None where it loads none ahead.
fn loads_ahead(lane: Lane, row: &TuningRow) -> Option<(u32, u32)> {
    let ahead = row.ahead();
    let packs = (lane.on_matrices() || lane == Lane::Short) && row.dtype == DType::F16;
    let columns = row.columns4() / if packs { 2 } else { 1 };
    let loads = if lane == Lane::Short {
        (SHORT_KEYS * columns).div_ceil(row.lanes)
    } else if lane.on_matrices() {
        // Whole rows at a time; a workgroup smaller than a row has none.
        match row.workgroup_size / columns {
            0 => u32::MAX,
            rows => row.key_tile.div_ceil(rows),
        }
    } else {
        (row.key_tile * columns).div_ceil(row.workgroup_size)
    };
    (ahead > 0).then_some((ahead, loads))
}

/// Why a device's cooperative matrices can't run a row: its shape must be listed, and a subgroup be what the row is for.
fn fits_matrices(lane: Lane, row: &TuningRow, caps: &DeviceCaps) -> Result<(), String> {
    let Some(tile) = row.matrix() else {
        return Err(format!("a tile of matrices is needed, got {}", row.tile));
    };
    let side = tile.side;
    let keys = side * tile.key_blocks * tile.key_groups;
    if row.key_tile != keys {
        return Err(format!("tile {} takes {keys} keys, got {}", row.tile, row.key_tile));
    }
    let subgroups = row.workgroup_size / row.lanes;
    if !subgroups.is_multiple_of(tile.key_groups) {
        return Err(format!("tile {} takes subgroups in {} groups, got {subgroups}", row.tile, tile.key_groups));
    }
    if !caps.f16 {
        return Err(format!("operands in float16 are needed, which `{}` lacks", caps.name));
    }
    if !caps.coop_matrices.contains(&CoopMatrix::square(side)) {
        return Err(format!(
            "cooperative matrices of {side}x{side}, f16 with f32 sums, are needed, which `{}` does not list",
            caps.name
        ));
    }
    if lane == Lane::Fragment && !caps.element_sides.contains(&side) {
        return Err(format!(
            "elements of {side}x{side} matrices have to be in reach, with those of sums where those of operands are, which they are not on `{}`",
            caps.name
        ));
    }
    if caps.min_subgroup_size != row.lanes || caps.max_subgroup_size != row.lanes {
        return Err(format!(
            "{} on matrices of {side}x{side} needs subgroups of {} lanes, got {} to {}",
            row.dtype.name(),
            row.lanes,
            caps.min_subgroup_size,
            caps.max_subgroup_size
        ));
    }
    Ok(())
}

/// Bytes of workgroup memory of a workgroup of the matrix lane: scores, weights, and a tile of keys and of values. Operands
/// of float32 tensors come in two parts of float16.
fn matrix_memory(row: &TuningRow) -> u32 {
    let Some(tile) = row.matrix() else { return 0 };
    let parts = if row.dtype == DType::F32 { 2 } else { 1 };
    let scores = tile.side * (row.workgroup_size / row.lanes * tile.row_blocks * row.key_tile + 8);
    scores * (4 + 2 * parts) + 2 * row.key_tile * (row.columns4() * 4 + 8) * 2 * parts + 16
}

/// The same of the fragment lane: a matrix for each subgroup, and two tiles of keys and of values; where keys are, float16 rows of two
/// blocks of columns of each subgroup's queries at least.
fn fragment_memory(row: &TuningRow) -> u32 {
    let Some(tile) = row.matrix() else { return 0 };
    let subgroups = row.workgroup_size / row.lanes;
    let tiles = 2 * row.key_tile * (row.columns4() * 4 + 8);
    let (keys, values) = match row.dtype {
        DType::F16 => (tiles.max(subgroups * tile.side * (2 * tile.side + 8)), tiles),
        DType::F32 => (2 * tiles, 2 * tiles),
    };
    subgroups * tile.side * tile.side * 4 + (keys + values) * 2 + 16
}

/// Bytes of workgroup memory that a lane's workgroup takes at a tuning row, where it merges no key splits.
pub fn workgroup_memory(lane: Lane, row: &TuningRow, problem: &AttentionProblem) -> u32 {
    let tile = row.key_tile * row.columns4();
    match lane {
        Lane::Rows => row.plain_loop_memory() + 2 * tile * 4 * row.tile_element(adds_bias(problem)),
        Lane::Apple => 2 * tile * 4 * row.tile_element(adds_bias(problem)),
        Lane::Short => row.workgroup_size / row.lanes * row.rows * (8 + row.columns4() * 16),
        Lane::Wide => 64 * 4,
        Lane::Fragment => fragment_memory(row),
        Lane::Matrix => matrix_memory(row),
        // Never chosen by a row: 16 KiB by design.
        Lane::SeedBefore | Lane::SeedAfter => 16 << 10,
    }
}
