//! [`Gpu`]: a device of this process, opened once and shared by everyone.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mha_kernels::KernelId;
use mha_plan::{Blueprint, DeviceCaps, Plan, Tensor};
use mha_spec::AdapterChoice;

use crate::LOG;
use crate::adapters::{self, AdapterIdentity, AdapterKey, AdapterSummary, Candidate};
use crate::buffers::Pools;
use crate::context::Context;
use crate::disk_cache::DiskCache;
use crate::error::{GpuError, OpenError};
use crate::launch::Placeholders;
use crate::pipelines::Pipelines;
use crate::probe;
use crate::resident::Source;
use crate::settings::{GpuSettings, Wait};
use crate::transfer::{self, RunReport};
use crate::warnings::Warnings;

/// A device with its compiled kernels and its pools of buffers. All methods may be called from many threads at once.
pub struct Gpu {
    summary: AdapterSummary,
    identity: AdapterIdentity,
    caps: DeviceCaps,
    settings: GpuSettings,
    pub(crate) context: Arc<Context>,
    pub(crate) pipelines: Pipelines,
    pub(crate) pools: Pools,
    pub(crate) placeholders: Placeholders,
    /// Kernels on cooperative matrices that were tried here, and whether they are right.
    pub(crate) verdicts: Mutex<HashMap<KernelId, bool>>,
    warnings: Warnings,
    /// Calls of [`run`](Self::run) and [`prepare`](Self::prepare) that have not come back.
    calls: AtomicUsize,
}

impl Gpu {
    /// The process's device for a choice of adapter. Opens it the first time and keeps it; a lost device is replaced.
    ///
    /// # Errors
    /// [`OpenError`] where no adapter fits the choice and can be used.
    pub fn open(choice: &AdapterChoice, settings: &GpuSettings) -> Result<Arc<Gpu>, OpenError> {
        // Held while a device is opened, so that threads that ask at once share one.
        let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
        registry.retain(|entry| !entry.gpu.is_lost());
        if let Some(entry) = registry.iter().find(|entry| entry.serves(choice, settings)) {
            return Ok(Arc::clone(&entry.gpu));
        }

        let candidates = adapters::enumerate(settings);
        let summaries: Vec<_> = candidates.iter().map(|candidate| candidate.summary.clone()).collect();
        let (tried, mut passed_over) = adapters::order(choice, &summaries);
        for (position, reason) in &passed_over {
            tracing::debug!(target: LOG, "adapter {} passed over: {reason}", summaries[*position]);
        }
        for position in tried {
            let candidate = &candidates[position];
            let known = |entry: &&mut Entry| entry.key == candidate.key && entry.gpu.settings == *settings;
            if let Some(entry) = registry.iter_mut().find(known) {
                entry.choices.push(choice.clone());
                return Ok(Arc::clone(&entry.gpu));
            }
            match Gpu::create(candidate, settings) {
                Ok(gpu) => {
                    tracing::info!(target: LOG, "adapter {}", gpu.summary);
                    let gpu = Arc::new(gpu);
                    let entry =
                        Entry { key: candidate.key.clone(), choices: vec![choice.clone()], gpu: Arc::clone(&gpu) };
                    registry.push(entry);
                    return Ok(gpu);
                }
                Err(reason) => {
                    tracing::warn!(target: LOG, "adapter {} passed over: {reason}", candidate.summary);
                    passed_over.push((position, reason));
                }
            }
        }
        passed_over.sort_by_key(|(position, _)| *position);
        let adapters = passed_over.into_iter().map(|(position, reason)| (summaries[position].clone(), reason));
        Err(OpenError { choice: choice.clone(), adapters: adapters.collect() })
    }

    /// What planning needs to know of the device.
    pub fn caps(&self) -> &DeviceCaps {
        &self.caps
    }

    /// Name, API, kind and driver, for people.
    pub fn describe(&self) -> String {
        self.summary.to_string()
    }

    /// How it was opened.
    pub fn settings(&self) -> &GpuSettings {
        &self.settings
    }

