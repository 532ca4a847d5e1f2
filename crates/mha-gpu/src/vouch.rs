//! A look at kernels on cooperative matrices before a device's answers are left to them: the feature is experimental, no shader
//! compiler checks a matrix's size against what the device lists, and few drivers have been seen by this project's tests.

use std::sync::PoisonError;

use half::f16;
use mha_kernels::KernelId;
use mha_plan::profile::{FRAGMENT, MATRIX, TuningRow};
use mha_plan::{DeviceCaps, Lane, Plan, PlanOptions, Refusal, Tensor, plan};
use mha_spec::{AttentionProblem, DType, Layout, PaddingMask, Past, PresentOutputs, ProjectionBias};

use crate::gpu::Gpu;

/// Rows and keys of the problem that is looked at: more rows than a workgroup has, so that one of them sees whole tiles without a mask,
/// and several tiles of keys, the last partly filled.
const Q_LEN: u32 = 200;
const KV_LEN: u32 = 150;
/// Largest difference of outputs whose magnitude is below 1: twenty times what rounding explains, and far below garbage.
const F32_DIFFERENCE: f32 = 2e-4;
const F16_DIFFERENCE: f32 = 2e-2;

impl Gpu {
    /// Plans for this device, as [`mha_plan::plan`] does, but without elements of cooperative matrices, and at the last without such
    /// matrices, where a kernel would answer that this device [does not agree on](Self::vouches_for). A lane that is pinned stays.
    ///
    /// # Errors
    /// As [`mha_plan::plan`].
    pub fn plan(&self, problem: &AttentionProblem, options: &PlanOptions) -> Result<Plan, Refusal> {
        self.say_warnings();
        plan_trusted(problem, self.caps(), options, |planned| options.lane.is_some() || self.vouches_for(planned))
    }

    /// Whether the plan's kernels on cooperative matrices, if it has any, give what lane wide gives on this device. Each is
    /// tried once, on a small causal problem of the plan's type and head sizes; a warning names one that fails.
    pub fn vouches_for(&self, plan: &Plan) -> bool {
        let suspects = plan.steps.iter().filter(|step| step.blueprint.kernel.info().uses_coop);
        suspects.map(|step| (step.blueprint.kernel, step.params.head_size, step.params.v_head_size)).all(
            |(kernel, head_size, v_head_size)| {
                let known = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).get(&kernel).copied();
                known.unwrap_or_else(|| {
                    // Outside the lock; two threads that look at once come to the same end.
                    let verdict = self.look_at(kernel, &problem(plan.dtype, head_size, v_head_size), plan);
                    if let Err(why) = &verdict {
                        self.warn(format!("kernel {kernel} is not used on {}: {why}", self.describe()));
                    }
                    let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                    *verdicts.entry(kernel).or_insert(verdict.is_ok())
                })
            },
        )
    }

    /// Whether a kernel of a plan gives what lane wide gives. Compiles the plan's own kernels at the same time, so that its first call does
    /// not wait for the driver once more.
    fn look_at(&self, kernel: KernelId, problem: &AttentionProblem, wanted: &Plan) -> Result<(), String> {
        let lane = if kernel.info().uses_elements { Lane::Fragment } else { Lane::Matrix };
        let matrix = self.plan_of(problem, lane, Some(kernel))?;
        let wide = self.plan_of(problem, Lane::Wide, None)?;
        let steps = [&matrix, &wide, wanted].into_iter().flat_map(|plan| &plan.steps);
        // What fails of the trial fails again where it is run, and what fails of the plan is no judgement of this kernel.
        drop(self.prepare(steps.map(|step| &step.blueprint)));
        agree(problem.dtype, &self.answer(problem, &matrix)?, &self.answer(problem, &wide)?)
    }

    /// A lane's plan, which must have the kernel, if one is given.
    fn plan_of(&self, problem: &AttentionProblem, lane: Lane, kernel: Option<KernelId>) -> Result<Plan, String> {
        let row = kernel.and_then(|kernel| row_of(kernel, problem.dtype));
        let options = PlanOptions { lane: Some(lane), row, ..PlanOptions::default() };
        let plan = plan(problem, self.caps(), &options).map_err(|refusal| refusal.to_string())?;
        match kernel.filter(|kernel| plan.steps.iter().all(|step| step.blueprint.kernel != *kernel)) {
            Some(kernel) => Err(format!("no small problem gets {kernel}, so that it can't be tried")),
            None => Ok(plan),
        }
    }

    /// A plan's output.
    fn answer(&self, problem: &AttentionProblem, plan: &Plan) -> Result<Vec<u8>, String> {
        let rows = |length: u32, head_size: u32| length as usize * problem.num_heads as usize * head_size as usize;
        let [query, key, value] = [
            (1, rows(problem.q_len, problem.head_size)),
            (2, rows(problem.kv_len, problem.head_size)),
            (3, rows(problem.kv_len, problem.v_head_size)),
        ]
        .map(|(seed, count)| numbers(seed, count, problem.dtype));
        let inputs = [(Tensor::Query, &query), (Tensor::Key, &key), (Tensor::Value, &value)];
        let inputs = inputs.map(|(tensor, data)| (tensor, data.as_slice().into()));
        // What stays unwritten is NaN in either type.
        let mut output = vec![0xFF; rows(problem.q_len, problem.v_head_size) * problem.dtype.size() as usize];
        self.run(plan, &inputs, &mut [(Tensor::Output, &mut output)]).map_err(|error| error.to_string())?;
        Ok(output)
    }
}

