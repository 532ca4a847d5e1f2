//! Contract: what measurements may choose among holds what the paths `auto` and `baseline` take, is planned as it stands, and is
//! what path `auto` then prefers.

use std::collections::HashSet;

use mha_plan::{Candidate, Lane, PlanOptions, Preference, candidates, devices, plan};
use mha_spec::options::PathChoice;
use mha_spec::{AttentionProblem, DType};

mod problems;
use problems::{Shape, named, problem};

fn auto(prefer: Option<Preference>) -> PlanOptions {
    PlanOptions { path: PathChoice::Auto, prefer, ..PlanOptions::default() }
}

fn prefer(candidate: &Candidate) -> PlanOptions {
    auto(Some(Preference { candidate: candidate.clone(), why: "it was the fastest".to_owned() }))
}

#[test]
fn each_candidate_is_planned_as_it_stands() {
    for caps in devices::all() {
        for (name, problem) in named() {
            for dtype in [DType::F32, DType::F16] {
                let problem = AttentionProblem { dtype, ..problem.clone() };
                let Some(found) = candidates(&problem, &caps) else { continue };
                assert_eq!(found.all.iter().collect::<HashSet<_>>().len(), found.all.len(), "{name}: each once");
                for candidate in &found.all {
                    let decision = plan(&problem, &caps, &prefer(candidate)).unwrap().decision;
                    assert!(decision.contains("it was the fastest"), "{} {name} {candidate}: {decision}", caps.name);
                    assert!(decision.starts_with(candidate.lane.name()), "{candidate}: {decision}");
                }
                let steps = |options: &PlanOptions| plan(&problem, &caps, options).unwrap().steps;
                assert_eq!(steps(&prefer(&found.all[found.usual])), steps(&auto(None)), "{} {name}", caps.name);
                let baseline = PlanOptions { path: PathChoice::Baseline, ..PlanOptions::default() };
                assert_eq!(steps(&prefer(&found.all[found.baseline])), steps(&baseline), "{} {name}", caps.name);
            }
        }
    }
}

/// What there is to choose for a problem on a device.
fn texts(problem: &AttentionProblem, caps: &mha_plan::DeviceCaps) -> Vec<String> {
    candidates(problem, caps).map_or_else(Vec::new, |found| found.all.iter().map(Candidate::to_string).collect())
}

#[test]
fn there_are_lanes_rows_and_splits_to_choose() {
    let f16 = AttentionProblem { dtype: DType::F16, ..problem(Shape::default()) };
    assert_eq!(
        texts(&f16, &devices::h100()),
        [
            "fragment 32 lanes x m16r2c4k2a2 keys 32 w128",
            "rows 4 lanes x r4s4a2 keys 32 w256",
            "fragment 32 lanes x m16r1c4k2a2 keys 32 w128",
            "fragment 32 lanes x m16r1c4k1g2a1 keys 32 w256",
            "fragment 32 lanes x m16r1c4k1g2a1 keys 32 w320",
            "matrix 32 lanes x m16r2c4k1a1 keys 16 w128",
            "matrix 32 lanes x m16r1c4k1a1 keys 16 w128",
            "rows 4 lanes x r4s4a2 keys 16 w128",
            "apple 4 lanes x r4s4 keys 32 w256",
            "apple 4 lanes x r4s4 keys 32 w128",
        ]
    );
    // Rows for M1, for M3 and for other GPUs alike: a measurement tells which suit the chip.
    let on_m4 = texts(&f16, &devices::m4_max());
    for tile in ["r1s4h", "r2s4h", "r4s4"] {
        assert!(on_m4.contains(&format!("apple 4 lanes x {tile} keys 32 w128")), "{on_m4:?}");
    }
    let step = problem(Shape { q_len: 1, num_heads: 32, head_size: 128, v_head_size: 128, ..Shape::default() });
    let for_step = texts(&step, &devices::h100());
    let splits = for_step.iter().filter(|text| text.starts_with("short 16 lanes x r1s2 keys 0 w256 splits"));
    assert_eq!(splits.count(), 2, "{for_step:?}");
}

/// The planner knows the cores of one GPU, by which it makes uneven splits: on others a measurement may find none the faster.
#[test]
fn equal_splits_are_a_choice_where_the_planner_makes_others() {
    let waves = |heads, rows| problem(Shape { num_heads: heads, q_len: rows, kv_len: rows, ..Shape::default() });
    let found = |problem| texts(&problem, &devices::h100());
    for (problem, equal) in [
        (waves(20, 1500), "rows 4 lanes x r4s4a2f8 keys 32 w256 splits 1"),
        (waves(16, 577), "rows 4 lanes x r4s4a2f8 keys 16 w128 splits 3"),
    ] {
        let found = found(AttentionProblem { dtype: DType::F32, ..problem });
        assert!(found.iter().any(|text| text == equal), "{equal}: {found:?}");
    }
    assert!(!found(waves(16, 4096)).iter().any(|text| text.starts_with("rows") && text.contains("splits")));
}

