//! What a plan promises: every query row of every head is answered once, no binding or grid passes a limit, and every
//! blueprint sets exactly its kernel's overrides.

use mha_kernels::{KernelId, Slot};
use mha_plan::{DeviceCaps, Lane, Plan, PlanOptions, Tensor, devices, plan};
use mha_spec::options::PathChoice;
use mha_spec::{AttentionBias, AttentionProblem, DType, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias};

mod problems;
use problems::{Shape, problem};

fn check(problem: &AttentionProblem, caps: &DeviceCaps, options: &PlanOptions) -> Plan {
    let plan = plan(problem, caps, options).unwrap_or_else(|refusal| panic!("{problem:?}: {refusal}"));
    for step in &plan.steps {
        let info = step.blueprint.kernel.info();
        let names: Vec<&str> = step.blueprint.constants.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, info.overrides, "{}", info.name);
        assert!(
            step.grid.iter().all(|&n| (1..=caps.max_workgroups).contains(&n)),
            "{}: grid {:?}",
            info.name,
            step.grid
        );
        for binding in &step.bindings {
            assert!(info.bindings.iter().any(|b| b.slot == binding.slot), "{} has no {:?}", info.name, binding.slot);
            assert!(binding.size <= caps.max_binding_size && binding.size > 0);
            assert_eq!(binding.offset % u64::from(caps.storage_offset_alignment), 0);
            assert_eq!(binding.size % 4, 0);
            let bytes = match binding.tensor {
                Tensor::Scratch(index) => plan.scratch[usize::from(index)],
                Tensor::Exchange => plan.exchange,
                tensor => plan.tensors.iter().find(|(t, _)| *t == tensor).expect("a bound tensor is listed").1,
            };
            assert!(binding.offset + binding.size <= bytes.next_multiple_of(16), "{binding:?} of {bytes}");
        }
    }
    // Rows of the output, by the cells of the steps that write it.
    let mut rows = Vec::new();
    for step in &plan.steps {
        let writes_output = step.bindings.iter().any(|b| b.slot == Slot::Output && b.tensor == Tensor::Output);
        if writes_output {
            let (o, e) = (step.params.origin, step.params.end);
            for b in o[0]..e[0] {
                for n in o[1]..e[1] {
                    rows.extend((o[2]..e[2]).map(|s| (b, n, s)));
                }
            }
        }
    }
    let count = rows.len();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), count, "a row is written twice");
    if problem.total_len() > 0 {
        assert_eq!(count as u64, u64::from(problem.batch) * u64::from(problem.num_heads) * u64::from(problem.q_len));
    }
    plan
}

fn tight(max_binding_size: u64, max_workgroups: u32) -> DeviceCaps {
    DeviceCaps { max_binding_size, max_workgroups, ..devices::lavapipe() }
}

#[test]
fn typical_problems_on_every_device() {
    for caps in devices::all() {
        for (_, problem) in problems::named() {
            for dtype in [DType::F32, DType::F16] {
                if dtype == DType::F16 && !caps.f16 {
                    continue;
                }
                for path in PathChoice::ALL {
                    let problem = AttentionProblem { dtype, ..problem.clone() };
                    check(&problem, &caps, &PlanOptions { path, ..PlanOptions::default() });
                }
            }
        }
    }
}

#[test]
fn small_limits_split_calls() {
    let base = problem(Shape { batch: 3, num_heads: 5, q_len: 70, kv_len: 90, head_size: 24, v_head_size: 40 });
    let all = AttentionProblem {
        attention_bias: Some(AttentionBias { batch: 3, heads: 5, batch_divisor: 1 }),
        padding_mask: PaddingMask::QueryKeys,
        projection_bias: ProjectionBias::QueryKeyValue,
        present: PresentOutputs { key: true, value: true },
        qk: Some(DType::F32),
        ..base.clone()
    };
    for binding in [8 << 10, 16 << 10, 64 << 10, 1 << 20] {
        for workgroups in [2, 7, 65535] {
            for p in [&base, &all] {
                for path in PathChoice::ALL {
                    check(p, &tight(binding, workgroups), &PlanOptions { path, ..PlanOptions::default() });
                }
            }
        }
    }
}

