//! Contract: the lanes on cooperative matrices run where an adapter lists their shape, whatever the adapter's name, and are
//! refused with the reason elsewhere; the one that goes through elements only where these are in reach.

use mha_plan::{DeviceCaps, Lane, PlanOptions, devices, plan};
use mha_spec::{AttentionProblem, DType, PathChoice};

mod problems;
use problems::{Shape, problem};

fn pinned(dtype: DType, head_size: u32, caps: &DeviceCaps) -> Result<String, String> {
    pinned_shape(dtype, Shape { q_len: 300, kv_len: 300, head_size, ..Shape::default() }, caps)
}

fn pinned_shape(dtype: DType, shape: Shape, caps: &DeviceCaps) -> Result<String, String> {
    pinned_lane(Lane::Matrix, dtype, shape, caps)
}

fn pinned_lane(lane: Lane, dtype: DType, shape: Shape, caps: &DeviceCaps) -> Result<String, String> {
    let problem = AttentionProblem { dtype, ..problem(shape) };
    let options = PlanOptions { lane: Some(lane), ..PlanOptions::default() };
    plan(&problem, caps, &options).map(|plan| plan.decision).map_err(|refusal| refusal.to_string())
}

#[test]
fn the_listed_shape_chooses_the_row() {
    let h100 = devices::h100();
    let named_otherwise = DeviceCaps { name: "no name".into(), ..h100.clone() };
    for caps in [&h100, &named_otherwise] {
        let decision = pinned(DType::F16, 64, caps).unwrap();
        assert!(decision.contains("_l32_m16r1c4"), "{decision}");
        let decision = pinned(DType::F32, 128, caps).unwrap();
        assert!(decision.contains("matrix_f32_vec4_l32_m16r1c8"), "{decision}");
    }
    let eight = devices::all().into_iter().filter(|caps| {
        caps.max_subgroup_size == 32 && caps.coop_matrices.iter().any(|shape| shape.m == 8 && shape.f16_operands)
    });
    // Chips that fix registers when a kernel is compiled get one row block.
    let decisions: Vec<_> = eight.map(|caps| (pinned(DType::F16, 64, &caps).unwrap(), caps.name)).collect();
    assert!(decisions.len() >= 4, "{decisions:?}");
    for (decision, name) in decisions {
        let tile = if name == "Apple M1" || name == "Apple M2 Max" { "_l32_m8r1c8" } else { "_l32_m8r2c8" };
        assert!(decision.contains(tile), "{name}: {decision}");
    }
}

#[test]
fn many_rows_get_the_larger_tile() {
    for (q_len, tile) in [(577, "_m16r1c4"), (1500, "_m16r2c4")] {
        let shape = Shape { num_heads: 20, q_len, kv_len: q_len, ..Shape::default() };
        let decision = pinned_shape(DType::F16, shape, &devices::h100()).unwrap();
        assert!(decision.contains(tile), "{q_len} rows: {decision}");
    }
}

/// Groups need a core for each workgroup: with more rows, or more heads of few rows, a problem gets smaller tiles without them.
#[test]
fn more_workgroups_than_cores_do_without_groups() {
    for (dtype, num_heads, q_len) in [(DType::F32, 22, 526), (DType::F16, 22, 526), (DType::F32, 250, 33)] {
        let shape = Shape { num_heads, q_len, kv_len: 526, ..Shape::default() };
        let decision = pinned_lane(Lane::Fragment, dtype, shape, &devices::h100()).unwrap();
        assert!(decision.contains("m16r1c4k") && !decision.contains("g2"), "{decision}");
    }
}

