//! Scratch memory is a bounded number of partial results for each query row, however many keys there are: it grows with rows, never with
//! rows times keys.

use mha_plan::{DeviceCaps, PlanOptions, devices, plan};
use mha_spec::options::PathChoice;
use mha_spec::{AttentionProblem, DType};
use mha_testkit::plain;

const HEADS: u32 = 8;
/// Partial results of a row where rows fill a device, or come near it: ranges of its keys.
const RANGES_OF_MANY_ROWS: u64 = 8;
/// The same of some ten rows.
const RANGES_OF_FEW_ROWS: u64 = 32;
/// The same of a lone row, of which ranges are all that fills a device.
const RANGES_OF_ONE_ROW: u64 = 64;
/// What the workgroups of a call leave for each other besides, in bytes of a row and head: a counter and statistics of each range.
const BESIDES: u64 = 4 * (1 + 2 * RANGES_OF_ONE_ROW);

/// Bytes that a call needs besides its tensors, most of all devices, paths and types that take it.
fn scratch(q_len: u32, kv_len: u32, head_size: u32) -> u64 {
    let mut most = None;
    for caps in devices::all() {
        for path in PathChoice::ALL {
            for dtype in [DType::F32, DType::F16] {
                let problem = AttentionProblem { dtype, ..plain(1, HEADS, q_len, kv_len, head_size) };
                if let Ok(plan) = plan(&problem, &caps, &PlanOptions { path, ..PlanOptions::default() }) {
                    most = most.max(Some(plan.scratch.iter().sum::<u64>() + plan.exchange));
                }
            }
        }
    }
    most.expect("some device takes the problem")
}

#[test]
fn scratch_is_bounded_by_rows() {
    let mut splits = 0;
    for head_size in [40, 64, 128, 256] {
        let row_bytes = u64::from(HEADS) * 4 * (u64::from(head_size) + 2);
        for kv_len in (7..18).map(|power| 1_u32 << power) {
            let few = [2, 8, 17, 64].map(|q_len| (q_len, RANGES_OF_FEW_ROWS));
            for (q_len, ranges) in few.into_iter().chain([(kv_len, RANGES_OF_MANY_ROWS), (1, RANGES_OF_ONE_ROW)]) {
                let got = scratch(q_len, kv_len, head_size);
                let allowed = u64::from(q_len) * (ranges * row_bytes + u64::from(HEADS) * BESIDES);
                assert!(got <= allowed, "{q_len} rows, {kv_len} keys, heads of {head_size}: {got} bytes of {allowed}");
                splits += u32::from(got > 0);
            }
        }
    }
    assert!(splits > 40, "most of these have ranges of keys on some device, got {splits}");
}

/// A plan for these would have millions of dispatches, of which none may be made before it is refused. That is told by the refusal: on
/// devices of so small bindings the first dispatch of either could not be made, and would be refused for that.
#[test]
fn what_fits_no_buffer_is_refused_before_it_is_divided() {
    let plain = |v_head_size| AttentionProblem { v_head_size, ..plain(1, 1, 12_000_000, 12_000_000, 4096) };
    let problems = [("qk", AttentionProblem { qk: Some(DType::F32), ..plain(4096) }), ("output", plain(12_000_000))];
    for caps in devices::all() {
        let caps = DeviceCaps { max_binding_size: 4096, ..caps };
        for (name, problem) in &problems {
            let refusal = plan(problem, &caps, &PlanOptions::default()).unwrap_err().to_string();
            let rule = format!("must fit one buffer of {} bytes, got 576000000000000 of {name}", caps.max_buffer_size);
            assert!(refusal.contains(&rule), "{}: {refusal}", caps.name);
        }
    }
}
