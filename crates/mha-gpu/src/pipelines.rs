//! Compiled pipelines, one for each [`Blueprint`], kept as long as the device.

use std::any::Any;
use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::ScopedJoinHandle;

use mha_kernels::{AttentionParams, KernelId, KernelInfo};
use mha_plan::{Blueprint, DeviceCaps};

use crate::context::Context;
use crate::disk_cache::DiskCache;
use crate::error::GpuError;
#[cfg(all(test, not(target_vendor = "apple")))]
use crate::tests::matrices::{has_stand_in, source};

/// Binding of the parameter block; storage bindings follow.
pub(crate) const PARAMS_BINDING: u32 = 0;

/// Bytes of stack of a thread that compiles, as many as a program's first thread has on most systems: drivers' compilers recurse.
const COMPILER_STACK: usize = 8 << 20;

/// A compiled pipeline and what binding its buffers takes.
pub(crate) struct Pipeline {
    pub kernel: &'static KernelInfo,
    pub pipeline: wgpu::ComputePipeline,
    pub group_layout: wgpu::BindGroupLayout,
}

/// The parts of a kernel that all its blueprints share.
struct Module {
    /// None where it takes a blueprint's constants to translate the kernel.
    shader: Option<wgpu::ShaderModule>,
    group_layout: wgpu::BindGroupLayout,
    layout: wgpu::PipelineLayout,
}

/// The pipelines of one device.
pub(crate) struct Pipelines {
    context: Arc<Context>,
    caps: DeviceCaps,
    checks: bool,
    disk_cache: Option<DiskCache>,
    modules: OnceMap<KernelId, Module>,
    pipelines: OnceMap<Blueprint, Pipeline>,
}

impl Pipelines {
    pub fn new(context: Arc<Context>, caps: DeviceCaps, checks: bool, disk_cache: Option<DiskCache>) -> Self {
        Self { context, caps, checks, disk_cache, modules: OnceMap::default(), pipelines: OnceMap::default() }
    }

    /// Keeps what was compiled since the last time for later processes, where that is wanted.
    pub fn save(&self) {
        if let Some(disk_cache) = &self.disk_cache {
            disk_cache.save();
        }
    }

