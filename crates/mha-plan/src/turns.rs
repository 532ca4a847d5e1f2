//! Turns of loops that a kernel makes for its keys, for drivers that end an invocation after so many of them.

use mha_spec::AttentionProblem;

use crate::caps::DeviceCaps;
use crate::refusal::Refusal;
use crate::select::{Choice, Lane};

/// Turns that are not for keys, at the most: merging groups, storing rows.
const OTHER_TURNS: u32 = 1024;
/// Side of the squares of the scores kernel.
const SCORES_SIDE: u32 = 16;

/// Most keys that one workgroup of a lane may be given.
pub(crate) fn most_keys(choice: &Choice, problem: &AttentionProblem, caps: &DeviceCaps) -> Result<u32, Refusal> {
    let Some(most) = caps.max_loop_turns else { return Ok(u32::MAX) };
    let (tile, turns) = tile_turns(choice, problem);
    match most.saturating_sub(OTHER_TURNS) / turns {
        0 => Err(refusal(&format!("lane {}", choice.lane.name()), most, turns)),
        tiles => Ok(tiles.saturating_mul(tile)),
    }
}

/// Whether the scores kernel is done in time.
pub(crate) fn check_scores(problem: &AttentionProblem, caps: &DeviceCaps) -> Result<(), Refusal> {
    let turns = problem.head_size.div_ceil(SCORES_SIDE).saturating_mul(1 + SCORES_SIDE / 4);
    match caps.max_loop_turns {
        Some(most) if turns > most => Err(refusal("qk", most, turns)),
        _ => Ok(()),
    }
}

fn refusal(what: &str, most: u32, turns: u32) -> Refusal {
    Refusal::new(format!("loops of {what} make {most} turns at most on this device, got {turns} for the fewest keys"))
}

/// The fewest keys that a lane takes at a time, and the turns of all its loops for them, as if no compiler unrolled any.
fn tile_turns(choice: &Choice, problem: &AttentionProblem) -> (u32, u32) {
    let columns4 = |head_size: u32| head_size.div_ceil(4);
    match (&choice.row, choice.lane) {
        // The keys of a tile twice, and the columns of each lane's key.
        (None, _) => (choice.workgroup_size, 1 + columns4(problem.head_size) + 2 * choice.workgroup_size),
        (Some(row), Lane::Short) => (row.short_turn(), 1),
        // The columns of each key twice, and of some besides.
        (Some(_), Lane::SeedBefore | Lane::SeedAfter) => (1, 4 + 3 * columns4(problem.head_size)),
        // Where each tile's rows have to be weighed again, and O be scaled.
        (Some(row), Lane::Fragment | Lane::Matrix) => (row.key_tile, 4 + 2 * row.key_tile + 2 * row.columns4()),
        // Lane rows starts over where a bet is lost.
        (Some(row), Lane::Rows | Lane::Apple | Lane::Wide) => {
            let staging = (row.key_tile * row.columns4()).div_ceil(row.workgroup_size);
            let passes = if choice.lane == Lane::Rows { 2 } else { 1 };
            (row.key_tile.max(1), passes * (2 + row.key_tile.div_ceil(4) + 2 * staging))
        }
    }
}

#[cfg(test)]
mod tests {
    use mha_testkit::plain;

    use super::*;
    use crate::devices;
    use crate::plan::Plan;
    use crate::select::{PlanOptions, plan};

    fn planned(caps: &DeviceCaps, lane: Lane, q_len: u32, kv_len: u32, head_size: u32) -> Result<Plan, Refusal> {
        let problem = plain(1, 1, q_len, kv_len, head_size);
        plan(&problem, caps, &PlanOptions { lane: Some(lane), ..PlanOptions::default() })
    }

    #[test]
    fn keys_are_split_before_a_loop_is_cut_off() {
        let software = devices::lavapipe();
        let turns = software.max_loop_turns.unwrap();
        for (lane, q_len, kv_len, head_size) in [
            (Lane::Wide, 1, 100_000, 512),
            (Lane::Wide, 17, 12_000, 1024),
            (Lane::Apple, 64, 1_000_000, 16),
            (Lane::Rows, 64, 3_000_000, 16),
            (Lane::Short, 1, 3_000_000, 16),
        ] {
            let plan = planned(&software, lane, q_len, kv_len, head_size).unwrap();
            let keys: u32 = plan.steps[0].params.keys_per_split;
            let problem = plain(1, 1, q_len, kv_len, head_size);
            let choice =
                crate::select::choose(&problem, &software, &PlanOptions { lane: Some(lane), ..PlanOptions::default() });
            let (tile, each) = tile_turns(&choice.unwrap(), &problem);
            assert!(keys.div_ceil(tile) * each <= turns, "{}: {keys} keys a split", lane.name());
        }
        let unlimited = planned(&devices::h100(), Lane::Wide, 1, 100_000, 512).unwrap();
        assert_eq!(unlimited.steps.len(), 1);
    }

    #[test]
    fn what_cannot_be_split_is_refused() {
        let software = devices::lavapipe();
        let refused =
            |lane, kv_len, head_size| planned(&software, lane, 20, kv_len, head_size).unwrap_err().to_string();
        assert!(refused(Lane::Wide, 10, 300_000).contains("65535 turns at most"));
        assert!(refused(Lane::SeedAfter, 10_000, 64).contains("takes all keys at once"));
    }
}
