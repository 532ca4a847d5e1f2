//! Calls with tensors in host memory: upload, launch, download.

use std::time::{Duration, Instant};

use mha_plan::{Copied, Plan, Tensor};

use crate::copies::{self, CopiedOutput};
use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::launch::{Launch, StepTime};
use crate::resident::Source;
use crate::settings::Wait;
use crate::upload::{self, Download, Upload};

/// Bytes from which a tensor's copy to the device is worth a submission of its own, with the mapping before it some 35 us of the
/// calling thread. At 2 and 4 MB a tensor, whole calls took 10 % longer with it on an H100, at 8 MB and more as long.
pub(crate) const OVERLAPPED: usize = 8 << 20;

/// What is known of a call once it is done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunReport {
    /// GPU time from the beginning of the first step to the end of the last, without transfers. Measured only under
    /// [`Timestamps::Call`](crate::Timestamps::Call) and [`Timestamps::Steps`](crate::Timestamps::Steps).
    pub gpu_time: Option<Duration>,
    /// The same for each step, in the plan's order; empty but under [`Timestamps::Steps`](crate::Timestamps::Steps).
    pub steps: Vec<StepTime>,
    /// GPU time from the end of the last step to the end of the copies that follow, measured as [`gpu_time`](Self::gpu_time).
    pub time_after: Option<Duration>,
    /// Bytes of tensors that the call moved from the host to the device.
    pub uploaded: u64,
    /// Bytes of tensors that it moved from the device to the host.
    pub downloaded: u64,
    /// What the host did meanwhile.
    pub host: HostTimes,
}

/// The phases of a call as the host sees them, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostTimes {
    /// Finding buffers and pipelines, copying inputs to where the device finds them, recording and submitting.
    pub submit: Duration,
    /// Until the device was found to be done.
    pub wait: Duration,
    /// The first part of that, in which rows were copied from inputs to outputs. The device may have been done before its end.
    pub copying: Duration,
    /// Copying outputs from where the device put them.
    pub copy_back: Duration,
}

