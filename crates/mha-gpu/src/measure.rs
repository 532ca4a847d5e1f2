//! Repeated launches of plans over tensors that stay on the device: what benchmarks and choices between kernels time.

use std::time::{Duration, Instant};

use mha_plan::{Plan, Tensor};

use crate::context::Context;
use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::launch::Launch;
use crate::settings::Timestamps;
use crate::transfer::{RunReport, check_tensors, plan_bytes};
use crate::upload::{self, Download, Upload};

/// The tensors of one problem on a device. Any plan for that problem can be launched over them.
pub struct Staged<'a> {
    gpu: &'a Gpu,
    inputs: Vec<(Tensor, Upload, u64)>,
    outputs: Vec<(Tensor, Download, u64)>,
}

impl Gpu {
    /// Uploads the inputs of a plan, and makes room for its outputs.
    ///
    /// # Errors
    /// As [`Gpu::run`].
    pub fn stage(&self, plan: &Plan, inputs: &[(Tensor, &[u8])]) -> Result<Staged<'_>, GpuError> {
        let lengths: Vec<_> = inputs.iter().map(|(tensor, data)| (*tensor, data.len() as u64)).collect();
        let written: Vec<_> = plan.tensors.iter().filter(|(tensor, _)| tensor.is_output()).copied().collect();
        if let Some(copied) = plan.copied.first() {
            let (tensor, rule) =
                (copied.tensor, "tensors stay on a device only for plans that leave nothing to the host");
            return Err(GpuError::Tensors { tensor, rule, received: "one that the host copies".into() });
        }
        check_tensors(plan, &lengths, &written)?;
        let mut uploads = Vec::new();
        for &(tensor, data) in inputs {
            if let Some(bytes) = plan_bytes(plan, tensor) {
                let upload = Upload::new(&self.pools, &self.pools.inputs, bytes)?;
                uploads.push((tensor, upload, &data[..bytes as usize]));
            }
        }
        let mut outputs = Vec::new();
        for (tensor, bytes) in written {
            outputs.push((tensor, Download::new(&self.pools, bytes)?, bytes));
        }
        upload::write(&self.context, uploads.iter_mut().map(|(_, upload, data)| (upload, *data)))?;
        self.context.submit(record(&self.context, "upload", |encoder| {
            uploads.iter().for_each(|(_, upload, _)| upload.record(encoder));
            Ok(())
        })?)?;
        let inputs = uploads.into_iter().map(|(tensor, upload, data)| (tensor, upload, data.len() as u64)).collect();
        Ok(Staged { gpu: self, inputs, outputs })
    }

    /// Uploads the inputs once, launches the plan `repeats` times back to back, downloads the outputs of the last, and
    /// gives the times of every launch. The device stays busy between launches, so its clocks stay up.
    ///
    /// # Errors
    /// As [`Gpu::run`]; there are no times without timestamp queries.
    pub fn measure(
        &self,
        plan: &Plan,
        inputs: &[(Tensor, &[u8])],
        outputs: &mut [(Tensor, &mut [u8])],
        repeats: usize,
    ) -> Result<Vec<RunReport>, GpuError> {
        let lengths: Vec<_> = inputs.iter().map(|(tensor, data)| (*tensor, data.len() as u64)).collect();
        let given: Vec<_> = outputs.iter().map(|(tensor, data)| (*tensor, data.len() as u64)).collect();
        check_tensors(plan, &lengths, &given)?;
        let mut staged = self.stage(plan, inputs)?;
        let reports = staged.launch(plan, repeats)?;
        staged.read(outputs)?;
        Ok(reports)
    }
}

