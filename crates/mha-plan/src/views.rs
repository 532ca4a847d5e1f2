//! [`View`]: how a kernel sees a tensor, so that any part of a problem can be bound by the slice it needs.

use mha_kernels::{Slot, Strides};
use mha_spec::{AttentionProblem, Layout, PaddingMask};

use crate::cells::Cell;
use crate::plan::{Binding, Tensor};

/// Which range of a cell the rows of a tensor follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// One row for all.
    Single,
    /// Query rows.
    Queries,
    /// Keys, past ones included.
    Keys,
    /// Keys from the past: t < capacity.
    PastKeys {
        /// Rows the tensor has.
        capacity: u32,
    },
    /// New keys: row t - past_len.
    NewKeys {
        /// P.
        past_len: u32,
        /// L.
        kv_len: u32,
    },
}

/// A tensor as rows of contiguous columns, addressed by batch row, head and row. In elements.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Where the kernel sees it.
    pub slot: Slot,
    /// The tensor.
    pub tensor: Tensor,
    /// Bytes of an element.
    pub element: u64,
    /// Element (0, 0, 0, 0).
    pub base: u64,
    /// Elements between batch rows.
    pub batch: u64,
    /// Elements between heads.
    pub head: u64,
    /// Elements between rows.
    pub row: u64,
    /// Elements of a row that are touched.
    pub columns: u64,
    /// Whether the columns are keys, of which a cell touches its own only.
    pub columns_are_keys: bool,
    /// What the rows are.
    pub rows: Rows,
    /// Batch row b is found at b / this.
    pub batch_divisor: u32,
    /// Batch row b may read any row of its group of this many.
    pub batch_group: u32,
}

impl View {
    /// The strides without the offset that the binding's start decides.
    fn strides(&self, bound_from: u64) -> Strides {
        // Addresses are modulo 2^32: see Strides.
        Strides {
            batch: self.batch as u32,
            head: self.head as u32,
            row: self.row as u32,
            offset: self.base.wrapping_sub(bound_from) as u32,
        }
    }

    /// First element and end of what `cell` touches, or None where that is nothing.
    fn span(&self, cell: &Cell) -> Option<(u64, u64)> {
        let (first, end) = match self.rows {
            Rows::Single => (0, 1),
            Rows::Queries => (cell.s.start, cell.s.end),
            Rows::Keys => (cell.t.start, cell.t.end),
            Rows::PastKeys { capacity } => (cell.t.start.min(capacity), cell.t.end.min(capacity)),
            Rows::NewKeys { past_len, kv_len } => {
                let new = |t: u32| t.clamp(past_len, past_len + kv_len) - past_len;
                (new(cell.t.start), new(cell.t.end))
            }
        };
        let columns = match self.columns_are_keys {
            true => u64::from(cell.t.start).min(self.columns)..u64::from(cell.t.end).min(self.columns),
            false => 0..self.columns,
        };
        if first >= end || cell.b.is_empty() || cell.n.is_empty() || columns.is_empty() {
            return None;
        }
        // Of a group's rows, those that may be read: all, or that of one beam.
        let (nearest, farthest) = match cell.beam {
            Some(beam) if self.batch_group > 1 => (beam, beam),
            _ => (0, self.batch_group - 1),
        };
        let group = |b: u32| b / self.batch_group * self.batch_group;
        let b_first = (group(cell.b.start) + nearest) / self.batch_divisor;
        let b_last = (group(cell.b.end - 1) + farthest) / self.batch_divisor;
        let at = |b: u32, n: u32, row: u32| {
            self.base + u64::from(b) * self.batch + u64::from(n) * self.head + u64::from(row) * self.row
        };
        Some((at(b_first, cell.n.start, first) + columns.start, at(b_last, cell.n.end - 1, end - 1) + columns.end))
    }

    /// Bytes that a binding for `cell` takes, its start aligned down to `alignment`.
    pub fn bound_bytes(&self, cell: &Cell, alignment: u64) -> u64 {
        self.span(cell).map_or(0, |(first, end)| {
            let start = first * self.element / alignment * alignment;
            (end * self.element).next_multiple_of(4) - start
        })
    }

    /// The binding for `cell`, if it touches anything, and the strides that go with it.
    pub fn bind(&self, cell: &Cell, alignment: u64) -> (Option<Binding>, Strides) {
        match self.span(cell) {
            None => (None, self.strides(0)),
            Some((first, end)) => {
                let start = first * self.element / alignment * alignment;
                let size = (end * self.element).next_multiple_of(4) - start;
                let binding = Binding { slot: self.slot, tensor: self.tensor, offset: start, size };
                (Some(binding), self.strides(start / self.element))
            }
        }
    }
}

/// Query, key and value with their biases added, where that was done ahead: scratch memory in the plain layout.
pub const BIASED: [Tensor; 3] = [Tensor::Scratch(2), Tensor::Scratch(3), Tensor::Scratch(4)];

/// The tensors of a problem as views.
pub struct Views<'a> {
    problem: &'a AttentionProblem,
    /// How many of query, key and value are read from [`BIASED`].
    biased: usize,
}

