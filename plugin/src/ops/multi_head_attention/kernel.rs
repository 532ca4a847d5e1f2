//! [`AttentionKernel`]: the kernel of one node.

use std::sync::Arc;
use std::time::Instant;

use mha_auto::Auto;
use mha_gpu::{Gpu, GpuError, Resident, RunReport, Source};
use mha_plan::{Plan, PlanOptions, Tensor};
use mha_spec::options::PREFIX;
use mha_spec::{
    AttentionProblem, DType, FallbackChoice, Options, PathChoice, RouteChoice, check_cache_indirection, output_shapes,
};
use mha_tune::Class;

use super::cpu::CpuKernel;
use super::node::{Node, input_shapes};
use super::plans::{PlanCache, Planned};
use super::route::Route;
use super::{input, output, spec_failure};
use crate::device;
use crate::logging::{self, TARGET};
use crate::profile::{self, Call, Profile};
use crate::session::{FallbackCause, Session};
use crate::sys::{Code, ComputeContext, Failure, Inputs, Kernel, KernelInfo};

/// The kernel of one node.
pub(crate) struct AttentionKernel {
    node: Node,
    options: Options,
    session: Arc<Session>,
    device: Device,
    /// What path `auto` knows of the device.
    auto: Option<Arc<Auto>>,
    /// Inputs that the model fixes, which stay on the device.
    constants: Vec<(Tensor, Resident)>,
    /// ONNX Runtime's own kernel, where the options allow it; the reason where it can't be had.
    cpu: Option<Result<CpuKernel, Failure>>,
    plans: PlanCache,
    runtime_minor_version: u32,
}

/// What profiles call ONNX Runtime's own kernel.
const CPU_PROVIDER: &str = "CPUExecutionProvider";

/// Where a node runs.
enum Device {
    Gpu(Arc<Gpu>),
    /// No adapter is usable: the reasons.
    Missing(String),
}

/// Why the GPU did not answer a run.
enum Unanswered {
    /// It can't, and the CPU may.
    Unable(FallbackCause, String),
    /// The run is at fault, or this library is.
    Failed(Failure),
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Unanswered::Failed(failure)
    }
}

impl AttentionKernel {
    /// Reads the session's options, opens the device and compiles what the node is sure to need.
    pub(super) fn new(info: &KernelInfo<'_>, node: Node) -> Result<AttentionKernel, Failure> {
        let entries = info.config_entries()?;
        let options = Options::parse(entries.iter().map(|(key, value)| (key.as_str(), value.as_str())))
            .map_err(|error| Failure::new(Code::InvalidArgument, error))?;
        let session = Session::of(info.logger().map(|logger| logger.identity()), || {
            Profile::of(&options).map_err(|(path, error)| {
                let rule =
                    format!("session option '{PREFIX}profile' accepts `off`, `summary`, a path that can be written");
                Failure::new(Code::InvalidArgument, format!("{rule}; got '{}' ({error})", path.display()))
            })
        })?;
        let device = match device::open(&options.adapter, profile::timestamps(&options.profile)) {
            Ok(gpu) => Device::Gpu(gpu),
            Err(error) => Device::Missing(error.to_string()),
        };
        let auto = match &device {
            Device::Gpu(gpu) if options.path == PathChoice::Auto => Some(device::auto(gpu)),
            _ => None,
        };
        let may_use_cpu = options.fallback == FallbackChoice::Cpu || options.route == RouteChoice::Auto;
        let cpu = may_use_cpu.then(|| CpuKernel::new(info, &node));
        if let (RouteChoice::Auto, Some(Err(failure))) = (options.route, &cpu) {
            tracing::warn!(target: TARGET, "node '{}' has no CPU kernel for route=auto, the GPU answers: {failure}", node.name);
        }
        let plans = PlanCache::default();
        let runtime_minor_version = info.runtime_minor_version();
        let constants = Vec::new();
        let mut kernel =
            AttentionKernel { node, options, session, device, auto, constants, cpu, plans, runtime_minor_version };
        kernel.prepare(info)?;
        Ok(kernel)
    }

    /// Does what every run would have to do, and finds out now what would go wrong at the first.
    fn prepare(&mut self, info: &KernelInfo<'_>) -> Result<(), Failure> {
        match &self.device {
            Device::Missing(reason) => self.fall_back(FallbackCause::NoAdapter, reason).map(drop),
            Device::Gpu(gpu) => {
                if self.node.dtype == DType::F16 && !gpu.caps().f16 {
                    let reason = format!("float16 tensors need f16 in shaders, which {} lacks", gpu.describe());
                    return self.fall_back(FallbackCause::Refused, &reason).map(drop);
                }
                let compiled = self.node.fixed_problem.as_ref().map_or(Ok(()), |problem| {
                    self.plan(gpu, problem)
                        .map_err(|refusal| Unanswered::Unable(FallbackCause::Refused, refusal.to_string()))
                        .and_then(|plan| gpu.prepare(plan.steps.iter().map(|step| &step.blueprint)).map_err(unanswered))
                });
                match compiled.and_then(|()| constants(info, gpu)) {
                    Ok(constants) => {
                        self.constants = constants;
                        let (node, path, gpu) = (&self.node.name, self.options.path, gpu.describe());
                        tracing::info!(target: TARGET, "MultiHeadAttention node '{node}' runs path {path} on {gpu}");
                        for (tensor, resident) in &self.constants {
                            let bytes = resident.bytes();
                            tracing::debug!(target: TARGET, "node '{node}': {tensor:?} stays on the device, {bytes} bytes");
                        }
                        Ok(())
                    }
                    Err(Unanswered::Unable(cause, reason)) => self.fall_back(cause, &reason).map(drop),
                    Err(Unanswered::Failed(failure)) => Err(failure),
                }
            }
        }
    }

