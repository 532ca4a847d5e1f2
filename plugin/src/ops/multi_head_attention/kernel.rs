//! [`AttentionKernel`]: the kernel of one node.

use std::sync::Arc;

use mha_gpu::{Gpu, GpuError};
use mha_plan::{Plan, PlanOptions, Tensor};
use mha_spec::{AttentionProblem, FallbackChoice, Options, check_cache_indirection, output_shapes};

use super::cpu::CpuKernel;
use super::node::{Node, input_shapes};
use super::plans::{PlanCache, Planned};
use super::{input, output, spec_failure};
use crate::device;
use crate::logging::{self, TARGET};
use crate::session::{FallbackCause, Session};
use crate::sys::{Code, ComputeContext, Failure, Inputs, Kernel, KernelInfo};

/// The kernel of one node.
pub(crate) struct AttentionKernel {
    node: Node,
    options: Options,
    session: Arc<Session>,
    device: Device,
    /// ONNX Runtime's own kernel, where the options allow it; the reason where it can't be had.
    cpu: Option<Result<CpuKernel, Failure>>,
    plans: PlanCache,
}

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
        let device = match device::open(&options.adapter) {
            Ok(gpu) => Device::Gpu(gpu),
            Err(error) => Device::Missing(error.to_string()),
        };
        let cpu = (options.fallback == FallbackChoice::Cpu).then(|| CpuKernel::new(info, &node));
        let session = Session::of(info.logger().map(|logger| logger.identity()));
        let kernel = AttentionKernel { node, options, session, device, cpu, plans: PlanCache::default() };
        kernel.prepare()?;
        Ok(kernel)
    }

    /// Finds out now what would go wrong at the first run.
    fn prepare(&self) -> Result<(), Failure> {
        match &self.device {
            Device::Missing(reason) => self.fall_back(FallbackCause::NoAdapter, reason).map(drop),
            Device::Gpu(gpu) => {
                let path = self.options.path;
                tracing::info!(target: TARGET, "MultiHeadAttention node '{}' runs path {path} on {}", self.node.name, gpu.describe());
                let Some(problem) = &self.node.fixed_problem else { return Ok(()) };
                let prepared = self
                    .plan(gpu, problem)
                    .map_err(|refusal| Unanswered::Unable(FallbackCause::Refused, refusal.to_string()))
                    .and_then(|plan| gpu.prepare(plan.steps.iter().map(|step| &step.blueprint)).map_err(unanswered));
                match prepared {
                    Ok(()) => Ok(()),
                    Err(Unanswered::Unable(cause, reason)) => self.fall_back(cause, &reason).map(drop),
                    Err(Unanswered::Failed(failure)) => Err(failure),
                }
            }
        }
    }

    fn run(&self, context: &ComputeContext<'_>) -> Result<(), Failure> {
        let inputs = context.inputs()?;
        let problem = self.problem(&inputs)?;
        let (cause, reason) = match &self.device {
            Device::Missing(reason) => (FallbackCause::NoAdapter, reason.clone()),
            Device::Gpu(gpu) => match self.run_on_gpu(context, gpu, &problem, inputs) {
                Ok(()) => return Ok(()),
                Err(Unanswered::Failed(failure)) => return Err(failure),
                Err(Unanswered::Unable(cause, reason)) => (cause, reason),
            },
        };
        self.fall_back(cause, &reason)?.run(context, &problem, context.inputs()?)
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
    ) -> Result<(), Unanswered> {
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
        let tensors = [
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
        let read: Vec<(Tensor, &[u8])> =
            tensors.into_iter().filter_map(|(tensor, index)| Some((tensor, inputs.get(index)?.bytes()))).collect();
        // Plans leave empty tensors out.
        let mut written: Vec<(Tensor, &mut [u8])> = outputs
            .iter_mut()
            .filter(|(_, bytes)| !bytes.is_empty())
            .map(|(index, bytes)| (output_tensor(index), bytes))
            .collect();
        gpu.run(&plan, &read, &mut written).map_err(unanswered)?;
        outputs.finish(inputs);
        Ok(())
    }

    fn plan(&self, gpu: &Gpu, problem: &AttentionProblem) -> Planned {
        self.plans.get(problem, |problem| -> Result<Plan, _> {
            let plan =
                mha_plan::plan(problem, gpu.caps(), &PlanOptions { path: self.options.path, ..PlanOptions::default() });
            if let Ok(plan) = &plan {
                tracing::debug!(target: TARGET, "node '{}': {}", self.node.name, plan.decision);
            }
            plan
        })
    }

    /// ONNX Runtime's own kernel, where the options allow it; the first time for this cause with a warning.
    fn fall_back(&self, cause: FallbackCause, reason: &str) -> Result<&CpuKernel, Failure> {
        let Some(cpu) = &self.cpu else {
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