impl<'a> Views<'a> {
    pub fn new(problem: &'a AttentionProblem) -> Self {
        Views { problem, biased: 0 }
    }

    /// The same with the first `count` of query, key and value in [`BIASED`].
    pub fn with_biased(problem: &'a AttentionProblem, count: usize) -> Self {
        Views { problem, biased: count }
    }

    /// Rows of query, key or value, by `part`, of which there are `len`, in [`BIASED`].
    pub fn biased(&self, slot: Slot, part: usize, rows: Rows, len: u32, columns: u64) -> View {
        let (n, len) = (self.heads(), u64::from(len));
        self.view(slot, BIASED[part], rows, columns, [0, len * n * columns, columns, n * columns])
    }

    fn view(&self, slot: Slot, tensor: Tensor, rows: Rows, columns: u64, strides: [u64; 4]) -> View {
        let [base, batch, head, row] = strides;
        View {
            slot,
            tensor,
            element: self.problem.dtype.size(),
            base,
            batch,
            head,
            row,
            columns,
            columns_are_keys: false,
            rows,
            batch_divisor: 1,
            batch_group: 1,
        }
    }

    fn heads(&self) -> u64 {
        u64::from(self.problem.num_heads)
    }

    fn head_size(&self) -> u64 {
        u64::from(self.problem.head_size)
    }

    fn v_head_size(&self) -> u64 {
        u64::from(self.problem.v_head_size)
    }

    pub fn query(&self) -> View {
        if self.biased > 0 {
            return self.biased(Slot::Query, 0, Rows::Queries, self.problem.q_len, self.head_size());
        }
        let (n, h, s) = (self.heads(), self.head_size(), u64::from(self.problem.q_len));
        let strides = match self.problem.layout {
            Layout::PackedQkv => [0, s * n * 3 * h, 3 * h, n * 3 * h],
            _ => [0, s * n * h, h, n * h],
        };
        self.view(Slot::Query, Tensor::Query, Rows::Queries, h, strides)
    }

    fn new_rows(&self) -> Rows {
        Rows::NewKeys { past_len: self.problem.past_len(), kv_len: self.problem.kv_len }
    }

    pub fn key(&self) -> View {
        if self.biased > 1 {
            return self.biased(Slot::Key, 1, self.new_rows(), self.problem.kv_len, self.head_size());
        }
        let (n, h, l) = (self.heads(), self.head_size(), u64::from(self.problem.kv_len));
        let (tensor, strides) = match self.problem.layout {
            Layout::Plain => (Tensor::Key, [0, l * n * h, h, n * h]),
            Layout::PreSplit => (Tensor::Key, [0, n * l * h, l * h, h]),
            Layout::PackedKv => (Tensor::Key, [0, l * n * 2 * h, 2 * h, n * 2 * h]),
            Layout::PackedQkv => (Tensor::Query, [h, l * n * 3 * h, 3 * h, n * 3 * h]),
        };
        self.view(Slot::Key, tensor, self.new_rows(), h, strides)
    }

    pub fn value(&self) -> View {
        if self.biased > 2 {
            return self.biased(Slot::Value, 2, self.new_rows(), self.problem.kv_len, self.v_head_size());
        }
        let (n, h, l) = (self.heads(), self.v_head_size(), u64::from(self.problem.kv_len));
        let (tensor, strides) = match self.problem.layout {
            Layout::Plain => (Tensor::Value, [0, l * n * h, h, n * h]),
            Layout::PreSplit => (Tensor::Value, [0, n * l * h, l * h, h]),
            Layout::PackedKv => (Tensor::Key, [h, l * n * 2 * h, 2 * h, n * 2 * h]),
            Layout::PackedQkv => (Tensor::Query, [2 * h, l * n * 3 * h, 3 * h, n * 3 * h]),
        };
        self.view(Slot::Value, tensor, self.new_rows(), h, strides)
    }

    /// The first `rows` entries of past_key or past_value, (B, N, capacity, `columns`).
    fn past(&self, slot: Slot, tensor: Tensor, columns: u64, rows: u32) -> View {
        let n = self.heads();
        let m = u64::from(self.problem.past_capacity());
        let strides = [0, n * m * columns, m * columns, columns];
        let mut view = self.view(slot, tensor, Rows::PastKeys { capacity: rows }, columns, strides);
        view.batch_group = self.problem.beam_width.unwrap_or(1);
        view
    }

    pub fn past_key(&self) -> View {
        self.past(Slot::PastKey, Tensor::PastKey, self.head_size(), self.problem.past_len())
    }

    pub fn past_value(&self) -> View {
        self.past(Slot::PastValue, Tensor::PastValue, self.v_head_size(), self.problem.past_len())
    }

    pub fn cache_indirection(&self) -> View {
        let m = u64::from(self.problem.past_capacity());
        let rows = Rows::PastKeys { capacity: self.problem.past_len() };
        let mut view = self.view(Slot::CacheIndirection, Tensor::CacheIndirection, rows, 1, [0, m, 0, 1]);
        view.element = 4;
        view
    }

