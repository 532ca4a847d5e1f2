//! Waves of workgroups: how long those of one prefill lane keep a device whose cores take so many at a time, and which ranges of keys
//! end soonest. 120 equal workgroups leave a twelfth of 132 cores idle, and 144 of them almost half for as long as the last twelve take;
//! ranges of keys, the last of which is shorter and starts after the others, even that out for the price of a merge.

use mha_spec::AttentionProblem;

use crate::caps::{DeviceCaps, DeviceKind};
use crate::profile::TuningRow;
use crate::select::{Lane, row_workgroups};

/// Cores of the GPUs that this was measured on, an H100's and an H200's, and lanes of lane rows or apple that one takes at a time. No
/// other discrete GPU has many more of either, and on those with fewer cores a merge is what is lost.
const CORES: u64 = 132;
const CORE_LANES: u64 = 256;
/// What a workgroup takes besides its keys, in keys, where a lane has 16 vec4 of Q: on an H200 8 µs, and a key 0.2.
const WORKGROUP_KEYS: u64 = 40;
/// What it takes to begin a merge, in such keys.
const MERGE_KEYS: u64 = 15;
/// What a merge takes for one range of as many rows as all cores take at a time, in keys. On an H200, µs: 10 to 20 for whisper-encoder's
/// 30,000 rows by two ranges, 6 for vit-l-336's 9,232 by three, 25 for lightonocr-4k's 65,536 by two.
const MERGE_KEYS_OF_A_RANGE: u64 = 25;
/// Most lengths of ranges that are looked at.
const MOST_LENGTHS: u32 = 256;
/// Most ranges that are made for this end: scratch memory grows with them.
const MOST_RANGES: u32 = 4;
/// Fewest tiles of keys of a range but the last, as where they are equal.
const LEAST_TILES: u32 = 4;
/// What other ranges than equal ones have to save, in parts of 128 of the time, for each wave of the rows: scratch memory grows with them,
/// at 8,192 rows and keys of 16 heads of 64 to 66 MiB for 2 %. On an H200 whisper-encoder, where 2.1 % are reckoned, took
/// lane rows 0.324 and 0.325 ms in float32 and 0.313 and 0.303 in float16, but lane apple 0.371 and 0.399, and 0.388 and 0.394;
/// vit-l-336, where 2.8 % are, 0.062 instead of 0.065 and 0.068 instead of 0.076.
const LEAST_GAIN: u64 = 2;
const LEAST_GAIN_OF_APPLE: u64 = 3;

/// Keys of each range but the last, where other ranges than `equal` equal ones end sooner: a multiple of the row's tile, at most all.
pub(crate) fn keys_per_range(
    problem: &AttentionProblem,
    lane: Lane,
    row: &TuningRow,
    caps: &DeviceCaps,
    equal: u32,
) -> Option<u32> {
    let total = problem.total_len();
    // Where causality hides keys, tiles differ anyway, and the longest go first.
    if caps.kind != DeviceKind::Discrete || problem.causal || row.key_tile == 0 || total == 0 {
        return None;
    }
    let workgroups = row_workgroups(problem, row);
    let slots = (CORES * CORE_LANES / u64::from(row.workgroup_size)).max(1);
    // A key takes a lane as long as it has parts of rows.
    let scale = |keys: u64| keys * 16 / u64::from(row.rows * row.columns4() / row.lanes).max(1);
    let costs = Costs { workgroup: scale(WORKGROUP_KEYS), merge: scale(MERGE_KEYS), range: MERGE_KEYS_OF_A_RANGE };
    let time = |keys: u32| time(workgroups, slots, total, keys, &costs);
    let usual =
        time(total.div_ceil(equal.max(1)).checked_next_multiple_of(row.key_tile).map_or(total, |keys| keys.min(total)));
    let most = MOST_RANGES.max(equal);
    let least = total.div_ceil(most).div_ceil(row.key_tile).max(LEAST_TILES);
    let tiles = total.div_ceil(row.key_tile);
    let step = tiles.saturating_sub(least) / MOST_LENGTHS + 1;
    let lengths = (least..tiles).step_by(step as usize).map(|tiles| tiles * row.key_tile).chain([total]);
    let best = lengths.min_by_key(|&keys| (time(keys), std::cmp::Reverse(keys)))?;
    let gain = if lane == Lane::Apple { LEAST_GAIN_OF_APPLE } else { LEAST_GAIN };
    let gain = gain * workgroups.div_ceil(slots);
    (128 * time(best) <= 128_u64.saturating_sub(gain) * usual).then_some(best)
}

/// What does not depend on the number of keys, in keys.
struct Costs {
    workgroup: u64,
    merge: u64,
    range: u64,
}