#[test]
fn keys_beyond_a_binding_are_merged() {
    let long = problem(Shape { batch: 1, num_heads: 2, q_len: 40, kv_len: 5000, head_size: 64, v_head_size: 64 });
    let plan = check(&long, &tight(64 << 10, 65535), &PlanOptions::default());
    assert!(plan.steps.iter().any(|step| step.blueprint.kernel == KernelId::named("combine_f32").unwrap()));
    assert_eq!(plan.scratch.len(), 2);
}

#[test]
fn the_past_of_a_beam_group_may_pass_a_binding() {
    let step = problem(Shape { batch: 10, num_heads: 32, q_len: 1, kv_len: 1, head_size: 128, v_head_size: 128 });
    let search = AttentionProblem {
        past: Past::Shared { len: 4000, capacity: 4096 },
        beam_width: Some(5),
        padding_mask: PaddingMask::BeamKeys,
        qk: Some(DType::F32),
        ..step
    };
    // A group's past has 336 MB, a beam's 67 MB.
    let plan = check(&search, &devices::lavapipe(), &PlanOptions::default());
    let of_beam = |beam| {
        let takes = |step: &&mha_plan::Step| {
            step.params.source_beam == beam && step.blueprint.constants.contains(&("ONE_BEAM", 1))
        };
        plan.steps.iter().filter(takes).count()
    };
    assert!((0..5).all(|beam| of_beam(beam) == of_beam(0) && of_beam(beam) > 0), "{}", plan.decision);
}

#[test]
fn splits_meet_the_grid_too() {
    let long = problem(Shape { batch: 1, num_heads: 1, q_len: 1, kv_len: 900, head_size: 32, v_head_size: 32 });
    let caps = DeviceCaps { max_workgroups: 3, ..devices::h100() };
    check(&long, &caps, &PlanOptions::default());
}

#[test]
fn layouts_and_state() {
    let base = problem(Shape { batch: 2, num_heads: 3, q_len: 20, kv_len: 20, head_size: 16, v_head_size: 16 });
    for layout in [Layout::Plain, Layout::PreSplit, Layout::PackedKv, Layout::PackedQkv] {
        check(&AttentionProblem { layout, ..base.clone() }, &devices::lavapipe(), &PlanOptions::default());
    }
    for past in [Past::Growing { len: 0 }, Past::Growing { len: 7 }, Past::Shared { len: 3, capacity: 30 }] {
        let present = PresentOutputs { key: true, value: true };
        let p = AttentionProblem { past, present, ..base.clone() };
        let plan = check(&p, &devices::lavapipe(), &PlanOptions::default());
        assert!(plan.tensors.iter().any(|(tensor, _)| *tensor == Tensor::PresentKey));
    }
    let none = AttentionProblem { kv_len: 0, ..base };
    let plan = check(&none, &devices::lavapipe(), &PlanOptions::default());
    assert_eq!((plan.steps.len(), plan.zero_filled), (0, vec![Tensor::Output]));
}

#[test]
fn pinned_lanes_never_change() {
    let wide = problem(Shape { head_size: 300, v_head_size: 300, ..Shape::default() });
    for lane in [Lane::Rows, Lane::Apple, Lane::Short] {
        let options = PlanOptions { lane: Some(lane), ..PlanOptions::default() };
        let refusal = plan(&wide, &devices::h100(), &options).unwrap_err().to_string();
        assert_eq!(refusal, "f32 head sizes are at most 256, got 300");
    }
    // A workgroup too small for the loads of its tile would leave keys unread, and blocks of a turn would go past a tile of others.
    for (lane, row, rule) in [
        (
            Lane::Rows,
            "f32 | 64 | 4 | r4s4a2 | 16 | 64",
            "tile r4s4a2 loads 2 pieces a lane ahead, where its keys take 4",
        ),
        (Lane::Rows, "f32 | 64 | 4 | r4s4a2 | 12 | 128", "lane rows takes tiles of a multiple of 8 keys, got 12"),
        (Lane::Apple, "f32 | 64 | 4 | r1s4f8 | 12 | 128", "lane apple takes tiles of a multiple of 8 keys, got 12"),
        (
            Lane::Short,
            "f32 | 128 | 16 | r4s2a4 | 0 | 128",
            "tile r4s2a4 loads 4 pieces a lane ahead, where its keys take 8",
        ),
    ] {
        let row = mha_plan::profile::parse(row).unwrap().remove(0);
        let options = PlanOptions { lane: Some(lane), row: Some(row), ..PlanOptions::default() };
        let refusal = plan(&problem(Shape::default()), &devices::h100(), &options).unwrap_err().to_string();
        assert_eq!(refusal, rule);
    }
    let options = PlanOptions { lane: Some(Lane::Wide), ..PlanOptions::default() };
    assert!(check(&wide, &devices::h100(), &options).decision.starts_with("wide_f32"));
}

