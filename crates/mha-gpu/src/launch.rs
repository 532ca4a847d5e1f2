//! Encoding of a plan's steps over device buffers. Where the tensors come from is the caller's business.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use mha_kernels::{AttentionParams, BindingInfo, Slot};
use mha_plan::{Binding, Plan, Step, Tensor};

use crate::buffers::PooledBuffer;
use crate::context::Context;
use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::pipelines::{PARAMS_BINDING, Pipeline};
use crate::settings::Timestamps;
use crate::transfer::RunReport;
use crate::upload::{Download, Upload};

/// GPU time of one step of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepTime {
    /// Name of the kernel.
    pub kernel: &'static str,
    /// When it began, counted from the beginning of the plan's first step.
    pub start: Duration,
    /// How long it ran.
    pub time: Duration,
}

/// A plan made ready on a device: pipelines compiled, scratch memory and parameters at hand.
pub(crate) struct Launch<'a> {
    gpu: &'a Gpu,
    plan: &'a Plan,
    pipelines: Vec<Arc<Pipeline>>,
    /// Shared by launches that follow one another.
    scratch: Arc<[PooledBuffer]>,
    exchange: Option<Arc<PooledBuffer>>,
    /// The parameter blocks of all steps. The caller fills it with [`params_bytes`](Self::params_bytes) and records it.
    pub params: Upload,
    /// The same bytes on the host.
    pub params_bytes: Vec<u8>,
    params_stride: usize,
    timestamps: Timestamps,
    timing: Option<Timing>,
}

impl<'a> Launch<'a> {
    /// `times_what_follows`: whether GPU times cover what is recorded between the steps and [`record_times`](Self::record_times).
    pub fn new(
        gpu: &'a Gpu,
        plan: &'a Plan,
        timestamps: Timestamps,
        times_what_follows: bool,
    ) -> Result<Self, GpuError> {
        let pools = &gpu.pools;
        let scratch = plan.scratch.iter().map(|&bytes| pools.take(&pools.scratch, bytes));
        let exchange =
            (plan.exchange > 0).then(|| pools.take(&pools.exchange, plan.exchange).map(Arc::new)).transpose()?;
        Self::with_scratch(gpu, plan, (scratch.collect::<Result<_, _>>()?, exchange), timestamps, times_what_follows)
    }

    /// Another launch of the same plan, to run after this one.
    pub fn again(&self) -> Result<Self, GpuError> {
        let memory = (Arc::clone(&self.scratch), self.exchange.clone());
        Self::with_scratch(self.gpu, self.plan, memory, self.timestamps, false)
    }

    fn with_scratch(
        gpu: &'a Gpu,
        plan: &'a Plan,
        (scratch, exchange): (Arc<[PooledBuffer]>, Option<Arc<PooledBuffer>>),
        timestamps: Timestamps,
        times_what_follows: bool,
    ) -> Result<Self, GpuError> {
        let pipelines = gpu.pipelines.get_all(plan.steps.iter().map(|step| &step.blueprint))?;
        let pools = &gpu.pools;
        let alignment = gpu.context.device.limits().min_uniform_buffer_offset_alignment as usize;
        let params_stride = size_of::<AttentionParams>().next_multiple_of(alignment);
        let mut params_bytes = vec![0; params_stride * plan.steps.len()];
        for (step, slot) in plan.steps.iter().zip(params_bytes.chunks_exact_mut(params_stride)) {
            slot[..size_of::<AttentionParams>()].copy_from_slice(bytemuck::bytes_of(&step.params));
        }
        let params = Upload::new(pools, &pools.params, params_bytes.len() as u64)?;
        let timing = match timestamps {
            Timestamps::Off => None,
            Timestamps::Call => Some(Timing::new(gpu, plan.steps.len().min(1), times_what_follows)?),
            Timestamps::Steps => Some(Timing::new(gpu, plan.steps.len(), times_what_follows)?),
        };
        Ok(Self { gpu, plan, pipelines, scratch, exchange, params, params_bytes, params_stride, timestamps, timing })
    }