    /// Whether it can tell the times of its own work.
    pub fn has_timestamps(&self) -> bool {
        self.context.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// What tells this adapter and its driver from others, on any machine.
    pub fn identity(&self) -> &AdapterIdentity {
        &self.identity
    }

    /// Whether someone waits for an answer, or for kernels to be prepared.
    pub fn is_busy(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > 0
    }

    fn using<T>(&self, body: impl FnOnce() -> T) -> T {
        struct Using<'a>(&'a AtomicUsize);
        impl Drop for Using<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let _using = Using(&self.calls);
        body()
    }

    /// Warns of something that concerns whoever uses this device, now or by the next call of a thread whose log takes it.
    pub fn warn(&self, text: String) {
        self.warnings.raise(text);
    }

    /// Says the warnings that no thread's log has taken yet, if this one's does. Calls do so by themselves.
    pub fn say_warnings(&self) {
        self.warnings.say();
    }

    /// Whether the device is gone. Calls then fail with [`GpuError::DeviceLost`]; [`Gpu::open`] gives a new one.
    pub fn is_lost(&self) -> bool {
        self.context.is_lost()
    }

    /// Compiles kernels ahead of their first use, side by side. Those compiled already cost nothing.
    ///
    /// # Errors
    /// [`GpuError::Unsupported`] or [`GpuError::Shader`] with the name of the first kernel that can't be compiled.
    pub fn prepare<'a, I: IntoIterator<Item = &'a Blueprint>>(&self, blueprints: I) -> Result<(), GpuError>
    where
        I::IntoIter: Clone,
    {
        let prepared = self.using(|| self.pipelines.get_all(blueprints.into_iter()).map(drop));
        self.pipelines.save();
        prepared
    }