    fn run(&self, context: &ComputeContext<'_>) -> Result<(), Failure> {
        let begin = Instant::now();
        let inputs = context.inputs()?;
        let problem = self.problem(&inputs)?;
        let class = (self.options.route == RouteChoice::Auto).then(|| Class::of(&problem));
        let (cause, reason) = match &self.device {
            Device::Missing(reason) => (FallbackCause::NoAdapter, reason.clone()),
            Device::Gpu(gpu) => {
                if let Some(cpu) = class.and_then(|class| self.routed_to_cpu(gpu, class, &problem)) {
                    cpu.run(context, &problem, inputs)?;
                    self.record(begin, class, Route::Cpu, CPU_PROVIDER, None);
                    return Ok(());
                }
                match self.run_on_gpu(context, gpu, &problem, inputs) {
                    Ok(report) => {
                        self.record(begin, class, Route::Gpu, &gpu.caps().name, Some(&report));
                        return Ok(());
                    }
                    Err(Unanswered::Failed(failure)) => return Err(failure),
                    Err(Unanswered::Unable(cause, reason)) => (cause, reason),
                }
            }
        };
        self.fall_back(cause, &reason)?.run(context, &problem, context.inputs()?)?;
        self.record(begin, class, Route::Cpu, CPU_PROVIDER, None);
        Ok(())
    }

    /// The CPU kernel, where `route=auto` has it answer a class.
    fn routed_to_cpu(&self, gpu: &Gpu, class: Class, problem: &AttentionProblem) -> Option<&CpuKernel> {
        let cpu = self.cpu.as_ref()?.as_ref().ok()?;
        let resident_bytes = self.constants.iter().map(|(_, resident)| resident.bytes()).sum();
        let router = self.session.router();
        let (route, choice) = router.choose(class, problem, gpu.caps(), resident_bytes, self.runtime_minor_version);
        match choice.map(|choice| choice.reason) {
            Some(why) => tracing::debug!(target: TARGET, "node '{}': route {route}: {why}", self.node.name),
            None => {
                tracing::debug!(target: TARGET, "node '{}': route {route}: the CPU kernel may be wrong here", self.node.name);
            }
        }
        (route == Route::Cpu).then_some(cpu)
    }

    /// Tells the session of a call that is done; of a class, where `route=auto` chose.
    fn record(&self, begin: Instant, class: Option<Class>, route: Route, provider: &str, report: Option<&RunReport>) {
        if let Some(class) = class {
            self.session.router().record(class, route, begin.elapsed());
        }
        if let Some(profile) = self.session.profile() {
            let total = begin.elapsed();
            profile.record(&Call { node: &self.node.name, begin, total, provider, report });
        }
    }

    /// The problem that these inputs pose, with the inputs checked whose content the operator checks.
    fn problem(&self, inputs: &Inputs<'_>) -> Result<AttentionProblem, Failure> {
        let shapes = input_shapes(|index| inputs.get(index).map(|tensor| tensor.shape()));
        // Without a past its content is ignored, however much there is of it.
        let past_length = inputs.get(input::PAST_SEQUENCE_LENGTH).filter(|_| self.node.has_past);
        let past_length = past_length.map(|tensor| tensor.int32());
        let problem = self.node.problem(&shapes, past_length.as_deref())?;
        if let Some(beams) = inputs.get(input::CACHE_INDIRECTION).filter(|_| problem.beam_width.is_some()) {
            check_cache_indirection(&problem, &beams.int32()).map_err(|error| spec_failure(&error))?;
        }
        Ok(problem)
    }