#[test]
fn seeds_run_plain_problems_only() {
    for lane in [Lane::SeedBefore, Lane::SeedAfter] {
        let options = PlanOptions { lane: Some(lane), ..PlanOptions::default() };
        let shape = Shape { q_len: 100, kv_len: 100, ..Shape::default() };
        check(&problem(shape), &devices::h100(), &options);
        let causal = AttentionProblem { causal: true, ..problem(shape) };
        assert!(plan(&causal, &devices::h100(), &options).unwrap_err().to_string().contains("plain attention only"));
        let odd = problem(Shape { head_size: 72, v_head_size: 72, ..shape });
        assert!(plan(&odd, &devices::h100(), &options).unwrap_err().to_string().ends_with("got 72"));
    }
    let options = PlanOptions { lane: Some(Lane::SeedBefore), ..PlanOptions::default() };
    let refusal = plan(&problem(Shape::default()), &devices::lavapipe(), &options).unwrap_err().to_string();
    assert_eq!(refusal, "lane seed-before needs subgroups of 16 or more, got 8");
}

#[test]
fn every_tuning_row_fits_32_kib_of_workgroup_memory() {
    for caps in [devices::m1(), devices::m4_max(), devices::intel_integrated()] {
        for q_len in [1, 3, 9, 16, 40] {
            for head_size in [8, 40, 64, 80, 128] {
                let shape = Shape { q_len, head_size, v_head_size: head_size, ..Shape::default() };
                let plan = check(&problem(shape), &caps, &PlanOptions::default());
                let short = q_len <= 16;
                // Two rows of such heads in float32 leave an M1 room for too few threads.
                let single = q_len == 1 || (caps.name == "Apple M1" && head_size == 80);
                assert!(!short || !plan.decision.contains("r1s") || single, "{}", plan.decision);
            }
        }
    }
}

#[test]
fn f16_without_f16_shaders_is_refused() {
    let p = AttentionProblem { dtype: DType::F16, ..problem(Shape::default()) };
    let refusal = plan(&p, &devices::no_f16(), &PlanOptions::default()).unwrap_err().to_string();
    assert_eq!(refusal, "float16 tensors need f16 in shaders, which `No F16` lacks");
}

#[test]
fn few_rows_over_few_keys_get_groups_of_their_own() {
    let tile = |q_len, kv_len, num_heads, caps: &DeviceCaps| {
        let problem = problem(Shape { q_len, kv_len, num_heads, ..Shape::default() });
        let plan = check(&problem, caps, &PlanOptions::default());
        (plan.decision.split(',').next().unwrap().rsplit('_').next().unwrap().to_owned(), plan.steps.len())
    };
    let (single, four, software) = ("r1s4a2".to_owned(), "r4s4a2f8".to_owned(), "r4s4a2c".to_owned());
    assert_eq!(tile(64, 64, 16, &devices::h100()), (single.clone(), 1));
    assert_eq!(tile(128, 128, 16, &devices::h100()), (single, 1));
    // More keys are split instead, and merged; more rows fill the device, or a smaller one.
    assert_eq!(tile(64, 300, 16, &devices::h100()), (four.clone(), 2));
    assert_eq!(tile(128, 128, 300, &devices::h100()).0, "r4s4a2f8k");
    assert_eq!(tile(64, 64, 16, &devices::lavapipe()).0, software);
    // On an M1 all groups have one row: few of them take smaller workgroups, and do not split so few keys.
    let plan =
        check(&problem(Shape { q_len: 64, kv_len: 64, ..Shape::default() }), &devices::m1(), &PlanOptions::default());
    let blueprint = &plan.steps[0].blueprint;
    assert_eq!(
        (plan.steps.len(), plan.steps[0].grid, blueprint.kernel.info().name),
        (1, [2, 16, 1], "rows_f32_vec4_l4_r1s4a1o8")
    );
    assert!(blueprint.constants.contains(&("WORKGROUP_SIZE", 128)), "{blueprint:?}");
}