impl Staged<'_> {
    /// Launches a plan `repeats` times back to back, and waits for the last.
    ///
    /// # Errors
    /// As [`Gpu::run`]. Other sizes of tensors than those that were staged are [`GpuError::Tensors`].
    pub fn launch(&self, plan: &Plan, repeats: usize) -> Result<Vec<RunReport>, GpuError> {
        self.launch_chains(plan, repeats, 1)
    }

    /// What a call of a plan adds to a chain of them on the device: the GPU time of one compute pass with `links` of them (1 or more),
    /// shared out. Unlike the time of a pass of its own it has next to nothing of a pass's beginning and end. None without timestamp
    /// queries.
    ///
    /// # Errors
    /// As [`launch`](Self::launch).
    pub fn chain(&self, plan: &Plan, links: u32) -> Result<Option<Duration>, GpuError> {
        let links = links.max(1);
        let reports = self.launch_chains(plan, 1, links as usize)?;
        Ok(reports.first().and_then(|report| report.gpu_time).map(|time| time / links))
    }

    fn launch_chains(&self, plan: &Plan, repeats: usize, links: usize) -> Result<Vec<RunReport>, GpuError> {
        let gpu = self.gpu;
        let inputs: Vec<_> = self.inputs.iter().map(|(tensor, _, bytes)| (*tensor, *bytes)).collect();
        let outputs: Vec<_> = self.outputs.iter().map(|(tensor, _, bytes)| (*tensor, *bytes)).collect();
        check_tensors(plan, &inputs, &outputs)?;
        let timestamps = match gpu.settings().timestamps {
            Timestamps::Off if gpu.has_timestamps() => Timestamps::Call,
            // In a chain no step has a pass of its own.
            Timestamps::Steps if links > 1 => Timestamps::Call,
            asked_for => asked_for,
        };
        let first = Launch::new(gpu, plan, timestamps, false)?;
        let mut launches = (0..repeats).map(|_| first.again()).collect::<Result<Vec<_>, _>>()?;
        for launch in &mut launches {
            upload::write(&gpu.context, [(&mut launch.params, launch.params_bytes.as_slice())])?;
        }
        let inputs = self.inputs.iter().map(|(tensor, upload, _)| (*tensor, upload.buffer()));
        let outputs = self.outputs.iter().map(|(tensor, download, _)| (*tensor, download.buffer()));
        let tensors: Vec<_> = inputs.chain(outputs).collect();
        gpu.context.submit(record(&gpu.context, "parameters", |encoder| {
            launches.iter().for_each(|launch| launch.params.record(encoder));
            Ok(())
        })?)?;
        let mut submissions = Vec::with_capacity(repeats);
        for launch in &launches {
            let commands = record(&gpu.context, &plan.decision, |encoder| {
                launch.record_chain(encoder, &tensors, links)?;
                launch.record_times(encoder);
                Ok(())
            })?;
            submissions.push(gpu.context.submit(commands)?);
        }
        if let Some(last) = submissions.last() {
            gpu.context.wait(last.clone())?;
        }
        launches.into_iter().zip(submissions).map(|(launch, submission)| launch.report(submission)).collect()
    }

    /// The least time of a launch among `repeats` back to back: by the device's clock where it has one that can be asked, else
    /// the host's time for all of them, shared out.
    ///
    /// # Errors
    /// As [`launch`](Self::launch).
    pub fn time(&self, plan: &Plan, repeats: usize) -> Result<Duration, GpuError> {
        let begin = Instant::now();
        let reports = self.launch(plan, repeats.max(1))?;
        let shared_out = begin.elapsed() / reports.len() as u32;
        Ok(reports.iter().filter_map(|report| report.gpu_time).min().unwrap_or(shared_out))
    }

    /// Downloads outputs of the last launch.
    ///
    /// # Errors
    /// What failed on the device.
    pub fn read(&mut self, outputs: &mut [(Tensor, &mut [u8])]) -> Result<(), GpuError> {
        let mut wanted = Vec::new();
        for (tensor, data) in outputs {
            if let Some((_, download, _)) = self.outputs.extract_if(.., |(other, ..)| other == tensor).next() {
                wanted.push((*tensor, download, &mut **data));
            }
        }
        let context = &self.gpu.context;
        let copies = context.submit(record(context, "download", |encoder| {
            wanted.iter().for_each(|(_, download, _)| download.record(encoder));
            Ok(())
        })?)?;
        upload::read(
            context,
            copies,
            wanted.iter_mut().map(|(_, download, data)| (download, &mut **data)),
            Duration::ZERO,
        )?;
        let back = wanted.into_iter().map(|(tensor, download, data)| (tensor, download, data.len() as u64));
        self.outputs.extend(back);
        Ok(())
    }
}

fn record(
    context: &Context,
    what: &str,
    body: impl FnOnce(&mut wgpu::CommandEncoder) -> Result<(), GpuError>,
) -> Result<wgpu::CommandBuffer, GpuError> {
    context.scoped(
        || format!("record \"{what}\""),
        || {
            let mut encoder = context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            body(&mut encoder)?;
            Ok(encoder.finish())
        },
    )?
}
