//! [`CpuKernel`]: ONNX Runtime's own kernel of the operator, made to answer everything that this library answers.
//!
//! It computes float32 only, refuses packed layouts, and reads out of bounds where there is a past and not both presents
//! are asked for. So float16 is cast around it, by ONNX Runtime's own casts, which use its threads; packed tensors are
//! unpacked; and missing presents are computed into memory that is thrown away.

use std::sync::Arc;

use arrayvec::ArrayVec;
use mha_spec::{AttentionProblem, Attributes, DType, Layout, Past};

use super::convert::{to_f32, unpack};
use super::node::Node;
use super::posed::Posed;
use super::{input, output};
use crate::sys::{
    Arena, ComputeContext, Element, Failure, InnerOp, InnerOpSpec, Inputs, KernelInfo, Operand, Scratch, Target,
};

/// ONNX Runtime's CPU kernel for one node.
pub(super) struct CpuKernel {
    op: InnerOp,
    /// How many outputs it computes, requested or not: the last one that is needed and all before it.
    outputs: usize,
    /// Where the node is float16.
    casts: Option<Casts>,
    arena: Arc<Arena>,
}

/// Scratch tensors by index of the input or output that they stand for.
type ByIndex<'a, const N: usize> = ArrayVec<(usize, Scratch<'a>), N>;

/// ONNX Runtime's casts.
struct Casts {
    to_f32: InnerOp,
    to_f16: InnerOp,
}

impl Casts {
    /// The opset version since which Cast knows all that is asked of it; ONNX Runtime keeps kernels of old ones.
    const VERSION: i32 = 13;

    fn new(info: &KernelInfo<'_>) -> Result<Casts, Failure> {
        // `to` is a type's number in ONNX.
        let cast = |from, to, number| {
            info.inner_op(&InnerOpSpec {
                name: c"Cast",
                domain: c"",
                version: Casts::VERSION,
                types: &[(c"T1", from), (c"T2", to)],
                ints: &[(c"to", number)],
                floats: &[],
                inputs: 1,
                outputs: 1,
            })
        };
        Ok(Casts {
            to_f32: cast(Element::Float16, Element::Float32, 1)?,
            to_f16: cast(Element::Float32, Element::Float16, 10)?,
        })
    }
}

/// An output of a run.
struct OutputShape<'a> {
    dims: &'a [i64],
    /// Whether the node has it.
    requested: bool,
}

impl OutputShape<'_> {
    fn all(posed: &Posed) -> [OutputShape<'_>; output::COUNT] {
        let Posed { problem, shapes, .. } = posed;
        [
            OutputShape { dims: &shapes.output, requested: true },
            OutputShape { dims: &shapes.present_key, requested: problem.present.key },
            OutputShape { dims: &shapes.present_value, requested: problem.present.value },
            OutputShape { dims: &shapes.qk, requested: problem.qk.is_some() },
        ]
    }
}

impl CpuKernel {
    /// Makes the kernel for the node that `info` belongs to, with its session's memory for temporary tensors.
    pub(super) fn new(info: &KernelInfo<'_>, node: &Node, arena: Arc<Arena>) -> Result<CpuKernel, Failure> {
        let requested = node.requested;
        let outputs = if requested.qk.is_some() {
            output::QK + 1
        } else if requested.present_value || node.has_past {
            output::PRESENT_VALUE + 1
        } else if requested.present_key {
            output::PRESENT_KEY + 1
        } else {
            output::OUTPUT + 1
        };
        let Attributes { num_heads, scale, mask_filter_value, unidirectional } = node.attributes;
        let op = info.inner_op(&InnerOpSpec {
            name: c"MultiHeadAttention",
            domain: crate::ops::DOMAIN,
            version: 1,
            types: &[(c"T", Element::Float32)],
            ints: &[(c"num_heads", i64::from(num_heads)), (c"unidirectional", i64::from(unidirectional))],
            floats: &[(c"scale", scale), (c"mask_filter_value", mask_filter_value)],
            inputs: input::COUNT,
            outputs,
        })?;
        let casts = if node.dtype == DType::F16 { Some(Casts::new(info)?) } else { None };
        Ok(CpuKernel { op, outputs, casts, arena })
    }

    /// Answers one run. Most of them are over in microseconds, so that nothing is allocated here where the inputs are float32.
    pub(super) fn run(&self, context: &ComputeContext<'_>, posed: &Posed, inputs: &Inputs<'_>) -> Result<(), Failure> {
        let (problem, outputs) = (&posed.problem, OutputShape::all(posed));
        // ONNX Runtime 1.24's kernel divides by the batch size.
        if outputs.iter().all(|output| !output.requested || output.dims.contains(&0)) {
            let mut requested = (0..).zip(&outputs).filter(|(_, output)| output.requested);
            return requested.try_for_each(|(index, output)| context.output(index, output.dims).map(drop));
        }

        let mut operands = [Operand::ABSENT; input::COUNT];
        for (index, operand) in operands.iter_mut().enumerate().filter(|(index, _)| is_read(problem, *index)) {
            *operand = inputs.get(index).map_or(Operand::ABSENT, Operand::input);
        }
        let outputs = &outputs[..self.outputs];
        let is_packed = matches!(problem.layout, Layout::PackedQkv | Layout::PackedKv);
        if self.casts.is_some() || is_packed || !outputs.iter().all(|output| output.requested) {
            return self.run_converted(context, problem, inputs, &operands, outputs);
        }
        let mut written = ArrayVec::<_, { output::COUNT }>::new();
        for (index, output) in outputs.iter().enumerate() {
            written.extend(context.output(index, output.dims)?);
        }
        let targets: ArrayVec<_, { output::COUNT }> = written.iter().map(Target::output).collect();
        self.op.invoke(context, &operands, &targets)
    }

