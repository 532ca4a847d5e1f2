//! Random valid problems over the whole operator.

use fastrand::Rng;
use mha_spec::{AttentionProblem, Attributes, DType, Layout, RequestedOutputs};

use crate::shapes::{HEAD_SIZES, LENGTHS, Shapes};

/// Consecutive seeds that differ in lengths and contents alone. Types, features and head sizes, on which compiled
/// kernels depend, are drawn once for all of them.
pub const FAMILY: u64 = 32;

/// Upper bound of the multiply-adds of a drawn problem, which keeps a software GPU and the reference quick.
const MAX_WORK: f64 = 2e6;

/// Most rows of a query that counts as short.
const FEW_ROWS: u32 = 16;

/// The problem of a seed. The same seed gives the same problem.
pub fn problem(seed: u64, dtype: DType) -> AttentionProblem {
    let family = Family::draw(&mut Rng::with_seed(2 * (seed / FAMILY) + u64::from(dtype == DType::F16)), dtype);
    let mut rng = Rng::with_seed(!seed);
    loop {
        let member = family.member(&mut rng);
        if member.flops() <= 2.0 * MAX_WORK {
            return member;
        }
    }
}

/// How the past comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    None,
    Growing,
    Shared,
    Beams { width: u32 },
}

/// The form of the mask, before lengths are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mask {
    None,
    KeyLengths,
    Cumulative,
    Keys,
    QueryKeys,
}

/// How many query rows: planners pick other kernels for few than for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    One,
    Few,
    Many,
}

/// What the seeds of a family share.
#[derive(Clone, Debug)]
struct Family {
    dtype: DType,
    layout: Layout,
    num_heads: u32,
    head_size: u32,
    v_head_size: u32,
    attributes: Attributes,
    bias: bool,
    mask: Mask,
    /// Whether dimensions 0 and 1 of attention_bias are full, where there is one.
    attention_bias: Option<(bool, bool)>,
    state: State,
    requested: RequestedOutputs,
    rows: Rows,
}

/// One of `items`.
fn one<T: Copy>(rng: &mut Rng, items: &[T]) -> T {
    items[rng.usize(..items.len())]
}

/// True once in `n` times.
fn once_in(rng: &mut Rng, n: u32) -> bool {
    rng.u32(..n) == 0
}

impl Family {
    fn draw(rng: &mut Rng, dtype: DType) -> Family {
        use Layout::{PackedKv, PackedQkv, Plain, PreSplit};
        let layout = one(rng, &[Plain, Plain, Plain, Plain, Plain, PreSplit, PackedKv, PackedQkv]);
        let packed = matches!(layout, PackedKv | PackedQkv);
        let mut state = match rng.u32(..8) {
            _ if packed => State::None,
            0..=2 => State::None,
            3..=4 => State::Growing,
            5 => State::Shared,
            _ => State::Beams { width: one(rng, &[1, 2, 3, 4]) },
        };
        if layout == PreSplit && matches!(state, State::Beams { .. }) {
            state = State::Shared;
        }
        // Mostly narrow ones, which software GPUs compile fastest.
        let narrow = HEAD_SIZES.partition_point(|&size| size <= 64);
        let head_size = if once_in(rng, 4) { one(rng, &HEAD_SIZES) } else { one(rng, &HEAD_SIZES[..narrow]) };
        let other_size = layout == Plain && state == State::None && once_in(rng, 3);
        let presents = match state {
            State::Shared | State::Beams { .. } => (true, true),
            State::Growing if !once_in(rng, 4) => (true, true),
            _ => (rng.bool(), rng.bool()),
        };
        let qk = once_in(rng, 3).then(|| match dtype {
            DType::F32 => DType::F32,
            DType::F16 => one(rng, &[DType::F16, DType::F32]),
        });
        let scale = match rng.u32(..6) {
            0 => 0.37 / (head_size as f32).sqrt(),
            1 => -0.8 / (head_size as f32).sqrt(),
            _ => 0.0,
        };
        Family {
            dtype,
            layout,
            num_heads: one(rng, &[1, 2, 3, 5]),
            head_size,
            v_head_size: if other_size { one(rng, &HEAD_SIZES) } else { head_size },
            attributes: Attributes {
                num_heads: 1,
                scale,
                mask_filter_value: one(rng, &[-10_000.0, -10_000.0, -10_000.0, f32::MIN, -5.0, 2.5]),
                unidirectional: once_in(rng, 3),
            },
            bias: layout != PackedKv && once_in(rng, 3),
            mask: one(
                rng,
                &[Mask::None, Mask::None, Mask::None, Mask::KeyLengths, Mask::Cumulative, Mask::Keys, Mask::QueryKeys],
            ),
            attention_bias: once_in(rng, 3).then(|| (rng.bool(), rng.bool())),
            state,
            requested: RequestedOutputs { present_key: presents.0, present_value: presents.1, qk },
            rows: match state {
                State::Beams { .. } if !once_in(rng, 5) => Rows::One,
                _ => one(rng, &[Rows::One, Rows::Few, Rows::Many, Rows::Many]),
            },
        }
    }