    /// The pipelines of some blueprints, in their order. New ones are compiled side by side; threads that ask for them meanwhile wait.
    ///
    /// # Errors
    /// Of the first that can't be compiled.
    pub fn get_all<'a>(
        &self,
        blueprints: impl Iterator<Item = &'a Blueprint> + Clone,
    ) -> Result<Vec<Arc<Pipeline>>, GpuError> {
        self.pipelines.get_all_or_try_init(blueprints, |blueprint| {
            let kernel = blueprint.kernel.info();
            let module = self.modules.get_or_try_init(&blueprint.kernel, || self.compile_module(kernel))?;
            self.compile_pipeline(kernel, &module, blueprint)
        })
    }

    fn compile_module(&self, kernel: &'static KernelInfo) -> Result<Module, GpuError> {
        self.require_features(kernel)?;
        let device = &self.context.device;
        let checks =
            if self.checks { wgpu::ShaderRuntimeChecks::checked() } else { wgpu::ShaderRuntimeChecks::unchecked() };
        let entries: Vec<_> = layout_entries(kernel).collect();
        self.compiling(kernel, || {
            let shader = (!kernel.uses_elements).then(|| {
                let descriptor = wgpu::ShaderModuleDescriptor {
                    label: Some(kernel.name),
                    source: wgpu::ShaderSource::Wgsl(source(kernel)),
                };
                // SAFETY: kernels keep every index within its array and every loop finite for the plans they are given;
                // the tests run each of them with the checks on as well.
                unsafe { device.create_shader_module_trusted(descriptor, checks) }
            });
            let group_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some(kernel.name),
                entries: &entries,
            });
            let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(kernel.name),
                bind_group_layouts: &[Some(&group_layout)],
                immediate_size: 0,
            });
            Module { shader, group_layout, layout }
        })
    }

    fn compile_pipeline(
        &self,
        kernel: &'static KernelInfo,
        module: &Module,
        blueprint: &Blueprint,
    ) -> Result<Pipeline, GpuError> {
        let constants = override_constants(blueprint);
        let translated = match &module.shader {
            Some(_) => None,
            None => Some(self.translated(kernel, &constants)?),
        };
        // Constants are part of a translated kernel.
        let constants = if translated.is_some() { Vec::new() } else { constants };
        let pipeline = self.compiling(kernel, || {
            self.context.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(kernel.name),
                layout: Some(&module.layout),
                module: translated.as_ref().or(module.shader.as_ref()).expect("one of them is there"),
                entry_point: Some(kernel.entry_point),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &constants,
                    zero_initialize_workgroup_memory: self.checks,
                },
                cache: self.disk_cache.as_ref().map(DiskCache::cache),
            })
        })?;
        if let Some(disk_cache) = &self.disk_cache {
            disk_cache.changed();
        }
        Ok(Pipeline { kernel, pipeline, group_layout: module.group_layout.clone() })
    }

    /// A kernel that goes through the elements of matrices, which no device here offers.
    #[cfg(target_vendor = "apple")]
    fn translated(
        &self,
        kernel: &'static KernelInfo,
        _constants: &[(&'static str, f64)],
    ) -> Result<wgpu::ShaderModule, GpuError> {
        let feature = "elements of cooperative matrices in reach, as on Vulkan";
        Err(GpuError::Unsupported { kernel: kernel.name, feature, device: self.caps.name.clone() })
    }

    /// A kernel that goes through the elements of matrices, as SPIR-V.
    #[cfg(not(target_vendor = "apple"))]
    fn translated(
        &self,
        kernel: &'static KernelInfo,
        constants: &[(&'static str, f64)],
    ) -> Result<wgpu::ShaderModule, GpuError> {
        // wgpu numbers bindings in their order.
        let bindings: Vec<u32> = layout_entries(kernel).map(|entry| entry.binding).collect();
        let spirv = crate::elementwise::translate(kernel, constants, &bindings, self.checks)
            .map_err(|message| GpuError::Shader { kernel: kernel.name, message })?;
        self.compiling(kernel, || {
            let descriptor = wgpu::ShaderModuleDescriptorPassthrough {
                label: Some(kernel.name),
                entry_points: std::borrow::Cow::Owned(vec![wgpu::PassthroughShaderEntryPoint {
                    name: kernel.entry_point.into(),
                    workgroup_size: (0, 0, 0),
                }]),
                spirv: Some(spirv.into()),
                ..Default::default()
            };
            // SAFETY: as above; naga made it of WGSL that it validated, but for loops over elements.
            unsafe { self.context.device.create_shader_module_passthrough(descriptor) }
        })
    }

    /// Runs a step of compilation; what the compiler refuses becomes an error that names the kernel.
    fn compiling<T>(&self, kernel: &'static KernelInfo, step: impl FnOnce() -> T) -> Result<T, GpuError> {
        // wgpu's compiler panics on some sources that it should refuse; it holds nothing half-made at that point.
        let step = || catch_unwind(AssertUnwindSafe(step));
        let compiled = self.context.scoped(|| format!("compile kernel {}", kernel.name), step);
        let message = match compiled {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(panic)) => format!("the compiler failed: {}", panic_message(&*panic)),
            Err(GpuError::Refused { message, .. }) => message,
            Err(other) => return Err(other),
        };
        Err(GpuError::Shader { kernel: kernel.name, message })
    }

    fn require_features(&self, kernel: &'static KernelInfo) -> Result<(), GpuError> {
        let needs = [
            (kernel.uses_f16, self.caps.f16, "16-bit floats in shaders"),
            (kernel.uses_subgroups, self.caps.subgroups, "subgroup operations"),
            (kernel.uses_coop && !has_stand_in(kernel), !self.caps.coop_matrices.is_empty(), "cooperative matrices"),
        ];
        match needs.into_iter().find(|(needed, offered, _)| *needed && !offered) {
            Some((_, _, feature)) => {
                Err(GpuError::Unsupported { kernel: kernel.name, feature, device: self.caps.name.clone() })
            }
            None => Ok(()),
        }
    }
}

/// The WGSL of a kernel. Tests of this crate put stand-ins in the place of some, whose matrices no device at hand has.
#[cfg(not(all(test, not(target_vendor = "apple"))))]
fn source(kernel: &'static KernelInfo) -> std::borrow::Cow<'static, str> {
    kernel.source.into()
}

#[cfg(not(all(test, not(target_vendor = "apple"))))]
fn has_stand_in(_: &KernelInfo) -> bool {
    false
}

/// What a panic said.
fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it gave no reason")
}

/// The one place where a blueprint's constants become WGSL override values, which WebGPU passes as doubles.
fn override_constants(blueprint: &Blueprint) -> Vec<(&'static str, f64)> {
    blueprint.constants.iter().map(|&(name, value)| (name, f64::from(value))).collect()
}

/// Group 0 of a kernel: the parameter block at a dynamic offset, then its storage bindings.
fn layout_entries(kernel: &KernelInfo) -> impl Iterator<Item = wgpu::BindGroupLayoutEntry> {
    let buffer = |binding, ty, has_dynamic_offset, min_binding_size| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size },
        count: None,
    };
    let params_size = NonZeroU64::new(size_of::<AttentionParams>() as u64);
    let params = buffer(PARAMS_BINDING, wgpu::BufferBindingType::Uniform, true, params_size);
    let storage = kernel.bindings.iter().map(move |info| {
        let ty = wgpu::BufferBindingType::Storage { read_only: info.read_only };
        buffer(info.slot.binding(), ty, false, None)
    });
    std::iter::once(params).chain(storage)
}

