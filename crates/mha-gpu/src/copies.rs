//! Copies between host memory and mapped buffers, shared out among threads where there is much to copy: one core moves
//! a fraction of what the bus to a discrete GPU does.

use std::sync::LazyLock;

use mha_plan::Copied;
use rayon::prelude::*;

use crate::LOG;

/// Fewer bytes than this are copied by the calling thread alone: waking others would take as long.
const SHARED_FROM: usize = 2 << 20;
/// Bytes of a thread's turn.
const PIECE: usize = 256 << 10;
/// Threads that copy. More do not add to the speed of the bus, and the host has other work.
const MOST_THREADS: usize = 8;

/// The threads of this process that copy, asleep while there is nothing to do. None where they could not be started.
static THREADS: LazyLock<Option<rayon::ThreadPool>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(cores.min(MOST_THREADS))
        .thread_name(|index| format!("attention-copy-{index}"))
        .build();
    pool.inspect_err(|error| tracing::warn!(target: LOG, "copies stay on the calling thread: {error}")).ok()
});

/// Copies each source to its target, which is as long.
pub(crate) fn to_mapped(copies: Vec<(wgpu::WriteOnly<'_, [u8]>, &[u8])>) {
    let mut pieces = Vec::new();
    for (mut target, mut source) in copies {
        while source.len() > PIECE {
            let (first, rest) = source.split_at(PIECE);
            let (first_target, rest_target) = target.split_at(PIECE);
            pieces.push((Target(first_target), first));
            (target, source) = (rest_target, rest);
        }
        pieces.push((Target(target), source));
    }
    let bytes = pieces.iter().map(|(_, source)| source.len()).sum();
    share_out(bytes, pieces, |(target, source): (Target<'_>, &[u8])| target.fill_from(source));
}

/// Mapped memory that is written and never read.
struct Target<'a>(wgpu::WriteOnly<'a, [u8]>);

// SAFETY: it is the only way to its bytes while it lives, as a `&mut [u8]` is. wgpu says the same of sized targets only.
unsafe impl Send for Target<'_> {}

impl Target<'_> {
    fn fill_from(mut self, source: &[u8]) {
        self.0.copy_from_slice(source);
    }
}

/// Copies each source to its target, which is as long.
pub(crate) fn from_mapped(copies: Vec<(&mut [u8], &[u8])>) {
    let pieces: Vec<_> =
        copies.into_iter().flat_map(|(target, source)| target.chunks_mut(PIECE).zip(source.chunks(PIECE))).collect();
    let bytes = pieces.iter().map(|(_, source)| source.len()).sum();
    share_out(bytes, pieces, |(target, source)| target.copy_from_slice(source));
}

/// Rows of an input that lie one after the other in an output.
struct Rows<'a> {
    target: &'a mut [u8],
    source: &'a [u8],
    /// Bytes of a row, and from one to the next in the source.
    row: usize,
    stride: usize,
}

impl Rows<'_> {
    fn copy(self) {
        if self.stride == self.row {
            return self.target.copy_from_slice(&self.source[..self.target.len()]);
        }
        let sources = self.source.chunks(self.stride);
        self.target
            .chunks_exact_mut(self.row)
            .zip(sources)
            .for_each(|(to, from)| to.copy_from_slice(&from[..self.row]));
    }
}

/// An output to copy from inputs.
pub(crate) struct CopiedOutput<'a> {
    pub copied: &'a Copied,
    /// The inputs that its parts name, in their order.
    pub inputs: Vec<&'a [u8]>,
    pub output: &'a mut [u8],
}

/// Copies rows of inputs to outputs.
pub(crate) fn rows(outputs: Vec<CopiedOutput<'_>>) {
    let mut pieces = Vec::new();
    for CopiedOutput { copied, inputs, output: mut rest } in outputs {
        let row = copied.row_bytes as usize;
        let at_once = (PIECE / row).max(1);
        for run in copied.runs() {
            let (count, stride) = (run.part.count as usize, run.part.row as usize);
            let mut source = &inputs[run.index][run.first..];
            for begin in (0..count).step_by(at_once) {
                let rows = at_once.min(count - begin);
                let target = rest.split_off_mut(..rows * row).expect("parts add up to the output");
                pieces.push(Rows { target, source, row, stride });
                source = source.get(rows * stride..).unwrap_or_default();
            }
        }
    }
    let bytes = pieces.iter().map(|rows| rows.target.len()).sum();
    share_out(bytes, pieces, Rows::copy);
}