    /// Records every step. `tensors` holds each tensor of the plan, at least as long as the plan says.
    pub fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        tensors: &[(Tensor, &wgpu::Buffer)],
    ) -> Result<(), GpuError> {
        self.record_chain(encoder, tensors, 1)
    }

    /// As [`record`](Self::record), all steps of a pass `links` times, one time behind the other.
    pub fn record_chain(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        tensors: &[(Tensor, &wgpu::Buffer)],
        links: usize,
    ) -> Result<(), GpuError> {
        let groups: Vec<_> = self
            .plan
            .steps
            .iter()
            .zip(&self.pipelines)
            .map(|(step, pipeline)| self.bind_group(step, pipeline, tensors))
            .collect::<Result<_, _>>()?;

        // A pass for each step where their times are wanted, else one for all: wgpu orders the dispatches of a pass
        // where one writes what another touches.
        let steps_per_pass = if self.times_steps() { 1 } else { groups.len().max(1) };
        for (pass_index, pass_groups) in groups.chunks(steps_per_pass).enumerate() {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some("attention"),
                timestamp_writes: self.timing.as_ref().map(|timing| timing.writes(pass_index)),
            });
            for (offset, group) in (0..links).flat_map(|_| pass_groups.iter().enumerate()) {
                let index = pass_index * steps_per_pass + offset;
                let [x, y, z] = self.plan.steps[index].grid;
                pass.set_pipeline(&self.pipelines[index].pipeline);
                pass.set_bind_group(0, group, &[(index * self.params_stride) as u32]);
                pass.dispatch_workgroups(x, y, z);
            }
        }
        Ok(())
    }

    /// Records the end of what follows the steps, where it is timed, and the way of all times to the host.
    pub fn record_times(&self, encoder: &mut wgpu::CommandEncoder) {
        if let Some(timing) = &self.timing {
            timing.record(encoder);
        }
    }

    /// The GPU times that were asked for, once the submission is done.
    pub fn report(mut self, submission: wgpu::SubmissionIndex) -> Result<RunReport, GpuError> {
        let Some(timing) = self.timing.take() else {
            return Ok(RunReport::default());
        };
        let times_what_follows = timing.times_what_follows;
        let mut spans = timing.read(&self.gpu.context, submission)?;
        let end = if times_what_follows { spans.pop().map(|span| span.1) } else { None };
        let first = spans.first().map_or(Duration::ZERO, |span| span.0);
        let gpu_time = spans.iter().map(|(_, end)| end.saturating_sub(first)).max();
        let timed_steps = if self.times_steps() { self.pipelines.as_slice() } else { &[] };
        let steps = timed_steps.iter().zip(spans).map(|(pipeline, (begin, end))| StepTime {
            kernel: pipeline.kernel.name,
            start: begin.saturating_sub(first),
            time: end.saturating_sub(begin),
        });
        let steps = steps.collect();
        let time_after = end.zip(gpu_time).map(|(end, time)| end.saturating_sub(first).saturating_sub(time));
        Ok(RunReport { gpu_time, time_after, steps, ..RunReport::default() })
    }

    /// Whether each step is timed, in a pass of its own.
    fn times_steps(&self) -> bool {
        self.timestamps == Timestamps::Steps
    }

    fn bind_group(
        &self,
        step: &Step,
        pipeline: &Pipeline,
        tensors: &[(Tensor, &wgpu::Buffer)],
    ) -> Result<wgpu::BindGroup, GpuError> {
        let kernel = pipeline.kernel;
        let broken = |rule, received| GpuError::Plan { kernel: kernel.name, rule, received };
        for binding in &step.bindings {
            if !kernel.bindings.iter().any(|info| info.slot == binding.slot) {
                return Err(broken("a step binds only what its kernel declares", format!("{:?}", binding.slot)));
            }
        }
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: PARAMS_BINDING,
            resource: slice(self.params.buffer(), 0, size_of::<AttentionParams>() as u64),
        }];
        for info in kernel.bindings {
            let resource = match step.bindings.iter().find(|binding| binding.slot == info.slot) {
                None => self.gpu.placeholders.resource(info),
                Some(&Binding { tensor, offset, size, .. }) => {
                    let buffer = self.buffer(tensor, tensors).ok_or_else(|| {
                        broken("a step binds only tensors of its plan", format!("{tensor:?} for {:?}", info.slot))
                    })?;
                    slice(buffer, offset, size)
                }
            };
            entries.push(wgpu::BindGroupEntry { binding: info.slot.binding(), resource });
        }
        Ok(self.gpu.context.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &pipeline.group_layout,
            entries: &entries,
        }))
    }

    fn buffer<'b>(&'b self, tensor: Tensor, tensors: &[(Tensor, &'b wgpu::Buffer)]) -> Option<&'b wgpu::Buffer> {
        match tensor {
            Tensor::Exchange => self.exchange.as_deref().map(|buffer| &**buffer),
            Tensor::Scratch(index) => self.scratch.get(usize::from(index)).map(|buffer| &**buffer),
            _ => tensors.iter().find(|(other, _)| *other == tensor).map(|(_, buffer)| *buffer),
        }
    }
}

/// What is bound to slots that a step leaves out: memory that no kernel touches.
pub(crate) struct Placeholders {
    read_only: wgpu::Buffer,
    /// A piece of its own for each slot, as writable bindings must not overlap.
    writable: wgpu::Buffer,
}

impl Placeholders {
    /// Bytes of one piece: the largest alignment that WebGPU allows a device to ask for.
    const PIECE: u64 = 256;

    pub fn new(context: &Context) -> Result<Self, GpuError> {
        let buffer = |size| {
            context.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("placeholder"),
                size,
                usage: wgpu::BufferUsages::STORAGE,
                mapped_at_creation: false,
            })
        };
        let slots = Slot::ALL.iter().map(|slot| u64::from(slot.binding()) + 1).max().unwrap_or(1);
        context.scoped(
            || "create placeholder buffers".into(),
            || Self { read_only: buffer(Self::PIECE), writable: buffer(Self::PIECE * slots) },
        )
    }

    fn resource(&self, info: &BindingInfo) -> wgpu::BindingResource<'_> {
        if info.read_only {
            slice(&self.read_only, 0, Self::PIECE)
        } else {
            slice(&self.writable, Self::PIECE * u64::from(info.slot.binding()), Self::PIECE)
        }
    }
}