/// The first plan that is trusted, with ever less of what few drivers have been seen with; without matrices any is.
fn plan_trusted(
    problem: &AttentionProblem,
    caps: &DeviceCaps,
    options: &PlanOptions,
    trusts: impl Fn(&Plan) -> bool,
) -> Result<Plan, Refusal> {
    let planned = plan(problem, caps, options)?;
    if trusts(&planned) {
        return Ok(planned);
    }
    let planned = plan(problem, &caps.without_elements(), options)?;
    if trusts(&planned) {
        return Ok(planned);
    }
    plan(problem, &caps.without_matrices(), options)
}

/// The tuning row of a kernel, pinned since small problems get another where a table has rows by size.
fn row_of(kernel: KernelId, dtype: DType) -> Option<TuningRow> {
    let of =
        |row: &&TuningRow| row.dtype == dtype && kernel.info().name.ends_with(&format!("_l{}_{}", row.lanes, row.tile));
    let table = if kernel.info().uses_elements { &FRAGMENT } else { &MATRIX };
    table.rows.iter().find(of).cloned()
}

fn problem(dtype: DType, head_size: u32, v_head_size: u32) -> AttentionProblem {
    AttentionProblem {
        dtype,
        layout: Layout::Plain,
        batch: 1,
        num_heads: 2,
        q_len: Q_LEN,
        kv_len: KV_LEN,
        head_size,
        v_head_size,
        past: Past::None,
        beam_width: None,
        projection_bias: ProjectionBias::None,
        padding_mask: PaddingMask::None,
        attention_bias: None,
        causal: true,
        scale: (head_size as f32).sqrt().recip() * 2.0,
        mask_filter_value: -10_000.0,
        present: PresentOutputs::default(),
        qk: None,
    }
}

/// Numbers between -1 and 1 in steps of 1/1024, which both types hold, from a linear congruential generator (constants of
/// Numerical Recipes).
fn numbers(seed: u32, count: usize, dtype: DType) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(count * dtype.size() as usize);
    for _ in 0..count {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let number = (state >> 21) as f32 / 1024.0 - 1.0;
        match dtype {
            DType::F32 => bytes.extend(number.to_le_bytes()),
            DType::F16 => bytes.extend(f16::from_f32(number).to_le_bytes()),
        }
    }
    bytes
}

fn agree(dtype: DType, got: &[u8], want: &[u8]) -> Result<(), String> {
    let floats = |bytes: &[u8]| -> Vec<f32> {
        match dtype {
            DType::F32 => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            DType::F16 => bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
        }
    };
    let allowed = if dtype == DType::F32 { F32_DIFFERENCE } else { F16_DIFFERENCE };
    let differences = floats(got).into_iter().zip(floats(want)).map(|(got, want)| (got - want).abs());
    // A NaN is no agreement, and `max` would drop it.
    let worst = differences.fold(0.0, |worst: f32, difference| if difference <= worst { worst } else { difference });
    if worst <= allowed {
        Ok(())
    } else {
        Err(format!("its results differ from lane wide's by {worst}, where {allowed} is allowed"))
    }
}

#[cfg(test)]
mod tests {
    use mha_plan::devices;
    use mha_spec::PathChoice;

    use super::*;
    use crate::gpu::tests::gpu;

    #[test]
    fn agreement_is_of_every_number() {
        for dtype in [DType::F32, DType::F16] {
            let want = numbers(7, 1000, dtype);
            assert_eq!(agree(dtype, &want, &want), Ok(()));
            assert!(agree(dtype, &numbers(8, 1000, dtype), &want).is_err());
            for (place, byte) in [(0, 0xFF), (1, 0xFF)] {
                // An exponent of ones: infinity or NaN, in one number of many.
                let mut got = want.clone();
                let last = got.len() - 1 - place;
                got[last] = byte;
                got[last - 1] = byte;
                assert!(agree(dtype, &got, &want).is_err(), "{dtype:?} {place}");
            }
        }
    }

    #[test]
    fn two_lanes_agree_on_the_problem() {
        let gpu = gpu();
        for dtype in [DType::F32, DType::F16] {
            let problem = problem(dtype, 40, 24);
            let [rows, wide] = [Lane::Rows, Lane::Wide]
                .map(|lane| gpu.answer(&problem, &gpu.plan_of(&problem, lane, None).unwrap()).unwrap());
            assert_eq!(agree(dtype, &rows, &wide), Ok(()));
        }
    }

    #[test]
    fn a_kernel_that_is_not_trusted_leaves_the_next_best() {
        let options = PlanOptions { path: PathChoice::Auto, ..PlanOptions::default() };
        let sizes = AttentionProblem { q_len: 2048, kv_len: 2048, ..problem(DType::F16, 64, 64) };
        let kernel = |distrusted: &[&str]| {
            let is_trusted = |plan: &Plan| {
                !plan
                    .steps
                    .iter()
                    .any(|step| distrusted.iter().any(|lane| step.blueprint.kernel.info().name.starts_with(lane)))
            };
            let planned = plan_trusted(&sizes, &devices::h100(), &options, is_trusted).unwrap();
            planned.steps[0].blueprint.kernel.info().name.split('_').next().unwrap().to_owned()
        };
        assert_eq!(kernel(&[]), "fragment");
        assert_eq!(kernel(&["fragment"]), "matrix");
        assert_eq!(kernel(&["fragment", "matrix"]), "rows");
    }

    #[test]
    fn plans_without_matrices_need_no_look() {
        let gpu = gpu();
        let problem = problem(DType::F32, 64, 64);
        let options = PlanOptions { lane: Some(Lane::Rows), ..PlanOptions::default() };
        assert!(gpu.vouches_for(&plan(&problem, gpu.caps(), &options).unwrap()));
        assert!(gpu.verdicts.lock().unwrap().is_empty());
    }
}