fn share_out<T: Send>(bytes: usize, pieces: Vec<T>, copy: impl Fn(T) + Send + Sync) {
    match &*THREADS {
        Some(threads) if bytes >= SHARED_FROM && threads.current_num_threads() > 1 => {
            threads.install(|| pieces.into_par_iter().for_each(copy));
        }
        _ => pieces.into_iter().for_each(copy),
    }
}

#[cfg(test)]
mod tests {
    use mha_plan::{CopiedRows, Tensor};

    use super::*;

    /// Long enough to be cut into pieces and shared out, with rows apart in the source and next to each other.
    #[test]
    fn rows_come_from_where_parts_say() {
        let (batch, heads, row) = (2_u32, 3_u32, 512_usize);
        for (before, new) in [(2000_u32, 1_u32), (1, 1999), (0, 5)] {
            let kept: Vec<u8> = (0..batch * heads * before * row as u32).map(|i| (i / 512 % 251) as u8).collect();
            let fresh: Vec<u8> = (0..batch * heads * new * row as u32).map(|i| (i / 512 % 241) as u8).collect();
            let (row_bytes, b) = (row as u64, u64::from(batch));
            let rows_of = |tensor, data: &[u8], count, [batch, head, row]: [u64; 3]| CopiedRows {
                tensor,
                tensor_bytes: data.len() as u64,
                count,
                first: 0,
                batch,
                head,
                row,
            };
            // Past ones by head, new ones by token.
            let (head, token) = (u64::from(before) * row_bytes, u64::from(heads) * row_bytes);
            let past = rows_of(Tensor::PastKey, &kept, before, [u64::from(heads) * head, head, row_bytes]);
            let key = rows_of(Tensor::Key, &fresh, new, [u64::from(new) * token, row_bytes, token]);
            let parts: Vec<_> = [past, key].into_iter().filter(|part| part.count > 0).collect();
            let bytes = b * u64::from(heads * (before + new)) * row_bytes;
            let copied = Copied { tensor: Tensor::PresentKey, bytes, batch, heads, row_bytes, parts };
            let inputs = copied.parts.iter().map(|part| if part.tensor == Tensor::Key { &*fresh } else { &*kept });
            let mut output = vec![0xAA; bytes as usize];
            rows(vec![CopiedOutput { copied: &copied, inputs: inputs.collect(), output: &mut output }]);
            for (index, got) in output.chunks(row).enumerate() {
                let length = (before + new) as usize;
                let (bn, t) = (index / length, index % length);
                let (b, n) = (bn / heads as usize, bn % heads as usize);
                let expected = match t.checked_sub(before as usize) {
                    None => (bn * before as usize + t) % 251,
                    Some(t) => ((b * new as usize + t) * heads as usize + n) % 241,
                };
                assert!(got.iter().all(|&byte| usize::from(byte) == expected), "{before}, {new}: row {index}");
            }
        }
    }

    #[test]
    fn every_byte_is_copied_by_one_thread_and_by_several() {
        for lengths in [vec![0, 1, 5], vec![PIECE, PIECE + 1, 3], vec![SHARED_FROM + 7, PIECE - 1, 0]] {
            let sources: Vec<Vec<u8>> =
                lengths.iter().map(|&length| (0..length).map(|i| (i * 31 + length) as u8).collect()).collect();
            let mut targets: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![0xAA; length]).collect();
            from_mapped(targets.iter_mut().map(Vec::as_mut_slice).zip(sources.iter().map(Vec::as_slice)).collect());
            assert!(targets == sources, "from mapped memory, {lengths:?}");
            targets.iter_mut().for_each(|target| target.fill(0xAA));
            let copies = targets.iter_mut().zip(&sources);
            to_mapped(copies.map(|(target, source)| (wgpu::WriteOnly::from_mut(&mut **target), &**source)).collect());
            assert!(targets == sources, "to mapped memory, {lengths:?}");
        }
    }
}