    fn member(&self, rng: &mut Rng) -> AttentionProblem {
        let q_len = match self.rows {
            Rows::One => 1,
            Rows::Few => one(rng, &LENGTHS[1..LENGTHS.partition_point(|&n| n <= FEW_ROWS)]),
            Rows::Many => one(rng, &LENGTHS[LENGTHS.partition_point(|&n| n <= FEW_ROWS)..]),
        };
        let kv_len = match self.layout {
            Layout::PackedQkv => q_len,
            _ if self.rows == Rows::One && self.state != State::None => 1,
            // Self-attention, where causality has no corner cases, is the common call.
            _ if rng.bool() => q_len,
            _ => one(rng, &LENGTHS),
        };
        let batch = match self.state {
            State::Beams { width } => width * rng.u32(1..=2),
            _ => rng.u32(1..=3),
        };
        let (past_len, capacity) = match self.state {
            State::None => (0, None),
            State::Growing => (if once_in(rng, 6) { 0 } else { one(rng, &LENGTHS) }, None),
            State::Shared | State::Beams { .. } => {
                let past_len = if once_in(rng, 6) { 0 } else { one(rng, &LENGTHS) };
                // At least one entry beyond P, as the operator demands, and often some that are not used.
                let spare = one(rng, &[0, 0, 1, 6, 31]);
                (past_len, Some(past_len + kv_len.max(1) + spare))
            }
        };
        let [b, n, s, l, t] = [batch, self.num_heads, q_len, kv_len, past_len + kv_len].map(i64::from);
        let [h, hv] = [self.head_size, self.v_head_size].map(i64::from);
        let (query, key, value) = match self.layout {
            Layout::Plain => (vec![b, s, n * h], Some(vec![b, l, n * h]), Some(vec![b, l, n * hv])),
            Layout::PreSplit => (vec![b, s, n * h], Some(vec![b, n, l, h]), Some(vec![b, n, l, hv])),
            Layout::PackedKv => (vec![b, s, n * h], Some(vec![b, l, n, 2, h]), None),
            Layout::PackedQkv => (vec![b, s, n, 3, h], None, None),
        };
        let shapes = Shapes {
            query,
            key,
            value,
            bias: self.bias.then(|| vec![n * (2 * h + hv)]),
            key_padding_mask: match self.mask {
                Mask::None => None,
                Mask::KeyLengths => Some(vec![b]),
                Mask::Cumulative => Some(vec![3 * b + 2]),
                Mask::Keys => Some(vec![b, t]),
                Mask::QueryKeys => Some(vec![b, s, t]),
            },
            attention_bias: self
                .attention_bias
                .map(|(batch, heads)| vec![if batch { b } else { 1 }, if heads { n } else { 1 }, s, t]),
            past: (self.state != State::None).then(|| vec![b, n, capacity.map_or(i64::from(past_len), i64::from), h]),
            past_sequence_length: capacity.map(|_| past_len as i32),
            cache_indirection: match (self.state, capacity) {
                (State::Beams { width }, Some(capacity)) => {
                    Some(vec![b / i64::from(width), i64::from(width), i64::from(capacity)])
                }
                _ => None,
            },
        };
        let attributes = Attributes { num_heads: self.num_heads, ..self.attributes };
        match shapes.problem(&attributes, self.dtype, self.requested) {
            Ok(problem) => problem,
            Err(error) => panic!("a drawn problem is valid: {error}; {shapes:?} {self:?}"),
        }
    }
}
