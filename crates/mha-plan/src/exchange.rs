//! Key splits of lane short that the last of their workgroups merges: when it does, and how large the memory is by which it gets
//! them.

use mha_spec::AttentionProblem;

use crate::caps::DeviceCaps;
use crate::cells::Cell;
use crate::select::{Choice, Lane};

/// Whether lane short merges key splits by the last of their workgroups: where it has room for them, as many as groups, and takes
/// its lanes no more than four vec4 each. In float16 on an H200, heads of 64 and 4 rows: 16 splits of 2,048 keys, eight vec4 a lane,
/// 15.9 µs against 13.6 with a merge of its own; 8 splits of 4,096 keys and one row of 128, one vec4 a lane, 27.1 against 28.4.
///
/// Not on Metal, where wgpu takes a command buffer that was aborted for one that is done: what that left behind would be the next call's.
pub(crate) fn merges_splits(problem: &AttentionProblem, choice: &Choice, splits: u32, caps: &DeviceCaps) -> bool {
    let Some(row) = choice.row.as_ref().filter(|_| choice.lane == Lane::Short && caps.backend != "metal") else {
        return false;
    };
    let rows = row.rows.min(problem.q_len);
    let columns4 = u64::from(splits * rows) * u64::from(problem.v_head_size.div_ceil(4));
    splits <= row.workgroup_size / row.lanes && (1..=4 * u64::from(row.workgroup_size)).contains(&columns4)
}

/// Bytes of what the splits of a cell's keys exchange there: the places of `kernels/short/merge.wgsl`.
pub(crate) fn bytes(problem: &AttentionProblem, choice: &Choice, cell: &Cell, splits: u32) -> u64 {
    const LINE: u64 = 32;
    let rows = choice.row.as_ref().map_or(1, |row| row.rows);
    let blocks = cell.b.len() as u64 * cell.n.len() as u64 * (cell.s.len() as u64).div_ceil(u64::from(rows));
    let row_parts = u64::from(splits) * u64::from(rows);
    let head = (1 + 2 * row_parts).next_multiple_of(LINE);
    let columns = (row_parts * u64::from(problem.v_head_size.next_multiple_of(4))).next_multiple_of(LINE);
    blocks * (head + columns) * 4
}
