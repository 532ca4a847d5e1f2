//! [`AttentionKernel`]: the kernel of one node.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use mha_auto::{Auto, is_measuring};
use mha_gpu::{Gpu, GpuError, Resident, RunReport, Source, Wait};
use mha_plan::{Plan, PlanOptions, Presents, Tensor};
use mha_spec::options::PREFIX;
use mha_spec::{AttentionProblem, DType, FallbackChoice, Options, PathChoice, RouteChoice, check_cache_indirection};

use super::cpu::CpuKernel;
use super::node::{Node, input_shapes};
use super::plans::{PlanCache, Planned};
use super::posed::{LastPosed, Posed};
use super::route::{Chosen, Route};
use super::{input, output, spec_failure};
use crate::device;
use crate::logging::{self, TARGET};
use crate::profile::{self, Call, Profile};
use crate::session::{FallbackCause, Session};
use crate::sys::logger::Severity;
use crate::sys::{Code, ComputeContext, Failure, Inputs, Kernel, KernelInfo, Outputs, TensorRef};

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
    /// Who writes present outputs: of constants that stay on the device, that does.
    presents: Presents,
    /// ONNX Runtime's own kernel, where the options allow it; the reason where it can't be had.
    cpu: Option<Result<CpuKernel, Failure>>,
    wait: Wait,
    plans: PlanCache,
    last: LastPosed,
    runtime_minor_version: u32,
}