/// A slice of a buffer as a binding. wgpu refuses one of no bytes.
fn slice(buffer: &wgpu::Buffer, offset: u64, size: u64) -> wgpu::BindingResource<'_> {
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: NonZeroU64::new(size) })
}

/// Timestamp queries around each compute pass.
struct Timing {
    /// With the empty one that ends what follows the steps.
    passes: usize,
    times_what_follows: bool,
    /// WebGPU limits the queries of a set, so long plans need several.
    sets: Vec<wgpu::QuerySet>,
    resolved: wgpu::Buffer,
    download: Download,
}

impl Timing {
    const PASSES_PER_SET: usize = wgpu::QUERY_SET_MAX_QUERIES as usize / 2;
    const BYTES_PER_PASS: usize = 2 * size_of::<u64>();

    fn new(gpu: &Gpu, step_passes: usize, times_what_follows: bool) -> Result<Self, GpuError> {
        let passes = step_passes + usize::from(times_what_follows);
        let device = &gpu.context.device;
        let bytes = (passes.max(1) * Self::BYTES_PER_PASS) as u64;
        let (sets, resolved) = gpu.context.scoped(
            || format!("create timestamp queries for {passes} passes"),
            || {
                let sets = (0..passes).step_by(Self::PASSES_PER_SET).map(|first| {
                    device.create_query_set(&wgpu::QuerySetDescriptor {
                        label: Some("GPU times"),
                        ty: wgpu::QueryType::Timestamp,
                        count: 2 * (passes - first).min(Self::PASSES_PER_SET) as u32,
                    })
                });
                let resolved = device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("GPU times"),
                    size: bytes.next_multiple_of(16),
                    usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                });
                (sets.collect(), resolved)
            },
        )?;
        Ok(Self { passes, times_what_follows, sets, resolved, download: Download::new(&gpu.pools, bytes)? })
    }

    fn writes(&self, pass: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = 2 * (pass % Self::PASSES_PER_SET) as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.sets[pass / Self::PASSES_PER_SET],
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        if self.times_what_follows {
            drop(encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some("end"),
                timestamp_writes: Some(self.writes(self.passes - 1)),
            }));
        }
        for (index, set) in self.sets.iter().enumerate() {
            let offset = index * Self::PASSES_PER_SET * Self::BYTES_PER_PASS;
            encoder.resolve_query_set(set, 0..set.count(), &self.resolved, offset as u64);
        }
        encoder.copy_buffer_to_buffer(&self.resolved, 0, self.download.buffer(), 0, self.resolved.size());
        self.download.record(encoder);
    }

    /// Begin and end of each pass on the GPU's clock.
    fn read(
        mut self,
        context: &Context,
        submission: wgpu::SubmissionIndex,
    ) -> Result<Vec<(Duration, Duration)>, GpuError> {
        let mut ticks = vec![[0_u64; 2]; self.passes.max(1)];
        let bytes = bytemuck::cast_slice_mut(&mut ticks);
        crate::upload::read(context, submission, [(&mut self.download, bytes)], Duration::ZERO)?;
        let period = f64::from(context.queue.get_timestamp_period());
        let time = |ticks: u64| Duration::from_nanos((ticks as f64 * period) as u64);
        Ok(ticks.iter().take(self.passes).map(|&[begin, end]| (time(begin), time(end))).collect())
    }
}
