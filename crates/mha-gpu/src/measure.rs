//! Repeated launches of a plan over tensors that stay on the device: what a benchmark times.

use mha_plan::{Plan, Tensor};

use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::launch::Launch;
use crate::transfer::{RunReport, check_tensors, plan_bytes};
use crate::upload::{self, Download, Upload};

impl Gpu {
    /// Uploads the inputs once, launches the plan `repeats` times back to back, downloads the outputs of the last, and
    /// gives the times of every launch. The device stays busy between launches, so its clocks stay up.
    ///
    /// # Errors
    /// As [`Gpu::run`]; there are no times without [`GpuSettings::timestamps`](crate::GpuSettings::timestamps).
    pub fn measure(
        &self,
        plan: &Plan,
        inputs: &[(Tensor, &[u8])],
        outputs: &mut [(Tensor, &mut [u8])],
        repeats: usize,
    ) -> Result<Vec<RunReport>, GpuError> {
        let lengths: Vec<_> = inputs.iter().map(|(tensor, data)| (*tensor, data.len() as u64)).collect();
        check_tensors(plan, &lengths, outputs)?;
        let (pools, context) = (&self.pools, &self.context);

        let mut uploads = Vec::new();
        for &(tensor, data) in inputs {
            if let Some(bytes) = plan_bytes(plan, tensor) {
                uploads.push((tensor, Upload::new(pools, &pools.inputs, bytes)?, &data[..bytes as usize]));
            }
        }
        let mut downloads = Vec::new();
        for (tensor, data) in outputs {
            if let Some(bytes) = plan_bytes(plan, *tensor) {
                downloads.push((*tensor, Download::new(pools, bytes)?, &mut **data));
            }
        }
        let first = Launch::new(self, plan, false)?;
        let mut launches = (0..repeats).map(|_| first.again()).collect::<Result<Vec<_>, _>>()?;
        for launch in &mut launches {
            upload::write(context, [(&mut launch.params, launch.params_bytes.as_slice())])?;
        }
        upload::write(context, uploads.iter_mut().map(|(_, upload, data)| (upload, *data)))?;

        let tensors: Vec<_> = uploads
            .iter()
            .map(|(tensor, upload, _)| (*tensor, upload.buffer()))
            .chain(downloads.iter().map(|(tensor, download, _)| (*tensor, download.buffer())))
            .collect();
        let record = |body: &dyn Fn(&mut wgpu::CommandEncoder) -> Result<(), GpuError>| {
            context.scoped(
                || format!("record the plan \"{}\"", plan.decision),
                || {
                    let mut encoder = context.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                    body(&mut encoder)?;
                    Ok(encoder.finish())
                },
            )?
        };
        let copies = record(&|encoder| {
            uploads.iter().for_each(|(_, upload, _)| upload.record(encoder));
            launches.iter().for_each(|launch| launch.params.record(encoder));
            Ok(())
        })?;
        context.submit(copies)?;
        let mut submissions = Vec::with_capacity(repeats);
        for launch in &launches {
            let commands = record(&|encoder| {
                launch.record(encoder, &tensors)?;
                launch.record_times(encoder);
                Ok(())
            })?;
            submissions.push(context.submit(commands)?);
        }
        let copies = record(&|encoder| {
            downloads.iter().for_each(|(_, download, _)| download.record(encoder));
            Ok(())
        })?;
        let last = context.submit(copies)?;
        upload::read(context, last, downloads.iter_mut().map(|(_, download, data)| (download, &mut **data)))?;
        launches.into_iter().zip(submissions).map(|(launch, submission)| launch.report(submission)).collect()
    }
}