/// Time of `workgroups` for each range of `keys` of `total` keys, in keys, where `slots` of them run at a time and ranges start in order.
fn time(workgroups: u64, slots: u64, total: u32, keys: u32, costs: &Costs) -> u64 {
    let ranges = u64::from(total.div_ceil(keys));
    let short = u64::from(total % keys);
    let long_ranges = ranges - u64::from(short > 0);
    let long = u64::from(keys) + costs.workgroup;
    let (full_waves, in_last) = (long_ranges * workgroups / slots, long_ranges * workgroups % slots);
    let longs_end = (full_waves + u64::from(in_last > 0)) * long;
    let end = if short > 0 {
        let short = short + costs.workgroup;
        // What the last wave leaves free takes some of the short ones while that runs, and all cores the others after it.
        let (free, meanwhile) = if in_last > 0 { (slots - in_last, long / short) } else { (0, 0) };
        let beside = workgroups.min(free * meanwhile);
        let rounds = if beside > 0 { beside.div_ceil(free) } else { 0 };
        longs_end.max(longs_end.saturating_sub(long) + rounds * short) + (workgroups - beside).div_ceil(slots) * short
    } else {
        longs_end
    };
    let merge = costs.merge + costs.range * ranges * workgroups / slots;
    end + if ranges > 1 { merge } else { 0 }
}

#[cfg(test)]
mod tests {
    use mha_testkit::plain;

    use super::*;
    use crate::devices;
    use crate::profile::parse;

    fn keys(lane: Lane, [batch, heads, rows, keys]: [u32; 4], row: &str, equal: u32) -> Option<u32> {
        let asked = plain(batch, heads, rows, keys, 64);
        keys_per_range(&asked, lane, &parse(row).unwrap()[0], &devices::h100(), equal)
    }

    #[test]
    fn time_counts_waves() {
        let costs = Costs { workgroup: 40, merge: 15, range: 25 };
        let time = |workgroups, slots, total, keys| time(workgroups, slots, total, keys, &costs);
        // One wave, two, and two with a merge.
        assert_eq!(time(120, 132, 1500, 1500), 1540);
        assert_eq!(time(144, 132, 1500, 1500), 2 * 1540);
        assert_eq!(time(120, 132, 1500, 750), 2 * 790 + 15 + 25 * 240 / 132);
        // Twelve cores take 120 short workgroups, ten each, while the others take a long one; or 96, where they are less short.
        assert_eq!(time(120, 132, 1500, 1408), 1448 + 15 + 25 * 240 / 132);
        assert_eq!(time(120, 132, 1500, 1376), 1416 + 164 + 15 + 25 * 240 / 132);
        // 132 long ones leave none free.
        assert_eq!(time(132, 132, 1500, 1408), 1448 + 132 + 15 + 25 * 2);
    }

    #[test]
    fn ranges_even_out_what_waves_leave_idle() {
        const LARGE: &str = "| f16 | 64 | 4 | r4s4a2 | 32 | 256 |";
        const SMALL: &str = "| f16 | 64 | 4 | r4s4a2 | 16 | 128 |";
        for (lane, shape, row, equal, want) in [
            // whisper-encoder, vit-l-336: a short last range beside long ones.
            (Lane::Rows, [1, 20, 1500, 1500], LARGE, 1, Some(1408)),
            (Lane::Apple, [1, 20, 1500, 1500], LARGE, 1, None),
            (Lane::Rows, [1, 16, 577, 577], SMALL, 3, Some(192)),
            (Lane::Apple, [1, 16, 577, 577], SMALL, 3, Some(192)),
            // depth-anything-s fills all cores, lightonocr-4k all but eight twice.
            (Lane::Rows, [1, 6, 1370, 1370], SMALL, 4, None),
            (Lane::Rows, [1, 16, 4096, 4096], LARGE, 1, None),
            // Twelve workgroups too many for one wave.
            (Lane::Rows, [1, 12, 3000, 3000], LARGE, 1, Some(864)),
            // Four waves, of which the last is nearly full; and so many that it is one of many.
            (Lane::Rows, [1, 16, 8192, 8192], LARGE, 1, None),
            (Lane::Rows, [16, 12, 3000, 3000], LARGE, 1, None),
        ] {
            assert_eq!(keys(lane, shape, row, equal), want, "{} {shape:?}", lane.name());
        }
    }

    #[test]
    fn others_keep_equal_ranges() {
        const LARGE: &str = "| f16 | 64 | 4 | r4s4a2 | 32 | 256 |";
        let row = &parse(LARGE).unwrap()[0];
        let plain = plain(1, 20, 1500, 1500, 64);
        let on = |problem: &AttentionProblem, caps| keys_per_range(problem, Lane::Rows, row, &caps, 1);
        assert!(on(&plain, devices::h100()).is_some());
        assert_eq!(on(&AttentionProblem { causal: true, ..plain.clone() }, devices::h100()), None);
        assert_eq!(on(&plain, devices::lavapipe()), None);
        assert_eq!(on(&plain, devices::m4_max()), None);
        assert_eq!(on(&AttentionProblem { kv_len: 0, ..plain.clone() }, devices::h100()), None);
        // Lengths that overflow where they are rounded up.
        assert_eq!(on(&AttentionProblem { kv_len: u32::MAX, q_len: 16 << 20, ..plain.clone() }, devices::h100()), None);
        assert!(on(&AttentionProblem { kv_len: u32::MAX, ..plain }, devices::h100()).is_some_and(|keys| keys > 0));
    }
}