/// A map whose values are made once each, even if several threads ask at the same time. A failure is not kept: memory
/// may be free at the next try.
struct OnceMap<K, V> {
    entries: Mutex<HashMap<K, Arc<Entry<V>>>>,
}

type Entry<V> = Mutex<Option<Arc<V>>>;

impl<K, V> Default for OnceMap<K, V> {
    fn default() -> Self {
        Self { entries: Mutex::default() }
    }
}

impl<K: Clone + Eq + Hash, V> OnceMap<K, V> {
    fn get_or_try_init<E>(&self, key: &K, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E> {
        let entry = {
            // Held for the look-up only, so that different values are made side by side.
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            match entries.get(key) {
                Some(entry) => Arc::clone(entry),
                None => Arc::clone(entries.entry(key.clone()).or_default()),
            }
        };
        let mut value = entry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = &*value {
            return Ok(Arc::clone(value));
        }
        let made = Arc::new(make()?);
        *value = Some(Arc::clone(&made));
        Ok(made)
    }

    /// What is made already. A value that is being made is not.
    fn get(&self, key: &K) -> Option<Arc<V>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.get(key)?.try_lock() {
            Ok(value) => value.clone(),
            Err(TryLockError::Poisoned(value)) => value.into_inner().clone(),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Those of some keys whose values are not made, each once.
    fn missing<'k>(&self, keys: impl Iterator<Item = &'k K>) -> Vec<&'k K>
    where
        K: 'k,
    {
        let mut missing = Vec::new();
        for key in keys {
            if !missing.contains(&key) && self.get(key).is_none() {
                missing.push(key);
            }
        }
        missing
    }
}

impl<K: Clone + Eq + Hash + Send + Sync, V: Send + Sync> OnceMap<K, V> {
    /// The values of some keys, in their order, or the error of the first that has one. New values are made on a thread each, once.
    fn get_all_or_try_init<'k, E: Send>(
        &self,
        keys: impl Iterator<Item = &'k K> + Clone,
        make: impl Fn(&K) -> Result<V, E> + Sync,
    ) -> Result<Vec<Arc<V>>, E>
    where
        K: 'k,
    {
        if let Some(known) = keys.clone().map(|key| self.get(key)).collect() {
            return Ok(known);
        }
        let make = |key| self.get_or_try_init(key, || make(key));
        let missing = self.missing(keys.clone());
        let made: Vec<_> = std::thread::scope(|scope| {
            let Some((&own, others)) = missing.split_last() else { return Vec::new() };
            let spawn = |&key| {
                let thread = std::thread::Builder::new().name("attention-compile".into()).stack_size(COMPILER_STACK);
                (key, thread.spawn_scoped(scope, move || make(key)))
            };
            let threads: Vec<_> = others.iter().map(spawn).collect();
            let own = make(own);
            let join = |(key, thread): (_, std::io::Result<ScopedJoinHandle<'_, _>>)| match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(_) => make(key),
            };
            threads.into_iter().map(join).chain([own]).collect()
        });
        // The missing are in the order of the keys, so that this is the first error.
        made.into_iter().collect::<Result<Vec<_>, E>>()?;
        keys.map(make).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use mha_kernels::{BindingInfo, Slot};

    use super::*;
    use crate::gpu::tests::gpu;

    fn pipelines() -> Pipelines {
        let gpu = gpu();
        Pipelines::new(Arc::clone(&gpu.context), gpu.caps().clone(), true, None)
    }

    /// A kernel outside the catalogue.
    fn kernel(source: &'static str) -> &'static KernelInfo {
        Box::leak(Box::new(KernelInfo {
            name: "test_kernel",
            source,
            entry_point: "main",
            bindings: &[BindingInfo { slot: Slot::Output, read_only: false }],
            overrides: &["WIDTH"],
            uses_f16: false,
            uses_subgroups: false,
            uses_coop: false,
            uses_elements: false,
        }))
    }

    const FILL: &str = "
        override WIDTH: u32;
        @group(0) @binding(10) var<storage, read_write> output: array<u32>;
        @compute @workgroup_size(WIDTH)
        fn main(@builtin(global_invocation_id) id: vec3<u32>) { output[id.x] = id.x; }
    ";

    fn compile(source: &'static str, constants: Vec<(&'static str, u32)>) -> Result<Pipeline, GpuError> {
        let pipelines = pipelines();
        let kernel = kernel(source);
        let module = pipelines.compile_module(kernel)?;
        let blueprint = Blueprint { kernel: KernelId::all().next().unwrap(), constants };
        pipelines.compile_pipeline(kernel, &module, &blueprint)
    }

    fn compile_error(source: &'static str, constants: Vec<(&'static str, u32)>) -> String {
        let error = compile(source, constants).err().expect("must not compile");
        assert!(matches!(error, GpuError::Shader { kernel: "test_kernel", .. }), "{error}");
        error.to_string()
    }