    /// Compiles WGSL that is no kernel of the catalogue, without run-time checks and for nothing to run: for who wants to see what a driver
    /// makes of it.
    ///
    /// # Errors
    /// [`GpuError::Refused`] with what the device says of it.
    pub fn try_compile(&self, wgsl: &str, entry_point: &str, constants: &[(&str, f64)]) -> Result<(), GpuError> {
        let device = &self.context.device;
        let compile = || {
            let source = wgpu::ShaderSource::Wgsl(wgsl.into());
            let descriptor = wgpu::ShaderModuleDescriptor { label: Some(entry_point), source };
            // SAFETY: nothing runs it.
            let module =
                unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(entry_point),
                layout: None,
                module: &module,
                entry_point: Some(entry_point),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants,
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            })
        };
        self.using(|| self.context.scoped(|| format!("compile {entry_point}"), compile)).map(drop)
    }

    /// Answers a plan, and returns when `outputs`, in host memory, are written.
    ///
    /// `inputs` holds every input of the plan, from the host or [resident](Gpu::keep); what lies beyond the plan's size of it is
    /// not read.
    /// What the host copies to outputs must be in its memory.
    /// `outputs` holds every output of the plan, as long as the plan says. The plan must be made for this device's
    /// [`caps`](Self::caps).
    ///
    /// # Errors
    /// [`GpuError::Tensors`] where these rules are broken, else what failed on the device. Outputs are unspecified then.
    pub fn run(
        &self,
        plan: &Plan,
        inputs: &[(Tensor, Source<'_>)],
        outputs: &mut [(Tensor, &mut [u8])],
    ) -> Result<RunReport, GpuError> {
        self.run_waiting(Wait::default(), plan, inputs, outputs)
    }

    /// As [`run`](Self::run), with a say in what the calling thread does meanwhile.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_waiting(
        &self,
        wait: Wait,
        plan: &Plan,
        inputs: &[(Tensor, Source<'_>)],
        outputs: &mut [(Tensor, &mut [u8])],
    ) -> Result<RunReport, GpuError> {
        self.say_warnings();
        let result = self.using(|| transfer::run(self, wait, plan, inputs, outputs));
        self.pipelines.save();
        if let Err(GpuError::OutOfMemory { .. }) = result {
            // What the call had got hold of is idle now; others may need it more. The call's own error counts.
            let _ = self.pools.release_idle();
        }
        result
    }

    /// Releases the memory that pools keep for later calls.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`].
    pub fn release_idle_memory(&self) -> Result<(), GpuError> {
        self.pools.release_idle()
    }

    /// Opens a device on an adapter, or says why that failed.
    fn create(candidate: &Candidate, settings: &GpuSettings) -> Result<Gpu, String> {
        let adapter = &candidate.adapter;
        let features = probe::wanted_features(adapter.features(), candidate.summary.kind);
        let mut limits = adapter.limits();
        if let Some(bytes) = settings.max_binding_size {
            limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(bytes);
        }
        if let Some(count) = settings.max_workgroups {
            limits.max_compute_workgroups_per_dimension = limits.max_compute_workgroups_per_dimension.min(count);
        }

        let (device, queue) = match request_device(adapter, features, &limits) {
            Ok(opened) => opened,
            Err(error) => {
                // Portable kernels need none of the experimental features: a driver that trips over one stays usable.
                let portable = features - wgpu::Features::all_experimental_mask();
                if portable == features {
                    return Err(error);
                }
                tracing::warn!(target: LOG, "adapter {} without experimental features: {error}", candidate.summary);
                request_device(adapter, portable, &limits)?
            }
        };

        let features = device.features();
        let coop_matrices = adapter.cooperative_matrix_properties();
        let caps = probe::device_caps(&adapter.get_info(), features, &device.limits(), &coop_matrices);
        let context = Arc::new(Context::new(device, queue));
        let mapped_storage = features.contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS) && !settings.staged_transfers;
        let directory = settings.pipeline_cache.as_deref();
        let disk_cache = directory.and_then(|directory| DiskCache::open(&context, &adapter.get_info(), directory));
        let placeholders = Placeholders::new(&context).map_err(|error| error.to_string())?;
        let mut gpu = Gpu {
            summary: candidate.summary.clone(),
            identity: AdapterIdentity::of(&adapter.get_info()),
            pipelines: Pipelines::new(Arc::clone(&context), caps.clone(), settings.checks, disk_cache),
            pools: Pools::new(Arc::clone(&context), caps.max_buffer_size, mapped_storage),
            caps,
            settings: settings.clone(),
            context,
            placeholders,
            verdicts: Mutex::default(),
            warnings: Warnings::default(),
            calls: AtomicUsize::new(0),
        };
        gpu.caps.element_sides = gpu.sides_with_elements();
        Ok(gpu)
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gpu({}, {:?})", self.summary, self.settings)
    }
}

/// The devices of this process.
static REGISTRY: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

struct Entry {
    key: AdapterKey,
    /// Choices that led here before, so that they need no look at the machine again.
    choices: Vec<AdapterChoice>,
    gpu: Arc<Gpu>,
}

impl Entry {
    fn serves(&self, choice: &AdapterChoice, settings: &GpuSettings) -> bool {
        self.gpu.settings == *settings && self.choices.contains(choice)
    }
}

fn request_device(
    adapter: &wgpu::Adapter,
    features: wgpu::Features,
    limits: &wgpu::Limits,
) -> Result<(wgpu::Device, wgpu::Queue), String> {
    let experimental = if features.intersects(wgpu::Features::all_experimental_mask()) {
        // SAFETY: the one feature taken is cooperative matrices; kernels use only the shapes that the adapter lists.
        unsafe { wgpu::ExperimentalFeatures::enabled() }
    } else {
        wgpu::ExperimentalFeatures::disabled()
    };
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("ort-webgpu-attention"),
        required_features: features,
        required_limits: limits.clone(),
        experimental_features: experimental,
        // Buffers are pooled here; large blocks under a second pool would only cost memory.
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        trace: wgpu::Trace::Off,
    };
    pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| format!("it opened no device: {error}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The device that unit tests share: the adapter that `auto` picks, with the checks on.
    pub(crate) fn gpu() -> Arc<Gpu> {
        let settings = GpuSettings { checks: true, ..GpuSettings::default() };
        Gpu::open(&AdapterChoice::Auto, &settings).expect("the tests need a Vulkan, Metal or Direct3D 12 driver")
    }
}
