//! Lane matrix as an M1 gets it, by stand-ins for its matrices: subgroups of 32 lanes with matrices of 8 x 8 are on no device at hand, and
//! software drivers that have such matrices have subgroups of 8, for which its kernels of one vec4 of keys a lane are too small. All that is
//! a kernel's own runs as it is, barriers, loads ahead, weights and masks; what it does not show is how a GPU orders a subgroup's matrices.

use std::borrow::Cow;

use mha_kernels::KernelInfo;
use mha_plan::profile::{self, TuningRow};
use mha_plan::{DeviceCaps, Lane, PlanOptions, Tensor, devices, plan};
use mha_spec::{AttentionProblem, DType, PaddingMask, Past};
use mha_testkit::{Case, Expected, plain, with_stand_ins};

use super::open;
use crate::{Gpu, GpuSettings, Source};

/// Subgroups of 32 lanes where the driver's are smaller: the four lanes of a row, which alone exchange something, are in one of 8.
const SUBGROUPS: [(&str, &str); 2] = [
    ("    @builtin(subgroup_id) subgroup: u32,\n    @builtin(subgroup_invocation_id) lane: u32,\n", ""),
    (
        "    var place = place_of_lane(",
        "    let subgroup = local_index / LANES;\n    let lane = local_index % LANES;\n    take_elements(lane);\n    var place = place_of_lane(",
    ),
];

/// Whether a kernel runs with stand-ins in these tests: lane matrix in float16, of 32 lanes and matrices of 8 x 8.
pub(crate) fn has_stand_in(kernel: &KernelInfo) -> bool {
    kernel.name.starts_with("matrix_f16") && kernel.name.contains("_l32_m8")
}

pub(crate) fn source(kernel: &'static KernelInfo) -> Cow<'static, str> {
    if !has_stand_in(kernel) {
        return kernel.source.into();
    }
    with_stand_ins(kernel.source, &SUBGROUPS, include_str!("matrices.wgsl"))
        .unwrap_or_else(|error| panic!("{}: {error}", kernel.name))
        .into()
}

/// The device at hand, as if it had an M1's matrices.
fn caps(gpu: &Gpu) -> DeviceCaps {
    let lanes = 32;
    let coop_matrices = devices::m1().coop_matrices;
    DeviceCaps { coop_matrices, min_subgroup_size: lanes, max_subgroup_size: lanes, ..gpu.caps().clone() }
}

fn check(gpu: &Gpu, row: &TuningRow, case: &Case) {
    let options = PlanOptions { lane: Some(Lane::Matrix), row: Some(row.clone()), ..PlanOptions::default() };
    let plan = plan(&case.problem, &caps(gpu), &options).unwrap_or_else(|refusal| panic!("{row}: {refusal}"));
    assert!(plan.steps.iter().any(|step| has_stand_in(step.blueprint.kernel.info())), "{}", plan.decision);
    let expected = Expected::of(case);
    let inputs = case.bytes();
    let inputs: Vec<(Tensor, Source<'_>)> = inputs.iter().map(|(tensor, x)| (*tensor, x.as_slice().into())).collect();
    let mut output = vec![0xff; expected.bytes(Tensor::Output)];
    gpu.run(&plan, &inputs, &mut [(Tensor::Output, &mut output)]).unwrap();
    if let Err(mismatch) = expected.check(Tensor::Output, &output) {
        panic!("{}: {mismatch}\n{:?}", plan.decision, case.problem);
    }
}

/// Each row of M1's table over lengths that are no multiple of a matrix, and rows that lose their bets on references. The first, which is the
/// fastest to compile for a software driver, also by each way to load, with few keys, masks, and a past.
#[test]
fn lane_matrix_on_an_m1_answers_by_stand_ins() {
    let gpu = open(GpuSettings::default());
    if !gpu.caps().f16 {
        println!("ignored: no 16-bit floats in shaders");
        return;
    }
    let of = |q_len, kv_len, head_size| AttentionProblem { dtype: DType::F16, ..plain(1, 2, q_len, kv_len, head_size) };
    for (index, row) in profile::MATRIX_M1.rows.iter().enumerate() {
        let widest = of(70, 75, row.max_head_size);
        check(&gpu, row, &Case::new(widest.clone(), 0));
        let mut outgrown = Case::new(widest.clone(), 1);
        // A power of two, by which float16 loses nothing.
        outgrown.inputs.query.iter_mut().for_each(|x| *x *= 32.0);
        check(&gpu, row, &outgrown);
        if index == 0 {
            let causal = AttentionProblem { causal: true, past: Past::Growing { len: 9 }, ..of(70, 70, 32) };
            let masked = AttentionProblem { padding_mask: PaddingMask::Keys, ..widest };
            for problem in [of(33, 5, 32), of(70, 75, 29), causal, masked] {
                check(&gpu, row, &Case::new(problem, 0));
            }
        }
    }
}