    #[test]
    fn a_sound_kernel_compiles() {
        assert!(compile(FILL, vec![("WIDTH", 8)]).is_ok());
    }

    #[test]
    fn shader_errors_name_the_kernel_and_what_is_wrong() {
        let error = compile_error("fn main( {", vec![]);
        assert!(error.contains("kernel test_kernel must compile"), "{error}");
        let error = compile_error(FILL, vec![]);
        assert!(error.contains("WIDTH"), "an override without a value: {error}");
        let error = compile_error(FILL, vec![("WIDTH", 8), ("HEIGHT", 8)]);
        assert!(error.contains("HEIGHT"), "a value without an override: {error}");
        compile_error(FILL, vec![("WIDTH", 1 << 20)]);
        let undeclared = "
            @group(0) @binding(1) var<storage> query: array<u32>;
            @group(0) @binding(10) var<storage, read_write> output: array<u32>;
            @compute @workgroup_size(1) fn main() { output[0] = query[0]; }
        ";
        compile_error(undeclared, vec![]);
    }

    #[test]
    fn a_panic_of_the_compiler_is_an_error() {
        let pipelines = pipelines();
        let kernel = kernel(FILL);
        let error = pipelines.compiling::<()>(kernel, || panic!("no such {}", "thing")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "kernel test_kernel must compile for this device: the compiler failed: no such thing"
        );
        assert!(pipelines.compile_module(kernel).is_ok());
    }