/// Few rows get workgroups in two groups that share out the keys, of 64 rows where a large GPU has cores for them, else of 80;
/// where even those are too few, of the size that leaves fewer rows empty.
#[test]
fn few_rows_share_out_the_keys() {
    for (q_len, num_heads, workgroup) in [(577, 16, 320), (1370, 6, 256), (65, 16, 320), (64, 16, 256)] {
        for dtype in [DType::F32, DType::F16] {
            let problem =
                AttentionProblem { dtype, ..problem(Shape { num_heads, q_len, kv_len: q_len, ..Shape::default() }) };
            let options = PlanOptions { lane: Some(Lane::Fragment), ..PlanOptions::default() };
            let plan = plan(&problem, &devices::h100(), &options).unwrap();
            assert!(plan.decision.contains("_m16r1c4k1g2"), "{q_len} rows: {}", plan.decision);
            let blueprint = &plan.steps[0].blueprint;
            assert!(blueprint.constants.contains(&("WORKGROUP_SIZE", workgroup)), "{q_len} rows: {blueprint:?}");
            let tiles = q_len.div_ceil(workgroup / 32 / 2 * 16);
            assert_eq!(plan.steps[0].grid, [tiles, num_heads, 1], "{q_len} rows");
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let h100 = devices::h100();
    let none = DeviceCaps { coop_matrices: Vec::new(), ..h100.clone() };
    assert!(pinned(DType::F16, 64, &none).unwrap_err().contains("does not list"));
    let subgroups = DeviceCaps { min_subgroup_size: 16, ..h100.clone() };
    assert!(pinned(DType::F16, 64, &subgroups).unwrap_err().contains("subgroups of 32"));
    let no_f16 = DeviceCaps { f16: false, ..h100.clone() };
    assert!(pinned(DType::F32, 64, &no_f16).unwrap_err().contains("float16"));
    assert!(pinned(DType::F32, 320, &h100).unwrap_err().contains("head sizes"));
}

#[test]
fn elements_are_asked_for_by_their_lane_alone() {
    let shape = Shape { q_len: 300, kv_len: 300, ..Shape::default() };
    let out_of_reach = DeviceCaps { element_sides: Vec::new(), ..devices::h100() };
    let of_others = DeviceCaps { element_sides: vec![8], ..devices::h100() };
    for dtype in [DType::F32, DType::F16] {
        let decision = pinned_lane(Lane::Fragment, dtype, shape, &devices::h100()).unwrap();
        assert!(decision.starts_with(&format!("fragment_{}_", dtype.name())), "{decision}");
        for caps in [&out_of_reach, &of_others] {
            let refusal = pinned_lane(Lane::Fragment, dtype, shape, caps).unwrap_err();
            assert!(refusal.contains("elements of 16x16 matrices"), "{refusal}");
            assert!(pinned_lane(Lane::Matrix, dtype, shape, caps).is_ok());
        }
    }
}

/// A row that is made up must be one that its kernel is written for.
#[test]
fn rows_must_be_what_their_tile_says() {
    let problem = AttentionProblem { dtype: DType::F16, ..problem(Shape::default()) };
    for (row, wanted) in [
        ("f16 | 64 | 32 | m16r2c4k2a2 | 16 | 128", "tile m16r2c4k2a2 takes 32 keys, got 16"),
        ("f16 | 64 | 32 | m16r1c4k1g2a1 | 16 | 256", "tile m16r1c4k1g2a1 takes 32 keys, got 16"),
        ("f16 | 64 | 32 | m16r1c4k1g2a1 | 32 | 288", "tile m16r1c4k1g2a1 takes subgroups in 2 groups, got 9"),
        ("f16 | 64 | 32 | m16r1c4k1g2a1 | 32 | 192", "loads 1 pieces a lane ahead, where its keys take 2"),
        ("f16 | 64 | 4 | r4s4a2 | 16 | 128", "a tile of matrices is needed, got r4s4a2"),
    ] {
        let row = mha_plan::profile::parse(row).unwrap().remove(0);
        let options = PlanOptions { lane: Some(Lane::Fragment), row: Some(row), ..PlanOptions::default() };
        let refusal = plan(&problem, &devices::h100(), &options).unwrap_err().to_string();
        assert!(refusal.contains(wanted), "{wanted}: {refusal}");
    }
}

/// In float32 a workgroup's queries pass through where two tiles of keys will be; in float16 there is as much room as they take.
#[test]
fn queries_must_fit_where_keys_will_be() {
    let with = |dtype: DType, tile: &str, workgroup_size: u32| {
        let problem =
            AttentionProblem { dtype, ..problem(Shape { head_size: 40, v_head_size: 40, ..Shape::default() }) };
        let row = format!("{} | 48 | 32 | {tile} | 16 | {workgroup_size}", dtype.name());
        let row = mha_plan::profile::parse(&row).unwrap().remove(0);
        let options = PlanOptions { lane: Some(Lane::Fragment), row: Some(row), ..PlanOptions::default() };
        plan(&problem, &devices::h100(), &options).map(drop).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(with(DType::F32, "m16r2c3k1a2", 224), Ok(()));
    assert!(with(DType::F32, "m16r2c3k1a2", 256).unwrap_err().contains("room for the queries of 7 subgroups, got 8"));
    assert_eq!(with(DType::F16, "m16r2c3k1a1", 256), Ok(()));
}

#[test]
fn path_auto_takes_matrices_where_they_pay() {
    let out_of_reach = DeviceCaps { element_sides: Vec::new(), ..devices::h100() };
    let f16 = |(q_len, kv_len), caps: &DeviceCaps| {
        let problem = AttentionProblem { dtype: DType::F16, ..problem(Shape { q_len, kv_len, ..Shape::default() }) };
        plan(&problem, caps, &PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() }).unwrap().decision
    };
    assert!(f16((2048, 128), &devices::h100()).starts_with("fragment_"));
    assert!(f16((2048, 77), &devices::h100()).starts_with("fragment_"));
    assert!(f16((2048, 128), &out_of_reach).starts_with("matrix_"));
    // In float32, wider heads, for whose three products keys must be more, have a bound; of some it is another where rows fill a device.
    for (q_len, kv_len, head_size, bound) in [
        // Heads of 33 to 40 have it where rows are enough for lane rows' tile for few keys.
        (2048, 77, 40, None),
        (4096, 64, 40, Some(80)),
        (4096, 79, 33, Some(80)),
        (4096, 80, 40, None),
        (4096, 77, 32, None),
        (4096, 77, 41, None),
        (2048, 77, 47, None),
        (2048, 77, 48, None),
        (2048, 77, 52, Some(80)),
        (2047, 79, 72, Some(80)),
        (2047, 80, 72, None),
        (2048, 80, 49, Some(128)),
        (2048, 80, 52, None),
        (2048, 80, 64, None),
        (2048, 127, 65, Some(128)),
        (2048, 127, 80, Some(128)),
        (2048, 127, 84, None),
        (2048, 127, 127, Some(128)),
        (2048, 128, 72, None),
    ] {
        let shape = Shape { num_heads: 16, q_len, kv_len, head_size, v_head_size: head_size, ..Shape::default() };
        let options = PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() };
        let decision = plan(&problem(shape), &devices::h100(), &options).unwrap().decision;
        let reason =
            format!("; float32 heads of {head_size} stay off matrices below {} keys", bound.unwrap_or_default());
        assert_eq!(
            decision.starts_with("rows"),
            bound.is_some(),
            "heads of {head_size} over {kv_len} keys: {decision}"
        );
        assert_eq!(decision.contains(&reason), bound.is_some(), "{decision}");
    }
    for (dtype, head_size, lane) in [
        (DType::F32, 3, "fragment"),
        (DType::F32, 128, "fragment"),
        (DType::F32, 129, "rows"),
        (DType::F16, 3, "fragment"),
        (DType::F16, 128, "fragment"),
        (DType::F16, 129, "matrix"),
    ] {
        let shape = Shape { q_len: 2048, kv_len: 2048, head_size, v_head_size: head_size, ..Shape::default() };
        let problem = AttentionProblem { dtype, ..problem(shape) };
        let options = PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() };
        let decision = plan(&problem, &devices::h100(), &options).unwrap().decision;
        assert!(decision.starts_with(lane), "{} heads of {head_size}: {decision}", dtype.name());
    }
    let starts_with = |path, (q_len, kv_len), caps: &DeviceCaps| {
        let problem = problem(Shape { q_len, kv_len, ..Shape::default() });
        let options = PlanOptions { path, ..PlanOptions::default() };
        plan(&problem, caps, &options).unwrap().decision.split('_').next().unwrap().to_owned()
    };
    let (auto, apple) = (PathChoice::Auto, PathChoice::Apple);
    for (path, lengths, caps, lane) in [
        (auto, (300, 300), devices::h100(), "fragment"),
        (auto, (2048, 80), devices::h100(), "fragment"),
        (auto, (300, 300), out_of_reach.clone(), "matrix"),
        // Few rows over few keys have a row of lane rows.
        (auto, (32, 64), devices::h100(), "rows"),
        (auto, (32, 129), devices::h100(), "fragment"),
        (auto, (300, 63), devices::h100(), "rows"),
        (auto, (31, 300), devices::h100(), "rows"),
        (apple, (300, 63), devices::m4_max(), "apple"),
        // A software device has no units for them.
        (auto, (300, 300), devices::lavapipe_with_matrices(), "rows"),
        (apple, (300, 300), devices::lavapipe_with_matrices(), "apple"),
    ] {
        assert_eq!(starts_with(path, lengths, &caps), lane, "{path} with {lengths:?} rows and keys on {}", caps.name);
    }
}