    fn run_on_gpu(
        &self,
        context: &ComputeContext<'_>,
        gpu: &Gpu,
        problem: &AttentionProblem,
        inputs: Inputs<'_>,
    ) -> Result<RunReport, Unanswered> {
        if gpu.is_lost() {
            return Err(Unanswered::Unable(FallbackCause::DeviceError, "the device was lost".into()));
        }
        let plan = self
            .plan(gpu, problem)
            .map_err(|refusal| Unanswered::Unable(FallbackCause::Refused, refusal.to_string()))?;
        let shapes = output_shapes(problem);
        let wanted = [
            Some(shapes.output.as_slice()),
            problem.present.key.then_some(shapes.present_key.as_slice()),
            problem.present.value.then_some(shapes.present_value.as_slice()),
            problem.qk.map(|_| shapes.qk.as_slice()),
        ];
        let mut outputs = context.outputs(&wanted, &inputs)?;
        let source = |(tensor, index)| match self.constants.iter().find(|(constant, _)| *constant == tensor) {
            Some((_, resident)) => Some((tensor, Source::Device(resident))),
            None => Some((tensor, Source::Host(inputs.get(index)?.bytes()))),
        };
        let read: Vec<(Tensor, Source<'_>)> = TENSORS.into_iter().filter_map(source).collect();
        // Plans leave empty tensors out.
        let mut written: Vec<(Tensor, &mut [u8])> = outputs
            .iter_mut()
            .filter(|(_, bytes)| !bytes.is_empty())
            .map(|(index, bytes)| (output_tensor(index), bytes))
            .collect();
        let report = gpu.run(&plan, &read, &mut written).map_err(unanswered)?;
        outputs.finish(inputs);
        if let Some(auto) = &self.auto {
            device::called(auto, problem);
        }
        Ok(report)
    }

    fn plan(&self, gpu: &Gpu, problem: &AttentionProblem) -> Planned {
        let generation = self.auto.as_ref().map_or(0, |auto| auto.generation());
        self.plans.get(problem, generation, |problem| -> Result<Plan, _> {
            let plan = match &self.auto {
                Some(auto) => auto.plan(problem),
                None => gpu.plan(problem, &PlanOptions { path: self.options.path, ..PlanOptions::default() }),
            };
            if let Ok(plan) = &plan {
                tracing::debug!(target: TARGET, "node '{}': {}", self.node.name, plan.decision);
            }
            plan
        })
    }

    /// ONNX Runtime's own kernel, where the options allow it; the first time for this cause with a warning.
    fn fall_back(&self, cause: FallbackCause, reason: &str) -> Result<&CpuKernel, Failure> {
        let Some(cpu) = self.cpu.as_ref().filter(|_| self.options.fallback == FallbackChoice::Cpu) else {
            return Err(Failure::new(Code::Fail, format!("it must run on a GPU (fallback=error); {reason}")));
        };
        let cpu = cpu.as_ref().map_err(|failure| {
            let why = format!("no GPU can run it ({reason}), nor can ONNX Runtime's CPU kernel");
            failure.clone().within(why)
        })?;
        if self.session.first_fallback(cause) {
            tracing::warn!(
                target: TARGET,
                "MultiHeadAttention node '{}' runs on ONNX Runtime's CPU kernel, as may others in this session: {reason}",
                self.node.name,
            );
        }
        Ok(cpu)
    }
}

impl Kernel for AttentionKernel {
    fn compute(&self, context: &ComputeContext<'_>) -> Result<(), Failure> {
        logging::scope(context.logger(), || self.run(context))
    }
}

/// The inputs that kernels read.
const TENSORS: [(Tensor, usize); 9] = [
    (Tensor::Query, input::QUERY),
    (Tensor::Key, input::KEY),
    (Tensor::Value, input::VALUE),
    (Tensor::Bias, input::BIAS),
    (Tensor::PaddingMask, input::KEY_PADDING_MASK),
    (Tensor::AttentionBias, input::ATTENTION_BIAS),
    (Tensor::PastKey, input::PAST_KEY),
    (Tensor::PastValue, input::PAST_VALUE),
    (Tensor::CacheIndirection, input::CACHE_INDIRECTION),
];

/// Uploads the inputs that the model fixes.
fn constants(info: &KernelInfo<'_>, gpu: &Gpu) -> Result<Vec<(Tensor, Resident)>, Unanswered> {
    let mut constants = Vec::new();
    for (tensor, index) in TENSORS {
        if let Some(content) = info.constant_input(index)? {
            constants.push((tensor, gpu.keep(content.bytes()).map_err(unanswered)?));
        }
    }
    Ok(constants)
}

/// What a device's failure means: limits, drivers and lost devices may be got around, broken rules are defects.
fn unanswered(error: GpuError) -> Unanswered {
    match error {
        GpuError::Unsupported { .. } | GpuError::BufferTooLarge { .. } => {
            Unanswered::Unable(FallbackCause::Refused, error.to_string())
        }
        GpuError::Shader { .. } | GpuError::OutOfMemory { .. } | GpuError::DeviceLost { .. } => {
            Unanswered::Unable(FallbackCause::DeviceError, error.to_string())
        }
        GpuError::Tensors { .. } | GpuError::Plan { .. } | GpuError::Refused { .. } => {
            Unanswered::Failed(Failure::new(Code::RuntimeException, error))
        }
    }
}

fn output_tensor(index: usize) -> Tensor {
    match index {
        output::PRESENT_KEY => Tensor::PresentKey,
        output::PRESENT_VALUE => Tensor::PresentValue,
        output::QK => Tensor::Qk,
        _ => Tensor::Output,
    }
}