#[test]
fn rows_for_few_keys_are_choices_for_no_more() {
    for (kv_len, want) in [(128, true), (129, false)] {
        let shape = Shape { q_len: 4096, kv_len, num_heads: 16, head_size: 40, v_head_size: 40, ..Shape::default() };
        let found = texts(&problem(shape), &devices::h100());
        let few = found.iter().any(|text| text.starts_with("rows") && text.contains("r4s5a1f8v2x2k"));
        assert_eq!(few, want, "{kv_len} keys: {found:?}");
    }
}

#[test]
fn m1_tries_what_its_own_rows_leave_out() {
    let few = problem(Shape { q_len: 8, num_heads: 32, head_size: 72, v_head_size: 72, ..Shape::default() });
    let found = texts(&few, &devices::m1());
    for tile in ["r1s2 keys 0 w256", "r2s2 keys 0 w128", "r4s2 keys 0 w128"] {
        let times = found.iter().filter(|text| **text == format!("short 16 lanes x {tile}")).count();
        assert_eq!(times, 1, "{tile}: {found:?}");
    }
}

#[test]
fn lane_wide_alone_is_no_choice() {
    let large_heads = problem(Shape { head_size: 320, v_head_size: 320, ..Shape::default() });
    assert_eq!(candidates(&large_heads, &devices::h100()), None);
}

#[test]
fn a_preference_that_cannot_run_is_passed_over_with_its_reason() {
    let plain = problem(Shape::default());
    let found = candidates(&plain, &devices::h100()).unwrap();
    let matrix = found.all.iter().find(|candidate| candidate.lane == Lane::Matrix).unwrap();
    let decision = plan(&plain, &devices::lavapipe(), &prefer(matrix)).unwrap().decision;
    assert!(decision.starts_with("rows"), "{decision}");
    assert!(decision.contains("measured as the fastest, refused: cooperative matrices"), "{decision}");
}

/// A measured row may suit its class and still not this problem of it: here the key splits' results fit no buffer.
#[test]
fn a_preference_that_fits_in_all_but_memory_is_planned_without() {
    let plain = problem(Shape::default());
    let row = "f32 | 64 | 4 | r4s4a2f8 | 32 | 256 | 16";
    let split = Candidate::named("rows", Some(row)).unwrap();
    let caps = mha_plan::DeviceCaps { max_buffer_size: 64 << 20, ..devices::h100() };
    assert!(plan(&plain, &devices::h100(), &prefer(&split)).unwrap().decision.contains("it was the fastest"));
    let planned = plan(&plain, &caps, &prefer(&split)).unwrap();
    assert_eq!(planned, plan(&plain, &caps, &auto(None)).unwrap());
    assert!(!planned.decision.contains("it was the fastest"), "{}", planned.decision);
}

#[test]
fn other_paths_pay_no_attention() {
    let plain = problem(Shape::default());
    for path in [PathChoice::Baseline, PathChoice::Apple] {
        let without = PlanOptions { path, ..PlanOptions::default() };
        for candidate in candidates(&plain, &devices::h100()).unwrap().all {
            let with = PlanOptions { path, ..prefer(&candidate) };
            assert_eq!(plan(&plain, &devices::h100(), &with), plan(&plain, &devices::h100(), &without));
        }
    }
}

#[test]
fn a_candidate_survives_as_text_and_no_other_is_made() {
    for caps in devices::all() {
        for (_, problem) in named() {
            for candidate in candidates(&problem, &caps).map_or_else(Vec::new, |found| found.all) {
                let row = candidate.row.as_ref().map(ToString::to_string);
                assert_eq!(Candidate::named(candidate.lane.name(), row.as_deref()), Ok(candidate));
            }
        }
    }
    for (lane, row) in [
        ("seed-before", None),
        ("rows", None),
        ("rows", Some("f32 | 64 | 4 | r4s4a2f8 | 32 | 512")),
        ("short", Some("f32 | 64 | 4 | r4s4a2 | 32 | 256")),
        ("rows", Some("nonsense")),
    ] {
        assert!(Candidate::named(lane, row).is_err(), "{lane} {row:?}");
    }
}

#[test]
fn key_splits_are_kept_to_what_the_keys_allow() {
    let step = |kv_len| problem(Shape { q_len: 1, kv_len, head_size: 128, v_head_size: 128, ..Shape::default() });
    let many = Candidate::named("short", Some("f32 | 128 | 16 | r1s2 | 0 | 256 | 4000000000")).unwrap();
    let scratch = |kv_len| plan(&step(kv_len), &devices::h100(), &prefer(&many)).unwrap().scratch;
    assert_eq!(scratch(128), Vec::<u64>::new(), "one split needs none");
    assert!(scratch(4096).iter().sum::<u64>() < 16 << 20);
}