/// ONNX Runtime's own options for threads that wait: whether they may spin, "1" unless it is set, and for how long.
const ALLOW_SPINNING: &str = "session.intra_op.allow_spinning";
const SPIN_DURATION: &str = "session.intra_op.spin_duration_us";

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
        if let Device::Gpu(gpu) = &device {
            // Those of a thread without a log, which would wait long where the CPU kernel answers all calls.
            gpu.say_warnings();
        }
        let may_use_cpu = options.fallback == FallbackChoice::Cpu || options.route == RouteChoice::Auto;
        let cpu =
            may_use_cpu.then(|| session.arena(|| info.arena()).and_then(|arena| CpuKernel::new(info, &node, arena)));
        if let (RouteChoice::Auto, Some(Err(failure))) = (options.route, &cpu) {
            tracing::warn!(target: TARGET, "node '{}' has no CPU kernel for route=auto, the GPU answers: {failure}", node.name);
        }
        let forbids = |(key, value): &(String, String)| match key.as_str() {
            ALLOW_SPINNING => value != "1",
            SPIN_DURATION => value == "0",
            _ => false,
        };
        let wait = if entries.iter().any(forbids) { Wait::Sleeping } else { Wait::Spinning };
        let (plans, last) = (PlanCache::default(), LastPosed::default());
        let runtime_minor_version = info.runtime_minor_version();
        let constants = Vec::new();
        let copied = TENSORS.into_iter().filter(|(tensor, _)| COPIED.contains(tensor));
        let fixed =
            copied.map(|(_, index)| Ok(info.constant_input(index)?.is_some())).collect::<Result<Vec<_>, Failure>>()?;
        let presents = if fixed.contains(&true) { Presents::Device } else { Presents::Host };
        let mut kernel = AttentionKernel {
            node,
            options,
            session,
            device,
            auto,
            constants,
            presents,
            cpu,
            wait,
            plans,
            last,
            runtime_minor_version,
        };
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
                        if self.wait == Wait::Sleeping {
                            tracing::debug!(target: TARGET, "node '{node}': threads that wait sleep, as the session has them");
                        }
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

    /// Answers a run; by `standing`, where an earlier choice of `route=auto` stands for it.
    fn run(
        &self,
        context: &ComputeContext<'_>,
        begin: Option<Instant>,
        posed: &Posed,
        standing: Option<Route>,
        inputs: Inputs<'_>,
    ) -> Result<(), Failure> {
        let chosen = if standing.is_some() { None } else { self.choose(posed) };
        let route = standing.or(chosen.as_ref().map(|chosen| chosen.route));
        let is_timed = chosen.is_some_and(|chosen| chosen.is_timed);
        // Measurements for path `auto`, a session's of this process, keep a GPU, memory and a core from calls beside them, for
        // seconds at the most.
        let timed = posed.route.as_ref().filter(|_| is_timed).map(|class| (class, is_measuring(), Instant::now()));
        let done = |route, provider, report: Option<&RunReport>| {
            if let Some((class, was_measuring, begin)) = timed {
                let time = begin.elapsed();
                class.record(route, time, was_measuring || is_measuring());
            }
            self.record(begin, provider, report);
        };
        let (cause, reason) = match &self.device {
            Device::Missing(reason) => (FallbackCause::NoAdapter, Cow::Borrowed(reason)),
            Device::Gpu(gpu) => {
                if let (Some(Route::Cpu), Some(Ok(cpu))) = (route, &self.cpu) {
                    cpu.run(context, posed, &inputs)?;
                    done(Route::Cpu, CPU_PROVIDER, None);
                    return Ok(());
                }
                match self.run_on_gpu(context, gpu, posed, inputs) {
                    Ok(report) => {
                        done(Route::Gpu, &gpu.caps().name, Some(&report));
                        return Ok(());
                    }
                    Err(Unanswered::Failed(failure)) => return Err(failure),
                    Err(Unanswered::Unable(cause, reason)) => (cause, Cow::Owned(reason)),
                }
            }
        };
        self.fall_back(cause, &reason)?.run(context, posed, &context.inputs()?)?;
        // What the CPU kernel had to finish is what a call takes that goes to the GPU.
        done(Route::Gpu, CPU_PROVIDER, None);
        Ok(())
    }

    /// Who answers the next call of a class, where `route=auto` has a choice.
    fn choose(&self, posed: &Posed) -> Option<Chosen> {
        let Some(class) = &posed.route else {
            if self.routed_gpu().is_some() {
                tracing::debug!(target: TARGET, "node '{}': route gpu: the CPU kernel may be wrong here", self.node.name);
            }
            return None;
        };
        let chosen = class.choose();
        tracing::debug!(target: TARGET, "node '{}': route {}: {}", self.node.name, chosen.route, chosen.reason);
        Some(chosen)
    }

    /// The GPU, where `route=auto` chooses between it and the CPU kernel.
    fn routed_gpu(&self) -> Option<&Gpu> {
        match (&self.device, &self.cpu) {
            (Device::Gpu(gpu), Some(Ok(_))) if self.options.route == RouteChoice::Auto => Some(gpu),
            _ => None,
        }
    }

    /// Tells the session's profile of a call that is done.
    fn record(&self, begin: Option<Instant>, provider: &str, report: Option<&RunReport>) {
        if let (Some(profile), Some(begin)) = (self.session.profile(), begin) {
            profile.record(&Call { node: &self.node.name, begin, total: begin.elapsed(), provider, report });
        }
    }

    /// What these inputs ask for, with those checked whose content the operator checks.
    fn posed(&self, inputs: &Inputs<'_>) -> Result<Arc<Posed>, Failure> {
        // Without a past its content is ignored, however much there is of it.
        let past_length = inputs.get(input::PAST_SEQUENCE_LENGTH).filter(|_| self.node.has_past);
        let beams = inputs.get(input::CACHE_INDIRECTION);
        let shapes_say_all = past_length.is_none() && beams.is_none();
        let shapes = || inputs.iter().map(|tensor| tensor.map(TensorRef::shape));
        if let Some(posed) = shapes_say_all.then(|| self.last.get(shapes())).flatten() {
            return Ok(posed);
        }
        let past_length = past_length.map(|tensor| tensor.int32()).transpose()?;
        let by_name = input_shapes(|index| inputs.get(index).map(TensorRef::shape));
        let problem = self.node.problem(&by_name, past_length.as_deref())?;
        if let Some(beams) = beams.filter(|_| problem.beam_width.is_some()) {
            check_cache_indirection(&problem, &beams.int32()?).map_err(|error| spec_failure(&error))?;
        }
        let route = self.routed_gpu().and_then(|gpu| {
            let resident_bytes = self.constants.iter().map(|(_, resident)| resident.bytes()).sum();
            self.session.router().class(&problem, gpu.caps(), resident_bytes, self.runtime_minor_version)
        });
        let posed = Arc::new(Posed::new(problem, route));
        if shapes_say_all {
            self.last.set(shapes(), &posed);
        }
        Ok(posed)
    }

    fn run_on_gpu(
        &self,
        context: &ComputeContext<'_>,
        gpu: &Gpu,
        posed: &Posed,
        inputs: Inputs<'_>,
    ) -> Result<RunReport, Unanswered> {
        let Posed { problem, shapes, .. } = posed;
        if gpu.is_lost() {
            return Err(Unanswered::Unable(FallbackCause::DeviceError, "the device was lost".into()));
        }
        let plan = self
            .plan(gpu, problem)
            .map_err(|refusal| Unanswered::Unable(FallbackCause::Refused, refusal.to_string()))?;
        let wanted = [
            Some(shapes.output.as_slice()),
            problem.present.key.then_some(shapes.present_key.as_slice()),
            problem.present.value.then_some(shapes.present_value.as_slice()),
            problem.qk.map(|_| shapes.qk.as_slice()),
        ];
        let mut outputs = context.outputs(&wanted, &inputs)?;
        let source = |(tensor, index)| match self.constants.iter().find(|(constant, _)| *constant == tensor) {
            Some((_, resident)) => Some(Ok((tensor, Source::Device(resident)))),
            None => Some(inputs.get(index)?.bytes().map(|bytes| (tensor, Source::Host(bytes)))),
        };
        let read: Vec<(Tensor, Source<'_>)> = TENSORS.into_iter().filter_map(source).collect::<Result<_, Failure>>()?;
        Self::write_in_place(&plan, &mut outputs, &inputs)?;
        // Plans leave empty tensors out.
        let mut written: Vec<(Tensor, &mut [u8])> = outputs
            .iter_mut()
            .filter(|(_, bytes)| !bytes.is_empty())
            .map(|(index, bytes)| (output_tensor(index), bytes))
            .collect();
        let report = gpu.run_waiting(self.wait, &plan, &read, &mut written).map_err(unanswered)?;
        outputs.finish(inputs);
        if let Some(auto) = &self.auto {
            device::called(auto, problem);
        }
        Ok(report)
    }

    /// Takes presents that lie on their past out of the outputs to be answered: of these only the new rows are written, once all is
    /// read.
    fn write_in_place(plan: &Plan, outputs: &mut Outputs<'_>, inputs: &Inputs<'_>) -> Result<(), Failure> {
        for copied in &plan.copied {
            let (past, index) = match copied.tensor {
                Tensor::PresentKey => (Tensor::PastKey, output::PRESENT_KEY),
                _ => (Tensor::PastValue, output::PRESENT_VALUE),
            };
            let input = |tensor| {
                let known = TENSORS.into_iter().find(|(known, _)| *known == tensor);
                known.and_then(|(_, index)| inputs.get(index))
            };
            if !input(past).map_or(Ok(false), |past| outputs.lies_on(index, past))? {
                continue;
            }
            let length = copied.row_bytes as usize;
            let mut rows = Vec::new();
            for run in copied.runs().filter(|run| run.part.tensor != past) {
                let bytes = input(run.part.tensor).map_or(Ok(&[][..]), TensorRef::bytes)?;
                let starts = (run.first..).step_by(run.part.row as usize).take(run.part.count as usize);
                rows.push((run.begin, starts.flat_map(|start| &bytes[start..start + length]).copied().collect()));
            }
            outputs.write_in_place(index, rows);
        }
        Ok(())
    }

    fn plan(&self, gpu: &Gpu, problem: &AttentionProblem) -> Planned {
        let generation = self.auto.as_ref().map_or(0, |auto| auto.generation());
        self.plans.get(problem, generation, |problem| -> Result<Plan, _> {
            let presents = self.presents;
            let plan = match &self.auto {
                Some(auto) => auto.plan_with(problem, presents),
                None => gpu.plan(problem, &PlanOptions { path: self.options.path, presents, ..PlanOptions::default() }),
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
        let begin = self.session.profile().map(|_| Instant::now());
        let inputs = context.inputs()?;
        let posed = self.posed(&inputs)?;
        let logger = context.logger();
        // A log that takes it gets the reason of each call.
        let explains = logger.is_some_and(|logger| logger.takes(Severity::Verbose));
        let standing = posed.route.as_ref().filter(|_| !explains).and_then(|class| class.standing());
        if let (Some(Route::Cpu), Some(Ok(cpu))) = (standing, &self.cpu) {
            // With no more than it takes, as such calls may be over in microseconds. Nothing here logs.
            cpu.run(context, &posed, &inputs)?;
            self.record(begin, CPU_PROVIDER, None);
            return Ok(());
        }
        logging::scope(logger, || self.run(context, begin, &posed, standing, inputs))
    }
}

/// The inputs whose rows present outputs may have: keys and values may be packed with queries.
const COPIED: [Tensor; 5] = [Tensor::Query, Tensor::Key, Tensor::Value, Tensor::PastKey, Tensor::PastValue];

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
            constants.push((tensor, gpu.keep(content.bytes()?).map_err(unanswered)?));
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
