//! Calls with tensors in host memory: upload, launch, download.

use std::time::Duration;

use mha_plan::{Plan, Tensor};

use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::launch::{Launch, StepTime};
use crate::upload::{self, Download, Upload};

/// What is known of a call once it is done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunReport {
    /// GPU time from the beginning of the first step to the end of the last, without transfers. Measured only under
    /// [`Timestamps::Call`](crate::Timestamps::Call) and [`Timestamps::Steps`](crate::Timestamps::Steps).
    pub gpu_time: Option<Duration>,
    /// The same for each step, in the plan's order; empty but under [`Timestamps::Steps`](crate::Timestamps::Steps).
    pub steps: Vec<StepTime>,
}

pub(crate) fn run(
    gpu: &Gpu,
    plan: &Plan,
    inputs: &[(Tensor, &[u8])],
    outputs: &mut [(Tensor, &mut [u8])],
) -> Result<RunReport, GpuError> {
    check_tensors(plan, inputs, outputs)?;
    for (_, data) in outputs.iter_mut().filter(|(tensor, _)| plan.zero_filled.contains(tensor)) {
        data.fill(0);
    }
    if plan.steps.is_empty() {
        return Ok(RunReport::default());
    }

    let pools = &gpu.pools;
    let context = &gpu.context;
    let mut launch = Launch::new(gpu, plan)?;
    let mut uploads = Vec::new();
    let mut downloads = Vec::new();
    for &(tensor, data) in inputs {
        if let Some(bytes) = plan_bytes(plan, tensor) {
            uploads.push((tensor, Upload::new(pools, &pools.inputs, bytes)?, &data[..bytes as usize]));
        }
    }
    for (tensor, data) in outputs {
        if let Some(bytes) = plan_bytes(plan, *tensor) {
            downloads.push((*tensor, Download::new(pools, bytes)?, &mut **data));
        }
    }

    let inputs = uploads.iter_mut().map(|(_, upload, data)| (upload, *data));
    upload::write(context, inputs.chain([(&mut launch.params, launch.params_bytes.as_slice())]))?;

    let tensors: Vec<_> = uploads
        .iter()
        .map(|(tensor, upload, _)| (*tensor, upload.buffer()))
        .chain(downloads.iter().map(|(tensor, download, _)| (*tensor, download.buffer())))
        .collect();
    let commands = context.scoped(
        || format!("record the plan \"{}\"", plan.decision),
        || {
            let descriptor = wgpu::CommandEncoderDescriptor { label: Some("attention") };
            let mut encoder = context.device.create_command_encoder(&descriptor);
            uploads.iter().for_each(|(_, upload, _)| upload.record(&mut encoder));
            launch.params.record(&mut encoder);
            launch.record(&mut encoder, &tensors)?;
            downloads.iter().for_each(|(_, download, _)| download.record(&mut encoder));
            Ok(encoder.finish())
        },
    )??;
    let submission = context.submit(commands)?;

    let results = downloads.iter_mut().map(|(_, download, data)| (download, &mut **data));
    upload::read(context, submission.clone(), results)?;

    launch.report(submission)
}

/// Bytes of a tensor that the plan reads or writes.
fn plan_bytes(plan: &Plan, tensor: Tensor) -> Option<u64> {
    plan.tensors.iter().find(|(other, _)| *other == tensor).map(|(_, bytes)| *bytes)
}

/// The caller's tensors against the plan's.
pub(crate) fn check_tensors(
    plan: &Plan,
    inputs: &[(Tensor, &[u8])],
    outputs: &[(Tensor, &mut [u8])],
) -> Result<(), GpuError> {
    let given: Vec<(Tensor, u64)> = inputs
        .iter()
        .map(|(tensor, data)| (*tensor, data.len() as u64))
        .chain(outputs.iter().map(|(tensor, data)| (*tensor, data.len() as u64)))
        .collect();
    let refuse = |tensor, rule, received| Err(GpuError::Tensors { tensor, rule, received });

    for (position, &(tensor, bytes)) in given.iter().enumerate() {
        if given[..position].iter().any(|(other, _)| *other == tensor) {
            return refuse(tensor, "a tensor must be given once", "a second one".into());
        }
        if position >= inputs.len() && !plan.zero_filled.contains(&tensor) && plan_bytes(plan, tensor).is_none() {
            return refuse(tensor, "only outputs of the plan may be asked for", format!("{bytes} bytes"));
        }
    }
    for &(tensor, bytes) in &plan.tensors {
        let Some((_, received)) = given.iter().find(|(other, _)| *other == tensor) else {
            return refuse(tensor, "every tensor of the plan must be given", "none".into());
        };
        if tensor.is_output() && *received != bytes {
            let received = format!("{received} bytes where the plan writes {bytes}");
            return refuse(tensor, "an output must be as long as the plan says", received);
        }
        if *received < bytes {
            let received = format!("{received} bytes where the plan reads {bytes}");
            return refuse(tensor, "an input must be at least as long as the plan says", received);
        }
    }
    Ok(())
}
