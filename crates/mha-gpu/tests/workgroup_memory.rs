//! Contract: the workgroup memory that a tuning row is planned with is what its kernel declares, so that no device gets a row that it
//! has no room for, nor is refused one that it has.

use mha_plan::profile::{self, TuningRow};
use mha_plan::{DeviceCaps, Lane, PlanOptions, devices, plan, workgroup_memory};
use mha_spec::{AttentionProblem, ProjectionBias};
use mha_testkit::plain;
use wgpu::naga::{self, AddressSpace, proc, valid};

/// Bytes of a kernel's variables in workgroup memory.
fn declared(source: &str, entry_point: &str, constants: &[(&'static str, u32)]) -> u32 {
    let module = naga::front::wgsl::parse_str(source).unwrap();
    let info =
        valid::Validator::new(valid::ValidationFlags::all(), valid::Capabilities::all()).validate(&module).unwrap();
    let constants = constants.iter().map(|&(name, value)| (name.to_owned(), f64::from(value))).collect();
    let stage = Some((naga::ShaderStage::Compute, entry_point));
    let (module, _) = naga::back::pipeline_constants::process_overrides(&module, &info, stage, &constants).unwrap();
    let mut layouts = proc::Layouter::default();
    layouts.update(module.to_ctx()).unwrap();
    let variables = module.global_variables.iter().filter(|(_, x)| x.space == AddressSpace::WorkGroup);
    variables.map(|(_, x)| layouts[x.ty].size).sum()
}

/// A device that can run a row.
fn device(row: &TuningRow) -> DeviceCaps {
    let base = match row.matrix() {
        Some(tile) if tile.side == 8 => DeviceCaps { element_sides: vec![8], ..devices::lavapipe_with_matrices() },
        _ => devices::h100(),
    };
    let lanes = row.matrix().map_or(32, |_| row.lanes);
    DeviceCaps { min_subgroup_size: lanes, max_subgroup_size: lanes, max_workgroup_memory: 64 << 10, ..base }
}

#[test]
fn rows_are_planned_with_what_their_kernels_declare() {
    for (table, text) in profile::TABLES {
        let lane = [Lane::Rows, Lane::Apple, Lane::Short, Lane::Matrix, Lane::Fragment]
            .into_iter()
            .find(|lane| table.split('_').next() == Some(lane.name()))
            .unwrap();
        for row in profile::parse(text).unwrap() {
            let q_len = if lane == Lane::Short { row.rows } else { 4096 };
            let head_size = row.max_head_size;
            let plain = AttentionProblem { dtype: row.dtype, ..plain(1, 16, q_len, 64, head_size) };
            // Tiles of float16 are float32 where keys and values have a bias, which matrices do not take in float16.
            let biased = AttentionProblem { projection_bias: ProjectionBias::QueryKeyValue, ..plain.clone() };
            for problem in [plain, biased] {
                if row.matrix().is_some() && problem.projection_bias != ProjectionBias::None {
                    continue;
                }
                let options = PlanOptions { lane: Some(lane), row: Some(row.clone()), ..PlanOptions::default() };
                let plan = plan(&problem, &device(&row), &options).unwrap_or_else(|refusal| panic!("{row}: {refusal}"));
                let blueprint = &plan.steps[0].blueprint;
                let info = blueprint.kernel.info();
                let found = declared(info.source, info.entry_point, &blueprint.constants);
                // Where they merge key splits, lane short's workgroups count those that are done, too.
                let of_merges = if lane == Lane::Short { 4 } else { 0 };
                let planned = workgroup_memory(lane, &row, &problem) + of_merges;
                assert_eq!(found, planned, "{table}: {row}, {}", info.name);
            }
        }
    }
}
