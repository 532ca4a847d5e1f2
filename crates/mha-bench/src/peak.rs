//! The peak rate of fused multiply-adds (FMA) of the device's ordinary lanes, measured: what other rates are a share of. Kernels on
//! cooperative matrices may exceed it.

use mha_gpu::Gpu;
use mha_kernels::{AttentionParams, KernelId, Slot};
use mha_plan::{Binding, Blueprint, DeviceKind, Plan, Step, Tensor};
use mha_spec::DType;

use crate::error::BenchError;
use crate::run::{WARM_UP, median, warm_up};

const WORKGROUP_SIZE: u32 = 256;
/// Workgroups: enough that the last ones to end don't show.
const WORKGROUPS: u32 = 4096;
/// Multiply-adds of a lane in a round of `peak.wgsl`.
const PER_ROUND: u32 = 256;

/// TFLOP/s of multiply-adds in a type, without cooperative matrices.
///
/// # Errors
/// [`BenchError`] where the device fails or has no such type.
pub fn fma_tflops(gpu: &Gpu, dtype: DType) -> Result<f64, BenchError> {
    // About a millisecond on a large GPU, tens of them on a small one, a second on a CPU.
    let software = gpu.caps().kind == DeviceKind::Software;
    let (rounds, repeats) = if software { (2, 3) } else { (128, 20) };
    let bytes = u64::from(WORKGROUPS * WORKGROUP_SIZE * 4) * dtype.size();
    let name = format!("peak_{}", dtype.name());
    let kernel = KernelId::named(&name).ok_or(BenchError::NoKernel { name })?;
    let plan = Plan {
        steps: vec![Step {
            blueprint: Blueprint { kernel, constants: vec![("WORKGROUP_SIZE", WORKGROUP_SIZE)] },
            params: AttentionParams {
                keys_per_split: rounds,
                scale: 0.5,
                mask_filter_value: 1.0,
                ..AttentionParams::default()
            },
            grid: [WORKGROUPS, 1, 1],
            bindings: vec![Binding { slot: Slot::Output, tensor: Tensor::Output, offset: 0, size: bytes }],
        }],
        scratch: vec![],
        exchange: 0,
        tensors: vec![(Tensor::Output, bytes)],
        zero_filled: vec![],
        copied: vec![],
        decision: format!("peak of {}", dtype.name()),
        dtype,
    };
    let mut output = vec![0; bytes as usize];
    warm_up(gpu, WARM_UP)?;
    let launches = gpu.measure(&plan, &[], &mut [(Tensor::Output, &mut output)], repeats)?;
    let seconds = median(launches.iter().filter_map(|launch| launch.gpu_time).map(|time| time.as_secs_f64()));
    Ok(2.0 * f64::from(PER_ROUND * rounds) * f64::from(WORKGROUPS * WORKGROUP_SIZE) / seconds / 1e12)
}