    pub fn bias(&self) -> View {
        let length = 2 * self.problem.hidden_size() + self.problem.v_hidden_size();
        self.view(Slot::Bias, Tensor::Bias, Rows::Single, length, [0; 4])
    }

    /// The part of the bias that is the query's, the keys' or the values', by head.
    pub fn bias_part(&self, part: usize) -> View {
        let columns = if part < 2 { self.head_size() } else { self.v_head_size() };
        let base = part as u64 * self.problem.hidden_size();
        self.view(Slot::Bias, Tensor::Bias, Rows::Single, columns, [base, 0, columns, 0])
    }

    pub fn padding_mask(&self) -> View {
        let (s, t) = (u64::from(self.problem.q_len), u64::from(self.problem.total_len()));
        let (rows, columns, strides) = match self.problem.padding_mask {
            PaddingMask::None => (Rows::Single, 0, [0; 4]),
            PaddingMask::KeyLengths => (Rows::Single, 1, [0, 1, 0, 0]),
            PaddingMask::Keys | PaddingMask::BeamKeys => (Rows::Single, t, [0, t, 0, 0]),
            PaddingMask::QueryKeys => (Rows::Queries, t, [0, s * t, 0, t]),
        };
        let mut view = self.view(Slot::PaddingMask, Tensor::PaddingMask, rows, columns, strides);
        view.element = 4;
        view.columns_are_keys = self.problem.padding_mask != PaddingMask::KeyLengths;
        view
    }

    pub fn attention_bias(&self) -> View {
        let (s, t) = (u64::from(self.problem.q_len), u64::from(self.problem.total_len()));
        let Some(bias) = self.problem.attention_bias else {
            return self.view(Slot::AttentionBias, Tensor::AttentionBias, Rows::Single, 0, [0; 4]);
        };
        let batch = if bias.batch > 1 { u64::from(bias.heads) * s * t } else { 0 };
        let head = if bias.heads > 1 { s * t } else { 0 };
        let mut view = self.view(Slot::AttentionBias, Tensor::AttentionBias, Rows::Queries, t, [0, batch, head, t]);
        view.batch_divisor = bias.batch_divisor;
        view.columns_are_keys = true;
        view
    }

    pub fn output(&self) -> View {
        let (n, h, s) = (self.heads(), self.v_head_size(), u64::from(self.problem.q_len));
        self.view(Slot::Output, Tensor::Output, Rows::Queries, h, [0, s * n * h, h, n * h])
    }

    pub fn qk(&self, element: u64) -> View {
        let (n, s, t) = (self.heads(), u64::from(self.problem.q_len), u64::from(self.problem.total_len()));
        let mut view = self.view(Slot::Output, Tensor::Qk, Rows::Queries, t, [0, n * s * t, s * t, t]);
        view.element = element;
        view.columns_are_keys = true;
        view
    }

    /// present_key or present_value as the present kernel writes it.
    pub fn present(&self, tensor: Tensor, columns: u64) -> View {
        let (n, m) = (self.heads(), u64::from(self.problem.present_len()));
        self.view(Slot::Output, tensor, Rows::Keys, columns, [0, n * m * columns, m * columns, columns])
    }

    /// The past as the present kernel copies it: all of it, without beams.
    pub fn past_to_copy(&self, tensor: Tensor, columns: u64) -> View {
        let mut view = self.past(Slot::PastKey, tensor, columns, self.problem.past_capacity());
        view.batch_group = 1;
        view
    }
}

/// Bytes of every tensor that a problem can read or write, by shape alone.
pub fn tensor_bytes(problem: &AttentionProblem, tensor: Tensor) -> u64 {
    let views = Views::new(problem);
    let b = u64::from(problem.batch);
    let of = |view: View| b * view.batch * view.element;
    let (n, h, hv) = (u64::from(problem.num_heads), u64::from(problem.head_size), u64::from(problem.v_head_size));
    match tensor {
        Tensor::Query => of(views.query()),
        // Keys and values of packed tensors share one batch stride.
        Tensor::Key => of(views.key()),
        Tensor::Value => of(views.value()),
        Tensor::Bias => views.bias().columns * problem.dtype.size(),
        Tensor::PaddingMask => of(views.padding_mask()),
        Tensor::AttentionBias => problem.attention_bias.map_or(0, |bias| {
            u64::from(bias.batch)
                * u64::from(bias.heads)
                * u64::from(problem.q_len)
                * u64::from(problem.total_len())
                * problem.dtype.size()
        }),
        Tensor::PastKey => b * n * u64::from(problem.past_capacity()) * h * problem.dtype.size(),
        Tensor::PastValue => b * n * u64::from(problem.past_capacity()) * hv * problem.dtype.size(),
        Tensor::CacheIndirection => b * u64::from(problem.past_capacity()) * 4,
        Tensor::Output => of(views.output()),
        Tensor::PresentKey => of(views.present(tensor, h)),
        Tensor::PresentValue => of(views.present(tensor, hv)),
        Tensor::Qk => problem.qk.map_or(0, |dtype| of(views.qk(dtype.size()))),
        Tensor::Scratch(_) | Tensor::Exchange => 0,
    }
}