    #[test]
    fn a_missing_feature_is_named() {
        let gpu = gpu();
        let caps = DeviceCaps { f16: false, ..gpu.caps().clone() };
        let pipelines = Pipelines::new(Arc::clone(&gpu.context), caps, true, None);
        let kernel: &'static KernelInfo = Box::leak(Box::new(KernelInfo { uses_f16: true, ..*kernel(FILL) }));
        let error = pipelines.compile_module(kernel).err().unwrap().to_string();
        assert!(error.starts_with("kernel test_kernel needs a device with 16-bit floats"), "{error}");
    }

    #[test]
    fn a_value_is_made_once_and_a_failure_tried_again() {
        let map = OnceMap::<u32, u32>::default();
        assert_eq!(map.get_or_try_init(&1, || Err::<u32, _>("no")), Err("no"));
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let value = map.get_or_try_init(&1, || {
                        made.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(20));
                        Ok::<_, ()>(7)
                    });
                    assert_eq!(value.as_deref(), Ok(&7));
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn several_values_are_made_side_by_side_and_come_in_order() {
        let map = OnceMap::<u32, u32>::default();
        let (begun, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let make = |&key: &u32| {
            made.fetch_add(1, Ordering::Relaxed);
            begun.fetch_add(1, Ordering::Relaxed);
            // Each waits for the two others.
            let since = Instant::now();
            while begun.load(Ordering::Relaxed) < 3 {
                assert!(since.elapsed() < Duration::from_secs(20), "one after the other");
                std::thread::yield_now();
            }
            if key < 10 { Ok(key * 100) } else { Err(key) }
        };
        let values = |keys: &[u32]| {
            map.get_all_or_try_init(keys.iter(), make).map(|all| all.iter().map(|x| **x).collect::<Vec<_>>())
        };
        assert_eq!(values(&[3, 1, 3, 2]), Ok(vec![300, 100, 300, 200]));
        assert_eq!(made.load(Ordering::Relaxed), 3, "each once");
        assert!(map.missing([1, 2, 3].iter()).is_empty());
        assert_eq!(values(&[2, 12, 1, 11]), Err(12), "the first error, whichever thread meets it");
        assert_eq!(made.load(Ordering::Relaxed), 5, "what fails too");
        assert_eq!(map.missing([2, 12, 12, 11].iter()), [&12, &11]);
        assert_eq!(values(&[1, 2]), Ok(vec![100, 200]));
        assert_eq!(values(&[]), Ok(vec![]));
    }

    #[test]
    fn a_panic_keeps_its_words_and_is_forgotten_once_a_value_is_made() {
        let map = OnceMap::<u32, u32>::default();
        let make = |&key: &u32| if key == 1 { panic!("no such {key}") } else { Ok::<_, ()>(key) };
        for keys in [[1, 2], [2, 1]] {
            let made = catch_unwind(AssertUnwindSafe(|| map.get_all_or_try_init(keys.iter(), make)));
            assert_eq!(panic_message(&*made.unwrap_err()), "no such 1", "{keys:?}");
        }
        assert!(map.get_all_or_try_init([2, 1].iter(), |&key| Ok::<_, ()>(key)).is_ok());
        assert!(map.missing([1, 2].iter()).is_empty());
    }
}