pub(crate) fn run(
    gpu: &Gpu,
    wait: Wait,
    plan: &Plan,
    inputs: &[(Tensor, Source<'_>)],
    outputs: &mut [(Tensor, &mut [u8])],
) -> Result<RunReport, GpuError> {
    let lengths: Vec<_> = inputs.iter().map(|(tensor, source)| (*tensor, source.bytes())).collect();
    let given: Vec<_> = outputs.iter().map(|(tensor, data)| (*tensor, data.len() as u64)).collect();
    check_tensors(plan, &lengths, &given)?;
    for (_, data) in outputs.iter_mut().filter(|(tensor, _)| plan.zero_filled.contains(tensor)) {
        data.fill(0);
    }
    let (mut copied, mut written) = (Vec::new(), Vec::new());
    for (tensor, data) in outputs {
        match plan.copied.iter().find(|copied| copied.tensor == *tensor) {
            Some(known) => {
                copied.push(CopiedOutput { copied: known, inputs: sources(known, inputs)?, output: data });
            }
            None => written.push((*tensor, &mut **data)),
        }
    }
    if plan.steps.is_empty() {
        copies::rows(copied);
        return Ok(RunReport::default());
    }

    let pools = &gpu.pools;
    let context = &gpu.context;
    let begin = Instant::now();
    let mut launch = Launch::new(gpu, plan, gpu.settings().timestamps, true)?;
    let mut uploads = Vec::new();
    let mut residents = Vec::new();
    let mut downloads = Vec::new();
    for &(tensor, source) in inputs {
        match (source, plan_bytes(plan, tensor)) {
            (_, None) => {}
            (Source::Host(data), Some(bytes)) => {
                uploads.push((tensor, Upload::new(pools, &pools.inputs, bytes)?, &data[..bytes as usize]));
            }
            (Source::Device(resident), Some(_)) if resident.is_on(gpu) => residents.push((tensor, resident.buffer())),
            (Source::Device(_), Some(_)) => {
                let rule = "a resident tensor must lie on the device that runs the plan";
                return Err(GpuError::Tensors { tensor, rule, received: "one of another device".into() });
            }
        }
    }
    for (tensor, data) in written {
        if let Some(bytes) = plan_bytes(plan, tensor) {
            downloads.push((tensor, Download::new(pools, bytes)?, data));
        }
    }

    // A large tensor is on its way to the device while the host copies the next one to where the device finds it.
    let (large, small): (Vec<_>, Vec<_>) = uploads.iter_mut().partition(|(_, upload, data)| goes_ahead(upload, data));
    for (_, upload, data) in large {
        upload::write(context, [(&mut *upload, *data)])?;
        let copies = context.scoped(
            || "record an upload".into(),
            || {
                let descriptor = wgpu::CommandEncoderDescriptor { label: Some("upload") };
                let mut encoder = context.device.create_command_encoder(&descriptor);
                upload.record(&mut encoder);
                encoder.finish()
            },
        )?;
        context.submit(copies)?;
    }
    let inputs = small.into_iter().map(|(_, upload, data)| (upload, *data));
    upload::write(context, inputs.chain([(&mut launch.params, launch.params_bytes.as_slice())]))?;

    let tensors: Vec<_> = uploads
        .iter()
        .map(|(tensor, upload, _)| (*tensor, upload.buffer()))
        .chain(residents)
        .chain(downloads.iter().map(|(tensor, download, _)| (*tensor, download.buffer())))
        .collect();
    let commands = context.scoped(
        || format!("record the plan \"{}\"", plan.decision),
        || {
            let descriptor = wgpu::CommandEncoderDescriptor { label: Some("attention") };
            let mut encoder = context.device.create_command_encoder(&descriptor);
            let others = uploads.iter().filter(|(_, upload, data)| !goes_ahead(upload, data));
            others.for_each(|(_, upload, _)| upload.record(&mut encoder));
            launch.params.record(&mut encoder);
            launch.record(&mut encoder, &tensors)?;
            downloads.iter().for_each(|(_, download, _)| download.record(&mut encoder));
            launch.record_times(&mut encoder);
            Ok(encoder.finish())
        },
    )??;
    let submission = context.submit(commands)?;
    let submitted = Instant::now();
    let mut copying = Duration::ZERO;
    if !copied.is_empty() {
        copies::rows(copied);
        copying = submitted.elapsed();
    }
    let uploaded = uploads.iter().map(|(_, _, data)| data.len() as u64).sum();
    let downloaded = downloads.iter().map(|(_, _, data)| data.len() as u64).sum();

    let results = downloads.iter_mut().map(|(_, download, data)| (download, &mut **data));
    let done = upload::read(context, submission.clone(), results, wait.spins(gpu.caps().kind))?;
    let (submit, wait) = (submitted - begin, done - submitted);
    let host = HostTimes { submit, wait, copying, copy_back: done.elapsed() };
    Ok(RunReport { uploaded, downloaded, host, ..launch.report(submission)? })
}

/// The bytes that each part of an output is copied from.
fn sources<'a>(output: &Copied, inputs: &[(Tensor, Source<'a>)]) -> Result<Vec<&'a [u8]>, GpuError> {
    let bytes = |tensor| match inputs.iter().find(|(other, _)| *other == tensor) {
        Some((_, Source::Host(bytes))) => Ok(*bytes),
        _ => {
            let rule = "the host copies only what is in its memory";
            Err(GpuError::Tensors { tensor, rule, received: "one on the device".into() })
        }
    };
    output.parts.iter().map(|part| bytes(part.tensor)).collect()
}

/// Whether a tensor's copy to the device is submitted before the rest of the call.
fn goes_ahead(upload: &Upload, data: &[u8]) -> bool {
    upload.is_staged() && data.len() >= OVERLAPPED
}

/// Bytes of a tensor that the plan reads or writes.
pub(crate) fn plan_bytes(plan: &Plan, tensor: Tensor) -> Option<u64> {
    plan.tensors.iter().find(|(other, _)| *other == tensor).map(|(_, bytes)| *bytes)
}

/// The caller's tensors, with their lengths in bytes, against the plan's.
pub(crate) fn check_tensors(plan: &Plan, inputs: &[(Tensor, u64)], outputs: &[(Tensor, u64)]) -> Result<(), GpuError> {
    let given = [inputs, outputs].concat();
    let refuse = |tensor, rule, received| Err(GpuError::Tensors { tensor, rule, received });

    for (position, &(tensor, bytes)) in given.iter().enumerate() {
        if given[..position].iter().any(|(other, _)| *other == tensor) {
            return refuse(tensor, "a tensor must be given once", "a second one".into());
        }
        let is_copied = plan.copied.iter().any(|copied| copied.tensor == tensor);
        let is_written = is_copied || plan.zero_filled.contains(&tensor) || plan_bytes(plan, tensor).is_some();
        if position >= inputs.len() && !is_written {
            return refuse(tensor, "only outputs of the plan may be asked for", format!("{bytes} bytes"));
        }
    }
    let copied = plan.copied.iter().filter(|copied| given.iter().any(|(tensor, _)| *tensor == copied.tensor));
    let copied = copied.flat_map(|copied| {
        let parts = copied.parts.iter().map(|part| (part.tensor, part.tensor_bytes));
        parts.chain([(copied.tensor, copied.bytes)])
    });
    for (tensor, bytes) in plan.tensors.iter().copied().chain(copied) {
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