#[test]
fn wide_heads_take_matrices_where_there_is_much_to_do() {
    let lane = |num_heads, head_size, q_len, kv_len| {
        let shape = Shape { batch: 1, num_heads, head_size, v_head_size: head_size, q_len, kv_len };
        let options = PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() };
        let problem = AttentionProblem { dtype: DType::F16, ..problem(shape) };
        let plan = plan(&problem, &devices::h100(), &options).unwrap();
        plan.decision.split('_').next().unwrap().to_owned()
    };
    for (num_heads, head_size, (q_len, kv_len), expected) in [
        (3, 192, (200, 200), "rows"),
        (3, 160, (200, 200), "matrix"),
        (3, 256, (400, 400), "matrix"),
        (20, 256, (80, 80), "rows"),
        (20, 161, (130, 130), "matrix"),
        (8, 192, (1012, 96), "rows"),
    ] {
        assert_eq!(
            lane(num_heads, head_size, q_len, kv_len),
            expected,
            "{num_heads} x {head_size}, {q_len} x {kv_len}"
        );
    }
}

/// On a software device path auto has nothing better than baseline before it measures, so it can't be slower.
#[test]
fn path_auto_is_baseline_on_software_devices() {
    let mut count = 0;
    for caps in [devices::lavapipe(), devices::lavapipe_with_matrices()] {
        for q_len in [1, 5, 16, 17, 40, 100, 577, 2048] {
            for (kv_len, head_size) in [(q_len, 64), (77, 40), (3000, 128), (9, 256), (q_len, 72), (200, 320)] {
                for dtype in [DType::F32, DType::F16] {
                    let shape = Shape { q_len, kv_len, head_size, v_head_size: head_size, ..Shape::default() };
                    let problem = AttentionProblem { dtype, ..problem(shape) };
                    let steps = |path| {
                        let options = PlanOptions { path, ..PlanOptions::default() };
                        plan(&problem, &caps, &options).unwrap().steps
                    };
                    assert_eq!(steps(PathChoice::Auto), steps(PathChoice::Baseline), "{shape:?} {dtype:?}");
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 192);
}

/// A merge of two halves of few keys takes longer than the second half.
#[test]
fn few_keys_are_not_split_on_matrices() {
    for (lane, kv_len, steps) in
        [(Lane::Fragment, 128, 1), (Lane::Fragment, 129, 2), (Lane::Matrix, 128, 1), (Lane::Matrix, 129, 2)]
    {
        let few_rows = problem(Shape { q_len: 100, kv_len, ..Shape::default() });
        let options = PlanOptions { lane: Some(lane), ..PlanOptions::default() };
        let plan = plan(&few_rows, &devices::h100(), &options).unwrap();
        assert_eq!(plan.steps.len(), steps, "lane {} over {kv_len} keys: {}", lane.name(), plan.decision);
    }
}