#[test]
fn few_keys_have_rows_of_their_own() {
    let tile = |problem: &AttentionProblem, caps: &DeviceCaps| {
        let plan = check(problem, caps, &PlanOptions::default());
        plan.decision.split(',').next().unwrap().rsplit('_').next().unwrap().to_owned()
    };
    let of = |q_len, head_size, kv_len| {
        problem(Shape { q_len, kv_len, num_heads: 16, head_size, v_head_size: head_size, ..Shape::default() })
    };
    // Rows that fill the device, then so few that it takes its smallest workgroups: of two alike, the first.
    for (q_len, head_size, kv_len, want) in [
        (4096, 40, 77, ["r4s5a1f8v2x2k", "r4s5a2p8k"]),
        (4096, 40, 128, ["r4s5a1f8v2x2k", "r4s5a2p8k"]),
        (4096, 40, 129, ["r4s5a1f8v2t", "r4s5a2p8"]),
        (4096, 64, 128, ["r4s4a2f8k", "r4s4a2k"]),
        (4096, 64, 129, ["r4s4a2f8", "r4s4a2"]),
        (2048, 40, 77, ["r4s5a2p8", "r4s5a2p8k"]),
        (1024, 64, 77, ["r4s4a2f8k", "r4s4a2k"]),
        (1024, 64, 129, ["r4s4a2f8", "r4s4a2"]),
        (1024, 80, 1024, ["r3s5a3f8v2", "r3s5a3"]),
    ] {
        let plain = of(q_len, head_size, kv_len);
        let tiles =
            [DType::F32, DType::F16].map(|dtype| tile(&AttentionProblem { dtype, ..plain.clone() }, &devices::h100()));
        assert_eq!(tiles, want, "{q_len} rows of heads of {head_size}, {kv_len} keys");
    }
    let few = of(4096, 64, 77);
    assert_eq!(tile(&few, &devices::m3_max()), "r4s4a2f8");
    assert_eq!(tile(&few, &devices::m1()), "r1s4a1o8");
    // Past keys count, and what is added to scores is for the loop that rows for few keys share with others.
    let past = AttentionProblem { past: Past::Growing { len: 60 }, ..few.clone() };
    assert_eq!(tile(&past, &devices::h100()), "r4s4a2f8");
    let masked = AttentionProblem { padding_mask: PaddingMask::KeyLengths, ..few.clone() };
    assert_eq!(tile(&masked, &devices::h100()), "r4s4a2f8");
    // A pinned row may have more keys than it is for.
    let row = mha_plan::profile::parse("f32 | 64 | 4 | r4s4a2f8k | 16 | 128 | | 64").unwrap().remove(0);
    let pinned = PlanOptions { lane: Some(Lane::Rows), row: Some(row), ..PlanOptions::default() };
    assert!(check(&few, &devices::h100(), &pinned).decision.contains("r4s4a2f8k"));
}

#[test]
fn where_there_are_few_buffers_short_queries_have_lane_wide() {
    let lane = |max_storage_buffers| {
        let caps = DeviceCaps { max_storage_buffers, ..devices::h100() };
        let plan = plan(&problem(Shape { q_len: 1, ..Shape::default() }), &caps, &PlanOptions::default());
        plan.map(|plan| plan.decision.split('_').next().unwrap().to_owned()).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(lane(13), Ok("short".to_owned()));
    assert_eq!(lane(12), Ok("wide".to_owned()));
    assert!(lane(11).unwrap_err().contains("12 storage buffers"), "{:?}", lane(11));
}