    /// Answers one run for which inputs or outputs need another form, or outputs that the node has not.
    ///
    /// Memory is asked for where it is first written and given back after its last use, as ONNX Runtime does it around its own
    /// casts: what comes next then lies where caches are warm.
    #[inline(never)]
    fn run_converted(
        &self,
        context: &ComputeContext<'_>,
        problem: &AttentionProblem,
        inputs: &Inputs<'_>,
        operands: &[Operand<'_>; input::COUNT],
        outputs: &[OutputShape<'_>],
    ) -> Result<(), Failure> {
        let mut own = ByIndex::new();
        self.convert_inputs(context, problem, inputs, &mut own)?;
        let mut operands = *operands;
        own.iter().for_each(|(index, scratch)| operands[*index] = Operand::scratch(scratch));

        let casts = self.casts.as_ref();
        let is_cast = |index| casts.is_some() && !(index == output::QK && problem.qk == Some(DType::F32));
        let mut scratch = ByIndex::<{ output::COUNT }>::new();
        let mut written = ArrayVec::<_, { output::COUNT }>::new();
        for (index, output) in outputs.iter().enumerate() {
            if is_cast(index) || !output.requested {
                scratch.push((index, self.arena.tensor(output.dims)?));
            } else if let Some(output) = context.output(index, output.dims)? {
                written.push(output);
            }
        }
        let (mut temporary, mut own_outputs) = (scratch.iter().peekable(), written.iter());
        let targets: ArrayVec<Target<'_>, { output::COUNT }> = (0..outputs.len())
            .filter_map(|index| match temporary.next_if(|(known, _)| *known == index) {
                Some((_, scratch)) => Some(Target::scratch(scratch)),
                None => own_outputs.next().map(Target::output),
            })
            .collect();
        self.op.invoke(context, &operands, &targets)?;

        drop((targets, own));
        // Inputs are read by now, so that outputs may lie over them.
        for (index, scratch) in scratch {
            if let (Some(casts), true) = (casts, outputs[index].requested)
                && let Some(output) = context.output(index, outputs[index].dims)?
            {
                casts.to_f16.invoke(context, &[Operand::scratch(&scratch)], &[Target::output(&output)])?;
            }
        }
        Ok(())
    }

    /// Adds to `own` the inputs that the CPU kernel can't take as they are: packed ones in their plain form, float16 ones as float32.
    fn convert_inputs<'a>(
        &'a self,
        context: &ComputeContext<'_>,
        problem: &AttentionProblem,
        inputs: &Inputs<'_>,
        own: &mut ByIndex<'a, { input::COUNT }>,
    ) -> Result<(), Failure> {
        let head_size = problem.head_size as usize;
        let plain = |len: u32, data| {
            context.scratch(&[problem.batch.into(), len.into(), i64::from(problem.num_heads * problem.head_size)], data)
        };
        match (problem.layout, inputs.get(input::QUERY), inputs.get(input::KEY)) {
            (Layout::PackedQkv, Some(query), _) => {
                let [query, key, value] = unpack(&to_f32(query.bytes()?, problem.dtype)?, head_size)?;
                own.push((input::QUERY, plain(problem.q_len, query)?));
                own.push((input::KEY, plain(problem.kv_len, key)?));
                own.push((input::VALUE, plain(problem.kv_len, value)?));
            }
            (Layout::PackedKv, _, Some(key)) => {
                let [key, value] = unpack(&to_f32(key.bytes()?, problem.dtype)?, head_size)?;
                own.push((input::KEY, plain(problem.kv_len, key)?));
                own.push((input::VALUE, plain(problem.kv_len, value)?));
            }
            _ => {}
        }
        let Some(casts) = &self.casts else { return Ok(()) };
        let unpacked = own.len();
        for index in (0..input::COUNT).filter(|&index| is_read(problem, index)) {
            let tensor = inputs.get(index).filter(|tensor| tensor.element() == Element::Float16);
            if let Some(tensor) = tensor.filter(|_| own[..unpacked].iter().all(|(known, _)| *known != index)) {
                let cast = self.arena.tensor(tensor.shape())?;
                casts.to_f32.invoke(context, &[Operand::input(tensor)], &[Target::scratch(&cast)])?;
                own.push((index, cast));
            }
        }
        Ok(())
    }
}

/// Whether the problem reads input `index`; the CPU kernel is not shown the others.
fn is_read(problem: &AttentionProblem, index: usize) -> bool {
    match index {
        input::PAST_KEY | input::PAST_VALUE => problem.past != Past::None,
        input::PAST_SEQUENCE_LENGTH => matches!(problem.past, Past::Shared { .. }),
        input::CACHE_INDIRECTION => problem.beam_width.is_some(),
        _ => true,
    }
}
