//! [`Plan`]: what to dispatch, over which slices of which tensors.

use mha_kernels::{AttentionParams, Slot};
use mha_spec::{DType, INPUT_NAMES, OUTPUT_NAMES};

use crate::blueprint::Blueprint;

/// A tensor of the operator, or scratch memory of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tensor {
    /// Input 0.
    Query,
    /// Input 1.
    Key,
    /// Input 2.
    Value,
    /// Input 3.
    Bias,
    /// Input 4.
    PaddingMask,
    /// Input 5.
    AttentionBias,
    /// Input 6.
    PastKey,
    /// Input 7.
    PastValue,
    /// Input 9.
    CacheIndirection,
    /// Output 0.
    Output,
    /// Output 1.
    PresentKey,
    /// Output 2.
    PresentValue,
    /// Output 3.
    Qk,
    /// Scratch memory that lives as long as the call, by index into [`Plan::scratch`].
    Scratch(u8),
    /// Memory of [`Plan::exchange`] bytes that is all zeros before and after every step.
    Exchange,
}

impl Tensor {
    /// Whether the operator writes it.
    pub const fn is_output(self) -> bool {
        matches!(self, Tensor::Output | Tensor::PresentKey | Tensor::PresentValue | Tensor::Qk)
    }

    /// What messages call it: for an input or output, the operator's own name.
    pub const fn name(self) -> &'static str {
        match self {
            Tensor::Query => INPUT_NAMES[0],
            Tensor::Key => INPUT_NAMES[1],
            Tensor::Value => INPUT_NAMES[2],
            Tensor::Bias => INPUT_NAMES[3],
            Tensor::PaddingMask => INPUT_NAMES[4],
            Tensor::AttentionBias => INPUT_NAMES[5],
            Tensor::PastKey => INPUT_NAMES[6],
            Tensor::PastValue => INPUT_NAMES[7],
            Tensor::CacheIndirection => INPUT_NAMES[9],
            Tensor::Output => OUTPUT_NAMES[0],
            Tensor::PresentKey => OUTPUT_NAMES[1],
            Tensor::PresentValue => OUTPUT_NAMES[2],
            Tensor::Qk => OUTPUT_NAMES[3],
            Tensor::Scratch(_) => "scratch memory",
            Tensor::Exchange => "exchanged memory",
        }
    }
}

/// A slice of a tensor bound to a slot of a kernel. Offset and size in bytes; the offset meets the device's alignment,
/// offset + size never passes the tensor's end rounded up to 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// Where the kernel sees it.
    pub slot: Slot,
    /// The tensor.
    pub tensor: Tensor,
    /// First byte.
    pub offset: u64,
    /// Bytes, a multiple of 4.
    pub size: u64,
}

/// One dispatch. Slots of the kernel that `bindings` leaves out are never read or written: bind anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Which pipeline.
    pub blueprint: Blueprint,
    /// Its parameter block.
    pub params: AttentionParams,
    /// Workgroups in x, y, z.
    pub grid: [u32; 3],
    /// What it reads and writes.
    pub bindings: Vec<Binding>,
}

/// An output (batch, heads, rows, columns) each row of which is an input's, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The output.
    pub tensor: Tensor,
    /// Its size in bytes: batch · heads · the rows of all parts · row_bytes.
    pub bytes: u64,
    /// Size of dimension 0.
    pub batch: u32,
    /// Size of dimension 1.
    pub heads: u32,
    /// Bytes of a row.
    pub row_bytes: u64,
    /// Where the rows of each head come from, one part after the other.
    pub parts: Vec<CopiedRows>,
}

/// Rows of one part of one head: next to each other in the output, apart in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    /// The part.
    pub part: &'a CopiedRows,
    /// Its index among [`Copied::parts`].
    pub index: usize,
    /// Byte of the output where it begins.
    pub begin: usize,
    /// Byte of the input where its first row does.
    pub first: usize,
}

impl Copied {
    /// All of the output in the order of its bytes.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let mut end = 0;
        let heads = (0..u64::from(self.batch)).flat_map(|b| (0..u64::from(self.heads)).map(move |n| (b, n)));
        heads.flat_map(|(b, n)| self.parts.iter().enumerate().map(move |part| (b, n, part))).map(
            move |(b, n, (index, part))| {
                let begin = end;
                end += part.count as usize * self.row_bytes as usize;
                Run { part, index, begin, first: (part.first + b * part.batch + n * part.head) as usize }
            },
        )
    }
}

/// Consecutive rows of each head of an output, and where in an input they are. All but the count in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiedRows {
    /// The input.
    pub tensor: Tensor,
    /// Its size.
    pub tensor_bytes: u64,
    /// How many there are, at least 1.
    pub count: u32,
    /// Where the first one begins.
    pub first: u64,
    /// From one batch row to the next.
    pub batch: u64,
    /// From one head to the next.
    pub head: u64,
    /// From one row to the next.
    pub row: u64,
}

/// How to answer one problem on one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Dispatches, in order.
    pub steps: Vec<Step>,
    /// Sizes in bytes of the scratch buffers.
    pub scratch: Vec<u64>,
    /// Size in bytes of [`Tensor::Exchange`], 0 where no step binds it.
    pub exchange: u64,
    /// Inputs to have on the device and outputs that the steps write, with their sizes in bytes.
    pub tensors: Vec<(Tensor, u64)>,
    /// Outputs that no step writes, because the answer is all zeros (no keys at all).
    pub zero_filled: Vec<Tensor>,
    /// Outputs that no step writes, because the host copies them from inputs. A call may leave them out where they are there already.
    pub copied: Vec<Copied>,
    /// Which lane answers the problem and why: one line for logs and recorded decisions.
    pub decision: String,
    /// Element type, for reports.
    pub dtype: DType,
}
